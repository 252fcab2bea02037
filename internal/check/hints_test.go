package check_test

import (
	"strings"
	"testing"
	"time"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/internal/check"
)

func TestHintsForRunsWithoutAVerdict(t *testing.T) {
	self := func(cause flows.Cause) flows.Run {
		return flows.Run{Outcome: flows.Inconclusive, Failure: &flows.Failure{Hop: flows.Prober, Reason: flows.Self, Cause: cause}}
	}
	for _, tc := range []struct {
		name      string
		runs      []flows.Run
		provision string
		want      string
	}{
		{"all is well", []flows.Run{{Outcome: flows.Success}}, "prober provision", ""},
		{"the platform failed", []flows.Run{{Outcome: flows.Failed, Failure: &flows.Failure{Hop: flows.GC, Reason: flows.Unavailable}}}, "prober provision", ""},
		{"a meeting is missing", []flows.Run{{Outcome: flows.Success}, self(flows.CauseSetup)}, "prober provision --use check", "`prober provision --use check` makes what is missing"},
		{"nothing can be provided", []flows.Run{self(flows.CauseSetup)}, "", ""},
		{"a ghost", []flows.Run{self(flows.CauseLane)}, "", "forgets who did not leave within 45s"},
		{"nothing that counts", []flows.Run{{Outcome: flows.Success, Informational: true}}, "", "informational"},
		{"something that counts", []flows.Run{{Informational: true}, {}}, "", ""},
		{"nothing at all", nil, "", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := strings.Join(check.Hints(tc.runs, tc.provision, 45*time.Second), "\n")
			if (got == "") != (tc.want == "") || !strings.Contains(got, tc.want) {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}
