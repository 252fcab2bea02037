package ac

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"

	"github.com/dark-tower/prober/internal/devstack/fault"
	"github.com/dark-tower/prober/internal/devstack/token"
)

const (
	gcID     = "global-controller"
	gcSecret = "global-controller-secret-dev-001"
)

func serviceRequest(body string) request { return request{path: token.ServicePath, body: body} }

func TestServiceTokensAreGivenToKnownServices(t *testing.T) {
	s := startAC(t, Config{})
	basic := serviceRequest(`{"grant_type":"client_credentials","client_id":"x","client_secret":"y"}`)
	basic.header = http.Header{"Authorization": {"Basic " + base64.StdEncoding.EncodeToString([]byte(gcID+":"+gcSecret))}}
	form := serviceRequest("grant_type=client_credentials")
	form.contentType = "application/x-www-form-urlencoded"
	good := object("grant_type", "client_credentials", "client_id", gcID, "client_secret", gcSecret)

	tests := []struct {
		name    string
		request request
		status  int
		code    string
		scope   string
	}{
		{"all scopes when none is asked for", serviceRequest(good), 200, "", "service.write.mc internal:meeting-token"},
		{"one scope", serviceRequest(object("grant_type", "client_credentials", "client_id", gcID, "client_secret", gcSecret, "scope", "internal:meeting-token")), 200, "", "internal:meeting-token"},
		{"basic credentials go first", basic, 200, "", "service.write.mc internal:meeting-token"},
		{"a form", form, 415, "", ""},
		{"no grant type", serviceRequest(`{}`), 422, "", ""},
		{"another grant type", serviceRequest(`{"grant_type":"password"}`), 401, "INVALID_CREDENTIALS", ""},
		{"no credentials", serviceRequest(`{"grant_type":"client_credentials"}`), 401, "INVALID_CREDENTIALS", ""},
		{"an unknown client", serviceRequest(object("grant_type", "client_credentials", "client_id", "x", "client_secret", "")), 401, "INVALID_CREDENTIALS", ""},
		{"a wrong secret", serviceRequest(object("grant_type", "client_credentials", "client_id", gcID, "client_secret", "x")), 401, "INVALID_CREDENTIALS", ""},
		{"a scope of somebody else", serviceRequest(object("grant_type", "client_credentials", "client_id", gcID, "client_secret", gcSecret, "scope", "service.write.mh")), 403, "INSUFFICIENT_SCOPE", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.request.host = "127.0.0.1" // no organisation is needed
			a := ask(t, s, tt.request)
			if a.status != tt.status || a.err.Code != tt.code {
				t.Fatalf("got %d %s", a.status, a.body)
			}
			switch tt.status {
			case 200:
				got := keys(t, a)
				if len(got) != 4 || got["scope"] != tt.scope || got["tokenType"] != "Bearer" || got["expiresIn"] != 3600.0 {
					t.Errorf("got %v", got)
				}
				c, err := token.NewVerifier(s.JWKSURL()).Service(t.Context(), got["accessToken"].(string))
				if err != nil || c.Subject != gcID || c.Scope != tt.scope || c.ServiceType != token.GlobalController || c.ID != "" {
					t.Errorf("the token says %v, %v", c, err)
				}
			case 403:
				if a.err.RequiredScope == nil || *a.err.RequiredScope != "service.write.mh" || fmt.Sprint(a.err.ProvidedScopes) != "[service.write.mc internal:meeting-token]" {
					t.Errorf("got %s", a.body)
				}
				if c := a.header.Get("WWW-Authenticate"); c != `Bearer realm="dark-tower-api", error="insufficient_scope", error_description="Requires scope: service.write.mh"` {
					t.Errorf("WWW-Authenticate is %q", c)
				}
			}
		})
	}
}

func TestFailedServiceCredentialsAreLockedOutWithoutARetryAfter(t *testing.T) {
	s := startAC(t, Config{Limits: Limits{FailedSignIns: 2}})
	wrong := serviceRequest(object("grant_type", "client_credentials", "client_id", gcID, "client_secret", "x"))
	for _, want := range []int{401, 401, 429} {
		if a := ask(t, s, wrong); a.status != want {
			t.Fatalf("got %d, want %d", a.status, want)
		}
	}
	a := ask(t, s, serviceRequest(object("grant_type", "client_credentials", "client_id", gcID, "client_secret", gcSecret)))
	if a.status != 429 || a.err.Code != "RATE_LIMIT_EXCEEDED" || a.err.RetryAfterSeconds != nil || a.header.Get("Retry-After") != "" {
		t.Errorf("got %d %s", a.status, a.body)
	}
}

