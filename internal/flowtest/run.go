package flowtest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/flows/people"
	"github.com/dark-tower/prober/internal/selfwatch"
)

// Moment is the beginning of a step. An empty Actor is anybody; the zero Moment
// is before the run.
type Moment struct {
	Actor string
	Step  flows.Step
	After bool // after the cut of a reconnect
}

func (m Moment) is(actor string, step flows.Step, after bool) bool {
	return (m.Actor == "" || m.Actor == actor) && m.Step == step && m.After == after
}

// Play is one run to be made.
type Play struct {
	Flow    flows.Flow
	Script  flows.Script
	Stage   *people.Stage // of the script; its judge judges
	Tracer  trace.Tracer
	Timeout time.Duration   // of the run; a minute when 0
	Clock   selfwatch.Clock // nil: the machine's own
	// When happens once, at the first step that matches At, before the step does
	// anything.
	At   Moment
	When func()
	// Cues are more of the same.
	Cues []Cue
}

// Cue is something that happens once in a run.
type Cue struct {
	At Moment
	Do func()
}

// Perform makes the run and checks what holds of every run.
func (p Play) Perform(ctx context.Context, t testing.TB) flows.Run {
	t.Helper()
	run, came := p.perform(ctx, t)
	if !came {
		t.Error("the run ended before all its cues had come")
	}
	return run
}

// perform also reports whether the run came to all of its moments.
func (p Play) perform(ctx context.Context, t testing.TB) (run flows.Run, came bool) {
	t.Helper()
	if p.Timeout == 0 {
		p.Timeout = time.Minute
	}
	if p.When != nil {
		p.Cues = append([]Cue{{p.At, p.When}}, p.Cues...)
	}
	given := make([]sync.Once, len(p.Cues))
	for i, c := range p.Cues {
		if c.At == (Moment{}) {
			given[i].Do(c.Do)
		}
	}
	run = flows.Execute(ctx, flows.Spec{
		Probe: "test", Flow: p.Flow, Lane: "test", Trigger: flows.OnDemand,
		Timeout: p.Timeout, Teardown: patience, Tracer: p.Tracer, Judge: p.Stage.Judge, Clock: p.Clock,
		OnStep: func(actor string, step flows.Step, after bool) {
			for i, c := range p.Cues {
				if c.At.is(actor, step, after) {
					given[i].Do(c.Do)
				}
			}
		},
	}, p.Script)
	came = true
	for i := range p.Cues {
		given[i].Do(func() { came = false })
	}
	sound(t, run)
	return run, came
}

