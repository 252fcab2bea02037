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
		slis[OneWayLatency] = sliKind{threshold: true}
		slis[RelayShare] = sliKind{threshold: true}
		slis[DeliveryRatio] = sliKind{}
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

// objectives checks that the objectives of a probe can be meant.
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
