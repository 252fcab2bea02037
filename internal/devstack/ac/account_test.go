package ac

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestARegistrationSignsTheUserIn(t *testing.T) {
	s := startAC(t, Config{})
	a := ask(t, s, registration("ada@probe.test", "password-1", "Ada <L>"))
	if a.status != http.StatusOK {
		t.Fatalf("got %d %s", a.status, a.body)
	}
	got := keys(t, a)
	if len(got) != 6 || got["email"] != "ada@probe.test" || got["displayName"] != "Ada <L>" || got["tokenType"] != "Bearer" || got["expiresIn"] != 3600.0 {
		t.Errorf("got %v", got)
	}
	claims := userOf(t, s, got["accessToken"].(string))
	if claims.Subject != got["userId"] || claims.OrgID != orgA.String() || claims.Email != "ada@probe.test" || fmt.Sprint(claims.Roles) != "[user]" || claims.ID == "" {
		t.Error("the token says something else")
	}
	if life := claims.ExpiresAt.Sub(claims.IssuedAt.Time); life != time.Hour {
		t.Errorf("the token lives %s", life)
	}
	if a.header.Get("Cache-Control") != "no-store" {
		t.Errorf("Cache-Control is %q", a.header.Get("Cache-Control"))
	}

	a = ask(t, s, signIn("ada@probe.test", "password-1"))
	got = keys(t, a)
	if a.status != http.StatusOK || len(got) != 3 || got["tokenType"] != "Bearer" || got["expiresIn"] != 3600.0 {
		t.Errorf("sign-in: got %d %v", a.status, got)
	}
	if userOf(t, s, got["accessToken"].(string)).Subject != claims.Subject {
		t.Error("sign-in is for somebody else")
	}
}

func TestEveryRefusalHasItsStatusCodeAndText(t *testing.T) {
	s := startAC(t, Config{})
	register(t, s, "taken@probe.test")
	at := func(host string) request {
		r := registration("x@probe.test", "password-1", "Ada")
		r.host = host
		return r
	}
	raw := func(path, contentType, body string) request {
		return request{path: path, contentType: contentType, body: body}
	}
	const (
		reg  = "/api/v1/auth/register"
		sign = "/api/v1/auth/user/token"
	)
	other := signIn("taken@probe.test", "password-1")
	other.host = "demo.probe.test"
	tests := []struct {
		name    string
		request request
		status  int
		code    string // empty: no envelope
		message string
	}{
		{"an address as host", at("127.0.0.1:8082"), 401, "INVALID_TOKEN", "Invalid subdomain"},
		{"an IPv6 address as host", at("[::1]:8082"), 401, "INVALID_TOKEN", "Invalid subdomain"},
		{"a host of one label", at("localhost:8082"), 401, "INVALID_TOKEN", "Invalid subdomain"},
		{"an organisation in capitals", at("Devtest.localhost"), 401, "INVALID_TOKEN", "Invalid subdomain"},
		{"an organisation with a hyphen in front", at("-devtest.localhost"), 401, "INVALID_TOKEN", "Invalid subdomain"},
		{"the service's own name in the cluster", at("ac-service.dark-tower.svc.cluster.local:8082"), 404, "NOT_FOUND", "Organization not found"},
		{"an inactive organisation", at("gone.localhost"), 404, "NOT_FOUND", "Organization not found"},
		{"the organisation comes before the body", request{path: sign, host: "nobody.localhost", body: "{"}, 404, "NOT_FOUND", "Organization not found"},

		{"register without a content type", raw(reg, "none", `{}`), 415, "", ""},
		{"register with half a body", raw(reg, "", `{`), 400, "", ""},
		{"register without a password", raw(reg, "", `{"email":"a@b.c","displayName":"A"}`), 422, "", ""},
		{"register in snake case", raw(reg, "", `{"email":"a@b.c","password":"password-1","display_name":"A"}`), 422, "", ""},
		{"sign-in as a form", raw(sign, "application/x-www-form-urlencoded", "email=a"), 415, "", ""},
		{"sign-in with half a body", raw(sign, "", `{"email"`), 400, "", ""},
		{"sign-in with a number", raw(sign, "", `{"email":1,"password":"x"}`), 422, "", ""},

		{"an email without an at sign", registration("ada.probe.test", "password-1", "Ada"), 400, "INVALID_REQUEST", "Invalid email format"},
		{"an email with two", registration("a@d@probe.test", "password-1", "Ada"), 400, "INVALID_REQUEST", "Invalid email format"},
		{"an email of nobody", registration("@probe.test", "password-1", "Ada"), 400, "INVALID_REQUEST", "Invalid email format"},
		{"an email at one label", registration("ada@localhost", "password-1", "Ada"), 400, "INVALID_REQUEST", "Invalid email format"},
		{"an email at an empty label", registration("ada@probe.", "password-1", "Ada"), 400, "INVALID_REQUEST", "Invalid email format"},
		{"a password of 7 bytes", registration("b@probe.test", "1234567", "Ada"), 400, "INVALID_REQUEST", "Password must be at least 8 characters"},
		{"a blank name", registration("b@probe.test", "password-1", " \t"), 400, "INVALID_REQUEST", "Display name cannot be empty"},
		{"the email is checked before the password", registration("b", "1", ""), 400, "INVALID_REQUEST", "Invalid email format"},
		{"the password is checked before the name", registration("b@probe.test", "1", ""), 400, "INVALID_REQUEST", "Password must be at least 8 characters"},
		{"an email that is taken", registration("taken@probe.test", "password-2", "Eve"), 409, "CONFLICT", "An account with this email already exists"},

		{"an unknown user", signIn("nobody@probe.test", "password-1"), 401, "INVALID_CREDENTIALS", "Invalid client credentials"},
		{"a wrong password", signIn("taken@probe.test", "password-2"), 401, "INVALID_CREDENTIALS", "Invalid client credentials"},
		{"a user of another organisation", other, 401, "INVALID_CREDENTIALS", "Invalid client credentials"},

		{"an unknown path", request{path: "/api/v1/auth/nothing"}, 404, "", ""},
		{"a wrong method", request{method: "GET", path: reg}, 405, "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := ask(t, s, tt.request)
			if a.status != tt.status || a.err.Code != tt.code || a.err.Message != tt.message {
				t.Errorf("got %d %q %q, want %d %q %q", a.status, a.err.Code, a.err.Message, tt.status, tt.code, tt.message)
			}
			if tt.code == "" && strings.HasPrefix(a.header.Get("Content-Type"), "application/json") {
				t.Error("the answer is JSON")
			}
			if empty := tt.status == 404 && tt.code == "" || tt.status == 405; empty && a.body != "" {
				t.Errorf("the body is %q", a.body)
			}
			if a.header.Get("Cache-Control") != "no-store" {
				t.Errorf("Cache-Control is %q", a.header.Get("Cache-Control"))
			}
			if challenge := a.header.Get("WWW-Authenticate"); (tt.status == 401) != (challenge == `Bearer realm="dark-tower-api", error="invalid_token"`) {
				t.Errorf("WWW-Authenticate is %q", challenge)
			}
			if strings.Contains(a.body, "null") || strings.Contains(a.body, "retryAfterSeconds") {
				t.Errorf("optional keys are there: %s", a.body)
			}
		})
	}
}