// sound checks what holds of every run, however it ended.
func sound(t testing.TB, run flows.Run) {
	t.Helper()
	legal := func(f *flows.Failure) {
		if f != nil && f.Step != "" && !flows.Legal(f.Step, f.Hop, f.Reason) {
			t.Errorf("step %s, hop %s, reason %s is no legal failure: %v", f.Step, f.Hop, f.Reason, f)
		}
	}
	legal(run.Failure)
	if (run.Outcome == flows.Success) != (run.Failure == nil) {
		t.Errorf("outcome %s with failure %v", run.Outcome, run.Failure)
	}
	if f := run.Failure; f != nil && f.Detail == "" {
		t.Errorf("failure without a detail: %+v", f)
	}
	steps := flows.StepsOf(run.Flow)
	for _, s := range run.Steps {
		legal(s.Failure)
		if f := s.Failure; f != nil && f.Reason == flows.Self && f.Cause == "" {
			t.Errorf("step %s of %s was given up, and is recorded", s.Step, s.Actor)
		}
		if !slices.Contains(steps, s.Step) {
			t.Errorf("a %s run recorded step %s", run.Flow, s.Step)
		}
		if s.Duration < 0 || s.Started.Before(run.Started) {
			t.Errorf("step %s of %s began %v into the run and took %v", s.Step, s.Actor, s.Started.Sub(run.Started), s.Duration)
		}
		var sum time.Duration
		for _, ph := range s.Phases {
			if ph.Duration <= 0 {
				t.Errorf("phase %s of %s took %v: a phase that did not happen is absent", ph.Name, s.Step, ph.Duration)
			}
			if !slices.Contains(flows.PhasesOf(s.Step), ph.Name) {
				t.Errorf("step %s recorded phase %s", s.Step, ph.Name)
			}
			sum += ph.Duration
		}
		if len(s.Phases) > 0 && sum != s.Duration {
			t.Errorf("the phases of %s sum to %v of %v: %v", s.Step, sum, s.Duration, s.Phases)
		}
	}
	if n := len(run.Transcript.Messages); n > flows.MaxTranscript || n < flows.MaxTranscript && run.Transcript.Omitted > 0 {
		t.Errorf("a transcript of %d messages, %d omitted", n, run.Transcript.Omitted)
	}
	for i, m := range run.Transcript.Messages {
		if m.At < 0 || m.Actor == "" || m.Kind == "" || m.Direction == "" || m.Hop != flows.MC && m.Hop != flows.MH || i > 0 && m.At < run.Transcript.Messages[i-1].At {
			t.Errorf("message %d of the transcript: %+v", i, m)
		}
	}
	for _, c := range run.Connections {
		if c.Ended != nil && (c.Ended.By == "" || c.Ended.Via == "" || c.Ended.At < c.Dialed) {
			t.Errorf("a connection of %s to %s ended %+v, and was dialed at %v", c.Actor, c.Hop, c.Ended, c.Dialed)
		}
	}
	for _, p := range run.Pairs {
		if fates := p.Delivered + p.Late + p.LostSender + p.LostUplink + p.LostDownlink + p.LostUnattributed + p.Refused; fates != p.Sent {
			t.Errorf("%s to %s: %d fates of %d frames", p.From, p.To, fates, p.Sent)
		}
		if len(p.Samples) != p.Latency.Count {
			t.Errorf("%s to %s: %d samples, %d in the distribution", p.From, p.To, len(p.Samples), p.Latency.Count)
		}
		if p.LeaveLateness.Count != len(p.Samples) || p.ReadLateness.Count != len(p.Samples) {
			t.Errorf("%s to %s: %d samples, %d times of leaving, %d of reading", p.From, p.To, len(p.Samples), p.LeaveLateness.Count, p.ReadLateness.Count)
		}
		var last time.Duration
		for _, s := range p.Samples {
			if s.At < last || s.At < s.Latency || s.At > run.Duration {
				t.Errorf("%s to %s: a frame that took %v arrived at %v, after one at %v, in a run of %v", p.From, p.To, s.Latency, s.At, last, run.Duration)
			}
			last = s.At
		}
	}
}

// Said is what somebody and the platform said, in order.
func Said(run flows.Run, actor string) string {
	var out []string
	for _, m := range run.Transcript.Messages {
		if m.Actor == actor {
			out = append(out, fmt.Sprintf("%s %s (%s)", m.Direction, m.Kind, m.Note))
		}
	}
	return strings.Join(out, " ")
}

// Verdict is what a run must come to.
type Verdict struct {
	Outcome flows.Outcome
	Actor   string // empty: whoever
	Step    flows.Step
	Hop     flows.Hop
	Reason  flows.Reason
	Cause   flows.Cause
	After   bool
}

// Green is the verdict on a run in which all went well.
func Green() Verdict { return Verdict{Outcome: flows.Success} }

// Red is the platform's failure.
func Red(actor string, step flows.Step, hop flows.Hop, reason flows.Reason) Verdict {
	return Verdict{Outcome: flows.Failed, Actor: actor, Step: step, Hop: hop, Reason: reason}
}

// Open is a run in which the prober could not judge.
func Open(step flows.Step, cause flows.Cause) Verdict {
	return Verdict{Outcome: flows.Inconclusive, Step: step, Hop: flows.Prober, Reason: flows.Self, Cause: cause}
}

// Throttled is a run that was asked to stay away.
func Throttled(actor string, step flows.Step) Verdict {
	return Verdict{Outcome: flows.Inconclusive, Actor: actor, Step: step, Hop: step.Owner(), Reason: flows.Throttled}
}

// Later is the verdict on something after the cut of a reconnect.
func (v Verdict) Later() Verdict {
	v.After = true
	return v
}

// of is what a run came to, as far as the verdict speaks of it.
func (v Verdict) of(run flows.Run) Verdict {
	got := Verdict{Outcome: run.Outcome}
	if f := run.Failure; f != nil {
		got.Actor, got.Step, got.Hop, got.Reason, got.Cause, got.After = f.Actor, f.Step, f.Hop, f.Reason, f.Cause, f.After
	}
	if v.Actor == "" {
		got.Actor = ""
	}
	return got
}

func (v Verdict) fits(run flows.Run) bool { return v.of(run) == v }

// Check compares a run with the verdict.
func (v Verdict) Check(t testing.TB, run flows.Run) {
	t.Helper()
	if !v.fits(run) {
		t.Errorf("the run came to %+v, want %+v\n%v", v.of(run), v, run.Failure)
	}
}
