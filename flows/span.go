package flows

import (
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/dark-tower/prober/internal/darktower/tracecontext"
)

// Attributes of spans, with the words that logs and metrics use. docs/traces.md says
// what each is on.
const (
	AttrProbe         = attribute.Key("probe")
	AttrFlow          = attribute.Key("flow")
	AttrLane          = attribute.Key("lane")
	AttrTrigger       = attribute.Key("trigger")
	AttrRun           = attribute.Key("run")
	AttrInformational = attribute.Key("informational")
	AttrCold          = attribute.Key("cold")
	AttrStep          = attribute.Key("step")
	AttrActor         = attribute.Key("actor")
	AttrAfterCut      = attribute.Key("after_cut")
	AttrMeasured      = attribute.Key("measured")
	AttrOutcome       = attribute.Key("outcome")
	AttrHop           = attribute.Key("hop")
	AttrReason        = attribute.Key("reason")
	AttrCause         = attribute.Key("cause")
	AttrDuration      = tracecontext.AttrDuration
	AttrTimeToMedia   = attribute.Key("time_to_media_ms")
	AttrTimeToRestore = attribute.Key("time_to_restore_ms")
	AttrUncleanLeaves = attribute.Key("unclean_leaves")
	AttrContinuity    = attribute.Key("continuity")
	AttrMapped        = attribute.Key("mapped")
	AttrConnected     = attribute.Key("connected")
)

func milliseconds(d time.Duration) attribute.KeyValue {
	return AttrDuration.Float64(tracecontext.Milliseconds(d))
}

// startRun starts the span of a run: always the root of a trace of its own.
func startRun(spec Spec) trace.SpanStartEventOption {
	return trace.WithAttributes(AttrProbe.String(spec.Probe), AttrFlow.String(string(spec.Flow)), AttrLane.String(spec.Lane),
		AttrTrigger.String(string(spec.Trigger)), AttrInformational.Bool(spec.Informational))
}

// endRun writes what a run came to on its span.
func endRun(span trace.Span, run Run) {
	span.SetAttributes(AttrRun.String(run.ID), AttrOutcome.String(string(run.Outcome)), AttrCold.Bool(run.Cold),
		milliseconds(run.Duration), AttrUncleanLeaves.Int(run.Leaves.Unclean))
	if run.TimeToMedia != nil {
		span.SetAttributes(AttrTimeToMedia.Float64(tracecontext.Milliseconds(*run.TimeToMedia)))
	}
	if r := run.Restoration; r != nil && r.Restored {
		span.SetAttributes(AttrTimeToRestore.Float64(tracecontext.Milliseconds(r.TimeToRestore)))
	}
	if f := run.Failure; f != nil {
		if f.Step != "" {
			span.SetAttributes(AttrStep.String(string(f.Step)), AttrActor.String(f.Actor))
		}
		writeFailure(span, f)
	}
}

// startStep is what is known of a step before it is done.
func startStep(p *Part, step Step) trace.SpanStartEventOption {
	return trace.WithAttributes(AttrStep.String(string(step)), AttrActor.String(p.actor), AttrAfterCut.Bool(p.after),
		AttrMeasured.Bool(p.measures(step)), AttrHop.String(string(step.Owner())))
}

// endStep writes what a step came to on its span. The measured duration is an
// attribute: the span is as long as the call, which can begin later and end later.
func endStep(span trace.Span, s StepResult) {
	span.SetAttributes(AttrOutcome.String(string(s.Failure.Outcome())), milliseconds(s.Duration))
	at := s.Started
	for _, p := range s.Phases {
		if p.Name == PhaseRest {
			continue
		}
		at = at.Add(p.Duration)
		tracecontext.Phase(span, p.Name, at, p.Duration)
	}
	if s.Failure != nil {
		writeFailure(span, s.Failure)
	}
}

// giveUp marks a step that was neither done nor failed.
func giveUp(span trace.Span) { span.SetAttributes(AttrOutcome.String(string(Aborted))) }

// writeFailure records a failure as OpenTelemetry's error. Its text is the detail,
// which holds no secret.
func writeFailure(span trace.Span, f *Failure) {
	about := []attribute.KeyValue{AttrHop.String(string(f.Hop)), AttrReason.String(string(f.Reason))}
	if f.Cause != CauseUnspecified {
		about = append(about, AttrCause.String(string(f.Cause)))
	}
	span.SetAttributes(append(about, semconv.ErrorTypeKey.String(string(f.Reason)))...)
	span.RecordError(f, trace.WithAttributes(about...))
	span.SetStatus(codes.Error, f.Error())
}