// serviceToken returns a token for the service with these scopes.
func serviceToken(t *testing.T, s *Server, scope string) string {
	t.Helper()
	raw, err := s.signer.Sign(token.ServiceClaims{RegisteredClaims: token.Stamp(gcID, time.Now(), time.Hour), Scope: scope, ServiceType: gcID})
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func internal(t *testing.T, s *Server, path, body string) request {
	t.Helper()
	return request{path: "/api/v1/auth/internal/" + path, body: body, host: "127.0.0.1",
		header: http.Header{"Authorization": {"Bearer " + serviceToken(t, s, token.ScopeMeetingToken)}}}
}

func TestMeetingTokensSayWhoComesAndAs(t *testing.T) {
	s := startAC(t, Config{})
	register(t, s, "ada@probe.test")
	u, _ := s.users.find(orgA, "ada@probe.test")
	meeting := uuid.NewString()
	body := fmt.Sprintf(`{"subject_user_id":%q,"meeting_id":%q,"meeting_org_id":%q,"home_org_id":%q`, u.id, meeting, orgB, orgA)
	v := token.NewVerifier(s.JWKSURL())

	a := ask(t, s, internal(t, s, "meeting-token", body+`,"participant_type":"external","role":"host","capabilities":["audio","video"],"ttl_seconds":60}`))
	got := decode[issued](t, a)
	if a.status != 200 || got.ExpiresIn != 60 || len(keys(t, a)) != 2 {
		t.Fatalf("got %d %v", a.status, got.ExpiresIn)
	}
	c, err := v.Meeting(t.Context(), got.Token, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	if c.Subject != u.id.String() || c.MeetingID != meeting || c.MeetingOrgID != orgB.String() || c.HomeOrgID != orgA.String() ||
		c.ParticipantType != "external" || c.Role != "host" || fmt.Sprint(c.Capabilities) != "[audio video]" || c.DisplayName != "Ada" || c.ID == "" ||
		c.ExpiresAt.Sub(c.IssuedAt.Time) != time.Minute {
		t.Error("the token says something else")
	}

	a = ask(t, s, internal(t, s, "meeting-token", body+`,"ttl_seconds":86400}`))
	got = decode[issued](t, a)
	c, err = v.Meeting(t.Context(), got.Token, time.Second)
	if err != nil || got.ExpiresIn != 900 || c.ParticipantType != "member" || c.Role != "participant" || c.ExpiresAt.Sub(c.IssuedAt.Time) != 15*time.Minute {
		t.Errorf("the defaults and the cap: %d s as %s %s, %v", got.ExpiresIn, c.ParticipantType, c.Role, err)
	}
}

func TestGuestTokensAreNoMeetingTokens(t *testing.T) {
	s := startAC(t, Config{})
	guest, meeting := uuid.NewString(), uuid.NewString()
	a := ask(t, s, internal(t, s, "guest-token", fmt.Sprintf(`{"guest_id":%q,"display_name":"Gus","meeting_id":%q,"meeting_org_id":%q}`, guest, meeting, orgA)))
	if a.status != 200 {
		t.Fatalf("got %d %s", a.status, a.body)
	}
	var c token.GuestClaims
	if _, _, err := jwt.NewParser().ParseUnverified(decode[issued](t, a).Token, &c); err != nil {
		t.Fatal(err)
	}
	if c.Subject != guest || c.TokenType != "guest" || c.MeetingID != meeting || c.MeetingOrgID != orgA.String() || c.ParticipantType != "guest" ||
		c.Role != "guest" || c.DisplayName != "Gus" || !c.WaitingRoom || fmt.Sprint(c.Capabilities) != "[video audio]" {
		t.Error("the token says something else")
	}
	if _, err := token.NewVerifier(s.JWKSURL()).Meeting(t.Context(), decode[issued](t, a).Token, time.Second); !errors.Is(err, token.ErrWrongType) {
		t.Errorf("as a meeting token: %v", err)
	}
}

func TestInternalEndpointsAreForGCOnly(t *testing.T) {
	s := startAC(t, Config{})
	register(t, s, "ada@probe.test")
	u, _ := s.users.find(orgA, "ada@probe.test")
	user := decode[tokenAnswer](t, ask(t, s, signIn("ada@probe.test", "password-1"))).AccessToken
	body := func(subject string) string {
		return fmt.Sprintf(`{"subject_user_id":%q,"meeting_id":%q,"meeting_org_id":%q,"home_org_id":%q}`, subject, uuid.New(), orgA, orgA)
	}
	good := body(u.id.String())
	tests := []struct {
		name          string
		authorization string
		body          string
		status        int
		code, message string
	}{
		{"no token", "", good, 401, "INVALID_TOKEN", "Missing Authorization header"},
		{"another scheme", "Basic eA==", good, 401, "INVALID_TOKEN", "Invalid Authorization header format"},
		{"a user's token", "Bearer " + user, good, 401, "INVALID_TOKEN", "The access token is invalid or expired"},
		{"another scope", "Bearer " + serviceToken(t, s, "test:all"), good, 403, "INSUFFICIENT_SCOPE", "Requires scope: internal:meeting-token"},
		{"an unknown user", "Bearer " + serviceToken(t, s, token.ScopeMeetingToken), body(uuid.NewString()), 404, "NOT_FOUND", "User not found"},
		{"a user that is no UUID", "Bearer " + serviceToken(t, s, token.ScopeMeetingToken), body("x"), 422, "", ""},
		{"an unknown role", "Bearer " + serviceToken(t, s, token.ScopeMeetingToken), good[:len(good)-1] + `,"role":"king"}`, 422, "", ""},
		{"the right one", "Bearer " + serviceToken(t, s, token.ScopeMeetingToken), good, 200, "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := request{path: "/api/v1/auth/internal/meeting-token", body: tt.body, header: http.Header{}}
			if tt.authorization != "" {
				r.header.Set("Authorization", tt.authorization)
			}
			a := ask(t, s, r)
			if a.status != tt.status || a.err.Code != tt.code || a.err.Message != tt.message {
				t.Errorf("got %d %q %q", a.status, a.err.Code, a.err.Message)
			}
		})
	}
}

func TestUtilityEndpoints(t *testing.T) {
	s := startAC(t, Config{})
	get := func(path string) answer { return ask(t, s, request{method: "GET", path: path, host: "127.0.0.1"}) }
	if a := get("/health"); a.status != 200 || a.body != "OK" {
		t.Errorf("health: %d %q", a.status, a.body)
	}
	if a := get("/ready"); a.status != 200 || a.body != `{"status":"ready","database":"healthy","signing_key":"available"}` {
		t.Errorf("ready: %d %q", a.status, a.body)
	}
	a := get("/.well-known/jwks.json")
	set := decode[token.JWKS](t, a)
	if a.status != 200 || a.header.Get("Cache-Control") != "max-age=3600" || len(set.Keys) != 1 {
		t.Fatalf("jwks: %d %s", a.status, a.body)
	}
	k := set.Keys[0]
	x, err := base64.RawURLEncoding.DecodeString(k.X)
	if err != nil || len(x) != 32 || k.KeyID == "" || k.KeyType != "OKP" || k.Curve != "Ed25519" || k.Use != "sig" || k.Algorithm != "EdDSA" {
		t.Errorf("the key is %+v", k)
	}
}

func TestFaultsOfSigningIn(t *testing.T) {
	panel := &fault.Panel{}
	s := startAC(t, Config{Faults: panel})
	register(t, s, "ada@probe.test")
	set := func(f fault.AC) { panel.Set(fault.Faults{AC: f}) }
	good := signIn("ada@probe.test", "password-1")

	for status, code := range map[int]string{
		400: "INVALID_REQUEST", 401: "INVALID_CREDENTIALS", 403: "INSUFFICIENT_SCOPE", 404: "NOT_FOUND", 409: "CONFLICT",
		429: "TOO_MANY_REQUESTS", 500: "INTERNAL_ERROR", 502: "", 503: "",
	} {
		set(fault.AC{SignInStatus: status, RetryAfter: 1500 * time.Millisecond})
		a := ask(t, s, good)
		if a.status != status || a.err.Code != code {
			t.Errorf("%d: got %d %s", status, a.status, a.body)
		}
		if want := map[int]string{429: "2", 503: "2"}[status]; a.header.Get("Retry-After") != want {
			t.Errorf("%d: Retry-After is %q", status, a.header.Get("Retry-After"))
		}
	}
	set(fault.AC{RegisterStatus: 429})
	if a := ask(t, s, registration("bob@probe.test", "password-1", "Bob")); a.status != 429 || a.header.Get("Retry-After") != "60" {
		t.Errorf("register: got %d, Retry-After %q", a.status, a.header.Get("Retry-After"))
	}
	if a := ask(t, s, good); a.status != 200 {
		t.Errorf("sign-in under a registration fault: %d", a.status)
	}

	set(fault.AC{SignInStatus: 500, SignInEvery: 3})
	for i, want := range []int{200, 200, 500, 200, 200, 500} {
		if a := ask(t, s, good); a.status != want {
			t.Errorf("sign-in %d: got %d, want %d", i+1, a.status, want)
		}
	}

	set(fault.AC{WrongKey: true})
	a := ask(t, s, good)
	if _, err := token.NewVerifier(s.JWKSURL()).User(t.Context(), decode[tokenAnswer](t, a).AccessToken); !errors.Is(err, token.ErrUnknownKey) {
		t.Errorf("a token of the wrong key: %v", err)
	}
	if _, err := token.NewServiceSource(s.URL(), gcID, gcSecret).Token(t.Context()); err != nil {
		t.Errorf("services under it: %v", err)
	}
}

func TestASlowSignInIsARequestTimeoutAndAHungOneIsNot(t *testing.T) {
	panel := &fault.Panel{}
	s := startAC(t, Config{Faults: panel, Times: Times{Request: 30 * time.Millisecond}})
	panel.Set(fault.Faults{AC: fault.AC{SignInDelay: time.Hour}})
	if a := ask(t, s, signIn("ada@probe.test", "password-1")); a.status != 408 || a.body != "" {
		t.Errorf("got %d %q", a.status, a.body)
	}
	panel.Set(fault.Faults{AC: fault.AC{SignInNever: true}})
	result := make(chan error, 1)
	ctx := t.Context()
	go func() {
		_, err := s.ask(ctx, signIn("ada@probe.test", "password-1"))
		result <- err
	}()
	select {
	case <-result:
		t.Error("a hung sign-in was answered")
	case <-time.After(100 * time.Millisecond): // thrice the deadline of a request
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := <-result; err == nil {
		t.Error("a hung sign-in was answered")
	}
}
