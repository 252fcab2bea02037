// Package flowtest stages flows on the embedded platform, for the tests of flows:
// accounts, a meeting for each lane, runs with faults that begin at a chosen
// moment, and what holds of every run. Nothing but tests may import it.
package flowtest

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/flows/people"
	"github.com/dark-tower/prober/internal/darktower"
	"github.com/dark-tower/prober/internal/darktower/account"
	"github.com/dark-tower/prober/internal/darktower/httpapi"
	"github.com/dark-tower/prober/internal/darktower/meeting"
	"github.com/dark-tower/prober/internal/devstack"
	"github.com/dark-tower/prober/internal/devstack/mc"
	"github.com/dark-tower/prober/internal/devstack/mh"
	"github.com/dark-tower/prober/internal/webtransport"
)

// patience bounds every wait of the harness itself.
const patience = 30 * time.Second

// Options say what to stage. The zero value is a platform with two handlers and
// one lane of two accounts.
type Options struct {
	Stack devstack.Options // ShortTimes, unless it brings its own
	Lanes int
	Seats int // accounts of each lane, besides the outsider
}

// ShortTimes are platform times that a test can wait for.
func ShortTimes() devstack.Times {
	return devstack.Times{
		MC: mc.Times{
			Grace: 300 * time.Millisecond, GraceTick: 50 * time.Millisecond, CloseCause: 200 * time.Millisecond,
			Settle: 150 * time.Millisecond, FlushGrace: time.Second,
		},
		MH: mh.Times{UnreachableJitter: 50 * time.Millisecond, NotifyBackoff: 50 * time.Millisecond, Settle: 500 * time.Millisecond},
	}
}

// Platform is a running embedded platform with its lanes.
type Platform struct {
	*devstack.Stack
	Lanes []Lane
}

// Lane is a standing meeting and its accounts.
type Lane struct {
	Name    string
	Meeting httpapi.Secret
	Seats   []account.Credentials
	// Outsider belongs to the lane's meeting, of which it is the host, and to no flow.
	Outsider account.Credentials
}

// Start runs a platform until the test ends. Accounts and meetings are made by
// clients of their own, so that no flow finds a token of theirs.
func Start(t testing.TB, opts Options) *Platform {
	t.Helper()
	if opts.Stack.Times == (devstack.Times{}) {
		opts.Stack.Times = ShortTimes()
	}
	if opts.Stack.Limits.Registrations == 0 {
		opts.Stack.Limits.Registrations = 10000
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	stack, err := devstack.Start(ctx, opts.Stack)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := stack.Close(); err != nil {
			t.Errorf("closing the platform: %v", err)
		}
	})
	p := &Platform{Stack: stack}
	accounts, meetings := p.clients(t)
	for n := range max(opts.Lanes, 1) {
		lane := Lane{Name: fmt.Sprintf("lane-%d", n)}
		for i := range max(opts.Seats, 2) + 1 {
			cred := account.Credentials{
				Email:       fmt.Sprintf("probe-%d-%d@prober.invalid", n, i),
				Password:    uuid.NewString(),
				DisplayName: fmt.Sprintf("Probe %d-%d", n, i),
			}
			token, err := accounts.Register(ctx, cred)
			if err != nil {
				t.Fatalf("registering an account: %v", err)
			}
			if i > 0 {
				lane.Seats = append(lane.Seats, cred)
				continue
			}
			lane.Outsider = cred
			created, err := meetings.Create(ctx, token.Value, meeting.CreateRequest{DisplayName: lane.Name})
			if err != nil {
				t.Fatalf("creating a meeting: %v", err)
			}
			lane.Meeting = created.Code
		}
		p.Lanes = append(p.Lanes, lane)
	}
	return p
}

func (p *Platform) clients(t testing.TB) (*account.Client, *meeting.Client) {
	t.Helper()
	accounts, err := account.NewClient(account.Config{BaseURL: p.ACURL, Organisation: p.Organisation, Timeout: patience})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(accounts.Close)
	meetings, err := meeting.NewClient(meeting.Config{BaseURL: p.GCURL, Timeout: patience})
	if err != nil {
		t.Fatal(err)
	}
	return accounts, meetings
}

