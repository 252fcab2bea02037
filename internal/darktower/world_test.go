package darktower_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/dark-tower/prober/internal/darktower"
	"github.com/dark-tower/prober/internal/darktower/account"
	"github.com/dark-tower/prober/internal/darktower/httpapi"
	"github.com/dark-tower/prober/internal/darktower/media"
	"github.com/dark-tower/prober/internal/darktower/meeting"
	"github.com/dark-tower/prober/internal/devstack"
	"github.com/dark-tower/prober/internal/devstack/mh"
	"github.com/dark-tower/prober/internal/webtransport"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what must happen; on a busy machine, too.
const patience = 30 * time.Second

// world is a whole platform with one meeting.
type world struct {
	*devstack.Stack
	platform *darktower.Platform
	code     httpapi.Secret
	logs     *logBook
	people   atomic.Int32

	mu        sync.Mutex
	forwarded map[mh.Forwarded]bool
}

// logBook keeps everything that is logged, to be searched for secrets.
type logBook struct {
	mu   sync.Mutex
	text strings.Builder
}

func (b *logBook) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *logBook) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

func newWorld(t *testing.T, opts devstack.Options) *world {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	w := &world{logs: &logBook{}, forwarded: map[mh.Forwarded]bool{}}
	opts.OnForward = func(f mh.Forwarded) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.forwarded[f] = true
	}
	var err error
	if w.Stack, err = devstack.Start(ctx, opts); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Stack.Close(); err != nil {
			t.Error(err)
		}
	})
	accounts, err := account.NewClient(account.Config{BaseURL: w.ACURL, Organisation: w.Organisation})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(accounts.Close)
	meetings, err := meeting.NewClient(meeting.Config{BaseURL: w.GCURL})
	if err != nil {
		t.Fatal(err)
	}
	transport := webtransport.Config{RootCAs: w.RootCAs, ServerName: w.ServerName}
	w.platform = &darktower.Platform{
		Accounts: accounts, Meetings: meetings, MC: transport, MH: transport,
		Deadlines: darktower.Deadlines{SignIn: patience, GC: patience, MC: patience, MH: patience, Default: patience},
		Log:       slog.New(slog.NewJSONHandler(w.logs, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	host, err := accounts.Ensure(ctx, credentials(0))
	if err != nil {
		t.Fatal(err)
	}
	m, err := meetings.Create(ctx, host.Value, meeting.CreateRequest{DisplayName: "A lane"})
	if err != nil {
		t.Fatal(err)
	}
	w.code = m.Code
	return w
}

func credentials(n int) account.Credentials {
	return account.Credentials{
		Email: fmt.Sprintf("person-%d@secret.example", n), Password: fmt.Sprintf("pass-word-%d", n),
		DisplayName: fmt.Sprintf("Displayed Name %d", n),
	}
}

// person is a participant whose steps fail the test.
type person struct {
	*darktower.Participant
	t *testing.T
	w *world
}

// invite makes a person with an account, who has signed in.
func (w *world) invite(t *testing.T) *person {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	n := int(w.people.Add(1))
	if _, err := w.platform.Accounts.Ensure(ctx, credentials(n)); err != nil {
		t.Fatal(err)
	}
	p, err := darktower.New(w.platform, credentials(n), darktower.Options{Name: fmt.Sprintf("p%d", n)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Release)
	out := &person{p, t, w}
	out.do("signing in", p.SignIn)
	return out
}

func (p *person) do(what string, step func(context.Context) error) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), patience)
	defer cancel()
	if err := step(ctx); err != nil {
		p.t.Fatalf("%v: %s: %v", p.Participant, what, err)
	}
}

// arrive does everything up to connected handlers.
func (p *person) arrive() {
	p.t.Helper()
	p.do("asking GC", func(ctx context.Context) error {
		_, err := p.RequestJoin(ctx, p.w.code)
		return err
	})
	p.do("connecting to MC", p.ConnectMC)
	p.do("joining", p.JoinMC)
	p.do("connecting to handlers", func(ctx context.Context) error {
		results, err := p.ConnectHandlers(ctx)
		for _, r := range results {
			if !r.Connected() {
				p.t.Errorf("%s: %v", r.URL, r.Err)
			}
		}
		return err
	})
}

// ready arrives, talks and declares.
func (p *person) ready() {
	p.t.Helper()
	p.arrive()
	p.do("talking", p.Talk)
	p.do("declaring", p.Declare)
}

// hear waits for an accepted frame of other that fulfils cond.
func (p *person) hear(other *person, cond func(media.Received) bool) media.Received {
	p.t.Helper()
	var heard media.Received
	p.do(fmt.Sprintf("hearing %v", other.Participant), func(ctx context.Context) error {
		var err error
		heard, err = p.AwaitFrame(ctx, func(r media.Received) bool {
			return r.Accepted() && r.SenderID == other.SenderID() && cond(r)
		})
		return err
	})
	return heard
}

func anyFrame(media.Received) bool { return true }

// converse brings two people into the meeting who hear each other.
func (w *world) converse(t *testing.T) (a, b *person) {
	t.Helper()
	a, b = w.invite(t), w.invite(t)
	a.ready()
	b.ready()
	for _, p := range [][2]*person{{a, b}, {b, a}} {
		p[0].do("being directed", p[0].AwaitDirected)
		p[0].do("being assigned", func(ctx context.Context) error {
			_, err := p[0].AwaitHearing(ctx, p[1].SenderID())
			return err
		})
		p[0].hear(p[1], anyFrame)
	}
	return a, b
}

// after is fulfilled by frames received after t.
func after(t time.Time) func(media.Received) bool {
	return func(r media.Received) bool { return r.At.After(t) }
}

// quiesce waits until nobody is left in any meeting.
func (w *world) quiesce(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := w.Quiesce(ctx); err != nil {
		t.Errorf("the meeting did not empty: %v", err)
	}
}
