package mh

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dark-tower/prober/internal/devstack/fault"
)

func TestARingPushesOutItsOldest(t *testing.T) {
	r := newRing[int](3)
	var evicted []int
	for i := range 5 {
		if old, full := r.push(i); full {
			evicted = append(evicted, old)
		}
	}
	if !slices.Equal(evicted, []int{0, 1}) {
		t.Errorf("pushed out %v, want [0 1]", evicted)
	}
	for want := 2; want < 5; want++ {
		if v, ok := r.tryPop(); !ok || v != want {
			t.Errorf("popped %d, %v, want %d", v, ok, want)
		}
	}
	if v, ok := r.tryPop(); ok {
		t.Errorf("popped %d from an empty ring", v)
	}
}

// gate is a connection that sends nothing until it is opened.
type gate struct {
	open chan struct{}

	mu   sync.Mutex // protects all following fields
	sent []byte     // first byte of each datagram
	at   []time.Time
}

func (g *gate) SendDatagram(b []byte) error {
	<-g.open
	g.mu.Lock()
	defer g.mu.Unlock()
	g.sent, g.at = append(g.sent, b[0]), append(g.at, time.Now())
	return nil
}

func newEgress(drops *[]Dropped) (*Server, *fault.Panel) {
	panel := new(fault.Panel)
	s := &Server{counts: newCounts(), faults: newFaults("mh-0", panel)}
	s.cfg.OnDrop = func(d Dropped) { *drops = append(*drops, d) }
	return s, panel
}

func frameFor(subscriber uint16, n byte) outgoing {
	return outgoing{bytes: []byte{n}, info: Forwarded{Sender: 1, Subscriber: subscriber, Sequence: uint32(n), Hop: uint32(n)}}
}

func TestASlowSubscriberLosesItsOldestFrames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var drops []Dropped
		s, _ := newEgress(&drops)
		g := &gate{open: make(chan struct{})}
		queue := newRing[outgoing](egressRing)
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { s.egressLoop(ctx, g, queue, nil) })

		push := func(n byte) {
			if old, full := queue.push(frameFor(2, n)); full {
				s.drop(old.dropped(EgressQueueOverflow))
			}
		}
		push(0) // taken by the loop, which now waits in SendDatagram
		synctest.Wait()
		for n := byte(1); n <= 10; n++ {
			push(n)
		}
		close(g.open)
		synctest.Wait()
		cancel()
		wg.Wait()
		if want := []byte{0, 3, 4, 5, 6, 7, 8, 9, 10}; !slices.Equal(g.sent, want) {
			t.Errorf("sent %v, want %v", g.sent, want)
		}
		if len(drops) != 2 || drops[0].Hop != 1 || drops[1].Hop != 2 || drops[0].Reason != EgressQueueOverflow || !drops[0].Relayed {
			t.Errorf("dropped %+v", drops)
		}
	})
}

func TestTheDelaySwitchHoldsFramesWithoutReordering(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var drops []Dropped
		s, panel := newEgress(&drops)
		open := make(chan struct{})
		close(open)
		g := &gate{open: open}
		queue := newRing[outgoing](egressRing)
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { s.egressLoop(ctx, g, queue, nil) })

		start := time.Now()
		panel.Set(fault.Faults{MH: fault.MH{Delay: time.Second}})
		queue.push(frameFor(2, 0))
		synctest.Wait()
		time.Sleep(100 * time.Millisecond)
		queue.push(frameFor(2, 1))
		synctest.Wait()
		panel.Set(fault.Faults{}) // a shorter delay must not let later frames overtake
		queue.push(frameFor(2, 2))
		time.Sleep(2 * time.Second)
		synctest.Wait()
		cancel()
		wg.Wait()
		if want := []byte{0, 1, 2}; !slices.Equal(g.sent, want) {
			t.Fatalf("sent %v, want %v", g.sent, want)
		}
		for i, want := range []time.Duration{1000, 1100, 1100} {
			if got := g.at[i].Sub(start); got != want*time.Millisecond {
				t.Errorf("frame %d left after %v, want %v", i, got, want*time.Millisecond)
			}
		}
	})
}

func TestSwitchesCountEachEdgeForItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var drops []Dropped
		s, panel := newEgress(&drops)
		panel.Set(fault.Faults{MH: fault.MH{DuplicateEvery: 2}})
		open := make(chan struct{})
		close(open)
		g := &gate{open: open}
		queue := newRing[outgoing](egressRing)
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { s.egressLoop(ctx, g, queue, nil) })
		for n := range byte(2) {
			queue.push(frameFor(2, n))
			queue.push(frameFor(3, 10+n))
		}
		synctest.Wait()
		cancel()
		wg.Wait()
		if want := []byte{0, 10, 1, 1, 11, 11}; !slices.Equal(g.sent, want) {
			t.Errorf("sent %v, want %v", g.sent, want)
		}
	})
}

func TestTheIngressQueueLosesItsOldestFrames(t *testing.T) {
	r := newRing[[]byte](ingressRing)
	lost := 0
	for n := range byte(20) {
		if old, full := r.push([]byte{n}); full {
			if int(old[0]) != lost {
				t.Errorf("lost %d, want the oldest, %d", old[0], lost)
			}
			lost++
		}
	}
	if lost != 20-ingressRing {
		t.Errorf("lost %d, want %d", lost, 20-ingressRing)
	}
}
