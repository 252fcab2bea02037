package account

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/dark-tower/prober/internal/darktower/httpapi"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var ada = Credentials{Email: "ada@probe.example", Password: "correct horse", DisplayName: "Ada"}

// serve starts an AC that answers with handler.
func serve(t *testing.T, handler http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server.URL
}

func client(t *testing.T, cfg Config) *Client {
	t.Helper()
	if cfg.Organisation == "" {
		cfg.Organisation = "devtest"
	}
	c, err := NewClient(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func grant(w http.ResponseWriter, token string, seconds int) {
	fmt.Fprintf(w, `{"accessToken":%q,"tokenType":"Bearer","expiresIn":%d}`, token, seconds)
}

func TestTheOrganisationTravelsInTheHostHeader(t *testing.T) {
	for _, tc := range []struct{ name, organisation, host, base, want string }{
		{"a name", "devtest", "", "http://ac.example.com", "devtest.ac.example.com"},
		{"a name with a port", "devtest", "", "http://ac-service.dark-tower:8082", "devtest.ac-service.dark-tower:8082"},
		{"an IPv4 address", "devtest", "", "http://127.0.0.1:8443", "devtest.127.0.0.1:8443"},
		{"an IPv6 address, whose colon would end the name", "devtest", "", "http://[::1]:8443", "devtest.localhost:8443"},
		{"an explicit header", "", "probe.elsewhere.test", "http://127.0.0.1:8443", "probe.elsewhere.test"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var got string
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				got = r.Host
				grant(w, "t", 60)
			}))
			defer server.Close()
			// Dial the server, whatever the base URL says.
			transport := redirecting(server.Listener.Addr().String())
			defer transport.CloseIdleConnections()
			c, err := NewClient(Config{BaseURL: tc.base, Organisation: tc.organisation, Host: tc.host, HTTP: &http.Client{Transport: transport}})
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if _, err := c.SignIn(t.Context(), ada); err != nil {
				t.Fatal(err)
			}
			if got != tc.want {
				t.Errorf("Host %q, want %q", got, tc.want)
			}
		})
	}
}

func TestOrganisationsThatACCannotFindAreRefused(t *testing.T) {
	for _, name := range []string{"", "-a", "a-", "Devtest", "a.b", "a_b", strings.Repeat("a", 64)} {
		if _, err := NewClient(Config{BaseURL: "http://127.0.0.1:1", Organisation: name}); err == nil {
			t.Errorf("%q was accepted", name)
		}
	}
}

func TestRegisterAndSignInSendWhatACWants(t *testing.T) {
	for _, tc := range []struct {
		name, path string
		call       func(*Client, context.Context, Credentials) (Token, error)
		body       map[string]string
	}{
		{"register", "/api/v1/auth/register", (*Client).Register, map[string]string{"email": ada.Email, "password": ada.Password, "displayName": "Ada"}},
		{"sign in", "/api/v1/auth/user/token", (*Client).SignIn, map[string]string{"email": ada.Email, "password": ada.Password}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			url := serve(t, func(w http.ResponseWriter, r *http.Request) {
				var body map[string]string
				raw, _ := io.ReadAll(r.Body)
				if err := json.Unmarshal(raw, &body); err != nil || r.Method != "POST" || r.URL.Path != tc.path || fmt.Sprint(body) != fmt.Sprint(tc.body) {
					t.Errorf("%s %s with %s", r.Method, r.URL.Path, raw)
				}
				fmt.Fprint(w, `{"userId":"u","email":"e","displayName":"d","accessToken":"head.body.sign","tokenType":"Bearer","expiresIn":3600}`)
			})
			now := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
			c := client(t, Config{BaseURL: url, Now: func() time.Time { return now }})
			if c.SignedInBefore(ada) {
				t.Error("known before the first answer")
			}
			token, err := tc.call(c, t.Context(), ada)
			if err != nil || token.Value.Reveal() != "head.body.sign" || !token.ExpiresAt.Equal(now.Add(time.Hour)) {
				t.Errorf("token until %v, error %v", token.ExpiresAt, err)
			}
			if !c.SignedInBefore(ada) {
				t.Error("not known after a success")
			}
		})
	}
}

