package mh

import "time"

// Times holds every duration and interval of the media handler. A zero field
// takes the platform's default; tests shorten what they wait for.
type Times struct {
	Idle      time.Duration // QUIC idle timeout; 30 s (platform contract, media C.1)
	KeepAlive time.Duration // QUIC keep-alive period; a third of Idle, 10 s (media C.1)

	// RegisterMeeting is how long a connection of an unknown meeting waits for
	// MC's RegisterMeeting; 15 s, at most 300 s (media C.2).
	RegisterMeeting time.Duration

	// NotifyAttempt bounds one notification to MC, and NotifyBackoff is the first
	// pause between attempts, which then doubles; 15 s and 1 s, so that three
	// attempts at an MC that is down take 48 s (media C.2).
	NotifyAttempt, NotifyBackoff time.Duration
	// UnreachableJitter bounds the random wait before a client is dropped because
	// MC cannot be reached; 2 s (media C.2).
	UnreachableJitter time.Duration
	// Settle bounds the last notifications to MC at Close; 2 s (media C.2).
	Settle time.Duration

	LoadReport    time.Duration // load report to GC; what GC's answer says when zero, else 10 s
	GCTimeout     time.Duration // one call to GC; 10 s
	RegisterRetry time.Duration // pause between attempts to register at GC; 1 s

	TokenCheck time.Duration // bound of a token check, with the fetch of the keys; 10 s
	ClockSkew  time.Duration // how far in the future a token's iat may be; 300 s (media E)
}

const (
	maxRegisterMeeting = 300 * time.Second
	notifyAttempts     = 3
)

// withDefaults returns t with every zero field filled in, except LoadReport,
// which GC's registration answer decides.
func (t Times) withDefaults() Times {
	setDefault(&t.Idle, 30*time.Second)
	setDefault(&t.KeepAlive, t.Idle/3)
	setDefault(&t.RegisterMeeting, 15*time.Second)
	t.RegisterMeeting = min(t.RegisterMeeting, maxRegisterMeeting)
	setDefault(&t.NotifyAttempt, 15*time.Second)
	setDefault(&t.NotifyBackoff, time.Second)
	setDefault(&t.UnreachableJitter, 2*time.Second)
	setDefault(&t.Settle, 2*time.Second)
	setDefault(&t.GCTimeout, 10*time.Second)
	setDefault(&t.RegisterRetry, time.Second)
	setDefault(&t.TokenCheck, 10*time.Second)
	setDefault(&t.ClockSkew, 300*time.Second)
	return t
}
