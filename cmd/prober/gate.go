package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/dark-tower/prober/internal/check"
	"github.com/dark-tower/prober/internal/gate"
	"github.com/dark-tower/prober/internal/report"
	"github.com/dark-tower/prober/internal/setup"
	"github.com/dark-tower/prober/internal/slo"
)

// spread is how long the runs of each probe are spread over unless --for says more:
// what is asked all at once falls into one blip.
const spread = time.Minute

// gateFlagsOnly refuses flags of the gate without it.
func gateFlagsOnly(cmd *cobra.Command, f checkFlags) error {
	for _, name := range []string{"for", "warm-up", "inconclusive"} {
		if !f.gate && cmd.Flags().Changed(name) {
			return fmt.Errorf("--%s is for a gate; add --gate", name)
		}
	}
	if f.over < 0 || f.warmUp < 0 {
		return errors.New("--for and --warm-up are lengths of time, and not negative")
	}
	return nil
}

// takenFor is what an inconclusive verdict is taken for.
func (f checkFlags) takenFor() slo.Verdict {
	switch f.inconclusive {
	case "pass":
		return slo.Pass
	case "fail":
		return slo.Fail
	}
	return ""
}

// judge makes the runs of a gate; the result is nil when it could not begin.
func judge(cmd *cobra.Command, f checkFlags, site *setup.Site, tasks []check.Task, traces traces, progress *progress) (*checked, error) {
	ctx, complaints := cmd.Context(), cmd.ErrOrStderr()
	say := func(line string) { progress.Print(complaints, "prober: "+line) }
	o := gate.Options{Site: site, Tasks: tasks, For: f.over, WarmUp: f.warmUp, TakenFor: f.takenFor(), Tracer: traces.runs.Tracer(), OnRun: traces.keep,
		OnStand: standing(progress, complaints)}
	o.OnWarmUp = func(w report.WarmUp, over bool) {
		progress.Show(w.String())
		if over {
			say(w.String())
		}
	}
	if cmd.Flags().Changed("runs") {
		o.Runs = f.runs
	}
	if !cmd.Flags().Changed("for") && !f.devstack {
		o.Spread = spread
	}
	g, err := gate.New(o)
	if err != nil {
		return nil, err
	}
	res := &checked{cfg: site.Config, started: time.Now()}
	for _, line := range g.Plan() {
		say(line)
	}
	if f.warmUp > 0 {
		progress.Show("warm-up")
	}
	runs, judgement := g.Run(ctx)
	res.runs, res.judgement, res.code = runs, &judgement, judgement.ExitCode()
	return res, g.Close(context.WithoutCancel(ctx))
}

// standing shows how far a gate has come, and says of each probe when it has ended.
func standing(p *progress, w io.Writer) func([]gate.Stand) {
	var ended []string
	return func(stands []gate.Stand) {
		var now []string
		for _, s := range stands {
			bad := ""
			if s.Bad > 0 {
				bad = fmt.Sprintf(", %d not good", s.Bad)
			}
			switch {
			case !s.Done:
				now = append(now, fmt.Sprintf("%s %d of %d%s", s.Probe, s.Runs, max(s.Planned, s.Runs), bad))
			case !slices.Contains(ended, s.Probe):
				ended = append(ended, s.Probe)
				p.Print(w, fmt.Sprintf("prober: %s: ended after %s%s", s.Probe, count(s.Runs, "run"), bad))
			}
		}
		p.Show(strings.Join(now, "; "))
	}
}
