package media_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/flows/media"
	"github.com/dark-tower/prober/flows/people"
	"github.com/dark-tower/prober/internal/devstack"
	"github.com/dark-tower/prober/internal/devstack/fault"
	"github.com/dark-tower/prober/internal/flowtest"
)

// talk is the moment at which the measured window begins.
var talk = flowtest.Moment{Actor: flows.ActorPerson, Step: flows.StepTalk}

// conversation is long enough for a silence that fails a run.
func conversation(stage *people.Stage) flows.Script {
	return &media.Flow{Stage: stage, Duration: 2600 * time.Millisecond, Settle: 200 * time.Millisecond}
}

func toMH(f fault.MH) fault.Faults { return fault.Faults{MH: f} }
func toMC(f fault.MC) fault.Faults { return fault.Faults{MC: f} }
func silence() fault.Faults        { return toMH(fault.MH{Silent: true}) }
func red(hop flows.Hop, why flows.Reason) flowtest.Verdict {
	return flowtest.Red(flows.ActorPerson, flows.StepTalk, hop, why)
}

// late is a watch that has seen the prober late all the time.
type late struct{}

func (late) LagDuring(from, to time.Time) time.Duration { return to.Sub(from) }
func (late) WorstDuring(_, _ time.Time) time.Duration   { return time.Second }

func tooLate(_ *testing.T, s *people.Stage) { s.Watch = late{} }

// pairs checks that the run has evidence of so many ordered pairs.
func pairs(n int) func(*testing.T, flows.Run) {
	return func(t *testing.T, run flows.Run) {
		t.Helper()
		if len(run.Pairs) != n {
			t.Errorf("evidence of %d pairs, want %d", len(run.Pairs), n)
		}
	}
}

func TestWhatGoesWrongInAConversation(t *testing.T) {
	t.Parallel()
	p := flowtest.Start(t, flowtest.Options{})
	p.Rows(t, flows.Media, conversation, []flowtest.Row{
		{Name: "silence", Bend: silence(), At: talk, Want: red(flows.MH, flows.NoMedia), Look: pairs(2)},
		{Name: "everything damaged", Bend: toMH(fault.MH{CorruptEvery: 1}), At: talk, Want: red(flows.MH, flows.Protocol),
			Look: func(t *testing.T, run flows.Run) {
				for _, p := range run.Pairs {
					if p.Refused != p.Sent || p.RefusedBy["signature_invalid"] != p.Sent {
						t.Errorf("%s to %s: %d of %d refused: %v", p.From, p.To, p.Refused, p.Sent, p.RefusedBy)
					}
				}
			}},
		{Name: "silence while the prober was late", Bend: silence(), At: talk, Stage: tooLate, Want: flowtest.Open(flows.StepTalk, flows.CauseLag), Look: pairs(2)},
		{Name: "no assignment", Bend: toMC(fault.MC{NeverAssign: true}), Hurry: true,
			Want: flowtest.Red("", flows.StepSubscribe, flows.MC, flows.Timeout), Look: pairs(0)},
	})
}

func TestLongSilenceThatEndsIsASilence(t *testing.T) {
	t.Parallel()
	p := flowtest.Start(t, flowtest.Options{})
	stage := p.Stage(t, 0)
	script := &media.Flow{Stage: stage, Duration: 3500 * time.Millisecond, Settle: 200 * time.Millisecond}
	again := make(chan struct{})
	run := flowtest.Play{Flow: flows.Media, Script: script, Stage: stage, At: talk, When: func() {
		p.Faults().Set(silence())
		time.AfterFunc(2500*time.Millisecond, func() { p.Faults().Set(fault.Faults{}); close(again) })
	}}.Perform(t.Context(), t)
	<-again
	red(flows.MH, flows.NoMedia).Check(t, run)
	for _, pair := range run.Pairs {
		if pair.Delivered == 0 || pair.LongestSilence < 2*time.Second {
			t.Errorf("%s to %s: delivered %d, silence %v", pair.From, pair.To, pair.Delivered, pair.LongestSilence)
		}
	}
}

func TestShortSilenceIsNoFailure(t *testing.T) {
	t.Parallel()
	p := flowtest.Start(t, flowtest.Options{})
	p.Rows(t, flows.Media, func(s *people.Stage) flows.Script {
		return &media.Flow{Stage: s, Duration: 1500 * time.Millisecond, Settle: 200 * time.Millisecond}
	}, []flowtest.Row{
		{Name: "all of a short window", Bend: silence(), At: talk, Want: flowtest.Green(), Look: func(t *testing.T, run flows.Run) {
			for _, p := range run.Pairs {
				if ratio, ok := p.DeliveryRatio(); !ok || ratio > 0.1 || p.LongestSilence < time.Second {
					t.Errorf("%s to %s: delivery ratio %v, silence %v", p.From, p.To, ratio, p.LongestSilence)
				}
			}
		}},
	})
}

