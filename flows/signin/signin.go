// Package signin is the flow of a person who signs in, and of nothing else: AC is
// asked every time, where the other flows are content with a token that is still
// good.
package signin

import (
	"context"
	"sync"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/flows/people"
)

// Flow signs in with the accounts of one lane in turn. Its runs must not overlap.
type Flow struct {
	Stage *people.Stage // its Meeting is not needed

	mu   sync.Mutex // protects all following fields
	next int
}

// Run signs in with the next account.
func (f *Flow) Run(ctx context.Context, run *flows.Recorder) error {
	cast, err := f.Stage.NewCast(run, 1)
	if err != nil {
		return err
	}
	n := f.turn()
	f.Stage.Platform.Accounts.Forget(f.Stage.Accounts[n])
	person, err := cast.Guest(flows.ActorPerson, n) // joins nothing, and so has nothing to leave
	if err != nil {
		return err
	}
	defer person.Release()
	return person.SignIn(ctx)
}

func (f *Flow) turn() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := f.next % len(f.Stage.Accounts)
	f.next = n + 1
	return n
}
