package metrics

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	dto "github.com/prometheus/client_model/go"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/internal/schedule"
)

func TestEverySeriesOfFreshMetricsIsThereAndZero(t *testing.T) {
	m := fresh(shipped(t)...)
	configured := []string{buildInfo, interval, since, sloInfo, sloObjective, sloThreshold, sloInterval, sloWindow}
	unknown := []string{certificateExpires, sloSLI, sloRemaining, sloConsumed, sloBurn, sloCoverage}
	there := make(map[string]bool)
	for name, v := range series(t, m) {
		family, _, _ := strings.Cut(name, "{")
		there[family] = true
		if slices.Contains(configured, family) != (v != 0) {
			t.Errorf("%s is %v from the start", name, v)
		}
	}
	for _, d := range Catalogue() {
		name := strings.TrimPrefix(d.Name, Prefix)
		if there[name] == slices.Contains(unknown, name) {
			t.Errorf("%s: is there: %v", name, there[name])
		}
	}
}

func TestASeriesIsThereForEachLegalFailureAndForNoOther(t *testing.T) {
	all := series(t, fresh(one()...))
	for _, p := range one() {
		legal := map[string]bool{fmt.Sprintf("failures_total{flow=%s,hop=prober,probe=%s,reason=self,step=none}", p.Flow, p.Name): true}
		for _, s := range flows.StepsOf(p.Flow) {
			for _, h := range flows.Hops() {
				for _, r := range flows.Reasons() {
					if flows.Legal(s, h, r) {
						legal[fmt.Sprintf("failures_total{flow=%s,hop=%s,probe=%s,reason=%s,step=%s}", p.Flow, h, p.Name, r, s)] = true
					}
				}
			}
		}
		for name := range all {
			if strings.HasPrefix(name, failuresTotal) && strings.Contains(name, "probe="+p.Name+",") {
				if !legal[name] {
					t.Errorf("%s cannot happen", name)
				}
				delete(legal, name)
			}
		}
		for name := range legal {
			t.Errorf("%s is missing", name)
		}
	}
}

// What a flow does not have must not look like something that has not happened yet.
func TestAFlowHasTheSeriesOfWhatItDoes(t *testing.T) {
	families := map[flows.Flow][]string{
		flows.Join:      {timeToMedia, leavesTotal},
		flows.Media:     {mediaLatency, mediaRelay, mediaJitter, mediaSilence, mediaFrames, mediaFramesRefused, leavesTotal},
		flows.Reconnect: {timeToRestore, mediaSilence, leavesTotal},
		flows.SignIn:    nil,
	}
	everybodys := []string{runsTotal, runDuration, failuresTotal, stepDuration, selfTainted, since, lastRun, lastSuccess,
		consecutiveFailures, interval, runsInFlight, runsSkipped, startDelay, backoffInterval}
	for _, p := range one() {
		p.Objectives = nil
		got := make(map[string]bool)
		for _, f := range gather(t, fresh(p)) {
			for _, s := range f.Metric {
				if labelOf(s, labelProbe) == p.Name {
					got[strings.TrimPrefix(f.GetName(), Prefix)] = true
				}
			}
		}
		want := append(slices.Clone(everybodys), families[p.Flow]...)
		slices.Sort(want)
		if g := slices.Sorted(maps.Keys(got)); !slices.Equal(g, want) {
			t.Errorf("flow %s has %v\nwant %v", p.Flow, g, want)
		}
	}
}

func TestAFlowHasThePhasesOfItsOwnSteps(t *testing.T) {
	n := 0
	for name := range series(t, fresh(Probe{Name: "sign-in", Flow: flows.SignIn})) {
		if strings.HasPrefix(name, stepPhaseDuration) {
			n++
			if !strings.Contains(name, "{flow=sign_in,") || !strings.Contains(name, "step=sign_in") {
				t.Errorf("signing in has no %s", name)
			}
		}
	}
	if n != 6 {
		t.Errorf("%d phases, want dns, connect, tls, first_byte, body and rest", n)
	}
}

func TestTheReasonsToSkipAreTheSchedulers(t *testing.T) {
	var want []string
	for _, r := range schedule.SkipReasons() {
		want = append(want, string(r))
	}
	got := SkipReasons()
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("%v, the scheduler has %v", got, want)
	}
}

