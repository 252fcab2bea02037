package metrics

import (
	"slices"
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/internal/config"
	"github.com/dark-tower/prober/internal/slo"
)

const (
	traceA = "0af7651916cd43dd8448eb211c80319c"
	traceB = "4bf92f3577b34da6a3ce929d0e0e4736"
)

var epoch = time.Date(2024, 1, 2, 3, 4, 5, 0, time.UTC)

// shipped is the configuration that the prober comes with.
func shipped(t testing.TB) []Probe {
	t.Helper()
	cfg, err := config.Load("../../../probes.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var out []Probe
	for _, p := range cfg.Probes {
		m := Probe{Name: p.Name, Flow: p.Flow, Interval: p.Interval.D()}
		if p.Reconnect != nil {
			m.Disconnect = p.Reconnect.Disconnect
		}
		for _, o := range slo.Objectives(cfg) {
			if o.Probe == p.Name {
				m.Objectives = append(m.Objectives, Objective{Name: o.Name, Probe: o.Probe, Flow: o.Flow, Service: o.Service, SLI: string(o.SLI), Target: o.Target,
					Threshold: o.Threshold, Interval: o.Interval, Window: o.Window, Role: string(o.Role)})
			}
		}
		out = append(out, m)
	}
	return out
}

// one is one probe of each flow.
func one() []Probe {
	return []Probe{
		{Name: "join", Flow: flows.Join, Interval: 15 * time.Second, Objectives: []Objective{{Name: "join-time-to-media", Probe: "join",
			Flow: flows.Join, Service: "platform", Target: .95, Threshold: 2 * time.Second, Interval: 15 * time.Second, Window: 720 * time.Hour, Role: "warn"}}},
		{Name: "media", Flow: flows.Media, Interval: 30 * time.Second},
		{Name: "back", Flow: flows.Reconnect, Disconnect: flows.CutClean, Interval: time.Minute},
		{Name: "sign-in", Flow: flows.SignIn, Interval: time.Minute},
	}
}

// fresh are metrics at a known time, with these probes.
func fresh(probes ...Probe) *Metrics {
	m := New(Build{Version: "1.2.3", Revision: "abc"})
	m.now = func() time.Time { return epoch }
	m.Apply(probes)
	return m
}

// joined is a successful join run.
func joined() flows.Run {
	return flows.Run{Probe: "join", Flow: flows.Join, Trigger: flows.Scheduled, TraceID: traceA, Started: epoch, Duration: 1200 * time.Millisecond,
		Outcome: flows.Success, TimeToMedia: new(800 * time.Millisecond),
		Steps: []flows.StepResult{
			{Step: flows.StepSignIn, Actor: flows.ActorAnchor, Duration: time.Second},
			{Step: flows.StepGCAssign, Actor: flows.ActorAnchor, Measured: true, Duration: 40 * time.Millisecond},
			{Step: flows.StepGCJoin, Actor: flows.ActorPerson, Measured: true, Duration: 30 * time.Millisecond, Phases: []flows.Phase{
				{Name: "connect", Duration: time.Millisecond}, {Name: "first_byte", Duration: 28 * time.Millisecond}, {Name: flows.PhaseRest, Duration: time.Millisecond}}},
			{Step: flows.StepFirstMedia, Actor: flows.ActorPerson, Measured: true, Duration: 60 * time.Millisecond},
		},
		Continuity: []flows.Continuity{{Hop: flows.MC, Result: flows.TraceContinued}},
		Connections: []flows.Connection{
			{Hop: flows.MC, CertificateUntil: epoch.Add(72 * time.Hour)}, {Hop: flows.MC, CertificateUntil: epoch.Add(48 * time.Hour)}, {Hop: flows.MC, CertificateUntil: epoch.Add(60 * time.Hour)}, {Hop: flows.MH}},
		Self:   flows.SelfEvidence{MaxLag: 3 * time.Millisecond},
		Leaves: flows.Leaves{Clean: 2},
	}
}

// talked is a successful media run with one pair of two clean frames and a tainted one.
func talked() flows.Run {
	return flows.Run{Probe: "media", Flow: flows.Media, Trigger: flows.Scheduled, TraceID: traceB, Started: epoch, Duration: 12 * time.Second, Outcome: flows.Success,
		Pairs: []flows.Pair{{From: "speaker 1", To: "speaker 2", Sent: 10, Delivered: 2, Late: 1, Duplicate: 4, Reordered: 5, LostSender: 1, LostUplink: 1, LostDownlink: 2,
			LostUnattributed: 1, Refused: 2, RefusedBy: map[string]int{"decrypt_failed": 2}, Muted: 6, MissedDue: 7, Tainted: 1,
			Jitter: 4 * time.Millisecond, LongestSilence: 70 * time.Millisecond, RelayShare: new(9 * time.Millisecond),
			Samples: []flows.Sample{{Latency: 30 * time.Millisecond}, {Latency: 90 * time.Millisecond, Tainted: true}, {Latency: 55 * time.Millisecond}}}},
		Leaves: flows.Leaves{Clean: 1, Unclean: 1},
	}
}

// returned is a successful reconnect run.
func returned() flows.Run {
	return flows.Run{Probe: "back", Flow: flows.Reconnect, Trigger: flows.Scheduled, Started: epoch, Duration: 4 * time.Second, Outcome: flows.Success,
		Restoration: &flows.Restoration{Disconnect: flows.CutClean, Restored: true, TimeToRestore: 700 * time.Millisecond,
			ReturnerSilence: 720 * time.Millisecond, StayerSilence: 650 * time.Millisecond}}
}

// failed turns a run into one that failed at the step that it did last.
func failed(run flows.Run, f flows.Failure) flows.Run {
	run.Failure, run.Outcome, run.TimeToMedia = &f, f.Outcome(), nil
	if run.Restoration != nil {
		run.Restoration = &flows.Restoration{Disconnect: run.Restoration.Disconnect}
	}
	return run
}

func gather(t testing.TB, m *Metrics) []*dto.MetricFamily {
	t.Helper()
	families, err := m.Gatherer().Gather()
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(families, func(f *dto.MetricFamily) bool { return !strings.HasPrefix(f.GetName(), Prefix) })
}

// series are all series of the prober's own, without its prefix: name{label=value,...}.
// A histogram is its number of observations.
func series(t testing.TB, m *Metrics) map[string]float64 {
	t.Helper()
	out := make(map[string]float64)
	for _, f := range gather(t, m) {
		for _, s := range f.Metric {
			out[strings.TrimPrefix(f.GetName(), Prefix)+labelled(s)] = value(s)
		}
	}
	return out
}

func labelled(m *dto.Metric) string {
	var pairs []string
	for _, l := range m.Label {
		pairs = append(pairs, l.GetName()+"="+l.GetValue())
	}
	if pairs == nil {
		return ""
	}
	return "{" + strings.Join(pairs, ",") + "}"
}

func value(m *dto.Metric) float64 {
	switch {
	case m.Counter != nil:
		return m.Counter.GetValue()
	case m.Gauge != nil:
		return m.Gauge.GetValue()
	}
	return float64(m.Histogram.GetSampleCount())
}

// moved are the series that differ from before, with their difference. Series that
// are not there before or after count as 0.
func moved(t testing.TB, m *Metrics, do func()) map[string]float64 {
	t.Helper()
	before := series(t, m)
	do()
	out := make(map[string]float64)
	for name, v := range series(t, m) {
		if d := v - before[name]; d != 0 {
			out[name] = d
		}
	}
	return out
}
