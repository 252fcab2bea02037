package pagetest

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"github.com/dark-tower/prober/flows"
)

// wobble is a factor around 1, another for each n and the same each time.
func wobble(n int) float64 {
	return math.Exp(rand.New(rand.NewPCG(uint64(n), 7)).NormFloat64() * 0.25)
}

func begin(n int, probe string, flow flows.Flow) flows.Run {
	seed := rand.New(rand.NewPCG(uint64(n), uint64(len(probe))))
	return flows.Run{
		ID:    fmt.Sprintf("%08x-0000-4000-8000-%012x", seed.Uint32(), n),
		Probe: probe, Flow: flow, Lane: probe + "-a", Trigger: flows.Scheduled, Outcome: flows.Success, Cold: true,
		TraceID: fmt.Sprintf("%016x%016x", seed.Uint64(), seed.Uint64()), SpanID: fmt.Sprintf("%016x", seed.Uint64()),
		Started: Now.Add(time.Duration(n-60) * 15 * time.Second), Self: flows.SelfEvidence{MaxLag: 1200 * time.Microsecond},
	}
}

// script appends steps one after the other.
type script struct {
	run *flows.Run
	at  time.Time
}

func (s *script) step(actor string, measured, after bool, step flows.Step, took time.Duration, phases ...flows.Phase) {
	s.run.Steps = append(s.run.Steps, flows.StepResult{Step: step, Actor: actor, Measured: measured, After: after, Started: s.at, Duration: took, Phases: phases})
	s.at = s.at.Add(took)
	s.run.Duration = s.at.Sub(s.run.Started)
}

// split gives each phase half of what is left, and the last one all of it.
func split(took time.Duration, names ...string) []flows.Phase {
	out := make([]flows.Phase, len(names))
	rest := took
	for i, n := range names {
		part := rest / 2
		if i == len(names)-1 {
			part = rest
		}
		out[i], rest = flows.Phase{Name: n, Duration: part}, rest-part
	}
	return out
}

// enter has somebody go into a meeting.
func (s *script) enter(actor string, measured bool, ask flows.Step, slow float64) {
	took := func(d time.Duration) time.Duration { return time.Duration(float64(d) * slow).Round(time.Microsecond) }
	s.step(actor, measured, false, flows.StepSignIn, took(182*ms), split(took(182*ms), "first_byte", "connect", "body", "rest")...)
	s.step(actor, measured || ask == flows.StepGCAssign, false, ask, took(14*ms), split(took(14*ms), "first_byte", "connect", "body", "rest")...)
	s.step(actor, measured, false, flows.StepMCConnect, took(9*ms), split(took(9*ms), "quic_handshake", "h3_settings", "connect", "rest")...)
	s.step(actor, measured, false, flows.StepMCJoin, took(6*ms))
	s.step(actor, measured, false, flows.StepMHConnect, took(11*ms), split(took(11*ms), "quic_handshake", "h3_settings", "connect", "rest")...)
	s.step(actor, measured, false, flows.StepSubscribe, took(8*ms))
}

func join(n int) flows.Run {
	r := begin(n, "join", flows.Join)
	s := script{&r, r.Started}
	s.enter(flows.ActorAnchor, false, flows.StepGCAssign, wobble(n))
	s.enter(flows.ActorPerson, true, flows.StepGCJoin, wobble(n+100))
	took := time.Duration(4 * wobble(n+200) * float64(ms))
	s.step(flows.ActorPerson, true, false, flows.StepFirstMedia, took)
	media := time.Duration(0)
	for _, x := range r.Steps {
		if x.Actor == flows.ActorPerson && x.Step != flows.StepSignIn {
			media += x.Duration
		}
	}
	r.TimeToMedia = &media
	r.Leaves.Clean = 2
	r.Connections = connections(flows.ActorAnchor, flows.ActorPerson)
	r.Continuity = []flows.Continuity{{Hop: flows.AC, Result: flows.TraceAbsent}, {Hop: flows.GC, Result: flows.TraceContinued}, {Hop: flows.MC, Result: flows.TraceLinked}}
	r.Transcript = transcript(flows.ActorPerson)
	return r
}

// joinFails cuts a join off where MC refuses it.
func joinFails(r flows.Run) flows.Run {
	f := &flows.Failure{Step: flows.StepMCConnect, Actor: flows.ActorAnchor, Hop: flows.MC, Reason: flows.Unavailable, BackOff: true,
		Detail: "connecting to MC: the server answers CONNECT with 503 Service Unavailable; GC and AC answer"}
	r.Steps = r.Steps[:3]
	last := &r.Steps[2]
	last.Failure, last.Duration = f, 31*ms
	last.Phases = []flows.Phase{{Name: flows.PhaseHandshake, Duration: 4 * ms}, {Name: flows.PhaseSettings, Duration: ms}, {Name: flows.PhaseRest, Duration: 26 * ms}}
	r.Duration = last.Started.Add(last.Duration).Sub(r.Started)
	r.Outcome, r.Failure, r.TimeToMedia = flows.Failed, f, nil
	r.Leaves, r.Connections = flows.Leaves{}, nil
	r.Transcript = flows.Transcript{}
	r.Continuity = r.Continuity[:2]
	return r
}

func signIn(n int) flows.Run {
	r := begin(n, "sign-in", flows.SignIn)
	s := script{&r, r.Started}
	took := time.Duration(190 * wobble(n) * float64(ms))
	s.step(flows.ActorPerson, true, false, flows.StepSignIn, took, split(took, "first_byte", "connect", "body", "rest")...)
	return r
}

func reconnect(n int, probe string, cut flows.Disconnect) flows.Run {
	r := begin(n, probe, flows.Reconnect)
	s := script{&r, r.Started}
	s.enter(flows.ActorStayer, false, flows.StepGCAssign, wobble(n))
	s.enter(flows.ActorReturner, true, flows.StepGCJoin, wobble(n+100))
	s.step(flows.ActorReturner, true, false, flows.StepFirstMedia, 4*ms)
	s.at = s.at.Add(500 * ms)
	x := &flows.Restoration{Disconnect: cut, Cut: s.at, Restored: true, Resumed: cut == flows.CutClean, TimeToRestore: time.Duration(62 * wobble(n) * float64(ms)),
		ReturnerSilence: 74 * ms, StayerSilence: 81 * ms}
	if cut == flows.CutAbrupt {
		x.TimeToRestore, x.ReturnerSilence, x.StayerSilence = 31*time.Second, 31*time.Second, 32*time.Second
	}
	s.step(flows.ActorReturner, true, true, flows.StepMCConnect, 9*ms)
	s.step(flows.ActorReturner, true, true, flows.StepMCJoin, 5*ms)
	s.step(flows.ActorReturner, true, true, flows.StepRestore, x.TimeToRestore-14*ms)
	r.Restoration = x
	r.Leaves.Clean = 2
	r.Connections = connections(flows.ActorStayer, flows.ActorReturner)
	r.Transcript = transcript(flows.ActorReturner)
	return r
}

// laneTaken makes a run the prober's own trouble.
func laneTaken(r flows.Run) flows.Run {
	r.Outcome = flows.Inconclusive
	r.Failure = &flows.Failure{Step: flows.StepMCJoin, Actor: flows.ActorStayer, Hop: flows.Prober, Reason: flows.Self, Cause: flows.CauseLane,
		Detail: "1 person was in the lane's meeting already: another prober, or the ghost of a run that was killed"}
	r.Steps, r.Restoration, r.Leaves.Clean = r.Steps[:4], nil, 1
	r.Steps[3].Failure = r.Failure
	r.Duration = 220 * ms
	return r
}
