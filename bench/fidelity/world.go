package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/dark-tower/prober/internal/darktower"
	"github.com/dark-tower/prober/internal/darktower/account"
	"github.com/dark-tower/prober/internal/darktower/httpapi"
	"github.com/dark-tower/prober/internal/darktower/media"
	"github.com/dark-tower/prober/internal/darktower/meeting"
	"github.com/dark-tower/prober/internal/devstack"
	"github.com/dark-tower/prober/internal/devstack/mh"
	"github.com/dark-tower/prober/internal/link"
	"github.com/dark-tower/prober/internal/selfwatch"
	"github.com/dark-tower/prober/internal/webtransport"
)

// patience bounds every step of a measurement.
const patience = 30 * time.Second

// maxPackets bounds what is kept of each link's packets.
const maxPackets = 1 << 20

// world is the embedded platform with one media handler, and people who each reach
// it through links of their own.
type world struct {
	*devstack.Stack
	code     httpapi.Secret
	accounts *account.Client
	meetings *meeting.Client
	watch    *selfwatch.Sampler
	people   []*person

	mu        sync.Mutex
	forwarded []mh.Forwarded // in order
}

// newWorld starts a platform with an empty meeting. close must be called.
func newWorld(ctx context.Context) (w *world, err error) {
	w = &world{watch: selfwatch.Start()}
	defer func() {
		if err != nil {
			err = errors.Join(err, w.close())
		}
	}()
	w.Stack, err = devstack.Start(ctx, devstack.Options{Handlers: 1, OnForward: func(f mh.Forwarded) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.forwarded = append(w.forwarded, f)
	}})
	if err != nil {
		return w, err
	}
	w.accounts, err = account.NewClient(account.Config{BaseURL: w.ACURL, Organisation: w.Organisation, Timeout: patience})
	if err != nil {
		return w, err
	}
	w.meetings, err = meeting.NewClient(meeting.Config{BaseURL: w.GCURL, Timeout: patience})
	if err != nil {
		return w, err
	}
	token, err := w.accounts.Ensure(ctx, credentials(0))
	if err != nil {
		return w, err
	}
	created, err := w.meetings.Create(ctx, token.Value, meeting.CreateRequest{DisplayName: "Fidelity"})
	if err != nil {
		return w, err
	}
	w.code = created.Code
	return w, nil
}

func (w *world) close() error {
	var errs []error
	for _, p := range w.people {
		errs = append(errs, p.close())
	}
	if w.Stack != nil {
		errs = append(errs, w.Stack.Close())
	}
	if w.accounts != nil {
		w.accounts.Close()
	}
	w.watch.Stop()
	return errors.Join(errs...)
}

func credentials(n int) account.Credentials {
	return account.Credentials{
		Email: fmt.Sprintf("person-%d@fidelity.test", n), Password: fmt.Sprintf("throw-away-%d", n), DisplayName: fmt.Sprintf("Person %d", n),
	}
}

// forwardedTo returns what the handler forwarded to a subscriber, in order.
func (w *world) forwardedTo(subscriber uint16) []mh.Forwarded {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []mh.Forwarded
	for _, f := range w.forwarded {
		if f.Subscriber == subscriber {
			out = append(out, f)
		}
	}
	return out
}

// person is a participant with a link of its own before every MC and MH.
type person struct {
	*darktower.Participant
	fleet *link.Fleet
	media *link.Link     // before the handler
	book  *link.Recorder // of that link
}

// invite makes a person with an account, who has signed in.
func (w *world) invite(ctx context.Context, spec link.Spec) (*person, error) {
	n := len(w.people) + 1
	if _, err := w.accounts.Ensure(ctx, credentials(n)); err != nil {
		return nil, err
	}
	p := &person{book: link.NewRecorder(maxPackets)}
	cfg := link.Config{Spec: spec, Seed: uint64(n), Spare: func(payload []byte) bool { return len(payload) < leastFramePacket || len(payload) > mostFramePacket }}
	var err error
	if p.fleet, err = link.NewFleet(w.ControllerURLs, cfg); err != nil {
		return nil, err
	}
	cfg.OnPacket = p.book.Note
	handlers, err := link.NewFleet(w.HandlerURLs, cfg)
	if err != nil {
		return nil, errors.Join(err, p.fleet.Close())
	}
	p.media = handlers.Link(w.HandlerURLs[0])
	endpoints := webtransport.EndpointMap{}
	for _, f := range []*link.Fleet{p.fleet, handlers} {
		for advertised, dialed := range f.Endpoints() {
			endpoints[advertised] = dialed
		}
	}
	// Without the discovery of the path's MTU a packet is as large as what is in it.
	transport := webtransport.Config{RootCAs: w.RootCAs, ServerName: w.ServerName, Endpoints: endpoints, DisablePathMTUDiscovery: true}
	p.Participant, err = darktower.New(&darktower.Platform{
		Accounts: w.accounts, Meetings: w.meetings, MC: transport, MH: transport,
		Deadlines: darktower.Deadlines{SignIn: patience, GC: patience, MC: patience, MH: patience, Default: patience},
	}, credentials(n), darktower.Options{Name: fmt.Sprintf("person %d", n)})
	if err != nil {
		return nil, errors.Join(err, p.fleet.Close(), handlers.Close())
	}
	w.people = append(w.people, p)
	return p, p.SignIn(ctx)
}

// arrive does everything up to connected handlers.
func (p *person) arrive(ctx context.Context, w *world) error {
	if _, err := p.RequestJoin(ctx, w.code); err != nil {
		return err
	}
	if err := p.ConnectMC(ctx); err != nil {
		return err
	}
	if err := p.JoinMC(ctx); err != nil {
		return err
	}
	results, err := p.ConnectHandlers(ctx)
	for _, r := range results {
		err = errors.Join(err, r.Err)
	}
	return err
}

// converse brings two people into the meeting who talk to and hear each other.
func (w *world) converse(ctx context.Context, spec link.Spec) (a, b *person, err error) {
	if a, err = w.invite(ctx, spec); err != nil {
		return nil, nil, err
	}
	if b, err = w.invite(ctx, spec); err != nil {
		return nil, nil, err
	}
	for _, p := range []*person{a, b} {
		if err := p.arrive(ctx, w); err != nil {
			return nil, nil, err
		}
		if err := p.Declare(ctx); err != nil {
			return nil, nil, err
		}
		if err := p.Talk(ctx); err != nil {
			return nil, nil, err
		}
	}
	for _, p := range [][2]*person{{a, b}, {b, a}} {
		if err := p[0].hear(ctx, p[1], time.Now()); err != nil {
			return nil, nil, err
		}
	}
	return a, b, nil
}

// hear waits for a frame that arrived after a moment.
func (p *person) hear(ctx context.Context, other *person, after time.Time) error {
	_, err := p.AwaitFrame(ctx, func(r media.Received) bool {
		return r.Accepted() && r.SenderID == other.SenderID() && r.At.After(after)
	})
	return err
}

func (p *person) close() error {
	err := p.Leave(context.Background())
	p.Release()
	return errors.Join(err, p.media.Close(), p.fleet.Close())
}
