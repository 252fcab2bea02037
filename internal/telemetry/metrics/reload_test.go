package metrics

import (
	"maps"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/dark-tower/prober/flows"
)

func TestAReloadKeepsTheCountsOfWhatHasNotChanged(t *testing.T) {
	m := fresh(one()...)
	m.Observe(joined(), true)
	m.Observe(talked(), true)
	m.Events("join-time-to-media", 5, 2)
	before := series(t, m)
	m.now = func() time.Time { return epoch.Add(time.Hour) }
	m.Apply(one())
	if after := series(t, m); !maps.Equal(before, after) {
		t.Error("the same configuration moved something")
	}
}

func TestOtherThresholdsBeginTheHistogramsOfTheirProbeAnew(t *testing.T) {
	m := fresh(one()...)
	m.Observe(joined(), true)
	m.Observe(talked(), true)
	before := series(t, m)
	probes := one()
	probes[0].Thresholds = []time.Duration{1234 * time.Millisecond}
	m.Apply(probes)
	for name, v := range series(t, m) {
		mine := strings.Contains(name, "probe=join")
		latency := strings.HasPrefix(name, runDuration) || strings.HasPrefix(name, stepDuration) || strings.HasPrefix(name, timeToMedia)
		if want := before[name]; mine && latency && v != 0 || !(mine && latency) && v != want {
			t.Errorf("%s is %v and was %v", name, v, want)
		}
	}
	for _, family := range []string{runDuration, stepDuration, timeToMedia} {
		if !edgesOf(t, m, family, "join")[1.234] || edgesOf(t, m, family, "media")[1.234] {
			t.Errorf("%s: edges %v of join, %v of media", family, edgesOf(t, m, family, "join"), edgesOf(t, m, family, "media"))
		}
	}
}

func TestEveryThresholdOfTheConfigurationIsAnEdge(t *testing.T) {
	probes := shipped(t)
	m := fresh(probes...)
	n := 0
	for _, f := range gather(t, m) {
		for _, s := range f.Metric {
			if s.Histogram == nil || labelOf(s, labelProbe) == "" || f.GetName() == Prefix+startDelay {
				continue
			}
			edges := make(map[float64]bool)
			for _, b := range s.Histogram.Bucket {
				edges[b.GetUpperBound()] = true
			}
			for _, want := range []float64{.02, .05, .1, .15, .2, .35, .5, 1, 2, 5} {
				if !edges[want] {
					t.Errorf("%s has no edge at the platform's objective of %v", f.GetName(), want)
				}
			}
			for _, p := range probes {
				for _, o := range p.Objectives {
					if p.Name == labelOf(s, labelProbe) && o.Threshold > 0 {
						n++
						if !edges[o.Threshold.Seconds()] {
							t.Errorf("%s of %s has no edge at %v", f.GetName(), p.Name, o.Threshold)
						}
					}
				}
			}
		}
	}
	if n == 0 {
		t.Error("no threshold was looked for")
	}
}

func TestARemovedProbeTakesItsSeriesAlong(t *testing.T) {
	m := fresh(one()...)
	m.Apply(one()[1:])
	for name := range series(t, m) {
		if strings.Contains(name, "probe=join") || strings.Contains(name, "flow=join") || strings.Contains(name, "slo=join") {
			t.Errorf("%s is still there", name)
		}
	}
	m.Observe(joined(), true) // and its last run is nobody's
	m.Events("join-time-to-media", 1, 1)
	m.SetBudget("join-time-to-media", Budget{})
	m.Started("join", 0)
	m.Finished("join")
	m.Skipped("join", "overlap")
	m.BackedOff("join", time.Hour)
	m.Apply(one())
	for name, v := range series(t, m) {
		if v != 0 && strings.Contains(name, "probe=join") && !strings.HasPrefix(name, interval) && !strings.HasPrefix(name, since) && !strings.HasPrefix(name, sloInfo) {
			t.Errorf("%s is %v after its probe was added again", name, v)
		}
	}
}

func TestAProbeOfAnotherFlowIsAnotherProbe(t *testing.T) {
	m := fresh(one()...)
	m.Observe(returned(), false)
	probes := one()
	probes[2].Disconnect = flows.CutAbrupt
	m.Apply(probes)
	all := series(t, m)
	if all["runs_total{flow=reconnect,outcome=success,probe=back,trigger=schedule}"] != 0 {
		t.Error("the runs of another disconnect count on")
	}
	if _, there := all["time_to_restore_seconds{disconnect=clean,probe=back}"]; there {
		t.Error("the other disconnect is still there")
	}
	probes[2] = Probe{Name: "back", Flow: flows.Join}
	m.Apply(probes)
	if got := moved(t, m, func() { m.Observe(returned(), false) }); len(got) != 0 {
		t.Errorf("a run of the former flow moved %v", got)
	}
}

