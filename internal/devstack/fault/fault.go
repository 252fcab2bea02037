// Package fault lists the ways in which the embedded platform can be bent.
//
// Every switch is deterministic: "every Nth" counts from the moment the switch
// was set, and a zero value always means "behave". A Panel can be changed while
// the platform runs; services read it at the moment of use.
package fault

import (
	"sync"
	"time"
)

// Faults holds every switch of the embedded platform.
type Faults struct {
	AC AC
	GC GC
	MC MC
	MH MH
}

// AC bends the auth controller.
type AC struct {
	SignInStatus   int           // answer sign-ins with this status and the matching error envelope
	SignInEvery    int           // ... only every Nth of them; 0 or 1: all
	RegisterStatus int           // answer registrations with this status
	RetryAfter     time.Duration // Retry-After on 429 and 503, rounded up to seconds
	SignInDelay    time.Duration // think this long before answering a sign-in
	SignInNever    bool          // never answer a sign-in
	WrongKey       bool          // sign tokens with a key that the JWKS does not list
}

// GC bends the global controller.
type GC struct {
	JoinStatus      int           // answer joins with this status and the matching error envelope
	JoinEvery       int           // ... only every Nth of them; 0 or 1: all
	RetryAfter      time.Duration // Retry-After on 429 and 503
	JoinDelay       time.Duration // think this long before answering a join
	JoinNever       bool          // never answer a join
	JoinReset       bool          // reset the TCP connection of a join
	OmitEndpoint    bool          // leave webtransportEndpoint out
	SplitMeeting    bool          // send every second joiner to another mcId
	ExpiredToken    bool          // hand out meeting tokens that have expired
	MeetingNotFound bool          // answer joins with 404 "Meeting not found"
	CreateStatus    int           // answer creates with this status
}

// MC bends the meeting controller.
type MC struct {
	RefuseConnections bool          // refuse QUIC connections with CONNECTION_REFUSED, as at capacity
	JoinError         int           // refuse joins with this ErrorCode (1..7) and its text
	JoinDelay         time.Duration // think this long before answering a join
	JoinNever         bool          // never answer a join
	DropAfterJoin     bool          // drop the connection right after the JoinResponse
	DropOutboundEvery int           // lose every Nth message after the JoinResponse, as a full queue does
	WrongKEK          bool          // give each joiner another meeting key
	WrongRosterKey    bool          // publish other identity keys than the ones that were sent
	NeverAssign       bool          // never send StreamAssignments
	NeverDirect       bool          // never send SendDirective
	RejectCapability  bool          // refuse every ReceiveCapability
	ShowMuted         bool          // show every source as muted, whoever is
	UnknownMessages   bool          // send a message from the future before each known one
	OwnTrace          bool          // start a trace of its own for each connection and message, whatever the client's was
}

// MH bends the media handlers.
type MH struct {
	Only              string        // bend only the handler with this id; empty: all
	RefuseConnections bool          // refuse QUIC connections
	RejectConnect     bool          // close every session after its connect message
	ConnectDelay      time.Duration // wait this long before binding a connection
	Silent            bool          // forward nothing
	SilentAfter       int           // forward this many frames per sender, then nothing
	LoseIngressEvery  int           // lose every Nth frame before the relay rewrite
	LoseEgressEvery   int           // lose every Nth frame after the relay rewrite
	ReorderEvery      int           // hold every Nth frame back behind its successor
	DuplicateEvery    int           // send every Nth frame twice
	CorruptEvery      int           // flip a payload bit in every Nth frame
	Delay             time.Duration // hold every frame this long before sending it on
}

// Panel is the switchboard that all services of one embedded platform share.
// The zero value is ready to use and bends nothing.
type Panel struct {
	mu     sync.Mutex // protects all following fields
	faults Faults
	counts map[string]int
}

// Set replaces all switches and starts every count anew.
func (p *Panel) Set(f Faults) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults, p.counts = f, nil
}

// Get returns the switches as they are now.
func (p *Panel) Get() Faults {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.faults
}

// Every counts one event under key and reports whether it is an nth one.
// n <= 0 never fires and counts nothing.
func (p *Panel) Every(key string, n int) bool {
	if n <= 0 {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.counts == nil {
		p.counts = make(map[string]int)
	}
	p.counts[key]++
	return p.counts[key]%n == 0
}
