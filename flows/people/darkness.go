package people

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/dark-tower/prober/flows"
)

// A handler that forwards nothing still acknowledges what it is sent, many times a
// second. When nobody of a run hears anything of anybody any more, it may as well be
// the prober's own network, and the judge has to look what else answers. hush, a turn
// of the watch and glance together are less than the silence that fails a talk, so
// that whatever answers does so while it lasts.
const (
	hush   = 800 * time.Millisecond
	turn   = 200 * time.Millisecond
	glance = 700 * time.Millisecond
)

// glimpse is what answered at a moment at which nobody heard anything.
type glimpse struct {
	at   time.Time
	seen flows.Sight
}

// Vigil looks around whenever nobody of the cast hears anything, until End.
type Vigil struct {
	cast *Cast
	stop context.CancelFunc
	done sync.WaitGroup

	mu       sync.Mutex // protects glimpses
	glimpses []glimpse
}

// Watch begins a vigil. Only who talks hears acknowledgements: it is for the time in
// which somebody does.
func (c *Cast) Watch(ctx context.Context) *Vigil {
	ctx, stop := context.WithCancel(ctx)
	v := &Vigil{cast: c, stop: stop}
	v.done.Go(func() { v.keep(ctx) })
	return v
}

// Stop has no glance begin any more: it is time when nobody talks any more.
func (v *Vigil) Stop() { v.stop() }

// End stops, and waits for the last glance.
func (v *Vigil) End() {
	v.stop()
	v.done.Wait()
}

func (v *Vigil) keep(ctx context.Context) {
	ticker := time.NewTicker(turn)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		heard, at := v.cast.lastHeard(), time.Now()
		if at.Sub(heard) < hush {
			continue
		}
		seen, ok := v.cast.stage.Judge.Glance(ctx, glance)
		if !ok {
			return
		}
		if v.cast.lastHeard().Equal(heard) { // it was dark from the first to the last moment of it
			v.mu.Lock()
			v.glimpses = append(v.glimpses, glimpse{at, seen})
			v.mu.Unlock()
		}
	}
}

// Judge, after End, makes a silence of before the prober's own, or the network's, where that is
// what it was.
func (v *Vigil) Judge(silence Span, err error) error {
	f, ok := mere(err)
	if !ok {
		return err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	var during []flows.Sight
	for _, g := range v.glimpses {
		if !g.at.Before(silence.From) && !g.at.After(silence.To) {
			during = append(during, g.seen)
		}
	}
	return flows.SilenceThen(f, during...)
}

// inTheDark makes a silence that lasts the prober's own, or the network's, where that
// is what it is.
func (c *Cast) inTheDark(ctx context.Context, err error) error {
	f, ok := mere(err)
	if !ok || time.Since(c.lastHeard()) < hush {
		return err
	}
	return c.stage.Judge.Silence(ctx, f)
}

// mere is a failure of the platform of which nothing is known but silence.
func mere(err error) (*flows.Failure, bool) {
	var f *flows.Failure
	return f, errors.As(err, &f) && f.Hop != flows.Prober && (f.Reason == flows.NoMedia || f.Reason == flows.Timeout)
}

// lastHeard is when anybody of the cast was last sent a packet; zero: never.
func (c *Cast) lastHeard() time.Time {
	var last time.Time
	for _, p := range c.people {
		if at := p.LastHeard(); at.After(last) {
			last = at
		}
	}
	return last
}
