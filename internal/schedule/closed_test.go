package schedule

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dark-tower/prober/flows"
)

func TestSkipReasonsAreAClosedSet(t *testing.T) {
	got := SkipReasons()
	want := []SkipReason{Overlap, Unavailable, Throttled, Saturated, Resting, Paused, Late}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestLanesOfRemovedProbesAreForgottenWhenTheyHaveRested(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(Options{Run: func(context.Context, Start) flows.Run { return flows.Run{Outcome: flows.Success} }})
		s.Apply([]Probe{{Name: "join", Fingerprint: "1", Lanes: []Lane{{"a", time.Minute}, {"b", time.Minute}}}}, Budget{})
		s.begin(t.Context())
		if _, err := s.Now(t.Context(), "join"); err != nil {
			t.Fatal(err)
		}
		s.Apply(nil, Budget{})
		if len(s.lanes) != 1 || s.lanes["a"] == nil {
			t.Errorf("while lane a rests: %v", s.lanes)
		}
		time.Sleep(time.Minute)
		s.Apply(nil, Budget{})
		if len(s.lanes) != 0 {
			t.Errorf("when it has rested: %v", s.lanes)
		}
	})
}
