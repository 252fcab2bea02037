package browser

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/dark-tower/prober/internal/darktower"
	"github.com/dark-tower/prober/internal/darktower/account"
	"github.com/dark-tower/prober/internal/darktower/httpapi"
	"github.com/dark-tower/prober/internal/darktower/meeting"
	"github.com/dark-tower/prober/internal/devstack"
	"github.com/dark-tower/prober/internal/devstack/mc"
	"github.com/dark-tower/prober/internal/webtransport"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds every wait, on a busy machine too.
const patience = 30 * time.Second

// kekDebounce is how long after somebody has left the meeting key changes. It
// travels in whole seconds.
const kekDebounce = time.Second

// world is an embedded platform with a meeting, and participants of ours.
type world struct {
	*devstack.Stack
	platform *darktower.Platform
	code     httpapi.Secret
	people   int
}

func newWorld(t *testing.T) *world {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	w := &world{}
	var err error
	w.Stack, err = devstack.Start(ctx, devstack.Options{Times: devstack.Times{MC: mc.Times{
		Grace: 500 * time.Millisecond, GraceTick: 50 * time.Millisecond, Settle: 150 * time.Millisecond, KEKDebounce: kekDebounce,
	}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Errorf("closing the platform: %v", err)
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
	}
	host, err := accounts.Ensure(ctx, credentials("host"))
	if err != nil {
		t.Fatal(err)
	}
	m, err := meetings.Create(ctx, host.Value, meeting.CreateRequest{DisplayName: "Browsers and probers"})
	if err != nil {
		t.Fatal(err)
	}
	w.code = m.Code
	return w
}

func credentials(name string) account.Credentials {
	return account.Credentials{Email: name + "@prober.invalid", Password: "pass-word-" + name, DisplayName: name}
}

// person is a participant of ours, whose steps fail the test.
type person struct {
	*darktower.Participant
	t *testing.T
}

// enter brings a participant of ours into the meeting, who talks and listens.
func (w *world) enter(t *testing.T) *person {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	w.people++
	cred := credentials(fmt.Sprintf("person-%d", w.people))
	if _, err := w.platform.Accounts.Ensure(ctx, cred); err != nil {
		t.Fatal(err)
	}
	made, err := darktower.New(w.platform, cred, darktower.Options{Name: cred.DisplayName})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(made.Release)
	p := &person{made, t}
	p.do("signing in", p.SignIn)
	p.do("asking GC", func(ctx context.Context) error {
		_, err := p.RequestJoin(ctx, w.code)
		return err
	})
	p.do("connecting to MC", p.ConnectMC)
	p.do("joining", p.JoinMC)
	p.do("connecting to handlers", func(ctx context.Context) error {
		_, err := p.ConnectHandlers(ctx)
		return err
	})
	p.do("talking", p.Talk)
	p.do("declaring", p.Declare)
	return p
}

func (p *person) do(what string, step func(context.Context) error) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), patience)
	defer cancel()
	if err := step(ctx); err != nil {
		p.t.Fatalf("%v: %s: %v", p.Participant, what, err)
	}
}

// serve serves the page under a name by which AC knows the organisation, and passes
// on what is for AC and GC: to the browser, all of it is one origin, as it is for
// the platform's own page. It returns the page's URL.
func (w *world) serve(t *testing.T) string {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	pass := func(to string) http.Handler {
		target, err := url.Parse(to)
		if err != nil {
			t.Fatal(err)
		}
		return &httputil.ReverseProxy{Transport: transport, Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.Host = r.In.Host // AC takes the organisation from it
		}}
	}
	mux := http.NewServeMux()
	mux.Handle("/api/v1/auth/", pass(w.ACURL))
	mux.Handle("/api/v1/meetings/", pass(w.GCURL))
	mux.Handle("/", http.FileServerFS(os.DirFS("page")))
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	at, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("http://%s.localhost:%s/", w.Organisation, at.Port())
}

// pins are the certificates that the page may meet.
func (w *world) pins() []string {
	var out []string
	for _, h := range w.CertificateHashes {
		out = append(out, base64.StdEncoding.EncodeToString(h[:]))
	}
	return out
}