func TestEnsureSignsInWhenTheAccountExists(t *testing.T) {
	var paths []string
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		paths = append(paths, r.URL.Path)
		if r.URL.Path == "/api/v1/auth/register" {
			w.WriteHeader(409)
			fmt.Fprint(w, `{"error":{"code":"CONFLICT","message":"An account with this email already exists"}}`)
			return
		}
		grant(w, "t", 3600)
	})
	if _, err := client(t, Config{BaseURL: url}).Ensure(t.Context(), ada); err != nil {
		t.Fatal(err)
	}
	if len(paths) != 2 || paths[1] != "/api/v1/auth/user/token" {
		t.Errorf("asked %v", paths)
	}
}

func TestRefusalsOfAC(t *testing.T) {
	for _, tc := range []struct {
		name   string
		status int
		code   string
		header string
	}{
		{"no usable Host", 401, "INVALID_TOKEN", ""},
		{"wrong password or unknown user", 401, "INVALID_CREDENTIALS", ""},
		{"unknown organisation", 404, "NOT_FOUND", ""},
		{"locked out", 429, "TOO_MANY_REQUESTS", "60"},
		{"invalid email", 400, "INVALID_REQUEST", ""},
		{"its database", 500, "DATABASE_ERROR", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			url := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				if tc.header != "" {
					w.Header().Set("Retry-After", tc.header)
				}
				w.WriteHeader(tc.status)
				fmt.Fprintf(w, `{"error":{"code":%q,"message":"no %s for %s"}}`, tc.code, ada.Email, ada.Password)
			})
			c := client(t, Config{BaseURL: url})
			for _, call := range []func(context.Context, Credentials) (Token, error){c.SignIn, c.Register, c.Ensure, c.Token} {
				_, err := call(t.Context(), ada)
				var got *httpapi.StatusError
				if !errors.As(err, &got) || got.Status != tc.status || got.Code != tc.code || got.Service != httpapi.AC {
					t.Fatalf("error %v", err)
				}
				if tc.header != "" && got.RetryAfter != time.Minute {
					t.Errorf("retry after %v", got.RetryAfter)
				}
				if strings.Contains(err.Error(), ada.Email) || strings.Contains(err.Error(), ada.Password) {
					t.Errorf("a secret is in %q", err)
				}
			}
			if c.SignedInBefore(ada) {
				t.Error("a refusal counts as signed in")
			}
		})
	}
}

func TestHostileAnswersOfAC(t *testing.T) {
	for _, tc := range []struct{ name, body, problem string }{
		{"no token", `{"tokenType":"Bearer","expiresIn":3600}`, "accessToken is missing"},
		{"a token that is too long", `{"accessToken":"` + strings.Repeat("a", 8193) + `","expiresIn":3600}`, "accessToken is not"},
		{"a token that breaks a header", `{"accessToken":"a\r\nX: y","expiresIn":3600}`, "accessToken is not"},
		{"another kind of token", `{"accessToken":"a","tokenType":"mac","expiresIn":3600}`, "tokenType is not"},
		{"no lifetime", `{"accessToken":"a","tokenType":"Bearer"}`, "expiresIn is not"},
		{"a negative lifetime", `{"accessToken":"a","expiresIn":-1}`, "expiresIn is not"},
		{"a lifetime that overflows", `{"accessToken":"a","expiresIn":9223372036854775807}`, "expiresIn is not"},
		{"a lifetime of the wrong type", `{"accessToken":"a","expiresIn":"1"}`, "expiresIn has the wrong type"},
		{"nothing", ``, "empty"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			url := serve(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, tc.body) })
			c := client(t, Config{BaseURL: url})
			_, err := c.SignIn(t.Context(), ada)
			var got *httpapi.AnswerError
			if !errors.As(err, &got) || !strings.Contains(got.Problem, tc.problem) {
				t.Errorf("error %v", err)
			}
			if c.SignedInBefore(ada) {
				t.Error("a broken answer counts as signed in")
			}
		})
	}
}

// clock is a time that the test sets.
type clock struct{ at atomic.Int64 }

func (c *clock) now() time.Time          { return time.Unix(c.at.Load(), 0) }
func (c *clock) advance(d time.Duration) { c.at.Add(int64(d / time.Second)) }