func TestServicesThatStopInTheMiddleOfAConversation(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		stop func(p *flowtest.Platform) error
		want flowtest.Verdict
	}{
		{"MC", func(p *flowtest.Platform) error { return p.StopControllers() }, red(flows.MC, flows.Closed)},
		{"all handlers", func(p *flowtest.Platform) error {
			for _, id := range p.HandlerIDs {
				if err := p.StopHandler(id); err != nil {
					return err
				}
			}
			return nil
		}, red(flows.MH, flows.Closed)},
		{"one of two handlers", func(p *flowtest.Platform) error { return p.StopHandler(p.HandlerIDs[0]) }, flowtest.Green()},
		{"the other handler", func(p *flowtest.Platform) error { return p.StopHandler(p.HandlerIDs[1]) }, flowtest.Green()},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := flowtest.Start(t, flowtest.Options{})
			stage := p.Stage(t, 0)
			var stopped sync.WaitGroup
			run := flowtest.Play{Flow: flows.Media, Script: conversation(stage), Stage: stage, At: talk, When: func() {
				stopped.Add(1)
				time.AfterFunc(200*time.Millisecond, func() {
					defer stopped.Done()
					if err := c.stop(p); err != nil {
						t.Error(err)
					}
				})
			}}.Perform(t.Context(), t)
			stopped.Wait()
			if c.want == flowtest.Green() {
				unlessStarved(t, run)
			}
			c.want.Check(t, run)
			pairs(2)(t, run)
			if ended := endedBy(run, flows.ByPlatform); len(ended) == 0 {
				t.Errorf("no connection was ended by the platform: %+v", run.Connections)
			}
			if c.want != flowtest.Green() {
				return
			}
			for _, pair := range run.Pairs {
				if ratio, _ := pair.DeliveryRatio(); ratio < 0.5 {
					t.Errorf("%s to %s: delivery ratio %v", pair.From, pair.To, ratio)
				}
			}
		})
	}
}

// endedBy are the connections that were ended by somebody while the run lasted.
func endedBy(run flows.Run, by flows.EndedBy) []flows.Connection {
	var out []flows.Connection
	for _, c := range run.Connections {
		if c.Ended != nil && c.Ended.By == by && c.Ended.At > c.Dialed && c.Ended.At <= run.Duration {
			out = append(out, c)
		}
	}
	return out
}

// What happens in every good meeting is no failure.
func TestNormalLife(t *testing.T) {
	t.Parallel()
	times := flowtest.ShortTimes()
	times.MC.KEKDebounce = 300 * time.Millisecond
	p := flowtest.Start(t, flowtest.Options{Seats: 3, Stack: devstack.Options{Times: times}})
	perform := func(t *testing.T, seats int, cues ...flowtest.Cue) flows.Run {
		t.Helper()
		stage := p.Stage(t, 0)
		script := &media.Flow{Stage: stage, Seats: seats, Duration: 2600 * time.Millisecond, Settle: 300 * time.Millisecond}
		run := flowtest.Play{Flow: flows.Media, Script: script, Stage: stage, Cues: cues}.Perform(t.Context(), t)
		flowtest.Green().Check(t, run)
		if run.Leaves != (flows.Leaves{Clean: seats}) {
			t.Errorf("leaves %+v", run.Leaves)
		}
		pairs(seats*(seats-1))(t, run)
		return run
	}
	// Everybody has looked by then who is in the meeting.
	inside := flowtest.Moment{Step: flows.StepSubscribe}

	t.Run("the meeting's key is rotated, since somebody has left", func(t *testing.T) {
		var guest *flowtest.Outsider
		looked := make(chan struct{})
		run := perform(t, 2,
			flowtest.Cue{At: inside, Do: func() { guest = p.Enter(t, 0) }},
			flowtest.Cue{At: talk, Do: func() {
				guest.Go(t)
				time.AfterFunc(time.Second, func() {
					defer close(looked)
					guest := p.Enter(t, 0)
					defer guest.Go(t)
					if kek := guest.View().KEK; kek == nil || kek.Generation == 0 {
						t.Errorf("the key was not rotated: %+v", kek)
					}
				})
			}})
		<-looked
		p.Rest(t)
		unlessStarved(t, run)
		for _, pair := range run.Pairs {
			if pair.Refused > 0 || pair.Delivered < pair.Sent*9/10 {
				t.Errorf("%s to %s: %d of %d delivered, refused %v", pair.From, pair.To, pair.Delivered, pair.Sent, pair.RefusedBy)
			}
		}
	})
	t.Run("the host mutes somebody, and later no more", func(t *testing.T) {
		var host *flowtest.Outsider
		mute := func(muted bool) func() {
			return func() {
				if err := host.MuteSender(t, 2, muted); err != nil {
					t.Error(err)
				}
			}
		}
		lifted := make(chan struct{})
		run := perform(t, 2,
			flowtest.Cue{At: inside, Do: func() { host = p.Enter(t, 0) }},
			flowtest.Cue{At: talk, Do: func() {
				time.AfterFunc(700*time.Millisecond, mute(true))
				time.AfterFunc(1500*time.Millisecond, func() { defer close(lifted); mute(false)() })
			}})
		<-lifted
		host.Go(t)
		p.Rest(t)
		unlessStarved(t, run)
		for _, pair := range run.Pairs {
			if lost := pair.LostUplink + pair.LostDownlink + pair.LostUnattributed; lost > edge || pair.Sent == 0 {
				t.Errorf("%s to %s: %+v", pair.From, pair.To, brief(pair))
			}
			due := int(2600 * time.Millisecond / (20 * time.Millisecond))
			if muted := pair.From == flows.Actor(2); muted != (pair.Muted >= 40) || muted != (pair.LongestSilence > 600*time.Millisecond) || !accounted(pair, due) {
				t.Errorf("%s to %s: %+v", pair.From, pair.To, brief(pair))
			}
		}
		if got := flowtest.Said(run, flows.Actor(2)); !strings.Contains(got, "this participant: by the host audio muted") || !strings.Contains(got, "this participant: by the host nothing muted") {
			t.Errorf("the muted person and the platform said: %s", got)
		}
	})
	t.Run("three people", func(t *testing.T) {
		perform(t, 3)
		p.Rest(t)
	})
}

