package flows_test

import (
	"testing"

	"github.com/dark-tower/prober/flows"
)

func TestAFailureSaysWhereAndWhyAsFarAsItIsKnown(t *testing.T) {
	for want, f := range map[string]flows.Failure{
		"gc_join at gc (timeout): no answer":              {Step: flows.StepGCJoin, Hop: flows.GC, Reason: flows.Timeout, Detail: "no answer"},
		"talk at prober (self: lag): late":                {Step: flows.StepTalk, Hop: flows.Prober, Reason: flows.Self, Cause: flows.CauseLag, Detail: "late"},
		"at prober (self: config): the lane is too small": {Hop: flows.Prober, Reason: flows.Self, Cause: flows.CauseConfig, Detail: "the lane is too small"},
		"talk at mh (no_media)":                           {Step: flows.StepTalk, Hop: flows.MH, Reason: flows.NoMedia},
	} {
		if got := f.Error(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
