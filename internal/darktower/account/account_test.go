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
