package link

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// rig is a direction without sockets, on a clock that is never late.
type rig struct {
	*way
	seed  uint64
	start time.Time
	told  []Packet  // fates, in order
	out   []arrival // what came out, in order
	fail  error     // of sending
}

type arrival struct {
	text  string
	after time.Duration
}

// play has packets go through a direction and checks what holds of every one.
func play(t *testing.T, cfg Config, script func(*rig)) *rig {
	t.Helper()
	r := &rig{seed: cfg.Seed}
	synctest.Test(t, func(t *testing.T) {
		r.start = time.Now()
		cfg := cfg.withDefaults()
		cfg.OnPacket = func(p Packet) { r.told = append(r.told, p) }
		r.way = newWay(Up, cfg.Spec.Up, newTimerAlarm(), &cfg)
		script(r)
		r.close()
		r.close() // twice is once
	})
	for _, p := range r.told {
		switch {
		case p.Fate != Forwarded:
			if !p.Due.IsZero() || !p.Out.IsZero() || !p.Gone.IsZero() {
				t.Errorf("a packet that was %s has left: %+v", p.Fate, p)
			}
		case !p.Out.Equal(p.Due) || p.Due.Before(p.In):
			t.Errorf("came after %v, was due after %v, left after %v", p.In.Sub(r.start), p.Due.Sub(r.start), p.Out.Sub(r.start))
		}
	}
	s := r.summary()
	ends := s.Out + s.Lost + s.Swallowed + s.Overtaxed + s.Crowded + s.Unsendable
	if ends != s.In+s.Duplicated || s.UnderWay != 0 || uint64(len(r.told)) != ends || s.Lateness.Max != 0 {
		t.Errorf("the counts do not add up: %d told, %+v", len(r.told), s)
	}
	return r
}

func (r *rig) flow(n uint64) *flow {
	f := newFlow(r.seed, Up, n)
	f.send = func(data []byte) error {
		if r.fail != nil {
			return r.fail
		}
		r.out = append(r.out, arrival{string(data), time.Since(r.start)})
		return nil
	}
	return f
}

func (r *rig) put(f *flow, text string) { r.bring(f, []byte(text), time.Now(), true) }

func (r *rig) want(t *testing.T, want ...arrival) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if !slices.Equal(r.out, want) {
		t.Errorf("came out: %v\nwant: %v", r.out, want)
	}
}

func up(text string) Config {
	s, err := Parse(text)
	if err != nil {
		panic(err)
	}
	return Config{Spec: s, Seed: 1}
}

const ms = time.Millisecond

func TestAPacketTakesTheDelay(t *testing.T) {
	play(t, up("delay=40ms"), func(r *rig) {
		f := r.flow(0)
		r.put(f, "a")
		time.Sleep(10 * ms)
		r.put(f, "b")
		time.Sleep(time.Second)
		r.put(f, "c")
		time.Sleep(time.Second)
		r.want(t, arrival{"a", 40 * ms}, arrival{"b", 50 * ms}, arrival{"c", 1050 * ms})
	})
}

func TestAPerfectLinkSendsAtOnce(t *testing.T) {
	play(t, up(""), func(r *rig) {
		r.put(r.flow(0), "a")
		r.want(t, arrival{"a", 0})
	})
}

func TestTheDelayCountsFromTheArrivalNotFromTheReading(t *testing.T) {
	play(t, up("delay=40ms"), func(r *rig) {
		in := time.Now()
		time.Sleep(15 * ms)
		r.bring(r.flow(0), []byte("a"), in, true)
		time.Sleep(time.Second)
		r.want(t, arrival{"a", 40 * ms})
	})
}

func TestJitterVariesTheDelayAndKeepsTheOrder(t *testing.T) {
	r := play(t, up("delay=40ms jitter=10ms"), func(r *rig) {
		f := r.flow(0)
		for i := range 500 {
			r.put(f, fmt.Sprint(i))
			time.Sleep(ms)
			if i > 250 { // far enough apart for nobody to be in the way
				time.Sleep(50 * ms)
			}
		}
		time.Sleep(time.Second)
	})
	var least, most time.Duration = time.Hour, 0
	for i, p := range r.told {
		if p.Number != uint64(i) {
			t.Fatalf("packet %d left in place %d", p.Number, i)
		}
		took := p.Out.Sub(p.In)
		least, most = min(least, took), max(most, took)
	}
	if least < 30*ms || least > 31*ms || most > 50*ms || most < 49*ms {
		t.Errorf("took %v to %v, want about 30 to 50 ms", least, most)
	}
}

