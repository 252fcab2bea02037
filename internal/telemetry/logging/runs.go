package logging

import (
	"context"
	"log/slog"
	"time"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/internal/darktower/tracecontext"
)

// The messages of steps.
const (
	stepDone   = "step done"
	stepFailed = "step failed"
)

// runSays is the message of a run with an outcome.
func runSays(outcome string) string { return "run " + verb(flows.Outcome(outcome)) }

// Runs writes one record for each step and for each run, with the target
// "prober.<flow>". The zero value is silent.
type Runs struct{ log *slog.Logger }

// NewRuns returns Runs that write to log.
func NewRuns(log *slog.Logger) Runs { return Runs{log} }

// Step writes a step that has just ended; see flows.Spec.OnDone.
func (r Runs) Step(probe string, flow flows.Flow, s flows.StepResult) {
	if r.log == nil {
		return
	}
	message, outcome, hop := stepDone, s.Failure.Outcome(), s.Step.Owner()
	attrs := []slog.Attr{
		slog.String(keyTarget, "prober."+string(flow)), slog.String("trace_id", s.TraceID), slog.String("span_id", s.SpanID),
		slog.String("probe", probe), slog.String("flow", string(flow)), slog.String("actor", s.Actor), slog.String("step", string(s.Step)),
		slog.String("outcome", string(outcome)), milliseconds("duration_ms", s.Duration), slog.Bool("measured", s.Measured),
	}
	if s.After {
		attrs = append(attrs, slog.Bool("after_cut", true))
	}
	if f := s.Failure; f != nil {
		message, hop = stepFailed, f.Hop
		attrs = append(attrs, failure(f)...)
	}
	attrs = append(attrs, slog.String("hop", string(hop)))
	if len(s.Phases) > 0 {
		var phases []slog.Attr
		for _, p := range s.Phases {
			phases = append(phases, milliseconds(p.Name, p.Duration))
		}
		attrs = append(attrs, slog.Attr{Key: "phases_ms", Value: slog.GroupValue(phases...)})
	}
	r.write(severity(outcome), message, attrs)
}

// Run writes a finished run.
func (r Runs) Run(run flows.Run) {
	if r.log == nil {
		return
	}
	attrs := []slog.Attr{
		slog.String(keyTarget, "prober."+string(run.Flow)), slog.String("trace_id", run.TraceID), slog.String("span_id", run.SpanID),
		slog.String("probe", run.Probe), slog.String("flow", string(run.Flow)), slog.String("lane", run.Lane), slog.String("run", run.ID),
		slog.String("outcome", string(run.Outcome)), milliseconds("duration_ms", run.Duration),
		slog.String("trigger", string(run.Trigger)), slog.Int("steps", len(run.Steps)),
	}
	if run.Informational {
		attrs = append(attrs, slog.Bool("informational", true))
	}
	if run.TimeToMedia != nil {
		attrs = append(attrs, milliseconds("time_to_media_ms", *run.TimeToMedia))
	}
	if x := run.Restoration; x != nil && x.Restored {
		attrs = append(attrs, milliseconds("time_to_restore_ms", x.TimeToRestore))
	}
	if run.Leaves.Unclean > 0 {
		attrs = append(attrs, slog.Int("unclean_leaves", run.Leaves.Unclean))
	}
	if f := run.Failure; f != nil {
		attrs = append(attrs, slog.String("step", string(f.Step)), slog.String("actor", f.Actor), slog.String("hop", string(f.Hop)))
		attrs = append(attrs, failure(f)...)
	}
	r.write(severity(run.Outcome), runSays(string(run.Outcome)), attrs)
}

func failure(f *flows.Failure) []slog.Attr {
	return []slog.Attr{slog.String("reason", string(f.Reason)), slog.String("cause", string(f.Cause)), slog.String("detail", f.Detail)}
}

func milliseconds(key string, d time.Duration) slog.Attr {
	return slog.Float64(key, tracecontext.Milliseconds(d))
}

// write leaves out what is empty.
func (r Runs) write(level slog.Level, message string, attrs []slog.Attr) {
	kept := attrs[:0]
	for _, a := range attrs {
		if a.Value.Kind() != slog.KindString || a.Value.String() != "" {
			kept = append(kept, a)
		}
	}
	r.log.LogAttrs(context.Background(), level, message, kept...)
}

// severity of a failure is an error; of what the prober could not judge, a warning.
func severity(o flows.Outcome) slog.Level {
	switch o {
	case flows.Failed:
		return slog.LevelError
	case flows.Inconclusive:
		return slog.LevelWarn
	}
	return slog.LevelInfo
}

func verb(o flows.Outcome) string {
	switch o {
	case flows.Success:
		return "succeeded"
	case flows.Failed:
		return "failed"
	}
	return string(o)
}
