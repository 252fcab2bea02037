package probe

import (
	"testing"
	"time"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/internal/config"
	"github.com/dark-tower/prober/internal/setup"
)

func TestALaneRestsUntilItsMeetingIsEmpty(t *testing.T) {
	abrupt := flows.Restoration{Disconnect: flows.CutAbrupt}
	resumed := flows.Restoration{Disconnect: flows.CutAbrupt, Resumed: true}
	clean := flows.Restoration{Disconnect: flows.CutClean}
	for _, tc := range []struct {
		name string
		lane time.Duration
		run  flows.Run
		want time.Duration
	}{
		{"everybody has left", 5 * time.Second, flows.Run{}, 5 * time.Second},
		{"a clean cut leaves nobody behind", time.Second, flows.Run{Restoration: &clean}, time.Second},
		{"somebody was cut off and given back", time.Second, flows.Run{Restoration: &resumed}, time.Second},
		{"somebody was cut off and replaced", time.Second, flows.Run{Restoration: &abrupt}, 45 * time.Second},
		{"somebody did not leave cleanly", time.Second, flows.Run{Leaves: flows.Leaves{Unclean: 1}}, 45 * time.Second},
		{"somebody else was there", time.Second, flows.Run{Failure: &flows.Failure{Hop: flows.Prober, Cause: flows.CauseLane}}, 45 * time.Second},
		{"the lane asks for more", time.Minute, flows.Run{Restoration: &abrupt}, time.Minute},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := Probe{Lanes: []config.Lane{{Name: "a", Rest: config.Duration(tc.lane)}},
				site: &setup.Site{Config: &config.Config{Platform: config.Platform{Ghost: config.Duration(45 * time.Second)}}}}
			if got := p.Rest("a", tc.run); got != tc.want {
				t.Errorf("rests for %v, want %v", got, tc.want)
			}
		})
	}
}
