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

// Passed is a check of a platform that does what it should.
func Passed() page.Report {
	joins := of(Healthy(), "join")[40:]
	return page.Report{Version: "1.2.3", Platform: "devtest", At: Now, Verdict: page.Pass, Why: "both objectives are proved",
		Runs: append(joins, of(Healthy(), "media")[:1]...),
		Verdicts: []page.ObjectiveVerdict{
			verdict("join", "availability", 0.999, 0, page.Pass, 20, 0, 0.8609, 0.85),
			verdict("join", "time_to_media", 0.95, 2*time.Second, page.Pass, 20, 0, 0.8609, 0.8)}}
}

// Failed is a check of a platform whose MC refuses joins.
func Failed() page.Report {
	runs := of(Failing(), "join")[45:]
	lossy := of(Failing(), "media")
	availability := verdict("join", "availability", 0.999, 0, page.Fail, 15, 11, 0.05, 0.95)
	latency := verdict("media", "one_way_latency", 0.99, 150*time.Millisecond, page.Undecided, 0, 0, 0, 0)
	latency.Prove, latency.Proved, latency.Unknown = nil, nil, 1
	return page.Report{Version: "1.2.3", Platform: "devtest", At: Now, Verdict: page.Fail, Why: "join-availability: 11 of 15 runs were bad",
		Runs: append(append(runs, lossy[len(lossy)-1]), of(Failing(), "reconnect-clean")[12:]...), Verdicts: []page.ObjectiveVerdict{availability, latency}}
}
