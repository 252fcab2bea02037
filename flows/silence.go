package flows

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// silence decides whose silence it was by what else still answers.
func (j *Judge) silence(ctx context.Context, f *Failure) *Failure {
	if j == nil || j.Witness == nil {
		return f
	}
	if ctx.Err() != nil && errors.Is(context.Cause(ctx), ErrShutdown) {
		return f
	}
	return f.inSightOf(j.Witness.Look(ctx))
}

// Silence decides whose fault a failure is of which nothing is known but that
// somebody is silent, and still is.
func (j *Judge) Silence(ctx context.Context, f *Failure) *Failure { return j.silence(ctx, f.copied()) }

// Glance asks once what answers, and waits no longer than patience; ok is false when
// there is nobody to ask. It is for silence that may be over when it is judged: see
// SilenceThen.
func (j *Judge) Glance(ctx context.Context, patience time.Duration) (seen Sight, ok bool) {
	if j == nil || j.Witness == nil {
		return Sight{}, false
	}
	return j.Witness.look(ctx, patience), true
}

// SilenceThen is Silence of somebody who was silent while glances were taken. Without
// any, the failure stays what it is.
func SilenceThen(f *Failure, glances ...Sight) *Failure {
	if len(glances) == 0 {
		return f
	}
	var seen Sight
	for _, g := range glances {
		seen = seen.or(g)
	}
	return f.copied().inSightOf(seen)
}

func (f *Failure) copied() *Failure {
	out := *f
	return &out
}

// inSightOf is whose the silence was, given what answered.
func (f *Failure) inSightOf(sight Sight) *Failure {
	switch {
	case sight.nothing() && !sight.Reference:
		f.Detail = fmt.Sprintf("%s; nothing answers, the reference does not either", f.Detail)
		return f.self(CauseNetwork)
	case sight.nothing():
		f.Detail = fmt.Sprintf("%s; no part of the platform answers, the reference does", f.Detail)
	case !overHTTP(f.Step) && sight.HTTP && sight.KnownMH && !sight.MC && !sight.MH:
		f.Hop, f.Reason = Network, Timeout
		f.Detail = fmt.Sprintf("%s; UDP is silent at MC and at every known MH while HTTP answers", f.Detail)
	}
	return f
}