func TestAReorderedPacketLeavesBehindItsSuccessor(t *testing.T) {
	play(t, up("delay=40ms reorder=100%"), func(r *rig) {
		f := r.flow(0)
		for _, text := range []string{"a", "b", "c", "d", "e"} {
			r.put(f, text)
			time.Sleep(20 * ms)
		}
		time.Sleep(time.Second)
		// One at a time is held back; e has no successor.
		r.want(t, arrival{"b", 60 * ms}, arrival{"a", 60 * ms}, arrival{"d", 100 * ms}, arrival{"c", 100 * ms}, arrival{"e", 220 * ms})
	})
}

func TestAReorderedPacketWaitsForItsOwnClientOnly(t *testing.T) {
	play(t, up("reorder=100%"), func(r *rig) {
		r.put(r.flow(0), "a")
		r.put(r.flow(1), "b")
		time.Sleep(time.Second)
		r.want(t, arrival{"a", 100 * ms}, arrival{"b", 100 * ms})
	})
}

func TestADuplicateLeavesBehindItsOriginal(t *testing.T) {
	r := play(t, up("delay=1ms dup=100%"), func(r *rig) {
		r.put(r.flow(0), "a")
		time.Sleep(time.Second)
		r.want(t, arrival{"a", ms}, arrival{"a", ms})
	})
	if r.told[0].Copy || !r.told[1].Copy || r.told[0].Number != r.told[1].Number {
		t.Errorf("told: %+v", r.told)
	}
}

func TestTheRateSpacesPacketsAndItsQueueIsBounded(t *testing.T) {
	r := play(t, up("rate=8kbit queue=250ms delay=10ms"), func(r *rig) {
		a, b := r.flow(0), r.flow(1)
		for i := range 3 { // 100 bytes take 100 ms, whoever they are of
			r.put(a, fmt.Sprintf("a%099d", i))
			r.put(b, fmt.Sprintf("b%099d", i))
		}
		time.Sleep(10 * time.Second)
		r.put(a, "late") // what was not used is not saved up
		time.Sleep(time.Second)
	})
	var left []string
	for _, a := range r.out {
		left = append(left, fmt.Sprintf("%s%s %v", a.text[:1], a.text[len(a.text)-1:], a.after))
	}
	if want := []string{"a0 110ms", "b0 210ms", "a1 310ms", "le 10.014s"}; !slices.Equal(left, want) {
		t.Errorf("left: %v, want %v", left, want)
	}
	if s := r.summary(); s.Overtaxed != 3 {
		t.Errorf("%+v", s)
	}
}

func TestABlackHoleSwallowsWhatComesNotWhatIsUnderWay(t *testing.T) {
	play(t, up("delay=40ms"), func(r *rig) {
		f := r.flow(0)
		r.put(f, "before")
		r.set(Conditions{BlackHole: true})
		r.put(f, "in the dark")
		time.Sleep(time.Second)
		r.set(Conditions{})
		r.put(f, "after")
		r.want(t, arrival{"before", 40 * ms}, arrival{"after", time.Second})
	})
}

func TestChangedConditionsHoldForWhatComesLaterWhichMayOvertake(t *testing.T) {
	play(t, up("delay=80ms"), func(r *rig) {
		f := r.flow(0)
		r.put(f, "slow")
		time.Sleep(10 * ms)
		r.set(Conditions{Delay: 5 * ms})
		r.put(f, "fast")
		time.Sleep(time.Second)
		r.want(t, arrival{"fast", 15 * ms}, arrival{"slow", 80 * ms})
	})
}

func TestSparedPacketsAreDelayedAndNothingElse(t *testing.T) {
	cfg := up("delay=10ms loss=100%")
	cfg.Spare = func(payload []byte) bool { return len(payload) < 3 }
	r := play(t, cfg, func(r *rig) {
		f := r.flow(0)
		r.put(f, "ab")
		r.put(f, "abc")
		r.set(Conditions{Reorder: 1, Duplicate: 1})
		r.put(f, "cd")
		time.Sleep(time.Second)
		r.want(t, arrival{"cd", 0}, arrival{"ab", 10 * ms})
	})
	if s := r.summary(); s.Lost != 1 || s.Duplicated+s.Reordered != 0 {
		t.Errorf("%+v", s)
	}
}

func TestWhatIsUnderWayIsBounded(t *testing.T) {
	cfg := up("delay=1s")
	cfg.MaxPackets = 2
	r := play(t, cfg, func(r *rig) {
		f := r.flow(0)
		for _, text := range []string{"a", "b", "c"} {
			r.put(f, text)
		}
		time.Sleep(2 * time.Second)
		r.put(f, "d") // under way when the link ends
	})
	if s := r.summary(); s.Crowded != 1 || s.Unsendable != 1 || s.Out != 2 {
		t.Errorf("%+v", s)
	}
}

