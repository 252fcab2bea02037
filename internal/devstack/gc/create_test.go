package gc

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/dark-tower/prober/internal/devstack/ac"
	"github.com/dark-tower/prober/internal/devstack/fault"
	"github.com/dark-tower/prober/internal/devstack/token"
)

func TestAMeetingIsCreatedWithThePlatformsDefaults(t *testing.T) {
	p := startGC(t, nil)
	user := p.user(t, "devtest")
	a := p.ask(t, "POST", "/api/v1/meetings", user, `{"displayName":"  Lane one "}`)
	if a.status != http.StatusCreated {
		t.Fatalf("got %d %s", a.status, a.body)
	}
	got := decode[map[string]any](t, a)
	want := map[string]any{
		"displayName": "Lane one", "status": "scheduled", "maxParticipants": 100.0, "enableE2eEncryption": true, "requireAuth": true,
		"recordingEnabled": false, "allowGuests": false, "allowExternalParticipants": false, "waitingRoomEnabled": true,
	}
	for k, v := range want {
		if got[k] != v {
			t.Errorf("%s is %v, want %v", k, got[k], v)
		}
	}
	if len(got) != len(want)+3 {
		t.Errorf("the answer has %d fields", len(got))
	}
	if _, err := uuid.Parse(got["meetingId"].(string)); err != nil {
		t.Error(err)
	}
	if code := got["meetingCode"].(string); !regexp.MustCompile(`^[0-9A-Za-z]{12}$`).MatchString(code) {
		t.Errorf("the code is %q", code)
	}
	if _, err := time.Parse(time.RFC3339, got["createdAt"].(string)); err != nil {
		t.Error(err)
	}
	c := p.meeting(t, user, `,"maxParticipants":5000,"scheduledStartTime":"2026-10-01T10:00:00Z","enableE2eEncryption":false,"requireAuth":false,
		"recordingEnabled":true,"allowGuests":true,"allowExternalParticipants":true,"waitingRoomEnabled":false`)
	if c.MaxParticipants != 100 || c.EnableE2EEncryption || c.RequireAuth || !c.RecordingEnabled || !c.AllowGuests || !c.AllowExternalParticipants || c.WaitingRoomEnabled {
		t.Errorf("the other way round: %+v", c)
	}
}

func TestEveryRefusalOfACreateHasItsStatusCodeAndText(t *testing.T) {
	p := startGC(t, nil)
	user := p.user(t, "devtest")
	stranger, err := token.NewSigner("auth-elsewhere")
	if err != nil {
		t.Fatal(err)
	}
	forged, err := stranger.Sign(token.UserClaims{RegisteredClaims: token.Stamp(uuid.NewString(), time.Now(), time.Hour), OrgID: uuid.NewString(), Roles: []string{"user"}})
	if err != nil {
		t.Fatal(err)
	}
	service, err := p.service(token.GlobalController).Token(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, bearer, body string
		status             int
		code, text         string
	}{
		{"no token", "", `{}`, 401, "INVALID_TOKEN", "Missing Authorization header"},
		{"a token of a strange key", forged, `{}`, 401, "INVALID_TOKEN", "The access token is invalid or expired"},
		{"a service token", service, `{}`, 401, "INVALID_TOKEN", "The access token is invalid or expired"},
		{"half a body", user, `{`, 400, "BAD_REQUEST", "Invalid request body"},
		{"an unknown field", user, `{"displayName":"a","x":1}`, 400, "BAD_REQUEST", "Invalid request body"},
		{"snake case", user, `{"display_name":"a"}`, 400, "BAD_REQUEST", "Invalid request body"},
		{"no name at all", user, `{}`, 400, "BAD_REQUEST", "Invalid request body"},
		{"a count that is text", user, `{"displayName":"a","maxParticipants":"5"}`, 400, "BAD_REQUEST", "Invalid request body"},
		{"a start that is no time", user, `{"displayName":"a","scheduledStartTime":"soon"}`, 400, "BAD_REQUEST", "Invalid request body"},
		{"a blank name", user, `{"displayName":"  "}`, 400, "BAD_REQUEST", "Display name is required"},
		{"a name of 256 bytes", user, `{"displayName":"` + strings.Repeat("é", 128) + `"}`, 400, "BAD_REQUEST", "Display name must be at most 255 characters"},
		{"one participant", user, `{"displayName":"a","maxParticipants":1}`, 400, "BAD_REQUEST", "Maximum participants must be at least 2"},
		{"an organisation without a row", p.user(t, "rowless"), `{"displayName":"a"}`, 500, "ORGANIZATION_NOT_PROVISIONED", "An internal error occurred"},
		{"an inactive organisation", p.user(t, "asleep"), `{"displayName":"a"}`, 403, "ORGANIZATION_INACTIVE", "Organization is inactive"},
		{"the body comes before the organisation", p.user(t, "rowless"), `{`, 400, "BAD_REQUEST", "Invalid request body"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := p.ask(t, "POST", "/api/v1/meetings", tt.bearer, tt.body)
			if a.status != tt.status || a.code != tt.code || a.text != tt.text {
				t.Errorf("got %d %q %q", a.status, a.code, a.text)
			}
			if challenge := a.header.Get("WWW-Authenticate"); (tt.status == 401) != (challenge == `Bearer realm="dark-tower-api", error="invalid_token"`) {
				t.Errorf("WWW-Authenticate is %q", challenge)
			}
		})
	}
	a, err := p.send(t.Context(), "POST", p.URL()+"/api/v1/meetings", user, `{"displayName":"a"}`, http.Header{"Content-Type": {"text/plain"}})
	if err != nil || a.status != 400 || a.code != "BAD_REQUEST" {
		t.Errorf("another content type: %d %s, %v", a.status, a.body, err)
	}
	a, err = p.send(t.Context(), "POST", p.URL()+"/api/v1/meetings", "", `{}`, http.Header{"Authorization": {"bearer " + user}})
	if err != nil || a.status != 401 || a.text != "Invalid Authorization header format" {
		t.Errorf("a lower-case prefix: %d %s, %v", a.status, a.body, err)
	}
	if n := p.MeetingsCreated(); n != 0 {
		t.Errorf("%d meetings were created", n)
	}
}

