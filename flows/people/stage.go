// Package people brings fake participants into a lane's meeting. It is what the
// flows have in common: each thing a person does is a step here, with its
// deadline, its phases and its evidence.
package people

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/internal/darktower"
	"github.com/dark-tower/prober/internal/darktower/account"
	"github.com/dark-tower/prober/internal/darktower/httpapi"
)

// Watch tells when the prober itself was late.
type Watch interface {
	LagDuring(from, to time.Time) time.Duration
	WorstDuring(from, to time.Time) time.Duration
}

// Stage is where a flow's people meet: one lane of one platform.
type Stage struct {
	Platform  *darktower.Platform
	Meeting   httpapi.Secret        // the lane's meeting code
	Accounts  []account.Credentials // the lane's own; one for each person
	Judge     *flows.Judge          // also learns the addresses that runs meet
	Watch     Watch
	Deadlines Deadlines
	Visits    *Visits // of all stages that the meeting has, one after the other; nil: this is the first

	own Visits
}

func (s *Stage) visits() *Visits {
	if s.Visits != nil {
		return s.Visits
	}
	return &s.own
}

// Deadlines of the steps that the rooms below do not bound by themselves.
type Deadlines struct {
	Subscribe  time.Duration // default 12 s: the platform's settle window and its own allowance of 10 s
	FirstMedia time.Duration // default 5 s
}

func (d Deadlines) subscribe() time.Duration  { return cmp.Or(d.Subscribe, 12*time.Second) }
func (d Deadlines) firstMedia() time.Duration { return cmp.Or(d.FirstMedia, 5*time.Second) }

// Cast is the people of one run.
type Cast struct {
	stage  *Stage
	run    *flows.Recorder
	people []*Person
	said   transcript
	hasty  time.Duration // how soon after it was left the meeting was entered again; 0: not too soon
}

// NewCast starts a run's cast. The lane must have at least seats accounts.
func (s *Stage) NewCast(run *flows.Recorder, seats int) (*Cast, error) {
	if len(s.Accounts) < seats {
		return nil, &flows.Failure{Hop: flows.Prober, Reason: flows.Self, Cause: flows.CauseConfig,
			Detail: fmt.Sprintf("the lane has %d accounts, the flow needs %d", len(s.Accounts), seats)}
	}
	c := &Cast{stage: s, run: run}
	run.AtEnd(c.report)
	return c, nil
}

// Cast puts a person with the lane's nth account into the run. The person
// leaves and is released at the end of the run, on every path.
func (c *Cast) Cast(actor string, n int) (*Person, error) {
	p, err := c.Guest(actor, n)
	if err != nil {
		return nil, err
	}
	c.SeeOff(p)
	return p, nil
}

// SeeOff has p leave and released at the end of the run.
func (c *Cast) SeeOff(p *Person) {
	c.run.OnTeardown(func(ctx context.Context) error {
		defer p.GoHome()
		return p.Leave(ctx)
	})
}

// Guest is Cast for somebody who outlives the run: the caller sees to leaving.
func (c *Cast) Guest(actor string, n int) (*Person, error) {
	p := &Person{account: c.stage.Accounts[n]}
	c.listen(p, actor)
	participant, err := darktower.New(c.stage.Platform, p.account, darktower.Options{
		Name: actor, OnMessage: func(m darktower.Message) { p.voice.Load().note(m) },
	})
	if err != nil {
		return nil, &flows.Failure{Hop: flows.Prober, Reason: flows.Self, Cause: flows.CauseConfig, Err: err}
	}
	p.Participant = participant
	c.Adopt(p, actor)
	return p, nil
}

// Adopt takes somebody who is in the meeting already into this run.
func (c *Cast) Adopt(p *Person, actor string) {
	p.cast, p.stage, p.part = c, c.stage, c.run.As(actor)
	p.dropped = p.OwnDrops()
	c.people = append(c.people, p)
	c.listen(p, actor)
}

func (c *Cast) started() (at time.Time) {
	c.run.Record(func(r *flows.Run) { at = r.Started })
	return at
}

// listen has p speak in this run's transcript from now on.
func (c *Cast) listen(p *Person, actor string) { p.voice.Store(&voice{to: &c.said, actor: actor}) }

// strangers counts who is on p's roster and not of this cast: ghosts of a
// crashed run, or anybody else. The run could not tell their doing from its own.
func (c *Cast) strangers(p *Person) int {
	known := make(map[string]bool)
	for _, q := range c.people {
		known[q.ParticipantID()] = true
	}
	n := 0
	for id := range p.View().Roster {
		if !known[id] {
			n++
		}
	}
	return n
}