func TestARequestWithoutAHostIsUnauthorized(t *testing.T) {
	s := startAC(t, Config{})
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.URL(), "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "POST /api/v1/auth/register HTTP/1.0\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(conn)
	if err != nil {
		t.Fatal(err)
	}
	if text := string(b); !strings.Contains(text, " 401 ") || !strings.Contains(text, "Missing or invalid Host header") {
		t.Errorf("got %s", text)
	}
}

func TestTheSameEmailCanRegisterInTwoOrganisations(t *testing.T) {
	s := startAC(t, Config{})
	register(t, s, "ada@probe.test")
	r := registration("ada@probe.test", "password-2", "Ada")
	r.host = "demo.localhost"
	a := ask(t, s, r)
	if a.status != 200 {
		t.Fatalf("got %d %s", a.status, a.body)
	}
	if org := userOf(t, s, keys(t, a)["accessToken"].(string)).OrgID; org != orgB.String() {
		t.Error("the user is in the wrong organisation")
	}
}

func TestRegistrationsAreLimitedPerPeer(t *testing.T) {
	s := startAC(t, Config{Limits: Limits{Registrations: 3}, Times: Times{RegisterLimit: time.Hour}})
	if a := ask(t, s, request{path: "/api/v1/auth/register", body: "{"}); a.status != 400 { // not counted
		t.Fatalf("got %d", a.status)
	}
	for i, want := range []int{200, 409, 400, 429, 429} { // all of these are, but the last
		r := registration("ada@probe.test", "password-1", "Ada")
		if want == 400 {
			r = registration("ada", "password-1", "Ada")
		}
		a := ask(t, s, r)
		if a.status != want {
			t.Fatalf("registration %d: got %d %s, want %d", i, a.status, a.body, want)
		}
		if want != 429 {
			continue
		}
		if a.err.Code != "TOO_MANY_REQUESTS" || a.err.Message != "Too many registration attempts. Please try again later." ||
			a.err.RetryAfterSeconds == nil || *a.err.RetryAfterSeconds != 3600 || a.header.Get("Retry-After") != "3600" {
			t.Errorf("got %s, Retry-After %q", a.body, a.header.Get("Retry-After"))
		}
	}
	if n := len(s.registrations.events["127.0.0.1"]); n != 3 {
		t.Errorf("%d registrations are counted", n)
	}
}

