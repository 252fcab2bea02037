package config

import (
	"fmt"
	"reflect"

	"go.yaml.in/yaml/v3"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/internal/slo/binomial"
	"github.com/dark-tower/prober/internal/slo/blocks"
)

// decode reads yes and no as well as how to judge.
func (g *Gate) decode(d *decoder, n *yaml.Node, path string, _ rules) bool {
	v := reflect.ValueOf(g).Elem()
	if n.Kind == yaml.MappingNode {
		return d.structure(n, v, path)
	}
	if n.Kind == yaml.ScalarNode {
		switch n.Value {
		case "yes", "true":
			d.presets(v)
			return true
		case "no", "false":
			g.off = true
			return true
		}
	}
	d.fail(n, path, "must be yes, no, or how to judge", "write yes, or name what differs, such as {prove: 90%, runs: 61}")
	return false
}

// gates takes away the gates that say no, and fills in what the others are to prove.
func (c *Config) gates(p *Probe) {
	for i := range p.Objectives {
		o := &p.Objectives[i]
		switch {
		case o.Gate == nil:
		case o.Gate.off:
			o.Gate = nil
		case o.Gate.Prove == 0 && o.Gate.Runs > 0 && o.Gate.Confidence >= 0.5 && o.Target > 0:
			o.Gate.Prove = usualProof(*o, c.EventsPerRun(*p, o.SLI) > 1)
		}
	}
}

// usualProof is what the runs of a gate can well prove: the highest share, of those
// that people would name, that a platform exactly at its target is shown to be good for
// in four of five checks. Runs whose events are judged in blocks have a quarter of them
// to spare for it. 0: there is none.
func usualProof(o Objective, inBlocks bool) Ratio {
	const often = 0.8
	runs, target, confidence := o.Gate.Runs, float64(o.Target), float64(o.Gate.Confidence)
	for _, prove := range []Ratio{0.95, 0.90, 0.85, 0.80, 0.75, 0.70, 0.60, 0.50} {
		switch {
		case prove >= o.Target:
		case inBlocks:
			if 4*blocks.CleanRuns(float64(prove), confidence) <= 3*runs {
				return prove
			}
		case binomial.AtMost(binomial.PassUpTo(runs, 1-float64(prove), confidence), runs, 1-target) >= often:
			return prove
		}
	}
	return 0
}

// gate refuses a verdict that can never be given, and warns of one that nobody gives.
func (a appraisal) gate(c *Config) {
	o, path := a.objective, a.path+".gate"
	g := o.Gate
	if g == nil || g.Runs == 0 || g.Confidence == 0 {
		return
	}
	switch {
	case a.probe.Flow == flows.SignIn:
		a.d.warn(path, "a check runs no probe of flow sign_in, so that none judges this", "remove the gate: every other flow signs in as well")
	case len(c.LanesOf(a.probe, Check)) == 0:
		a.d.warn(path, "the probe has no lane for checks, so that no check judges this", "add a lane with use: check to the probe, or remove the gate")
	case !everyFailureCounts(o.SLI) && !a.gatesFailures():
		a.d.warn(path, fmt.Sprintf("a run that fails too early has no event of %s, so that an outage would be inconclusive", o.SLI), "let an objective gate that every failed run is bad for, such as availability")
	}
	if g.Prove >= o.Target {
		a.d.at(path+".prove", fmt.Sprintf("%s is not below the target of %s", g.Prove, o.Target), "prove less than the target: a few runs cannot prove it")
		return
	}
	if g.Confidence < 0.5 {
		a.d.at(path+".confidence", "is below 50%", "95% is usual")
		return
	}
	prove, confidence := float64(g.Prove), float64(g.Confidence)
	need, _ := binomial.Runs(0, 1-prove, confidence)
	if c.EventsPerRun(a.probe, o.SLI) > 1 {
		need = blocks.CleanRuns(prove, confidence)
	}
	switch {
	case g.Prove == 0:
		a.d.at(path, fmt.Sprintf("%d runs prove nothing worth while of a target of %s", g.Runs, o.Target), "set more runs, or say with prove what a pass is to prove")
	case need > g.Runs:
		a.d.at(path+".runs", fmt.Sprintf("%d runs cannot prove %s with a confidence of %s, even if all are good", g.Runs, g.Prove, g.Confidence),
			fmt.Sprintf("set runs: %d, or prove less", need))
	}
}

// everyFailureCounts reports whether a failed run is bad for an SLI wherever it failed.
func everyFailureCounts(sli SLI) bool {
	switch sli {
	case Availability, RunDuration, TimeToMedia, TimeToRestore:
		return true
	}
	return false
}

// gatesFailures reports whether some objective of the probe gates that every failed run
// is bad for.
func (a appraisal) gatesFailures() bool {
	for _, o := range a.probe.Objectives {
		if o.Gate != nil && everyFailureCounts(o.SLI) {
			return true
		}
	}
	return false
}