func TestATokenIsKeptUntilShortlyBeforeItExpires(t *testing.T) {
	for _, tc := range []struct {
		name     string
		lifetime int
		margin   time.Duration
		fresh    time.Duration // still the same token
		stale    time.Duration // a new one
	}{
		{"the usual hour", 3600, time.Minute, 58 * time.Minute, time.Minute},
		{"the default margin", 3600, 0, 58 * time.Minute, time.Minute},
		{"a life shorter than the margin is used for its first half", 60, time.Hour, 29 * time.Second, time.Second},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var asked atomic.Int64
			url := serve(t, func(w http.ResponseWriter, _ *http.Request) { grant(w, fmt.Sprint("t", asked.Add(1)), tc.lifetime) })
			var now clock
			c := client(t, Config{BaseURL: url, TokenMargin: tc.margin, Now: now.now})
			for i, step := range []struct {
				later time.Duration
				want  string
			}{{0, "t1"}, {0, "t1"}, {tc.fresh, "t1"}, {tc.stale, "t2"}} {
				now.advance(step.later)
				token, err := c.Token(t.Context(), ada)
				if err != nil || token.Value.Reveal() != step.want {
					t.Errorf("step %d: token %s, error %v", i, token.Value.Reveal(), err)
				}
			}
		})
	}
}

func TestForgetAndOtherPasswordsLeadToANewSignIn(t *testing.T) {
	var asked atomic.Int64
	url := serve(t, func(w http.ResponseWriter, _ *http.Request) { grant(w, fmt.Sprint("t", asked.Add(1)), 3600) })
	c := client(t, Config{BaseURL: url})
	other := ada
	other.Password = "another horse"
	for i, cred := range []Credentials{ada, other, ada} {
		if _, err := c.Token(t.Context(), cred); err != nil {
			t.Fatal(i, err)
		}
	}
	if asked.Load() != 2 {
		t.Errorf("%d sign-ins, want 2", asked.Load())
	}
	c.Forget(ada)
	if token, err := c.Token(t.Context(), ada); err != nil || token.Value.Reveal() != "t3" {
		t.Errorf("error %v", err)
	}
}

func TestAFailureIsNotRemembered(t *testing.T) {
	var asked atomic.Int64
	url := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		if asked.Add(1) == 1 {
			w.WriteHeader(503)
			return
		}
		grant(w, "t", 3600)
	})
	c := client(t, Config{BaseURL: url})
	if _, err := c.Token(t.Context(), ada); err == nil {
		t.Fatal("no error")
	}
	if _, err := c.Token(t.Context(), ada); err != nil {
		t.Fatal(err)
	}
}

// gate is an AC that holds sign-ins back until it is opened.
type gate struct {
	arrived chan struct{}
	open    chan struct{}
	asked   atomic.Int64
}

func newGate(t *testing.T) (*gate, string) {
	g := &gate{arrived: make(chan struct{}, 100), open: make(chan struct{})}
	return g, serve(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // only then does the server see that the client leaves
		n := g.asked.Add(1)
		g.arrived <- struct{}{}
		select {
		case <-g.open:
			grant(w, fmt.Sprint("t", n), 3600)
		case <-r.Context().Done():
		}
	})
}

func TestCallersThatAskAtTheSameTimeShareOneSignIn(t *testing.T) {
	g, url := newGate(t)
	c := client(t, Config{BaseURL: url})
	var waiting sync.WaitGroup
	var reports atomic.Int64
	const callers = 20
	for range callers {
		waiting.Go(func() {
			ctx := httpapi.WithPhases(t.Context(), func(httpapi.Phases) { reports.Add(1) })
			if token, err := c.Token(ctx, ada); err != nil || token.Value.Reveal() != "t1" {
				t.Errorf("token %s, error %v", token.Value.Reveal(), err)
			}
		})
	}
	<-g.arrived
	close(g.open)
	waiting.Wait()
	if g.asked.Load() != 1 {
		t.Errorf("%d sign-ins", g.asked.Load())
	}
	// Whoever came after the answer found it in the cache and has no phases.
	if n := reports.Load(); n < 1 || n > callers {
		t.Errorf("%d reports", n)
	}
}

