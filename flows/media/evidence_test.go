package media_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/flows/media"
	"github.com/dark-tower/prober/flows/people"
	"github.com/dark-tower/prober/internal/devstack"
	"github.com/dark-tower/prober/internal/devstack/fault"
	"github.com/dark-tower/prober/internal/devstack/mh"
	"github.com/dark-tower/prober/internal/flowtest"
)

// books are what the handlers say they did with each frame, and when.
type books struct {
	mu        sync.Mutex // protects all following fields
	forwarded []entry
	dropped   []entry
}

type entry struct {
	at      time.Time
	sender  uint16
	relayed bool // lost behind the relay
	asked   bool // by a fault
}

func (b *books) hook(opts *devstack.Options) {
	opts.OnForward = func(f mh.Forwarded) {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.forwarded = append(b.forwarded, entry{at: time.Now(), sender: f.Sender})
	}
	opts.OnDrop = func(d mh.Dropped) {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.dropped = append(b.dropped, entry{time.Now(), d.Sender, d.Relayed, d.Reason == mh.Injected})
	}
}

// account is what became of one sender's frames at the handlers between two moments.
type account struct{ forwarded, before, behind, unasked int }

func (b *books) account(sender uint16, from, to time.Time) account {
	b.mu.Lock()
	defer b.mu.Unlock()
	inside := func(e entry) bool { return e.sender == sender && !e.at.Before(from) && e.at.Before(to) }
	var a account
	for _, e := range b.forwarded {
		if inside(e) {
			a.forwarded++
		}
	}
	for _, e := range b.dropped {
		switch {
		case !inside(e):
		case !e.asked:
			a.unasked++
		case e.relayed:
			a.behind++
		default:
			a.before++
		}
	}
	return a
}

// edge is how many frames a count may be off by: those that were on their way when
// the window, or the fault, began and ended.
const edge = 2

func near(got, want int) bool { return within(got, want, edge) }

// nearBooks compares with counts that were taken by the clock, not by due times: the
// later frames were, the more were on their way.
func nearBooks(p flows.Pair, got, want int) bool {
	return within(got, want, edge+int((p.Latency.Max+p.SendLateness.Max)/(20*time.Millisecond)))
}

// unlessStarved skips what is to be measured on a machine that was too busy for it,
// by the senders' own lateness.
func unlessStarved(t *testing.T, run flows.Run) {
	t.Helper()
	for _, p := range run.Pairs {
		if l := p.SendLateness; l.P95 > 30*time.Millisecond || l.Max > 150*time.Millisecond {
			t.Skipf("the machine is too busy: frames were sent up to %v late", l.Max)
		}
	}
}

func within(got, want, by int) bool { return got >= want-by && got <= want+by }