func TestFailedSignInsLockTheUserOut(t *testing.T) {
	s := startAC(t, Config{Limits: Limits{FailedSignIns: 2}})
	register(t, s, "ada@probe.test")
	register(t, s, "bob@probe.test")
	for range 3 {
		if a := ask(t, s, signIn("ada@probe.test", "password-1")); a.status != 200 {
			t.Fatalf("a good sign-in: %d", a.status)
		}
	}
	for range 2 {
		if a := ask(t, s, signIn("ada@probe.test", "wrong")); a.status != 401 {
			t.Fatalf("a wrong password: %d", a.status)
		}
	}
	a := ask(t, s, signIn("ada@probe.test", "password-1"))
	if a.status != 429 || a.err.Code != "TOO_MANY_REQUESTS" || a.err.Message != "Too many failed login attempts. Please try again later." ||
		a.header.Get("Retry-After") != "60" || a.err.RetryAfterSeconds == nil || *a.err.RetryAfterSeconds != 60 {
		t.Errorf("got %d %s", a.status, a.body)
	}
	if a := ask(t, s, signIn("bob@probe.test", "password-1")); a.status != 200 {
		t.Errorf("another user: %d", a.status)
	}
	for range 4 { // nobody's lock
		if a := ask(t, s, signIn("nobody@probe.test", "wrong")); a.status != 401 {
			t.Errorf("an unknown user: %d", a.status)
		}
	}
}

func TestAnInactiveUserCannotSignIn(t *testing.T) {
	s := startAC(t, Config{})
	register(t, s, "ada@probe.test")
	s.users.mu.Lock()
	s.users.byEmail[emailKey{orgA, "ada@probe.test"}].inactive = true
	s.users.mu.Unlock()
	if a := ask(t, s, signIn("ada@probe.test", "password-1")); a.status != 401 || a.err.Code != "INVALID_CREDENTIALS" {
		t.Errorf("got %d %s", a.status, a.body)
	}
}

func TestTheWindowForgets(t *testing.T) {
	w := newWindow(time.Minute, 2)
	now := time.Unix(1000, 0)
	w.add("a", now)
	w.add("a", now.Add(30*time.Second))
	if !w.full("a", now.Add(59*time.Second)) || w.full("b", now) {
		t.Error("the budget is not used up, or another's is")
	}
	if w.full("a", now.Add(60*time.Second)) {
		t.Error("an event of a minute ago still counts")
	}
	if w.full("a", now.Add(90*time.Second)) || len(w.events) != 0 {
		t.Error("forgotten keys are kept")
	}
}

func TestLongPasswordsAreCutAsBcryptCutsThem(t *testing.T) {
	s := startAC(t, Config{})
	long := strings.Repeat("p", 128)
	if a := ask(t, s, registration("ada@probe.test", long, "Ada")); a.status != 200 {
		t.Fatalf("got %d %s", a.status, a.body)
	}
	if a := ask(t, s, signIn("ada@probe.test", long)); a.status != 200 {
		t.Errorf("got %d", a.status)
	}
}

func TestStartNamesABadBcryptCost(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if s, err := Start(t.Context(), Config{Listener: ln, BcryptCost: 99}); err == nil {
		s.Close()
		t.Error("it started")
	}
	if _, err := ln.Accept(); err == nil {
		t.Error("the listener is still open")
	}
	if _, err := Start(t.Context(), Config{}); err == nil {
		t.Error("it started without a listener")
	}
}

func FuzzSubdomain(f *testing.F) {
	for _, host := range []string{"devtest.localhost:8082", "127.0.0.1", "[::1]", "", ".a", "-a.b", "a-.b", "256.1.1.1"} {
		f.Add(host)
	}
	f.Fuzz(func(t *testing.T, host string) {
		name, err := subdomain(host)
		if err == nil && (!isSubdomain(name) || !strings.HasPrefix(host, name+".")) {
			t.Errorf("%q gives %q", host, name)
		}
	})
}

func FuzzEmail(f *testing.F) {
	for _, s := range []string{"a@b.c", "a@b", "@b.c", "a@b..c", "a@@b.c"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if validEmail(s) && (strings.Count(s, "@") != 1 || !strings.Contains(s[strings.Index(s, "@"):], ".")) {
			t.Errorf("%q is taken", s)
		}
	})
}