func TestACallerThatGivesUpDoesNotTakeTheSignInFromTheOthers(t *testing.T) {
	g, url := newGate(t)
	c := client(t, Config{BaseURL: url})
	first, giveUp := context.WithCancel(t.Context())
	var reported atomic.Bool
	first = httpapi.WithPhases(first, func(httpapi.Phases) { reported.Store(true) })
	gaveUp := make(chan error, 1)
	go func() { _, err := c.Token(first, ada); gaveUp <- err }()
	<-g.arrived // the first caller's sign-in is under way
	got := make(chan error, 1)
	go func() { _, err := c.Token(t.Context(), ada); got <- err }()
	giveUp()
	var transport *httpapi.TransportError
	if err := <-gaveUp; !errors.As(err, &transport) || transport.Kind != httpapi.KindCanceled {
		t.Errorf("the one who gave up: %v", err)
	}
	close(g.open)
	if err := <-got; err != nil {
		t.Errorf("the one who stayed: %v", err)
	}
	if g.asked.Load() != 1 || reported.Load() {
		t.Errorf("%d sign-ins; phases reported to the one who had left: %v", g.asked.Load(), reported.Load())
	}
}

func TestCloseEndsASharedSignIn(t *testing.T) {
	g, url := newGate(t)
	c := client(t, Config{BaseURL: url})
	got := make(chan error, 1)
	go func() { _, err := c.Token(t.Context(), ada); got <- err }()
	<-g.arrived
	c.Close()
	if err := <-got; err == nil {
		t.Error("no error")
	}
	if _, err := c.Token(t.Context(), ada); !errors.Is(err, ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

func TestCredentialsAreChecked(t *testing.T) {
	if err := ada.Validate(); err != nil {
		t.Error(err)
	}
	for _, bad := range []Credentials{
		{Email: "", Password: "12345678", DisplayName: "A"},
		{Email: "a", Password: "12345678", DisplayName: "A"},
		{Email: "a@b", Password: "12345678", DisplayName: "A"},
		{Email: "a@b.", Password: "12345678", DisplayName: "A"},
		{Email: "@b.c", Password: "12345678", DisplayName: "A"},
		{Email: "a@b@c.d", Password: "12345678", DisplayName: "A"},
		{Email: strings.Repeat("a", 250) + "@b.cd", Password: "12345678", DisplayName: "A"},
		{Email: "a@b.c", Password: "1234567", DisplayName: "A"},
		{Email: "a@b.c", Password: strings.Repeat("1", 129), DisplayName: "A"},
		{Email: "a@b.c", Password: "12345678", DisplayName: " "},
		{Email: "a@b.c", Password: "12345678", DisplayName: strings.Repeat("A", 65)},
	} {
		err := bad.Validate()
		if err == nil {
			t.Errorf("accepted %q %q %q", bad.Email, bad.Password, bad.DisplayName)
		} else if strings.Contains(err.Error(), "1234567") {
			t.Errorf("a value is in %q", err)
		}
	}
}

func TestCredentialsAndTokensShowNothing(t *testing.T) {
	token := Token{Value: "head.body.sign"}
	encoded, err := json.Marshal(map[string]any{"c": ada, "t": token})
	if err != nil {
		t.Fatal(err)
	}
	shown := fmt.Sprintf("%v %+v %#v %s %q %v %+v %#v %v", ada, ada, ada, ada, ada, token, token, token, &ada) + string(encoded) + ada.LogValue().String()
	for _, secret := range []string{ada.Email, ada.Password, "Ada", "head.body.sign"} {
		if strings.Contains(shown, secret) {
			t.Errorf("%q is shown", secret)
		}
	}
}

func FuzzAnswer(f *testing.F) {
	f.Add([]byte(`{"accessToken":"a.b.c","tokenType":"Bearer","expiresIn":3600}`))
	f.Add([]byte(`{"accessToken":"","expiresIn":-1}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		var a answer
		if json.Unmarshal(body, &a) != nil || a.check() != "" {
			return
		}
		if !httpapi.IsToken(a.AccessToken) || a.ExpiresIn <= 0 || time.Duration(a.ExpiresIn)*time.Second > maxLifetime {
			t.Errorf("accepted %d bytes of token for %d s", len(a.AccessToken), a.ExpiresIn)
		}
	})
}
