package mc

import "time"

// Times holds every duration and interval of the meeting controller. A zero
// field takes the platform's default; tests shorten what they wait for.
type Times struct {
	Idle       time.Duration // QUIC idle timeout; 10 s (platform contract, MC B.2)
	KeepAlive  time.Duration // QUIC keep-alive period; a third of Idle, 3.333 s
	Grace      time.Duration // how long a lost participant stays on the roster; 30 s (MC B.10)
	GraceTick  time.Duration // how often expired graces are looked for; 5 s (MC B.10)
	CloseCause time.Duration // wait for a close after the client's FIN; 2 s (MC B.10)
	FlushGrace time.Duration // wait for the peer to take a join error before the drop; 5 s

	KEKDebounce time.Duration // W, from the first removal to the rotation; 60 s (MC D.3)
	Settle      time.Duration // wait for the other handlers after the first; 1.5 s (MC D.5)
	BindingTTL  time.Duration // how long after a disconnect a binding token resumes; 30 s (MC E)

	PolicyResend time.Duration // pause before an unapplied snapshot is sent again; 10 s
	MHTimeout    time.Duration // one RegisterMeeting or EndMeeting call; 10 s (MC E)
	GCTimeout    time.Duration // one call to the global controller; 10 s

	Heartbeat              time.Duration // fast heartbeat; 10 s, or what GC's answer says when zero
	ComprehensiveHeartbeat time.Duration // comprehensive heartbeat; 30 s, or what GC's answer says when zero
	RegisterRetry          time.Duration // pause between attempts to register at GC; 1 s

	ClockSkew time.Duration // how far in the future a token's iat may be; 5 s (MC C)
}

// withDefaults returns t with every zero field filled in, except the two
// heartbeats, which GC's registration answer decides.
func (t Times) withDefaults() Times {
	def := func(d *time.Duration, v time.Duration) {
		if *d <= 0 {
			*d = v
		}
	}
	def(&t.Idle, 10*time.Second)
	def(&t.KeepAlive, t.Idle/3)
	def(&t.Grace, 30*time.Second)
	def(&t.GraceTick, 5*time.Second)
	def(&t.CloseCause, 2*time.Second)
	def(&t.FlushGrace, 5*time.Second)
	def(&t.KEKDebounce, 60*time.Second)
	def(&t.Settle, 1500*time.Millisecond)
	def(&t.BindingTTL, 30*time.Second)
	def(&t.PolicyResend, 10*time.Second)
	def(&t.MHTimeout, 10*time.Second)
	def(&t.GCTimeout, 10*time.Second)
	def(&t.RegisterRetry, time.Second)
	def(&t.ClockSkew, 5*time.Second)
	return t
}
