package observability

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/dark-tower/prober/internal/collectortest"
	"github.com/dark-tower/prober/internal/devstack"
	"github.com/dark-tower/prober/internal/devstack/ac"
	"github.com/dark-tower/prober/internal/flowtest"
	"github.com/dark-tower/prober/internal/telemetry/tracing"
)

// longer is an environment variable with a duration to watch for, instead of what
// follows.
const (
	longer   = "DARKTOWER_OBSERVE_FOR"
	watchFor = time.Minute
)

// TestARunningDaemonIsSeenWhole watches a daemon with three probes as a cluster does:
// its metrics and exemplars in Prometheus, and one whole trace for each run, with the
// spans of all four services in it, in a collector.
func TestARunningDaemonIsSeenWhole(t *testing.T) {
	span := watchFor
	if text := os.Getenv(longer); text != "" {
		var err error
		if span, err = time.ParseDuration(text); err != nil {
			t.Fatalf("%s: %v", longer, err)
		}
	}
	collector := collectortest.Start(t)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.GRPCEndpoint)
	services, err := tracing.OpenServices(t.Context(), "test", nil)
	if err != nil {
		t.Fatal(err)
	}
	stack, err := devstack.Start(t.Context(), devstack.Options{Times: flowtest.ShortTimes(), Limits: ac.Limits{Registrations: 1000},
		TracerProvider: func(name string) trace.TracerProvider { return services.Provider(name) }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := stack.Close(); err != nil {
			t.Error(err)
		}
	})
	pace := max(4*time.Second, span/60) // so that the API still has every run
	d := startDaemon(t, stack, pace)
	p := startPrometheus(t, strings.TrimPrefix(d.url, "http://"))
	time.Sleep(span) // it is watched for so long; nothing is waited for

	runs := d.runs("", time.Time{})
	for _, probe := range []string{"join", "media", "sign-in"} {
		if n := len(d.runs(probe, time.Time{})); n < int(span/(6*pace)) {
			t.Errorf("%d runs of %s in %v", n, probe, span)
		}
	}
	traces := make(map[string]finished)
	for _, r := range runs {
		if r.Outcome != "success" {
			t.Errorf("%s: %s", r.Probe, r)
		}
		traces[r.TraceID] = r
	}
	seenByPrometheus(t, p, traces)
	rss := d.sample("process_resident_memory_bytes") / (1 << 20)
	t.Logf("%d runs in %v, three probes; the daemon's resident memory is %.1f MiB", len(runs), span, rss)
	if code := d.stop(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if err := services.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	for id, r := range traces {
		whole(t, collector, id, r)
	}
	// Nothing else has the look of a run.
	roots := 0
	for _, c := range collector.Traces(t) {
		if ours := c.Names("synthetic-prober"); len(ours) > 0 {
			if roots++; len(c.Roots()) != 1 {
				t.Errorf("%d roots: %s", len(c.Roots()), c)
			}
		}
	}
	if roots < len(traces) {
		t.Errorf("%d traces of %d runs", roots, len(traces))
	}
}

// whole checks the trace of one run.
func whole(t *testing.T, collector *collectortest.Collector, id string, r finished) {
	t.Helper()
	want := []string{"ac-service", "gc-service", "mc-service", "mh-service", "synthetic-prober"}
	if r.Probe == "sign-in" {
		want = []string{"ac-service", "synthetic-prober"}
	}
	got := collector.Await(t, id, func(c collectortest.Trace) bool { return slices.Equal(c.Services(), want) && len(c.Orphans()) == 0 })
	if roots := got.Roots(); len(roots) != 1 || roots[0].Service != "synthetic-prober" {
		t.Errorf("a run of %s has %d roots: %s", r.Probe, len(roots), got)
	}
}

func seenByPrometheus(t *testing.T, p *prometheus, traces map[string]finished) {
	t.Helper()
	eventually(t, "Prometheus has counted a run of each probe", func() bool {
		n, ok := p.value(t, `count(sum by (probe) (dt_synthetic_runs_total{outcome="success"}) > 0)`)
		return ok && n == 3
	})
	if up, _ := p.value(t, "min_over_time(up[1h])"); up != 1 {
		t.Error("a scrape has failed")
	}
	// A series that is born at 1 would have lost its first event here.
	increase, ok := p.value(t, `sum(increase(dt_synthetic_runs_total{outcome="success",trigger="schedule"}[1h]))`)
	if !ok || increase <= 0 {
		t.Errorf("an increase of %v runs, there: %v", increase, ok)
	}
	for _, metric := range []string{"dt_synthetic_run_duration_seconds_bucket", "dt_synthetic_time_to_media_seconds_bucket", "dt_synthetic_media_latency_seconds_bucket"} {
		known := 0
		for id := range p.exemplars(t, metric) {
			if _, ours := traces[id]; ours {
				known++
			}
		}
		if known == 0 {
			t.Errorf("no exemplar of %s points to a run", metric)
		}
	}
}
