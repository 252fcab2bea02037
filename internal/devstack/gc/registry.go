package gc

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/dark-tower/prober/internal/darktower/wire/internalv1"
)

// How a meeting is placed (platform contract, AC/GC 7).
const (
	maxHandlers   = 2 // given to one meeting
	maxCandidates = 5 // MCs looked at
	maxAttempts   = 3 // MCs asked
)

// peer is one MC or MH as the registry sees it.
type peer struct {
	id, region   string
	grpcEndpoint string
	webTransport string
	capacity     uint32 // meetings or streams; 0: not said
	load         uint32
	health       internalv1.HealthStatus
	heard        time.Time
}

func (p peer) weight() float64 {
	if p.capacity == 0 {
		return 1
	}
	return max(0.01, 1-float64(p.load)/float64(p.capacity))
}

// registry is the tables of MCs and MHs.
type registry struct {
	region string
	fresh  time.Duration

	mu          sync.Mutex // protects all following fields
	controllers map[string]*peer
	handlers    map[string]*peer
	changed     chan struct{} // closed and replaced at every change
}

func newRegistry(region string, fresh time.Duration) *registry {
	return &registry{
		region: region, fresh: fresh,
		controllers: make(map[string]*peer), handlers: make(map[string]*peer),
		changed: make(chan struct{}),
	}
}

func (r *registry) addController(p peer) { r.add(r.controllers, p) }
func (r *registry) addHandler(p peer)    { r.add(r.handlers, p) }

func (r *registry) add(table map[string]*peer, p peer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p.health, p.heard = internalv1.HealthStatus_HEALTHY, time.Now()
	table[p.id] = &p
	r.changedLocked()
}

func (r *registry) changedLocked() {
	close(r.changed)
	r.changed = make(chan struct{})
}

// beat notes a sign of life; false when the peer is not registered.
func (r *registry) controllerBeat(id string, load uint32, health internalv1.HealthStatus) bool {
	return r.beat(r.controllers, id, load, health)
}

func (r *registry) handlerBeat(id string, load uint32, health internalv1.HealthStatus) bool {
	return r.beat(r.handlers, id, load, health)
}

func (r *registry) beat(table map[string]*peer, id string, load uint32, health internalv1.HealthStatus) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := table[id]
	if p == nil {
		return false
	}
	p.load, p.health, p.heard = load, health, time.Now()
	r.changedLocked()
	return true
}

func (r *registry) usableLocked(p *peer, now time.Time) bool {
	return p.health == internalv1.HealthStatus_HEALTHY &&
		now.Sub(p.heard) <= r.fresh &&
		(r.region == "" || p.region == r.region)
}

// controller returns the MC with this id if it is fit to serve.
func (r *registry) controller(id string) (peer, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if p := r.controllers[id]; p != nil && r.usableLocked(p, time.Now()) {
		return *p, true
	}
	return peer{}, false
}

// candidates returns the MCs that could take a meeting, in the order in which
// to ask them.
func (r *registry) candidates() []peer {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	var fit []peer
	for _, p := range r.controllers {
		if r.usableLocked(p, now) && (p.capacity == 0 || p.load < p.capacity) {
			fit = append(fit, *p)
		}
	}
	return draw(fit, maxCandidates)
}

// chooseHandlers returns the MHs of a new meeting.
func (r *registry) chooseHandlers() []*internalv1.MhAssignment {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	var fit []peer
	for _, p := range r.handlers {
		if r.usableLocked(p, now) {
			fit = append(fit, *p)
		}
	}
	var chosen []*internalv1.MhAssignment
	for _, p := range draw(fit, maxHandlers) {
		chosen = append(chosen, &internalv1.MhAssignment{
			MhId: p.id, WebtransportEndpoint: p.webTransport, GrpcEndpoint: p.grpcEndpoint,
		})
	}
	return chosen
}

// draw returns up to n of the peers, the less loaded more likely and earlier.
func draw(from []peer, n int) []peer {
	var drawn []peer
	for len(from) > 0 && len(drawn) < n {
		total := 0.0
		for _, p := range from {
			total += p.weight()
		}
		at, i := rand.Float64()*total, 0
		for i < len(from)-1 && at >= from[i].weight() {
			at -= from[i].weight()
			i++
		}
		drawn = append(drawn, from[i])
		from = append(from[:i:i], from[i+1:]...)
	}
	return drawn
}

// await waits until that many MCs and MHs are fit.
func (r *registry) await(ctx context.Context, mcs, mhs int) error {
	for {
		r.mu.Lock()
		now := time.Now()
		haveMC, haveMH := 0, 0
		for _, p := range r.controllers {
			if r.usableLocked(p, now) {
				haveMC++
			}
		}
		for _, p := range r.handlers {
			if r.usableLocked(p, now) {
				haveMH++
			}
		}
		changed := r.changed
		r.mu.Unlock()
		if haveMC >= mcs && haveMH >= mhs {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("waiting for registrations at GC: %d of %d MCs and %d of %d MHs came: %w",
				haveMC, mcs, haveMH, mhs, ctx.Err())
		}
	}
}
