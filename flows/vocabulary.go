// Package flows is the vocabulary of a probe run: what people do (Flow), the
// timed parts of it (Step), who owns a part (Hop), how it ended (Outcome), and
// why not well (Failure). It records a run and judges whose fault a failure was.
//
// It knows the participant's errors, so that it can attribute them, and nothing
// of metrics, schedules, objectives or terminals: those are computed from a
// finished Run.
package flows

// Flow is what people do.
type Flow string

// The flows.
const (
	Join      Flow = "join"
	Media     Flow = "media"
	Reconnect Flow = "reconnect"
	SignIn    Flow = "sign_in"
)

// Flows lists the closed set.
func Flows() []Flow { return []Flow{Join, Media, Reconnect, SignIn} }

// Outcome is how a run ended.
type Outcome string

// The outcomes.
const (
	Success      Outcome = "success"
	Failed       Outcome = "failure"
	Inconclusive Outcome = "inconclusive" // the prober could not judge
	Aborted      Outcome = "aborted"      // shut down
)

// Outcomes lists the closed set.
func Outcomes() []Outcome { return []Outcome{Success, Failed, Inconclusive, Aborted} }

// Hop is who owns a step or a failure.
type Hop string

// The hops.
const (
	AC      Hop = "ac"
	GC      Hop = "gc"
	MC      Hop = "mc"
	MH      Hop = "mh"
	Network Hop = "network"
	Prober  Hop = "prober"
)

// Hops lists the closed set.
func Hops() []Hop { return []Hop{AC, GC, MC, MH, Network, Prober} }

// Step is a named, timed part of a flow.
type Step string

// The steps.
const (
	StepSignIn     Step = "sign_in"     // a user token from AC
	StepGCAssign   Step = "gc_assign"   // GC's answer to the first joiner of an empty meeting
	StepGCJoin     Step = "gc_join"     // GC's answer to a later joiner
	StepMCConnect  Step = "mc_connect"  // QUIC and WebTransport to MC
	StepMCJoin     Step = "mc_join"     // JoinRequest until JoinResponse
	StepMHConnect  Step = "mh_connect"  // all offered handlers at once, until all have settled
	StepSubscribe  Step = "subscribe"   // slots declared until directed and ACTIVE
	StepFirstMedia Step = "first_media" // ACTIVE until the first frame that verifies and decrypts
	StepTalk       Step = "talk"        // people hear each other for the configured time
	StepRestore    Step = "restore"     // the cut until both sides hear each other again
)

// Steps lists the closed set in the order in which a person meets them.
func Steps() []Step {
	return []Step{StepSignIn, StepGCAssign, StepGCJoin, StepMCConnect, StepMCJoin,
		StepMHConnect, StepSubscribe, StepFirstMedia, StepTalk, StepRestore}
}

// Owner is the hop that answers for a step unless evidence says otherwise.
func (s Step) Owner() Hop {
	switch s {
	case StepSignIn:
		return AC
	case StepGCAssign, StepGCJoin:
		return GC
	case StepMCConnect, StepMCJoin, StepSubscribe, StepRestore:
		return MC
	case StepMHConnect, StepFirstMedia, StepTalk:
		return MH
	}
	return Prober
}

// Reason is why a step failed.
type Reason string

// The reasons.
const (
	Unreachable Reason = "unreachable" // the name does not exist, or no packet gets there: hop network
	Timeout     Reason = "timeout"     // silence until the step's deadline
	TLS         Reason = "tls"         // the certificate was not accepted
	Protocol    Reason = "protocol"    // an answer that the contract does not allow
	Rejected    Reason = "rejected"    // 4xx; MC's codes 1 to 5 at the join
	Unavailable Reason = "unavailable" // 5xx; codes 6 and 7; restarting; a closed port; no answer before the connection went away
	Throttled   Reason = "throttled"   // 429: the run is inconclusive
	Closed      Reason = "closed"      // a session that stood went away
	NoMedia     Reason = "no_media"    // routed, and silent
	Self        Reason = "self"        // the prober; see Cause
)

// Reasons lists the closed set.
func Reasons() []Reason {
	return []Reason{Unreachable, Timeout, TLS, Protocol, Rejected, Unavailable, Throttled, Closed, NoMedia, Self}
}

// Cause says what about the prober made a run inconclusive (reason Self).
type Cause string

// The causes.
const (
	CauseSetup       Cause = "setup"   // wrong account, organisation, meeting or trust
	CauseLane        Cause = "lane"    // somebody was in the lane's meeting already
	CauseLag         Cause = "lag"     // the prober was late
	CauseDrops       Cause = "drops"   // the prober dropped what it had received
	CauseNetwork     Cause = "network" // the prober's own network
	CauseConfig      Cause = "config"  // parameters that cannot be measured
	CausePanic       Cause = "panic"   // a defect of the prober
	CauseUnspecified Cause = ""        // not the prober
)

// Causes lists the closed set.
func Causes() []Cause {
	return []Cause{CauseSetup, CauseLane, CauseLag, CauseDrops, CauseNetwork, CauseConfig, CausePanic}
}

// Disconnect is a way to lose somebody in the reconnect flow.
type Disconnect string

// The disconnects.
const (
	CutClean   Disconnect = "clean"   // connections closed
	CutAbrupt  Disconnect = "abrupt"  // sockets go dark, new ones are used
	CutHandler Disconnect = "handler" // only the MH connection that carries the inbound media
	CutMigrate Disconnect = "migrate" // the address of all connections changes
)

// Disconnects lists the closed set.
func Disconnects() []Disconnect { return []Disconnect{CutClean, CutAbrupt, CutHandler, CutMigrate} }

// Trigger is what started a run.
type Trigger string

// The triggers.
const (
	Scheduled Trigger = "schedule"
	OnDemand  Trigger = "check"
)

// StepsOf lists the steps that a flow can record, and so fail at.
func StepsOf(f Flow) []Step {
	enter := []Step{StepSignIn, StepGCAssign, StepGCJoin, StepMCConnect, StepMCJoin, StepMHConnect, StepSubscribe, StepFirstMedia}
	switch f {
	case Join:
		return enter
	case Media:
		return append(enter, StepTalk)
	case Reconnect:
		return append(enter, StepRestore)
	case SignIn:
		return []Step{StepSignIn}
	}
	return nil
}
