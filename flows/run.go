package flows

import (
	"fmt"
	"strings"
	"time"
)

// Run is one finished execution of a flow. It is a value: nothing changes it
// after Finish, and whatever is shown anywhere is computed from it.
type Run struct {
	ID      string
	Probe   string
	Flow    Flow
	Lane    string
	Trigger Trigger
	// Informational runs are shown and counted, and never judged.
	Informational bool
	TraceID       string // hex; empty when nothing traces
	SpanID        string // hex, of the run's own span; empty when nothing traces
	Started       time.Time
	Duration      time.Duration // start until judged; teardown not included
	Outcome       Outcome
	Failure       *Failure // nil on success; what made it inconclusive otherwise

	Steps       []StepResult
	Pairs       []Pair         // media evidence, one for each ordered pair
	TimeToMedia *time.Duration // join: gc_join asked until the first frame accepted
	Restoration *Restoration   // reconnect
	Connections []Connection
	Continuity  []Continuity
	Transcript  Transcript // what was said in signaling, without what is secret
	Self        SelfEvidence
	Leaves      Leaves
	Cold        bool // every connection was new, as a user's is
}

// LeftGhost reports whether the platform still holds somebody of the run, or held a
// stranger: only time ends that (platform contract, MC B.10).
func (r Run) LeftGhost() bool {
	x := r.Restoration
	return r.Leaves.Unclean > 0 ||
		x != nil && x.Disconnect == CutAbrupt && !x.Resumed ||
		r.Failure != nil && r.Failure.Cause == CauseLane
}

// StepResult is one timed step.
type StepResult struct {
	Step     Step
	Actor    string // who did it; one of the Actor constants
	Measured bool   // counts for the SLI: the measured person's, and anybody's gc_assign
	After    bool   // done after the cut of a reconnect
	Started  time.Time
	Duration time.Duration
	TraceID  string   // hex, of the run; empty when nothing traces
	SpanID   string   // hex; empty when nothing traces
	Phases   []Phase  // sum to Duration; a phase that did not happen is absent
	Failure  *Failure // nil when the step was done
}

// Phase is a part of a step, such as a TLS handshake.
type Phase struct {
	Name     string
	Duration time.Duration
}

// Actors name the people of a run. They are not identities.
const (
	ActorAnchor   = "anchor"   // in the meeting before the measured person
	ActorPerson   = "person"   // the measured person
	ActorStayer   = "stayer"   // reconnect: who stays
	ActorReturner = "returner" // reconnect: who drops and comes back
)

// Actor names the nth speaker of a media run, counted from 1.
func Actor(n int) string { return fmt.Sprintf("speaker %d", n) }

// Pair is the media evidence of one ordered pair: what From sent and To heard
// inside the measured window. The counts are frames, and
// Sent = Delivered + Late + the four losses + Refused. Frames of the time in which
// the platform had muted From are in none of these: they are Muted.
type Pair struct {
	From, To string

	Sent             int
	Delivered        int
	Late             int // accepted after the grace time
	Duplicate        int
	Reordered        int
	LostSender       int // never handed to a connection
	LostUplink       int // before the relay numbered it
	LostDownlink     int // after the relay numbered it
	LostUnattributed int
	LostAt           []HandlerLoss // LostUplink and LostDownlink, by handler
	Refused          int
	RefusedBy        map[string]int // by the platform's frame refusal tokens
	Muted            int            // sent while the platform had muted From: nothing is expected of them
	MissedDue        int            // due times that the sender was too late for: the prober's own, never sent

	Latency        Distribution // one-way, leaving this machine until arriving at it
	Tainted        int          // latency samples taken while the prober was late
	SendLateness   Distribution // due until handed over: the prober's own, as are the next two
	LeaveLateness  Distribution // handed over until given to the kernel
	ReadLateness   Distribution // taken by the kernel until read
	Jitter         time.Duration
	LongestSilence time.Duration
	RelayShare     *time.Duration // median latency less half of both round trips; nil when no RTT is known

	Samples []Sample // every delivered frame, in order of arrival
}

// HandlerLoss is what was lost on the way to one media handler and on the way from it.
// Handlers are numbered from 1, in the order of the addresses that MC advertises.
type HandlerLoss struct{ Handler, Uplink, Downlink int }

// Sample is the one-way latency of one delivered frame.
type Sample struct {
	At      time.Duration // when the frame arrived, since the run's start
	Latency time.Duration
	Tainted bool
}

// DeliveryRatio is the share of sent frames that arrived in time, 0..1; ok is
// false when nothing was sent.
func (p Pair) DeliveryRatio() (ratio float64, ok bool) {
	if p.Sent == 0 {
		return 0, false
	}
	return float64(p.Delivered) / float64(p.Sent), true
}

// Restoration is what a reconnect run measured.
type Restoration struct {
	Disconnect      Disconnect
	Cut             time.Time
	TimeToRestore   time.Duration // zero when not restored
	Restored        bool
	Resumed         bool          // the platform gave the same identity back
	ReturnerSilence time.Duration // last frame accepted before the cut until the first after it
	StayerSilence   time.Duration
}

// SelfEvidence is what the prober saw of itself during the run.
type SelfEvidence struct {
	MaxLag           time.Duration // worst lateness of the lag sampler
	TaintedFrames    int
	DroppedDatagrams int
	DroppedRecords   int
	Slept            time.Duration // how long the machine was suspended
	ClockSet         time.Duration // by how much its wall clock was set; negative: back
	Taints           []Cause       // what tainted the run, if anything did
}

// Leaves counts how the people of a run left.
type Leaves struct {
	Clean   int
	Unclean int
}

// Failure is the one error type that crosses from a flow outward.
type Failure struct {
	Step   Step
	Actor  string
	Hop    Hop
	Reason Reason
	Cause  Cause // only with Reason Self
	After  bool
	Detail string // for logs, traces and reports; never a label
	// BackOff is set when the service asked to be left alone (429, 503), and
	// RetryAfter to how long, when it said so.
	BackOff    bool
	RetryAfter time.Duration
	Err        error
}

func (f *Failure) Error() string {
	var b strings.Builder
	if f.Step != "" {
		b.WriteString(string(f.Step) + " ")
	}
	fmt.Fprintf(&b, "at %s (%s", f.Hop, f.Reason)
	if f.Cause != CauseUnspecified {
		b.WriteString(": " + string(f.Cause))
	}
	b.WriteString(")")
	if f.Detail != "" {
		b.WriteString(": " + f.Detail)
	}
	return b.String()
}

func (f *Failure) Unwrap() error { return f.Err }

// givenUp reports a step that was cancelled: nobody's failure.
func (f *Failure) givenUp() bool { return f.Reason == Self && f.Cause == CauseUnspecified }

// Outcome is what a run with this failure amounts to: the prober's own faults
// and throttling never count against the platform.
func (f *Failure) Outcome() Outcome {
	switch {
	case f == nil:
		return Success
	case f.Hop == Prober, f.Reason == Throttled:
		return Inconclusive
	}
	return Failed
}

// Distribution summarises durations by nearest-rank percentiles of all samples.
type Distribution struct {
	Count              int
	P50, P95, P99, Max time.Duration
}
