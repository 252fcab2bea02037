package observability

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dark-tower/prober/internal/collectortest"
	"github.com/dark-tower/prober/internal/devstack"
	"github.com/dark-tower/prober/internal/devstack/ac"
	"github.com/dark-tower/prober/internal/flowtest"
)

// The outcomes that are meant below.
const (
	good     = "success"
	noAC     = "failure: sign_in at ac (unavailable)"
	noGC     = "failure: gc_assign at gc (unavailable)" // also GC without AC, which has the meeting tokens
	noMC     = "failure: mc_connect at mc (unavailable)"
	noPlaces = "failure: mc_join at mc (unavailable)" // MC wants a media handler that is not there
)

// TestEverythingIsKilledOneByOne takes the world away from a running daemon, piece by
// piece. It must say exactly what is missing, and go on.
func TestEverythingIsKilledOneByOne(t *testing.T) {
	collector := collectortest.Start(t)
	stack, err := devstack.Start(t.Context(), devstack.Options{Times: flowtest.ShortTimes(), Limits: ac.Limits{Registrations: 1000}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = stack.Close() }) // most of it is dead by then
	d := startDaemon(t, stack, 3*time.Second, "OTEL_EXPORTER_OTLP_ENDPOINT="+collector.GRPCEndpoint)
	p := startPrometheus(t, strings.TrimPrefix(d.url, "http://"))
	everybody := []string{"join", "media", "sign-in"}
	eventually(t, "every probe has succeeded", func() bool {
		return !slices.ContainsFunc(everybody, func(name string) bool {
			runs := d.runs(name, time.Time{})
			return len(runs) == 0 || runs[0].String() != good
		})
	})
	process, goroutines, files := d.cmd.Process.Pid, d.sample("go_goroutines"), d.sample("process_open_fds")
	for _, k := range []struct {
		name string
		kill func() error
		want map[string][]string // outcomes, by probe
	}{
		{"the collector", func() error { collector.Stop(t); return nil }, map[string][]string{"join": {good}, "media": {good}, "sign-in": {good}}},
		{"Prometheus", func() error { p.kill(); return nil }, map[string][]string{"join": {good}, "media": {good}, "sign-in": {good}}},
		// The meetings that the dead handler had are given to another one in time.
		{"one media handler", func() error { return stack.StopHandler(stack.HandlerIDs[1]) },
			map[string][]string{"join": {good, noPlaces}, "media": {good, noPlaces}, "sign-in": {good}}},
		{"MC", stack.StopControllers, map[string][]string{"join": {noMC}, "media": {noMC}, "sign-in": {good}}},
		{"AC", stack.StopAC, map[string][]string{"join": {noGC}, "media": {noGC}, "sign-in": {noAC}}},
		{"GC", stack.StopGC, map[string][]string{"join": {noGC}, "media": {noGC}, "sign-in": {noAC}}},
	} {
		t.Run(k.name, func(t *testing.T) {
			if err := k.kill(); err != nil {
				t.Fatal(err)
			}
			since := time.Now()
			for _, probe := range everybody {
				eventually(t, probe+" has run", func() bool { return len(d.runs(probe, since)) > 0 })
				for _, r := range d.runs(probe, since) {
					if !slices.Contains(k.want[probe], r.String()) {
						t.Errorf("%s without %s: %s, want %s: %+v", probe, k.name, r, strings.Join(k.want[probe], " or "), r.Failure)
					}
				}
			}
			if !d.alive() || d.cmd.Process.Pid != process {
				t.Fatal("the daemon has ended")
			}
			d.get("/health")
			d.get("/ready")
		})
	}
	if lost := d.sample(`dt_synthetic_self_dropped_total{queue="spans"}`); lost == 0 {
		t.Error("no span was lost, and there was nobody to take them")
	}
	if now := d.sample("go_goroutines"); now > goroutines+10 {
		t.Errorf("%v goroutines at the beginning, %v now", goroutines, now)
	}
	if now := d.sample("process_open_fds"); now > files+10 {
		t.Errorf("%v open files at the beginning, %v now", files, now)
	}
	if code := d.stop(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}