// Transport is how the platform's MC and MHs are dialed. Keep-alives are frequent:
// after a change of address they are what the other side hears first.
func (p *Platform) Transport() webtransport.Config {
	return webtransport.Config{RootCAs: p.RootCAs, ServerName: p.ServerName, KeepAlive: 200 * time.Millisecond}
}

// Soon is a deadline for what is expected to be missed.
const Soon = time.Second

// Within are deadlines that are all the same.
func Within(d time.Duration) (darktower.Deadlines, people.Deadlines) {
	return darktower.Deadlines{SignIn: d, GC: d, MC: d, MH: d, Default: d}, people.Deadlines{Subscribe: d, FirstMedia: d}
}

// Stage is a lane as a prober finds it that has just been started: no token is
// remembered, nothing has worked yet, no address is known. Its deadlines are
// missed by nothing but a machine at a standstill.
func (p *Platform) Stage(t testing.TB, lane int) *people.Stage {
	t.Helper()
	accounts, meetings := p.clients(t)
	deadlines, steps := Within(patience)
	transport := p.Transport()
	witness := &flows.Witness{
		Reference: func(context.Context) error { return nil },
		HTTP: []flows.Target{
			{Hop: flows.AC, Addr: p.ACURL, Ping: flows.TCPPing(p.ACURL[len("http://"):])},
			{Hop: flows.GC, Addr: p.GCURL, Ping: flows.TCPPing(p.GCURL[len("http://"):])},
		},
	}
	return &people.Stage{
		Platform:  &darktower.Platform{Accounts: accounts, Meetings: meetings, MC: transport, MH: transport, Deadlines: deadlines},
		Meeting:   p.Lanes[lane].Meeting,
		Accounts:  p.Lanes[lane].Seats,
		Judge:     &flows.Judge{Witness: witness},
		Deadlines: steps,
	}
}

// Rest waits until every meeting is empty, as a lane must be before its next run.
func (p *Platform) Rest(t testing.TB) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), patience)
	defer cancel()
	if err := p.Quiesce(ctx); err != nil {
		t.Fatalf("a meeting does not become empty: %v", err)
	}
}

// An Outsider is somebody in a lane's meeting who belongs to no run.
type Outsider struct {
	*darktower.Participant
	once sync.Once
}

// Enter brings the lane's outsider into its meeting, listening and talking, until
// Go or the end of the test.
func (p *Platform) Enter(t testing.TB, lane int) *Outsider {
	t.Helper()
	stage := p.Stage(t, lane)
	participant, err := darktower.New(stage.Platform, p.Lanes[lane].Outsider, darktower.Options{Name: "outsider", Slots: 3})
	if err != nil {
		t.Fatal(err)
	}
	o := &Outsider{Participant: participant}
	t.Cleanup(func() { o.Go(t) })
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), patience)
	defer cancel()
	for _, do := range []func(context.Context) error{
		o.SignIn,
		func(ctx context.Context) error { _, err := o.RequestJoin(ctx, stage.Meeting); return err },
		o.ConnectMC, o.JoinMC,
		func(ctx context.Context) error { _, err := o.ConnectHandlers(ctx); return err },
		o.Declare, o.Talk,
	} {
		if err := do(ctx); err != nil {
			t.Errorf("the outsider does not get in: %v", err)
			return o
		}
	}
	return o
}

// Go has the outsider leave.
func (o *Outsider) Go(t testing.TB) {
	o.once.Do(func() {
		if err := o.Leave(context.WithoutCancel(t.Context())); err != nil {
			t.Errorf("the outsider does not get out: %v", err)
		}
		o.Release()
	})
}

// MuteSender has the outsider, who is the meeting's host, mute the person with this
// sender id for everybody, or no longer.
func (o *Outsider) MuteSender(t testing.TB, sender uint16, muted bool) error {
	who, ok := o.View().PersonOf(sender)
	if !ok {
		return fmt.Errorf("sender %d is not on the roster", sender)
	}
	return o.MuteOther(context.WithoutCancel(t.Context()), who.ParticipantID, muted)
}