// Whoever is muted all the time gives no evidence: what is not heard is never green.
func TestNobodyIsHeardWhoIsMutedAllTheTime(t *testing.T) {
	t.Parallel()
	p := flowtest.Start(t, flowtest.Options{})
	for _, c := range []struct {
		name string
		mute func(host *flowtest.Outsider) error
		want flowtest.Verdict
	}{
		{"by the host", func(host *flowtest.Outsider) error { return host.MuteSender(t, 2, true) }, flowtest.Open(flows.StepTalk, flows.CauseLane)},
		{"by nobody", func(*flowtest.Outsider) error {
			p.Faults().Set(fault.Faults{MC: fault.MC{ShowMuted: true}})
			p.Enter(t, 0).Go(t) // news for everybody
			return nil
		}, red(flows.MC, flows.Protocol)},
	} {
		t.Run(c.name, func(t *testing.T) {
			stage := p.Stage(t, 0)
			var host *flowtest.Outsider
			play := flowtest.Play{Flow: flows.Media, Script: conversation(stage), Stage: stage, Cues: []flowtest.Cue{
				{At: flowtest.Moment{Step: flows.StepSubscribe}, Do: func() {
					if c.want.Hop == flows.Prober {
						host = p.Enter(t, 0)
					}
				}},
				{At: talk, Do: func() {
					if err := c.mute(host); err != nil {
						t.Error(err)
					}
				}},
			}}
			run := play.Perform(t.Context(), t)
			p.Faults().Set(fault.Faults{})
			c.want.Check(t, run)
			if host != nil {
				host.Go(t)
			}
			p.Rest(t)
			unlessStarved(t, run)
			for _, pair := range run.Pairs {
				muted := c.want.Hop == flows.MC || pair.From == flows.Actor(2)
				if _, any := pair.DeliveryRatio(); any == muted || muted != (pair.Muted > 100) {
					t.Errorf("%s to %s: %+v", pair.From, pair.To, brief(pair))
				}
			}
		})
	}
}

func TestWhatTheProberCannotJudge(t *testing.T) {
	p := flowtest.Start(t, flowtest.Options{})
	p.Rows(t, flows.Media, func(s *people.Stage) flows.Script { return &media.Flow{Stage: s, Seats: 3} }, []flowtest.Row{
		{Name: "too few accounts", Want: flowtest.Open("", flows.CauseConfig), Look: pairs(0)},
	})
	stranger := p.Enter(t, 0)
	stage := p.Stage(t, 0)
	run := flowtest.Play{Flow: flows.Media, Script: conversation(stage), Stage: stage}.Perform(t.Context(), t)
	flowtest.Open(flows.StepMCJoin, flows.CauseLane).Check(t, run)
	stranger.Go(t)
	p.Rest(t)
}

func TestAShutdownKeepsTheEvidence(t *testing.T) {
	p := flowtest.Start(t, flowtest.Options{})
	stage := p.Stage(t, 0)
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	run := flowtest.Play{Flow: flows.Media, Script: &media.Flow{Stage: stage, Duration: time.Minute}, Stage: stage, At: talk,
		When: func() { time.AfterFunc(300*time.Millisecond, func() { cancel(flows.ErrShutdown) }) }}.Perform(ctx, t)
	if run.Outcome != flows.Aborted || run.Leaves != (flows.Leaves{Clean: 2}) {
		t.Errorf("outcome %s, leaves %+v: %v", run.Outcome, run.Leaves, run.Failure)
	}
	pairs(2)(t, run)
	p.Rest(t)
	unlessStarved(t, run)
	for _, pair := range run.Pairs {
		if pair.Delivered == 0 || pair.LongestSilence > time.Second {
			t.Errorf("%s to %s: delivered %d, longest silence %v", pair.From, pair.To, pair.Delivered, pair.LongestSilence)
		}
	}
}

// accounted reports whether the frames that were due are all somewhere: sent, muted or
// missed. The mute has two edges of its own.
func accounted(p flows.Pair, due int) bool {
	return within(p.Sent+p.Muted+p.MissedDue, due, 2*edge+int((p.Latency.Max+p.SendLateness.Max)/(20*time.Millisecond)))
}