func TestOnlySomeRolesMayCreate(t *testing.T) {
	for role, want := range map[string]bool{"user": true, "admin": true, "org_admin": true, "guest": false} {
		if (caller{roles: []string{"x", role}}).mayCreate() != want {
			t.Errorf("%s: want %t", role, want)
		}
	}
}

func TestTheCapIsNeverFreedByLeavingOrJoining(t *testing.T) {
	p := startGC(t, nil)
	user := p.user(t, "demo")
	var codes []string
	for range SchemaMaxMeetings {
		codes = append(codes, p.meeting(t, user, "").MeetingCode)
	}
	full := func() answer { return p.ask(t, "POST", "/api/v1/meetings", user, `{"displayName":"One more"}`) }
	if a := full(); a.status != 403 || a.code != "ORGANIZATION_MEETING_LIMIT_EXCEEDED" {
		t.Errorf("got %d %s", a.status, a.body)
	}
	p.meeting(t, p.user(t, "devtest"), "") // another organisation has its own
	if n := p.MeetingsCreated(); n != SchemaMaxMeetings+1 {
		t.Errorf("%d meetings count", n)
	}
	m, _ := p.meetings.find(codes[0])
	p.meetings.ended(m.id)
	if a := full(); a.status != 403 {
		t.Errorf("after everybody left: %d", a.status)
	}
	if err := p.SetStatus(codes[0], "ended"); err != nil {
		t.Fatal(err)
	}
	if a := full(); a.status != 201 {
		t.Errorf("after an operator's SQL: %d %s", a.status, a.body)
	}
	if p.SetStatus("nobodyknows1", "ended") == nil {
		t.Error("a meeting that is not there was ended")
	}
}

func TestSettingsAreTheHostsToChange(t *testing.T) {
	p := startGC(t, nil)
	host, other := p.user(t, "devtest"), p.user(t, "devtest")
	m := p.meeting(t, host, "")
	path := "/api/v1/meetings/" + m.MeetingID + "/settings"
	tests := []struct {
		name, bearer, path, body string
		status                   int
		code, text               string
	}{
		{"no token", "", path, `{}`, 401, "INVALID_TOKEN", "Missing Authorization header"},
		{"nothing to change", host, path, `{}`, 400, "BAD_REQUEST", "No changes provided"},
		{"half a body", host, path, `{`, 400, "", ""},
		{"an unknown field", host, path, `{"displayName":"x"}`, 422, "", ""},
		{"a meeting code for the id", host, "/api/v1/meetings/" + m.MeetingCode + "/settings", `{"allowGuests":true}`, 400, "", ""},
		{"an unknown meeting", host, "/api/v1/meetings/" + uuid.NewString() + "/settings", `{"allowGuests":true}`, 404, "NOT_FOUND", "Meeting not found"},
		{"somebody else", other, path, `{"allowGuests":true}`, 403, "FORBIDDEN", "Only the meeting host can update settings"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := p.ask(t, "PATCH", tt.path, tt.bearer, tt.body)
			if a.status != tt.status || a.code != tt.code || a.text != tt.text {
				t.Errorf("got %d %q %q", a.status, a.code, a.text)
			}
		})
	}
	a := p.ask(t, "PATCH", path, host, `{"allowGuests":true,"waitingRoomEnabled":false}`)
	got := decode[map[string]any](t, a)
	if a.status != 200 || len(got) != 8 || got["allowGuests"] != true || got["allowExternalParticipants"] != false || got["waitingRoomEnabled"] != false ||
		got["meetingId"] != m.MeetingID || got["meetingCode"] != m.MeetingCode || got["status"] != "scheduled" || got["updatedAt"] == nil {
		t.Errorf("got %d %v", a.status, got)
	}
}

