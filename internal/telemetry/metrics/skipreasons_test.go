package metrics_test

import (
	"slices"
	"testing"

	"github.com/dark-tower/prober/internal/schedule"
	"github.com/dark-tower/prober/internal/telemetry/metrics"
)

func TestEveryReasonOfTheSchedulerHasItsSeries(t *testing.T) {
	var want []string
	for _, r := range schedule.SkipReasons() {
		want = append(want, string(r))
	}
	got := metrics.SkipReasons()
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("series for %v, the scheduler has %v", got, want)
	}
}
