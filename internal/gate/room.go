package gate

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/dark-tower/prober/internal/config"
)

// together bounds the runs at a time: more of them fall into one blip.
const together = 4

// room keeps what a gate does to the platform at any moment within the budget, as the
// daemon does, and within what keeps runs apart.
type room struct {
	budget config.Budget // what those who stay between runs leave of it
	people *semaphore.Weighted
	sent   *semaphore.Weighted
	runs   *semaphore.Weighted
}

func newRoom(b config.Budget) *room {
	return &room{budget: b, people: semaphore.NewWeighted(int64(b.Participants)),
		sent: semaphore.NewWeighted(int64(b.DatagramsPerSecond)), runs: semaphore.NewWeighted(together)}
}

// admits returns an error for a probe of which no run could ever begin.
func (r *room) admits(probe string, run config.Budget) error {
	if run.Participants <= r.budget.Participants && run.DatagramsPerSecond <= r.budget.DatagramsPerSecond {
		return nil
	}
	return fmt.Errorf("a run of probe %s brings %d people who send up to %d datagrams per second, and daemon.budget leaves %d and %d; raise it, or check fewer probes",
		probe, run.Participants, run.DatagramsPerSecond, max(0, r.budget.Participants), max(0, r.budget.DatagramsPerSecond))
}

// enter waits for room for a run, in the order in which runs ask. leave must be called
// after it.
func (r *room) enter(ctx context.Context, run config.Budget) (leave func(), err error) {
	type share struct {
		of   *semaphore.Weighted
		much int
	}
	var taken []share
	leave = func() {
		for _, s := range taken {
			s.of.Release(int64(s.much))
		}
	}
	for _, s := range []share{{r.people, run.Participants}, {r.sent, run.DatagramsPerSecond}, {r.runs, 1}} { // always in this order: nobody waits for who waits for him
		if err := s.of.Acquire(ctx, int64(s.much)); err != nil {
			leave()
			return nil, err
		}
		taken = append(taken, s)
	}
	return leave, nil
}

// busy is how long runs take that must share the room, if they are this long all
// together when they are alone.
func (r *room) busy(alone time.Duration, run config.Budget) time.Duration {
	return alone / time.Duration(r.abreast(run))
}

// abreast is how many runs that need no more than this are under way at least while one
// waits for room.
func (r *room) abreast(run config.Budget) int {
	side := together
	if run.Participants > 0 && run.DatagramsPerSecond > 0 {
		side = min(side, r.budget.Participants/run.Participants, r.budget.DatagramsPerSecond/run.DatagramsPerSecond)
	}
	return max(side, 1)
}