func TestTheExpositionPassesTheLinter(t *testing.T) {
	m := fresh(append(shipped(t), one()[3])...)
	m.Observe(joined(), true)
	m.Observe(talked(), true)
	m.SetBudget("media-latency", Budget{SLI: new(.5), Consumed: new(2.), Remaining: new(-1.), Coverage: new(1.), Burn: map[string]float64{"1h": 3}})
	problems, err := testutil.GatherAndLint(m.Gatherer())
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

func TestWhatIsExposedIsWhatTheCatalogueSays(t *testing.T) {
	m := fresh(shipped(t)...)
	m.Observe(func() flows.Run { r := joined(); return r }(), true)
	for _, p := range shipped(t) {
		for _, o := range p.Objectives {
			m.SetBudget(o.Name, Budget{SLI: new(.5), Consumed: new(2.), Remaining: new(-1.), Coverage: new(1.), Burn: map[string]float64{"1h": 3}})
		}
	}
	said := make(map[string]Description)
	for _, d := range Catalogue() {
		if _, twice := said[d.Name]; twice {
			t.Errorf("%s is in the catalogue twice", d.Name)
		}
		said[d.Name] = d
		if d.Help == "" || d.Usage == "" || !strings.Contains(d.Usage, d.Name) {
			t.Errorf("%s: help %q, usage %q", d.Name, d.Help, d.Usage)
		}
		if (d.Type == Counter) != strings.HasSuffix(d.Name, "_total") {
			t.Errorf("%s is a %s", d.Name, d.Type)
		}
	}
	for _, f := range gather(t, m) {
		d := said[f.GetName()]
		delete(said, f.GetName())
		if want := strings.ToLower(f.GetType().String()); want != string(d.Type) {
			t.Errorf("%s is a %s, not a %s", f.GetName(), want, d.Type)
		}
		if f.GetHelp() != d.Help {
			t.Errorf("%s: help %q", f.GetName(), f.GetHelp())
		}
		want := slices.Sorted(slices.Values(d.Labels))
		for _, s := range f.Metric {
			var got []string
			for _, l := range s.Label {
				got = append(got, l.GetName())
			}
			if !slices.Equal(got, want) {
				t.Errorf("%s has labels %v, not %v", f.GetName(), got, want)
			}
			if h := s.Histogram; h != nil && (h.Schema != nil || len(h.Bucket) == 0) {
				t.Errorf("%s is not a classic histogram", f.GetName())
			}
		}
	}
	for name := range said {
		t.Errorf("%s is never exposed", name)
	}
}

// The platform's label conventions: matching is by component, and no value is long.
func TestNoLabelIsOneThatThePlatformForbids(t *testing.T) {
	forbidden := strings.Fields(`token bearer jwt password secret private signing authorization email phone name username address ip
		user agent device fingerprint raw country city latitude longitude geo meeting participant sender session slot stream key kek id hash`)
	m := fresh(shipped(t)...)
	m.Observe(joined(), true)
	for _, f := range gather(t, m) {
		for _, s := range f.Metric {
			for _, l := range s.Label {
				for _, part := range strings.Split(l.GetName(), "_") {
					if slices.Contains(forbidden, part) {
						t.Errorf("%s has label %s", f.GetName(), l.GetName())
					}
				}
				if len(l.GetValue()) > 64 {
					t.Errorf("%s has label %s=%q", f.GetName(), l.GetName(), l.GetValue())
				}
			}
		}
	}
}

// combinations counts label combinations per metric, and time series: a classic
// histogram is one for each edge, and +Inf, sum and count.
func combinations(t *testing.T, m *Metrics) (most int, metric string, all, timeseries int) {
	for _, f := range gather(t, m) {
		all += len(f.Metric)
		if len(f.Metric) > most {
			most, metric = len(f.Metric), f.GetName()
		}
		for _, s := range f.Metric {
			timeseries++
			if s.Histogram != nil {
				timeseries += len(s.Histogram.Bucket) + 2
			}
		}
	}
	return most, metric, all, timeseries
}

func TestTheNumberOfSeriesIsBounded(t *testing.T) {
	reconnect := Probe{Name: "reconnect", Flow: flows.Reconnect, Disconnect: flows.CutClean}
	for i := range 16 { // as many objectives as a probe may have, no threshold an edge
		reconnect.Objectives = append(reconnect.Objectives, Objective{Name: fmt.Sprint("o-", i), Probe: "reconnect", Flow: flows.Reconnect,
			Service: "platform", Threshold: time.Duration(1001+i) * time.Millisecond, Interval: time.Minute, Role: "warn"})
	}
	var largest []Probe
	for i := range 64 {
		p := reconnect
		p.Name, p.Objectives = fmt.Sprint("p-", i), slices.Clone(p.Objectives)
		for j := range p.Objectives {
			p.Objectives[j].Name = fmt.Sprint("o-", i, "-", j)
		}
		largest = append(largest, p)
	}
	for _, c := range []struct {
		name                  string
		probes                []Probe
		most, all, timeseries int
	}{
		{"as shipped", shipped(t), 1000, 1200, 7500},
		{"64 of the largest probes", largest, 7000, 32000, 90000},
	} {
		m := fresh(c.probes...)
		for _, p := range c.probes {
			for _, o := range p.Objectives {
				burn := make(map[string]float64)
				for _, w := range Windows() {
					burn[w] = 1
				}
				m.SetBudget(o.Name, Budget{SLI: new(.5), Consumed: new(2.), Remaining: new(-1.), Coverage: new(1.), Burn: burn})
			}
		}
		most, metric, all, timeseries := combinations(t, m)
		t.Logf("%s: %d probes, %d label combinations, %d of them of %s, %d time series", c.name, len(c.probes), all, most, metric, timeseries)
		if most > c.most || all > c.all || timeseries > c.timeseries {
			t.Errorf("%s: more than %d label combinations of one metric, %d in all, or %d time series", c.name, c.most, c.all, c.timeseries)
		}
	}
}

func labelOf(m *dto.Metric, name string) string {
	for _, l := range m.Label {
		if l.GetName() == name {
			return l.GetValue()
		}
	}
	return ""
}
