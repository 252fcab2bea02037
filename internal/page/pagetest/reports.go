package pagetest

import (
	"time"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/internal/page"
)

func verdict(probe, indicator string, target float64, threshold time.Duration, v page.Verdict, events, bad int, proved, prove float64) page.ObjectiveVerdict {
	return page.ObjectiveVerdict{Objective: probe + "-" + indicator, Probe: probe, Indicator: indicator, Target: target, Threshold: threshold,
		Verdict: v, Events: events, Bad: bad, Proved: &proved, Prove: &prove, Confidence: 0.95}
}

func of(w World, probe string) []flows.Run {
	var out []flows.Run
	for _, f := range w.Runs {
		if f.Run.Probe == probe {
			f.Run.Trigger = flows.OnDemand
			out = append(out, f.Run)
		}
	}
	return out
}

// aside is an objective that decides nothing.
func aside(probe, indicator string, target float64, threshold time.Duration, events, bad int, text string) page.ObjectiveVerdict {
	return page.ObjectiveVerdict{Objective: probe + "-" + indicator, Probe: probe, Indicator: indicator, Target: target, Threshold: threshold,
		Events: events, Bad: bad, Text: text}
}

// Passed is a check of a platform that does what it should.
func Passed() page.Report {
	joins := of(Healthy(), "join")[40:]
	return page.Report{Version: "1.2.3", Platform: "devtest", At: Now, Verdict: page.Pass, Why: "2 objectives proved in 5m",
		Runs: append(joins, of(Healthy(), "media")[:1]...),
		Verdicts: []page.ObjectiveVerdict{
			verdict("join", "availability", 0.999, 0, page.Pass, 20, 0, 0.8609, 0.85),
			verdict("join", "time_to_media", 0.95, 2*time.Second, page.Pass, 20, 0, 0.8609, 0.8)},
		Aside: []page.ObjectiveVerdict{aside("join", "gc_join", 0.99, 500*ms, 20, 0, "")}}
}

// Failed is a check of a platform whose MC refuses joins.
func Failed() page.Report {
	runs := of(Failing(), "join")[45:]
	lossy := of(Failing(), "media")
	availability := verdict("join", "availability", 0.999, 0, page.Fail, 15, 11, 0, 0.95)
	availability.Proved, availability.Text = nil, "2 bad of 46 is more than chance at a target of 99.9 %\nfailure: hop mc, step mc_connect, unavailable (11 runs)"
	latency := verdict("media", "one_way_latency", 0.99, 150*ms, page.Undecided, 0, 0, 0, 0.8)
	latency.Proved, latency.Unknown, latency.Text = nil, 1, "1 run could not be judged"
	return page.Report{Version: "1.2.3", Platform: "devtest", At: Now, Verdict: page.Fail, Why: "join-availability is missed",
		Runs: append(append(runs, lossy[len(lossy)-1]), of(Failing(), "reconnect-clean")[12:]...), Verdicts: []page.ObjectiveVerdict{availability, latency},
		Aside: []page.ObjectiveVerdict{aside("join", "time_to_media", 0.95, 2*time.Second, 15, 11, ""),
			aside("media", "delivery_ratio", 0.995, 0, 1, 1, "872/1000 frames good in 1 run, 1 with bad ones, each run being one observation")}}
}

// Open is a check of too few runs.
func Open() page.Report {
	open := verdict("join", "availability", 0.999, 0, page.Undecided, 3, 0, 0.3684, 0.9)
	open.Text = "needs ≥ 90 %, which 29 runs would prove with no more bad"
	impossible := verdict("join", "time_to_media", 0.95, 2*time.Second, page.Undecided, 3, 0, 0.3684, 0)
	impossible.Prove, impossible.Text = nil, "there is nothing to prove, and so no pass"
	return page.Report{Version: "1.2.3", Platform: "devtest", At: Now, Verdict: page.Undecided,
		Why: "join-availability, join-time_to_media are neither proved nor missed", Runs: of(Healthy(), "join")[57:],
		Verdicts: []page.ObjectiveVerdict{open, impossible}}
}

// Ungated is a check that judges no objective.
func Ungated() page.Report {
	joins := of(Healthy(), "join")
	return page.Report{Version: "1.2.3", Platform: "devtest", At: Now, Verdict: page.Pass, Why: "every run succeeded", Runs: joins[len(joins)-1:],
		Thresholds: map[string]time.Duration{"join": 2 * time.Second}}
}
