package config

import (
	"fmt"
	"reflect"
	"slices"

	"github.com/dark-tower/prober/flows"
)

// sliKind says what an SLI counts.
type sliKind struct {
	threshold bool // needs one: it is a duration
	perFrame  bool // its events are frames, not runs
}

// slisOf lists the SLIs of a flow.
func slisOf(f flows.Flow) map[SLI]sliKind {
	slis := map[SLI]sliKind{Availability: {}, RunDuration: {threshold: true}, TraceContinuity: {}, ACAvailability: {}}
	if f != flows.SignIn {
		slis[GCAvailability], slis[MCAvailability], slis[MHAvailability] = sliKind{}, sliKind{}, sliKind{}
	}
	switch f {
	case flows.Join:
		slis[TimeToMedia] = sliKind{threshold: true}
	case flows.Media:
		slis[OneWayLatency] = sliKind{threshold: true, perFrame: true}
		slis[RelayShare] = sliKind{threshold: true}
		slis[DeliveryRatio] = sliKind{perFrame: true}
		slis[Jitter] = sliKind{threshold: true}
		slis[LongestSilence] = sliKind{threshold: true}
	case flows.Reconnect:
		slis[TimeToRestore] = sliKind{threshold: true}
		slis[LongestSilence] = sliKind{threshold: true}
	}
	for _, step := range flows.StepsOf(f) {
		slis[SLI(step)] = sliKind{threshold: true}
	}
	return slis
}

func (d *decoder) objectives(path string, p *Probe) {
	known := slisOf(p.Flow)
	names := make([]string, 0, len(known))
	for sli := range known {
		names = append(names, string(sli))
	}
	slices.Sort(names)
	type key struct {
		sli       SLI
		threshold Duration
	}
	seen := make(map[key]int)
	for i, o := range p.Objectives {
		below := fmt.Sprintf("%s.objectives[%d]", path, i)
		kind, ok := known[o.SLI]
		if !ok && o.SLI != "" && p.Flow != "" {
			d.at(below+".sli", fmt.Sprintf("flow %s has no SLI %s", p.Flow, show(string(o.SLI))), didYouMean(string(o.SLI), names))
		}
		if ok && kind.threshold && o.Threshold == 0 {
			d.at(below, fmt.Sprintf("%s is a duration and needs to know which are good", o.SLI), "add a threshold, such as 2s")
		}
		if ok && !kind.threshold && o.Threshold != 0 {
			d.at(below+".threshold", fmt.Sprintf("%s is not a duration", o.SLI), "remove the threshold")
		}
		if at, twice := seen[key{o.SLI, o.Threshold}]; twice && o.SLI != "" {
			d.at(below, fmt.Sprintf("says the same as objectives[%d]", at), "remove one")
		}
		seen[key{o.SLI, o.Threshold}] = i
		d.judged(below, p, o)
		if ok && !kind.perFrame {
			d.coarse(below, p, o)
		}
	}
}

// judged refuses judgements that cannot be meant.
func (d *decoder) judged(path string, p *Probe, o Objective) {
	if p.Informational && o.Role != Inform && o.Role != "" {
		d.at(path+".role", "the probe is informational, and its objectives wake nobody", "set role: inform")
	}
	if o.Gate == nil {
		return
	}
	if p.Informational {
		d.at(path+".gate", "the probe is informational, and its objectives gate nothing", "remove the gate")
	}
	if o.Target > 0 && o.Gate.Prove >= o.Target {
		d.at(path+".gate.prove", fmt.Sprintf("%s is not below the target of %s", o.Gate.Prove, o.Target), "prove less than the target: a few runs cannot prove it")
	}
	if o.Gate.Confidence > 0 && o.Gate.Confidence < 0.5 {
		d.at(path+".gate.confidence", "is below 50%", "95% is usual")
	}
}

// coarse refuses an objective that one bad run nearly uses up: it can only be met or
// missed by chance.
func (d *decoder) coarse(path string, p *Probe, o Objective) {
	if o.AllowCoarse || o.Role == Inform || o.Target == 0 || o.Window == 0 || p.Interval == 0 {
		return
	}
	const most = 0.1
	allowed := (1 - float64(o.Target)) * float64(o.Window) / float64(p.Interval)
	if cost := 1 / allowed; cost > most {
		d.at(path+".target", fmt.Sprintf("one bad run of one every %s takes %.0f%% of the budget of %s over %s", p.Interval, 100*cost, o.Target, o.Window),
			"run more often, lower the target, set role: inform, or set allow_coarse: true")
	}
}

func valueOf[T any](p *T) reflect.Value { return reflect.ValueOf(p).Elem() }

// SLIs lists every SLI that some flow has, sorted.
func SLIs() []SLI {
	var all []SLI
	for _, f := range flows.Flows() {
		for sli := range slisOf(f) {
			if !slices.Contains(all, sli) {
				all = append(all, sli)
			}
		}
	}
	slices.Sort(all)
	return all
}