func TestMeIsForServicesOnly(t *testing.T) {
	p := startGC(t, nil)
	service, err := p.service(token.MediaHandler).Token(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	a := p.ask(t, "GET", "/api/v1/me", service, "")
	got := decode[map[string]any](t, a)
	if a.status != 200 || got["sub"] != "media-handler" || got["serviceType"] != "media-handler" || fmt.Sprint(got["scopes"]) != "[service.write.mc service.write.gc]" ||
		got["exp"].(float64)-got["iat"].(float64) != 3600 {
		t.Errorf("got %d %v", a.status, got)
	}
	if a := p.ask(t, "GET", "/api/v1/me", p.user(t, "devtest"), ""); a.status != 401 || a.text != "The access token is invalid or expired" {
		t.Errorf("a user: %d %s", a.status, a.body)
	}
	if a := p.ask(t, "GET", "/api/v1/me", "", ""); a.status != 401 || a.text != "Missing Authorization header" {
		t.Errorf("nobody: %d %s", a.status, a.body)
	}
}

func TestUtilityEndpointsAndMisses(t *testing.T) {
	p := startGC(t, func(c *Config, _ *ac.Config) { c.CORSOrigins = []string{"http://localhost:5173"} })
	tests := []struct {
		method, path string
		status       int
		body         string
	}{
		{"GET", "/health", 200, "OK"},
		{"GET", "/ready", 200, `{"status":"ready","database":"healthy","acJwks":"available"}`},
		{"GET", "/api/v1/nothing", 404, ""},
		{"GET", "/api/v1/meetings", 405, ""},
		{"DELETE", "/api/v1/meetings/abcdefghijkl", 405, ""},
		{"OPTIONS", "/api/v1/meetings", 405, ""},
	}
	for _, tt := range tests {
		if a := p.ask(t, tt.method, tt.path, "", ""); a.status != tt.status || a.body != tt.body {
			t.Errorf("%s %s: got %d %q", tt.method, tt.path, a.status, a.body)
		}
	}
	for origin, want := range map[string]int{"http://localhost:5173": 200, "http://evil.test": 403} {
		a, err := p.send(t.Context(), "OPTIONS", p.URL()+"/api/v1/meetings", "", "", http.Header{"Origin": {origin}, "Access-Control-Request-Method": {"POST"}})
		if err != nil || a.status != want || a.body != "" || (a.header.Get("Access-Control-Allow-Origin") == origin) != (want == 200) {
			t.Errorf("preflight from %s: %d %v, %v", origin, a.status, a.header, err)
		}
	}
}

func TestCreateFaults(t *testing.T) {
	p := startGC(t, nil)
	user := p.user(t, "devtest")
	for status, code := range map[int]string{403: "ORGANIZATION_MEETING_LIMIT_EXCEEDED", 500: "INTERNAL_ERROR", 503: "SERVICE_UNAVAILABLE"} {
		p.faults.Set(fault.Faults{GC: fault.GC{CreateStatus: status, RetryAfter: time.Minute}})
		a := p.ask(t, "POST", "/api/v1/meetings", user, `{"displayName":"a"}`)
		if a.status != status || a.code != code || (a.header.Get("Retry-After") == "60") != (status == 503) {
			t.Errorf("%d: got %d %s %v", status, a.status, a.body, a.header)
		}
	}
}

func TestWithoutAKeySetGCIsUnavailable(t *testing.T) {
	p := startGC(t, func(c *Config, _ *ac.Config) { c.JWKSURL = "http://127.0.0.1:1/jwks" })
	user := p.user(t, "devtest")
	for _, path := range []string{"/api/v1/meetings/abcdefghijkl", "/api/v1/me"} {
		if a := p.ask(t, "GET", path, user, ""); a.status != 503 || a.code != "SERVICE_UNAVAILABLE" || a.text != "Service temporarily unavailable" {
			t.Errorf("%s: got %d %s", path, a.status, a.body)
		}
	}
	if a := p.ask(t, "GET", "/ready", "", ""); a.status != 200 {
		t.Errorf("ready: %d, though only the URL counts", a.status)
	}
}

func TestStartNamesWhatIsMissing(t *testing.T) {
	if _, err := Start(t.Context(), Config{}); err == nil {
		t.Error("it started without listeners")
	}
	web, rpc := listen(t), listen(t)
	if _, err := Start(t.Context(), Config{HTTP: web, GRPC: rpc}); err == nil {
		t.Error("it started without AC")
	}
	if _, err := web.Accept(); err == nil {
		t.Error("the listener is still open")
	}
}
