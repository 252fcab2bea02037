package main

import (
	"context"
	"errors"
	"fmt"
	"runtime/pprof"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/dark-tower/prober/internal/darktower"
	"github.com/dark-tower/prober/internal/darktower/media"
)

const (
	framesPerSecond = 50
	arriving        = 4 // people who join at the same time
	taintedLimit    = 0.01
)

// talk has ever more participants talk, two to a meeting, so that each sends 50
// frames/s and receives as many, all on one core with one processor of Go's. Before
// them as many lines do the floor's part of it: QUIC, a signature, a verification.
// It stops when more than 1 % of the frames are tainted: the prober's own lateness
// touched them on their way.
func talk(ctx context.Context, b *bench) (err error) {
	meetings := slices.Max(b.people) / 2
	site, err := b.newSite(ctx, 2*meetings)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, site.close()) }()
	var told echoTold
	other, err := b.startChild(ctx, "echo", &told)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, other.end()) }()
	defer b.pin()()
	fmt.Fprintln(b.out, "              of one core, %:         CPU, us, per send + receive  late, % of time  sent late, ms   one way, ms")
	fmt.Fprintln(b.out, "  people    own  others  platform      own   floor   ratio             own    floor     p50    p99    p50    p99   tainted    lost")
	for i, n := range b.people {
		bare, bareLag, err := floor(ctx, b, n, told, site.watch)
		if err != nil {
			return err
		}
		// By turns: the meetings of the conversation before are being torn down.
		t, err := site.conversation(ctx, b, n, site.lanes[i%2*meetings:])
		if err != nil {
			return err
		}
		fmt.Fprintf(b.out, "  %6d  %5.1f  %6.1f  %8.1f  %7s %7s %7.2f          %6.2f   %6.2f   %5s %6s  %5s %6s  %6.2f %%  %6d\n", n, 100*t.own, 100*t.others, 100*t.platform,
			micros(t.perFrame), micros(bare), ratio(t.perFrame, bare),
			100*t.lag, 100*bareLag, millis(t.late.median()), millis(t.late.at(.99)), millis(t.latency.median()), millis(t.latency.at(.99)), 100*t.tainted(), t.lost)
		if t.tainted() > taintedLimit && !b.short {
			break
		}
	}
	return nil
}

// talked is what one window came to.
type talked struct {
	own, others, platform float64 // shares of a core
	lag                   float64 // share of the window in which the process was late
	perFrame              time.Duration
	late, latency         figures
	taintedFrames, lost   int
}

func (t *talked) tainted() float64 {
	if len(t.latency) == 0 {
		return 1
	}
	return float64(t.taintedFrames) / float64(len(t.latency))
}

// conversation has n people talk in pairs for one window.
func (s *site) conversation(ctx context.Context, b *bench, n int, lanes []lane) (t talked, err error) {
	everybody := make([]*darktower.Participant, n)
	defer func() {
		for _, p := range everybody {
			if p != nil {
				err = errors.Join(err, p.Leave(ctx))
				p.Release()
			}
		}
	}()
	g, joining := errgroup.WithContext(ctx)
	g.SetLimit(arriving)
	for i := range everybody {
		g.Go(func() (err error) {
			pprof.Do(joining, pprof.Labels("kind", "people"), func(ctx context.Context) {
				everybody[i], err = s.enter(ctx, lanes[i/2], i%2)
			})
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return t, err
	}
	for i, p := range everybody {
		if _, err := p.AwaitHearing(ctx, everybody[i^1].SenderID()); err != nil {
			return t, err
		}
	}
	time.Sleep(b.calm())

	own, core, other := cpuTime(), coreTime(b.own), cpuTimeOf(s.pid())
	window := media.Pair{From: time.Now(), Settle: time.Second}
	time.Sleep(b.window)
	window.To = time.Now()
	length := window.To.Sub(window.From)
	spent := cpuTime() - own
	t.own, t.others = ratio(spent, length), max(0, ratio(coreTime(b.own)-core-spent, length))
	t.lag = lagShare(s.watch, window.From, window.To)
	t.platform = ratio(cpuTimeOf(s.pid())-other, length)
	if b.own < 0 {
		t.others = 0
	}

	time.Sleep(window.Settle + framesPerSecond*time.Millisecond)
	for _, p := range everybody {
		p.Quiet()
	}
	window.Until = time.Now()
	for i, p := range everybody {
		s.judge(&t, window, p, everybody[i^1])
	}
	if len(t.latency) > 0 {
		t.perFrame = spent / time.Duration(len(t.latency))
	}
	return t, nil
}

// judge takes a pair's evidence, tainted as the flows' is.
func (s *site) judge(t *talked, window media.Pair, from, to *darktower.Participant) {
	window.Sent, window.Received = from.Sent(), to.Received()
	e := media.Legs(window)
	t.lost += e.Lost() + e.RefusedTotal()
	t.late = append(t.late, e.SendLateness...)
	for _, sample := range e.Latency {
		t.latency = append(t.latency, sample.Latency)
		if s.watch.LateDuring(sample.HandedAt, sample.ArrivedAt) {
			t.taintedFrames++
		}
	}
}

// enter brings one person into a lane's meeting, talking.
func (s *site) enter(ctx context.Context, l lane, seat int) (*darktower.Participant, error) {
	p, err := darktower.New(s.reach, l.seats[seat], darktower.Options{})
	if err != nil {
		return nil, err
	}
	for _, step := range []func(context.Context) error{
		p.SignIn,
		func(ctx context.Context) error { return s.ticket(ctx, p, l) },
		p.ConnectMC, p.JoinMC,
		func(ctx context.Context) error { _, err := p.ConnectHandlers(ctx); return err },
		p.Talk, p.Declare,
	} {
		if err := step(ctx); err != nil {
			return p, err
		}
	}
	return p, nil
}

func (s *site) ticket(ctx context.Context, p *darktower.Participant, l lane) error {
	_, err := p.RequestJoin(ctx, l.meeting)
	return err
}