// TestWhatTheEvidenceSays bends the relay in every way and compares the evidence
// with the relay's own books.
func TestWhatTheEvidenceSays(t *testing.T) {
	t.Parallel()
	const window = 1200 * time.Millisecond
	b := &books{}
	var opts devstack.Options
	b.hook(&opts)
	p := flowtest.Start(t, flowtest.Options{Stack: opts})
	script := func(stage *people.Stage) flows.Script {
		return &media.Flow{Stage: stage, Duration: window, Settle: 500 * time.Millisecond}
	}
	// each compares one pair with the books of the window.
	each := func(check func(t *testing.T, p flows.Pair, books account)) func(*testing.T, flows.Run) {
		return func(t *testing.T, run flows.Run) {
			t.Helper()
			pairs(2)(t, run)
			unlessStarved(t, run)
			var from time.Time
			for _, s := range run.Steps {
				if s.Step == flows.StepTalk {
					from = s.Started
				}
			}
			for i, p := range run.Pairs {
				// Speakers are given sender ids in the order in which they come.
				sender := uint16(1)
				if p.From == flows.Actor(2) {
					sender = 2
				}
				books := b.account(sender, from, from.Add(window))
				if books.unasked > 0 {
					t.Logf("the relay lost %d frames by itself", books.unasked)
				}
				if lost := p.LostUplink + p.LostDownlink + p.LostUnattributed; !nearBooks(p, lost, books.before+books.behind+books.unasked) {
					t.Errorf("pair %d: %d frames lost, the books say %+v", i, lost, books)
				}
				if p.SendLateness.Count != p.Sent {
					t.Errorf("pair %d: %d frames sent, %d times late or on time", i, p.Sent, p.SendLateness.Count)
				}
				check(t, p, books)
			}
		}
	}
	whole := func(t *testing.T, p flows.Pair) {
		t.Helper()
		if p.LostSender+p.LostUplink+p.LostDownlink+p.LostUnattributed > edge || p.Refused > 0 {
			t.Errorf("frames are missing: %+v", brief(p))
		}
	}
	var lossy []flowtest.Row // one handler at a time
	urls := slices.Sorted(slices.Values(p.HandlerURLs))
	for i, id := range p.HandlerIDs {
		number := slices.Index(urls, p.HandlerURLs[i]) + 1
		lossy = append(lossy, flowtest.Row{
			Name: fmt.Sprintf("lost behind handler %d only", number), Want: flowtest.Green(),
			Bend: toMH(fault.MH{Only: id, LoseEgressEvery: 5}), At: talk, Look: each(func(t *testing.T, p flows.Pair, books account) {
				here := 0
				for _, l := range p.LostAt {
					if l.Handler == number {
						here = l.Downlink
					}
				}
				if !nearBooks(p, here, books.behind) || p.LostDownlink-here > books.unasked {
					t.Errorf("%+v, the books say %+v", brief(p), books)
				}
			})})
	}
	p.Rows(t, flows.Media, script, slices.Concat(lossy, []flowtest.Row{
		{Name: "all is well", Want: flowtest.Green(), Look: each(func(t *testing.T, p flows.Pair, books account) {
			whole(t, p)
			if !near(p.Delivered, p.Sent) || !nearBooks(p, books.forwarded, p.Sent) || p.Duplicate > 0 || p.Late > edge {
				t.Errorf("%+v, the books say %+v", brief(p), books)
			}
			if p.Latency.P50 <= 0 || p.Latency.P50 > p.Latency.P99 || p.RelayShare == nil || *p.RelayShare > p.Latency.P50 {
				t.Errorf("latency %+v, relay's share %v", p.Latency, p.RelayShare)
			}
			if p.Tainted > 0 {
				t.Errorf("%d samples tainted without a watch", p.Tainted)
			}
		})},
		{Name: "lost before the relay", Bend: toMH(fault.MH{LoseIngressEvery: 10}), At: talk, Want: flowtest.Green(),
			Look: each(func(t *testing.T, p flows.Pair, books account) {
				if !nearBooks(p, p.LostUplink, books.before+books.unasked) || books.before == 0 || p.LostDownlink > books.unasked || p.LostUnattributed > edge {
					t.Errorf("%+v, the books say %+v", brief(p), books)
				}
			})},
		{Name: "lost behind the relay", Bend: toMH(fault.MH{LoseEgressEvery: 10}), At: talk, Want: flowtest.Green(),
			Look: each(func(t *testing.T, p flows.Pair, books account) {
				if !nearBooks(p, p.LostDownlink, books.behind+books.unasked) || books.behind == 0 || p.LostUplink > books.unasked || p.LostUnattributed > edge {
					t.Errorf("%+v, the books say %+v", brief(p), books)
				}
			})},
		{Name: "lost on both sides of the relay", Bend: toMH(fault.MH{LoseIngressEvery: 7, LoseEgressEvery: 5}), At: talk, Want: flowtest.Green(),
			Look: each(func(t *testing.T, p flows.Pair, books account) {
				if !nearBooks(p, p.LostUplink, books.before) || !nearBooks(p, p.LostDownlink, books.behind) || p.LostUnattributed > edge+books.unasked {
					t.Errorf("%+v, the books say %+v", brief(p), books)
				}
			})},
		{Name: "sent twice", Bend: toMH(fault.MH{DuplicateEvery: 5}), At: talk, Want: flowtest.Green(),
			Look: each(func(t *testing.T, p flows.Pair, _ account) {
				whole(t, p)
				if !near(p.Duplicate, p.Sent/5) {
					t.Errorf("%d duplicates of %d frames", p.Duplicate, p.Sent)
				}
			})},
		{Name: "overtaken", Bend: toMH(fault.MH{ReorderEvery: 5}), At: talk, Want: flowtest.Green(),
			Look: each(func(t *testing.T, p flows.Pair, _ account) {
				whole(t, p)
				if !near(p.Reordered, p.Sent/5) {
					t.Errorf("%d of %d frames were overtaken", p.Reordered, p.Sent)
				}
			})},
		{Name: "damaged", Bend: toMH(fault.MH{CorruptEvery: 10}), At: talk, Want: flowtest.Green(),
			Look: each(func(t *testing.T, p flows.Pair, _ account) {
				if !near(p.Refused, p.Sent/10) || p.RefusedBy["signature_invalid"] != p.Refused || p.LostUplink+p.LostDownlink > edge {
					t.Errorf("%+v, refused %v", brief(p), p.RefusedBy)
				}
			})},
		{Name: "held back", Bend: toMH(fault.MH{Delay: 100 * time.Millisecond}), At: talk, Want: flowtest.Green(),
			Look: each(func(t *testing.T, p flows.Pair, _ account) {
				whole(t, p)
				if p.Latency.P50 < 100*time.Millisecond || p.RelayShare == nil || *p.RelayShare < 50*time.Millisecond {
					t.Errorf("latency %+v, relay's share %v", p.Latency, p.RelayShare)
				}
			})},
		{Name: "held back for longer than counts", Bend: toMH(fault.MH{Delay: 700 * time.Millisecond}), At: talk, Want: flowtest.Green(),
			Look: each(func(t *testing.T, p flows.Pair, _ account) {
				if !near(p.Late, p.Sent) || p.LostUplink+p.LostDownlink+p.LostUnattributed > edge {
					t.Errorf("%+v", brief(p))
				}
			})},
		{Name: "the prober was late", Stage: tooLate, Want: flowtest.Green(),
			Look: func(t *testing.T, run flows.Run) {
				n := 0
				for _, p := range run.Pairs {
					if p.Tainted != p.Latency.Count {
						t.Errorf("%d of %d samples tainted", p.Tainted, p.Latency.Count)
					}
					n += p.Tainted
				}
				if s := run.Self; s.TaintedFrames != n || s.MaxLag != time.Second || len(s.Taints) != 1 || s.Taints[0] != flows.CauseLag {
					t.Errorf("self evidence %+v of %d tainted frames", s, n)
				}
			}},
	}))
}

// brief is a pair without its samples.
func brief(p flows.Pair) flows.Pair {
	p.Samples = nil
	return p
}