func TestWhatTheSystemDoesNotTakeIsUnsendable(t *testing.T) {
	r := play(t, up(""), func(r *rig) {
		r.fail = errors.New("no buffer space")
		r.put(r.flow(0), "a")
	})
	if s := r.summary(); s.Unsendable != 1 || r.told[0].Fate != Unsendable {
		t.Errorf("%+v", s)
	}
}

// lossOf returns which of n packets of a client are lost, with packets of another
// client in between if busy.
func lossOf(t *testing.T, cfg Config, nth uint64, n int, busy bool) []bool {
	lost := make([]bool, n)
	r := play(t, cfg, func(r *rig) {
		f, other := r.flow(nth), r.flow(nth+1)
		for range n {
			if busy {
				r.put(other, "other")
			}
			r.put(f, "this")
			time.Sleep(ms)
		}
		time.Sleep(time.Second)
	})
	for _, p := range r.told {
		if p.Size == len("this") && p.Fate == Lost {
			lost[p.Number] = true
		}
	}
	return lost
}

func TestTheSameSeedGivesTheSameLuck(t *testing.T) {
	const n = 400
	cfg := up("loss=20%")
	first := lossOf(t, cfg, 3, n, false)
	if again := lossOf(t, cfg, 3, n, true); !slices.Equal(first, again) {
		t.Error("another client's packets change the luck")
	}
	harsher := lossOf(t, up("loss=30% delay=20ms jitter=3ms reorder=10% dup=10%"), 3, n, false)
	for i := range first {
		if first[i] && !harsher[i] {
			t.Error("other conditions change the luck")
			break
		}
	}
	if slices.Equal(first, lossOf(t, cfg, 4, n, false)) {
		t.Error("two clients have the same luck")
	}
	cfg.Seed++
	if slices.Equal(first, lossOf(t, cfg, 3, n, false)) {
		t.Error("two seeds give the same luck")
	}
}

func TestSharesAreWhatWasAskedFor(t *testing.T) {
	const n = 20000
	r := play(t, up("loss=5% dup=3% reorder=2%"), func(r *rig) {
		f := r.flow(0)
		for range n {
			r.put(f, "x")
			time.Sleep(ms)
		}
		time.Sleep(time.Second)
	})
	s := r.summary()
	for _, c := range []struct {
		name string
		got  uint64
		want float64
	}{{"lost", s.Lost, 0.05}, {"duplicated", s.Duplicated, 0.95 * 0.98 * 0.03}, {"reordered", s.Reordered, 0.95 * 0.02}} {
		if share := float64(c.got) / n; share < 0.8*c.want || share > 1.2*c.want {
			t.Errorf("%s: %.4f of all, want about %.4f", c.name, share, c.want)
		}
	}
}

func TestNothingGetsLostInTheWorstOfLinks(t *testing.T) {
	r := play(t, up("delay=30ms jitter=30ms loss=10% dup=20% reorder=30% rate=100kbit queue=50ms"), func(r *rig) {
		var flows []*flow
		for n := range uint64(3) {
			flows = append(flows, r.flow(n))
		}
		for i := range 3000 {
			r.put(flows[i%3], fmt.Sprintf("%020d", i))
			switch i {
			case 1000:
				r.set(Conditions{Delay: ms, Reorder: 0.5})
			case 2000:
				r.set(Conditions{BlackHole: true})
			case 2100:
				r.set(Conditions{Delay: 50 * ms, Jitter: 50 * ms, Duplicate: 0.5})
			}
			time.Sleep(time.Duration(i%7) * ms)
		}
		time.Sleep(time.Second)
	})
	seen := map[string]int{}
	for _, p := range r.told {
		seen[fmt.Sprint(p.Number, p.Copy)]++
	}
	if len(r.out) != int(r.summary().Out) || len(seen) < 1000 {
		t.Errorf("%d came out, %d of %+v", len(r.out), len(seen), r.summary())
	}
}

func TestLatenessQuantilesAreExactToAnEighth(t *testing.T) {
	var l latenessCount
	if l.summary() != (Lateness{}) {
		t.Error("no packets, and yet late")
	}
	for i := range 1000 {
		l.note(time.Duration(i+1) * time.Microsecond)
	}
	l.note(-time.Second)
	s := l.summary()
	for _, c := range []struct{ got, want time.Duration }{{s.P50, 500 * time.Microsecond}, {s.P99, 990 * time.Microsecond}, {s.Max, time.Millisecond}} {
		if c.got < c.want || c.got > c.want+c.want/7 {
			t.Errorf("got %v, want %v", c.got, c.want)
		}
	}
	for v := range uint64(1 << 14) {
		if b := bin(v); upper(b) < v || b > 0 && upper(b-1) >= v {
			t.Fatalf("%d is in bin %d, up to %d", v, b, upper(b))
		}
	}
}
