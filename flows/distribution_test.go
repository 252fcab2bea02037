package flows_test

import (
	"slices"
	"testing"
	"time"

	"gonum.org/v1/gonum/stat"

	"github.com/dark-tower/prober/flows"
)

func TestQuantilesAreTheEmpiricalOnes(t *testing.T) {
	var samples []time.Duration
	var xs []float64
	for n := 1; n <= 1000; n++ {
		d := time.Duration(n*7919%1009) * time.Microsecond // in no order
		samples = append(samples, d)
		xs = append(xs, float64(d))
		slices.Sort(xs)
		q := func(p float64) time.Duration { return time.Duration(stat.Quantile(p, stat.Empirical, xs, nil)) }
		want := flows.Distribution{Count: n, P50: q(0.50), P95: q(0.95), P99: q(0.99), Max: time.Duration(xs[n-1])}
		if got := flows.Summarise(samples); got != want {
			t.Fatalf("%d samples: %+v, want %+v", n, got, want)
		}
	}
}

func TestSummarisingLeavesTheOrderOfSamplesAlone(t *testing.T) {
	samples := []time.Duration{3, 1, 2}
	if got, want := flows.Summarise(samples), (flows.Distribution{Count: 3, P50: 2, P95: 3, P99: 3, Max: 3}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if !slices.Equal(samples, []time.Duration{3, 1, 2}) {
		t.Errorf("the samples are now %v", samples)
	}
	if got := flows.Summarise(nil); got != (flows.Distribution{}) {
		t.Errorf("of none: %+v", got)
	}
}
