package main

import (
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/dark-tower/prober/internal/link"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// eventually gives what depends on being alone on the machine a few tries.
func eventually(t *testing.T, try func() error) {
	t.Helper()
	const tries = 3
	for n := range tries {
		err := try()
		switch {
		case err == nil:
			return
		case n == tries-1:
			t.Fatal(err)
		default:
			t.Logf("once more: %v", err)
		}
	}
}

func TestLossesAreCountedOnTheLegOnWhichTheLinksLoseThem(t *testing.T) {
	spec, err := link.Parse("delay=3ms jitter=2ms up.loss=10% down.loss=15% reorder=5% dup=5%")
	if err != nil {
		t.Fatal(err)
	}
	var pairs []lossResult
	eventually(t, func() (err error) { // frames cannot be told apart when many come in one packet
		pairs, err = measureLoss(t.Context(), spec, 1500*time.Millisecond)
		return err
	})
	up, down := 0, 0
	for _, r := range pairs {
		if !r.agrees() {
			r.evidence.Latency, r.evidence.SendLateness, r.evidence.ReadLateness = nil, nil, nil
			t.Errorf("the prober says %+v; true is %d sent, %d lost before and %d after the relay", r.evidence, r.sent, r.up, r.down)
		}
		up += r.linkUp
		down += r.linkDown
	}
	if up == 0 || down == 0 {
		t.Errorf("the links lost %d and %d frames", up, down)
	}
}

func TestALatencyIsNeverLessThanTheTruth(t *testing.T) {
	one := link.Conditions{Delay: 5 * time.Millisecond}
	var r latencyResult
	eventually(t, func() (err error) {
		r, err = measureLatency(t.Context(), link.Spec{Up: one, Down: one}, time.Second)
		return err
	})
	if len(r.frames) < 10 {
		t.Fatalf("%d frames compared", len(r.frames))
	}
	const clocks = 100 * time.Microsecond // how exactly the kernel's clock is related to this process's
	for _, c := range r.frames {
		if c.sending < -clocks || c.receiving < -clocks || c.own < 0 || c.reported < 2*one.Delay-clocks || c.truth < 2*one.Delay {
			t.Errorf("%+v", c)
		}
		if sum := c.sending + c.receiving; sum != c.error() {
			t.Errorf("an error of %v has parts of %v", c.error(), sum)
		}
	}
}

func TestPhasesOfJoiningAreTheRoundTripsThatTheyMustTake(t *testing.T) {
	const delay, trip = 100 * time.Millisecond, 200 * time.Millisecond
	eventually(t, func() error {
		phases, err := measurePhases(t.Context(), delay)
		if err != nil {
			return err
		}
		for _, p := range phases {
			least := time.Duration(p.trips) * trip
			if p.took < least-trip/4 || p.took >= least+trip {
				err = offBeat{p}
			}
		}
		return err
	})
}

// offBeat is a phase that did not take as long as it must, which on a machine that
// has just stood still is nobody's fault.
type offBeat struct{ phase }

func (o offBeat) Error() string { return o.name + " took " + o.took.String() }

func TestOnlyPacketsWithFramesAreTakenForSuch(t *testing.T) {
	const frame = 236
	for size, want := range map[int]int{30: 0, 90: 0, frame + 22: 1, frame + 90: 1, 2*frame + 26: 2, 5*frame + 40: 5, 1300: 0} {
		if got := framesIn(size, frame); got != want {
			t.Errorf("%d frames in a packet of %d bytes, want %d", got, size, want)
		}
	}
}

func TestAnUnknownTableIsAnError(t *testing.T) {
	if err := run(t.Context(), time.Second, []string{"lateny"}); err == nil || !strings.Contains(err.Error(), "lateny") {
		t.Errorf("got %v", err)
	}
}
