package daemon

import (
	"testing"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/internal/config"
	"github.com/dark-tower/prober/internal/probe"
)

// A run that ends after a reload counts for its probe, and not for another one that now
// has its name.
func TestARunBelongsToTheProbeItWasARunOf(t *testing.T) {
	in := func(p config.Probe) *member { return &member{Probe: &probe.Probe{Probe: p}} }
	c := &crew{members: map[string]*member{
		"join": in(config.Probe{Flow: flows.Join}),
		"back": in(config.Probe{Flow: flows.Reconnect, Reconnect: &config.Reconnect{Disconnect: flows.CutClean}}),
	}}
	cut := func(d flows.Disconnect) *flows.Restoration { return &flows.Restoration{Disconnect: d} }
	for name, x := range map[string]struct {
		run  flows.Run
		want bool
	}{
		"as it is":                        {flows.Run{Probe: "join", Flow: flows.Join}, true},
		"of a probe that was removed":     {flows.Run{Probe: "media", Flow: flows.Media}, false},
		"of another flow":                 {flows.Run{Probe: "join", Flow: flows.Media}, false},
		"cut off as it is now":            {flows.Run{Probe: "back", Flow: flows.Reconnect, Restoration: cut(flows.CutClean)}, true},
		"cut off in another way":          {flows.Run{Probe: "back", Flow: flows.Reconnect, Restoration: cut(flows.CutAbrupt)}, false},
		"that had come to no cut":         {flows.Run{Probe: "back", Flow: flows.Reconnect}, true},
		"that began nowhere, and says so": {flows.Run{Probe: "join"}, false},
	} {
		if got := c.owns(x.run); got != x.want {
			t.Errorf("a run %s: %t", name, got)
		}
	}
}
