package metrics

import (
	"fmt"
	"io"
	"net/http/httptest"
	"sync"
	"testing"
	"time"
)

func TestRunsReloadsAndScrapesGoOnAtTheSameTime(t *testing.T) {
	m := fresh(one()...)
	const runs = 200
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i := range runs {
				m.Started("join", time.Millisecond)
				m.Observe(joined(), i%2 == 0)
				m.Observe(talked(), true)
				m.Observe(returned(), true)
				m.Finished("join")
				m.Events("join-time-to-media", 1, 1)
				m.Skipped("media", "overlap")
				m.BackedOff("media", time.Hour)
			}
		})
	}
	wg.Go(func() {
		for i := range runs / 10 {
			probes := one()
			probes[1].Thresholds = []time.Duration{time.Duration(1+i) * 7 * time.Millisecond} // new histograms each time
			probes[2].Name = fmt.Sprint("back-", i)                                           // comes and goes
			m.Apply(append(probes, one()[2]))
			m.SetBudget("join-time-to-media", Budget{SLI: new(float64(i))})
			m.Reloaded(true, epoch)
			m.Dropped(Spans, 1)
		}
	})
	for _, accept := range []string{asText, asOpenMetrics, asProtobuf} {
		wg.Go(func() {
			for range runs / 20 {
				w, r := httptest.NewRecorder(), httptest.NewRequest("GET", "/metrics", nil)
				r.Header.Set("Accept", accept)
				m.Handler().ServeHTTP(w, r)
				if w.Code != 200 {
					t.Errorf("scraping: %d %s", w.Code, w.Body)
				}
				_, _ = io.Copy(io.Discard, w.Body)
			}
		})
	}
	wg.Wait()
	all := series(t, m)
	if got := all["runs_total{flow=join,outcome=success,probe=join,trigger=schedule}"]; got != 4*runs {
		t.Errorf("%v runs counted of %d: a reload lost some", got, 4*runs)
	}
	if got := all["runs_total{flow=reconnect,outcome=success,probe=back,trigger=schedule}"]; got == 0 {
		t.Error("no reconnect counted")
	}
	if all["runs_in_flight{probe=join}"] != 0 || all["slo_events_total{flow=join,service=platform,slo=join-time-to-media}"] != 4*runs {
		t.Errorf("%v in flight, %v events", all["runs_in_flight{probe=join}"], all["slo_events_total{flow=join,service=platform,slo=join-time-to-media}"])
	}
}