func TestTheSeriesOfAnObjective(t *testing.T) {
	probes := one()
	m := fresh(probes...)
	const of = "{flow=join,service=platform,slo=join-time-to-media}"
	m.Events("join-time-to-media", 7, 2)
	m.SetBudget("join-time-to-media", Budget{SLI: new(.9), Remaining: new(-.5), Consumed: new(1.5), Coverage: new(.25), Burn: map[string]float64{"5m": 20, "1h": 3}})
	all := series(t, m)
	for name, want := range map[string]float64{
		sloEvents + of: 7, sloBad + of: 2, sloObjective + of: .95, sloThreshold + of: 2, sloInterval + of: 15, sloWindow + of: 720 * 3600,
		sloSLI + of: .9, sloRemaining + of: -.5, sloConsumed + of: 1.5, sloCoverage + of: .25,
		"slo_info{flow=join,probe=join,role=warn,service=platform,slo=join-time-to-media}": 1,
		"slo_burn_rate{flow=join,service=platform,slo=join-time-to-media,window=5m}":       20,
		"slo_burn_rate{flow=join,service=platform,slo=join-time-to-media,window=1h}":       3,
	} {
		if got, there := all[name]; !there || got != want {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}

	m.SetBudget("join-time-to-media", Budget{SLI: new(math.NaN()), Consumed: new(math.Inf(1)), Burn: map[string]float64{"1h": 2, "7d": 1}})
	for name := range series(t, m) {
		for _, family := range []string{sloSLI, sloRemaining, sloConsumed, sloCoverage, sloBurn} {
			if strings.HasPrefix(name, family+"{") && !strings.HasSuffix(name, "window=1h}") {
				t.Errorf("%s is there, and not known", name)
			}
		}
	}

	probes[0].Objectives[0].Role, probes[0].Objectives[0].Target, probes[0].Objectives[0].Interval = "page", .99, 0
	m.Apply(probes)
	all = series(t, m)
	if all[sloEvents+of] != 7 || all[sloObjective+of] != .99 {
		t.Errorf("%v events, target %v", all[sloEvents+of], all[sloObjective+of])
	}
	if _, there := all["slo_info{flow=join,probe=join,role=warn,service=platform,slo=join-time-to-media}"]; there {
		t.Error("the former role is still there")
	}
	if _, there := all[sloInterval+of]; there {
		t.Error("an interval that is not known is there")
	}

	for what, change := range map[string]func(*Objective){
		"threshold": func(o *Objective) { o.Threshold += time.Second },
		"indicator": func(o *Objective) { o.SLI += "-of-something-else" },
	} {
		m.Events("join-time-to-media", 7, 2)
		change(&probes[0].Objectives[0])
		m.Apply(probes)
		if got := series(t, m)[sloEvents+of]; got != 0 {
			t.Errorf("%v events of another %s count on", got, what)
		}
	}
}

func TestTheSchedulesNews(t *testing.T) {
	m := fresh(one()...)
	m.Started("media", 20*time.Millisecond)
	m.Skipped("media", "overlap")
	m.BackedOff("media", 4*time.Minute)
	all := series(t, m)
	for name, want := range map[string]float64{"runs_in_flight{probe=media}": 1, "start_delay_seconds{probe=media}": 1,
		"runs_skipped_total{probe=media,reason=overlap}": 1, "backoff_interval_seconds{probe=media}": 240,
		"scheduled_since_timestamp_seconds{probe=media}": seconds(epoch), "interval_seconds{probe=media}": 30} {
		if all[name] != want {
			t.Errorf("%s is %v, want %v", name, all[name], want)
		}
	}
	m.Finished("media")
	m.Finished("media") // of a run from before the probe was added again
	m.Skipped("media", "odd")
	for _, recovered := range []time.Duration{30 * time.Second, 0} {
		m.BackedOff("media", 4*time.Minute)
		m.BackedOff("media", recovered)
		if got := series(t, m)["backoff_interval_seconds{probe=media}"]; got != 0 {
			t.Errorf("backing off by %v, at its own interval", got)
		}
	}
	all = series(t, m)
	if all["runs_in_flight{probe=media}"] != 0 || all["self_dropped_total{queue=observations}"] != 1 {
		t.Errorf("%v runs under way, %v observations lost", all["runs_in_flight{probe=media}"], all["self_dropped_total{queue=observations}"])
	}
}

func TestTheProcesssOwnNews(t *testing.T) {
	m := fresh()
	m.Reloaded(true, epoch)
	m.Reloaded(false, epoch.Add(time.Hour))
	m.Dropped(Spans, 4)
	m.Dropped("odd", 2)
	all := series(t, m)
	if all["config_last_reload_successful"] != 0 || all["config_last_reload_success_timestamp_seconds"] != seconds(epoch) {
		t.Errorf("reload: %v at %v", all["config_last_reload_successful"], all["config_last_reload_success_timestamp_seconds"])
	}
	if all["self_dropped_total{queue=spans}"] != 4 || all["self_dropped_total{queue=observations}"] != 2 {
		t.Errorf("dropped: %v spans, %v observations", all["self_dropped_total{queue=spans}"], all["self_dropped_total{queue=observations}"])
	}
}

func edgesOf(t *testing.T, m *Metrics, family, probe string) map[float64]bool {
	t.Helper()
	out := make(map[float64]bool)
	for _, f := range gather(t, m) {
		for _, s := range f.Metric {
			if f.GetName() == Prefix+family && labelOf(s, labelProbe) == probe {
				for _, b := range s.Histogram.Bucket {
					out[b.GetUpperBound()] = true
				}
			}
		}
	}
	return out
}
