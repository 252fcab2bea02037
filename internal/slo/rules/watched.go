package rules

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/dark-tower/prober/internal/config"
	"github.com/dark-tower/prober/internal/slo"
)

// watched is what the daemon does on its own schedule.
type watched struct {
	probes     []config.Probe           // that it runs
	paused     bool                     // it has others, which it does not run
	objectives []slo.Objective          // of all of them
	judged     []slo.Objective          // of those that it runs
	every      map[string]time.Duration // between two runs, by the probe's name
}

func watch(cfg *config.Config) watched {
	w := watched{every: make(map[string]time.Duration)}
	for _, p := range cfg.Probes {
		lanes := cfg.LanesOf(p, config.Run)
		if len(lanes) == 0 {
			continue // it is the gate's alone
		}
		w.every[p.Name] = p.Every(lanes).D()
		objectives := slices.DeleteFunc(slo.Objectives(cfg), func(o slo.Objective) bool { return o.Probe != p.Name })
		w.objectives = append(w.objectives, objectives...)
		if p.Paused {
			w.paused = true
			continue
		}
		w.probes, w.judged = append(w.probes, p), append(w.judged, objectives...)
	}
	return w
}

// longest is the longest window of an objective.
func (w watched) longest() time.Duration {
	var d time.Duration
	for _, o := range w.objectives {
		d = max(d, o.Window)
	}
	return d
}

// only is the matcher for some of the probes; all of them need none.
func (w watched) only(probes []config.Probe) string {
	if len(probes) == len(w.probes) && !w.paused {
		return ""
	}
	names := make([]string, len(probes))
	for i, p := range probes {
		names[i] = p.Name
	}
	return match("probe", names...)
}

// overRuns joins what clause says over the window in which some five runs of a probe
// fit, 15 minutes at the least.
func (w watched) overRuns(clause func(window, only string) string) string {
	const least = 15 * time.Minute
	byWindow := make(map[time.Duration][]config.Probe)
	for _, p := range w.probes {
		window := max(least, (5 * w.every[p.Name]).Round(time.Minute))
		byWindow[window] = append(byWindow[window], p)
	}
	var clauses []string
	for _, d := range slices.SortedFunc(maps.Keys(byWindow), cmp.Compare) {
		clauses = append(clauses, clause(duration(d), w.only(byWindow[d])))
	}
	return strings.Join(clauses, "\nor\n")
}
