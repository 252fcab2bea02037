package gate

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/dark-tower/prober/internal/config"
	"github.com/dark-tower/prober/internal/slo"
)

// usual is how long a run takes besides what its parameters say.
const usual = time.Second

// each is how long a run takes when all is well, and how long its lane then rests.
func (j *judged) each() (run, rest time.Duration) {
	for _, l := range j.Lanes {
		rest = max(rest, l.Rest.D())
	}
	return config.LeastDuration(j.Probe.Probe).D() + usual, rest
}

// fit is how many runs fit into a time, at least 1; without one, any number.
func (j *judged) fit(within time.Duration) int {
	const any = 1 << 30
	if within <= 0 {
		return any
	}
	run, rest := j.each()
	return max(1, int((within+rest)/(run+rest))*len(j.Lanes))
}

// expected is how long all of it takes when all is well.
func (g *Gate) expected() time.Duration {
	var longest, shared time.Duration
	for _, j := range g.probes {
		run, rest := j.each()
		n, lanes := time.Duration(j.planned), time.Duration(len(j.Lanes))
		longest = max(longest, (n+lanes-1)/lanes*(run+rest)-rest, (n-1)*j.gap+run)
		shared += g.room.busy(n*run, j.needs)
	}
	return max(longest, shared)
}

// Plan says what is going to be done, for people: a line for each probe, what is not
// going to be known, and how long all of it takes.
func (g *Gate) Plan() []string {
	var lines, hopeless []string
	for _, j := range g.probes {
		line := fmt.Sprintf("%s: up to %s on %s", j.Name, counted(j.planned, "run"), counted(len(j.Lanes), "lane"))
		if j.planned < j.wanted {
			line += fmt.Sprintf(", as no more of %d fit into %s", j.wanted, config.Duration(g.opts.For))
		}
		lines = append(lines, line)
		for _, c := range j.cases {
			if f := c.Finding(); f.Needs > f.Plan.Runs {
				hopeless = append(hopeless, fmt.Sprintf("%s cannot be proved by %s: %s takes %d", f.Objective.Name, counted(f.Plan.Runs, "run"), config.Ratio(f.Plan.Prove), f.Needs))
			}
		}
	}
	return slices.Concat(lines, g.leftOut, hopeless, []string{g.duration()})
}

func (g *Gate) duration() string {
	line := fmt.Sprintf("about %s when all is well, at most %s", config.Duration(g.expected().Round(time.Second)), config.Duration(g.runsAtMost().Round(time.Second)))
	if g.opts.For > 0 {
		line += fmt.Sprintf("; no run begins after %s", config.Duration(g.opts.For))
	}
	if g.opts.WarmUp > 0 {
		line += fmt.Sprintf("; before it, a warm-up of at most %s", config.Duration(g.warmUpAtMost().Round(time.Second)))
	}
	return line + "; a probe ends as soon as its verdicts stand"
}

// leaveOut notes what is not run, and the objectives that gate and are not judged.
func (g *Gate) leaveOut(gating map[string][]slo.Objective) {
	for _, t := range g.opts.Tasks {
		if !slices.ContainsFunc(g.probes, func(j *judged) bool { return j.Name == t.Probe.Name }) {
			g.leftOut = append(g.leftOut, t.Probe.Name+": not run, as none of its objectives gates")
		}
	}
	var names []string
	for _, objectives := range gating {
		for _, o := range objectives {
			names = append(names, o.Name)
		}
	}
	if len(names) > 0 {
		slices.Sort(names)
		g.leftOut = append(g.leftOut, "not judged, as their probes are not part of this check: "+strings.Join(names, ", "))
	}
}

func counted(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}
