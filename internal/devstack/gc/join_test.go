package gc

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/dark-tower/prober/internal/devstack/ac"
	"github.com/dark-tower/prober/internal/devstack/token"
)

func TestAJoinPlacesTheMeetingAndGivesAToken(t *testing.T) {
	p := startGC(t, nil)
	mc := p.addMC(t, "mc-a")
	p.addMH(t, "mh-a")
	p.addMH(t, "mh-b")
	p.addMH(t, "mh-c")
	host, guest := p.user(t, "devtest"), p.user(t, "devtest")
	m := p.meeting(t, host, "")
	if n := len(mc.assignments()); n != 0 {
		t.Fatalf("create has asked the MC %d times", n)
	}

	a := p.join(t, host, m.MeetingCode)
	if a.status != http.StatusOK {
		t.Fatalf("got %d %s", a.status, a.body)
	}
	got := decode[map[string]any](t, a)
	place, _ := got["mcAssignment"].(map[string]any)
	if len(got) != 5 || got["expiresIn"] != 900.0 || got["meetingId"] != m.MeetingID || got["meetingName"] != "Lane" ||
		len(place) != 3 || place["mcId"] != "mc-a" || place["webtransportEndpoint"] != "https://mc-a.test:4433" || place["grpcEndpoint"] != mc.endpoint {
		t.Errorf("got %v", place)
	}
	asked := mc.assignments()
	if len(asked) != 1 || asked[0].GetMeetingId() != m.MeetingID || !strings.HasPrefix(asked[0].GetRequestingGcId(), "gc-") {
		t.Fatalf("the MC was asked %d times", len(asked))
	}
	chosen := asked[0].GetMhAssignments()
	if len(chosen) != 2 || chosen[0].GetMhId() == chosen[1].GetMhId() {
		t.Fatalf("the MC was given %v", chosen)
	}
	for _, mh := range chosen {
		if mh.GetWebtransportEndpoint() != "https://"+mh.GetMhId()+".test:4434" || mh.GetGrpcEndpoint() != "http://"+mh.GetMhId()+".test:50053" {
			t.Errorf("the MC was given %v", mh)
		}
	}

	_, c := p.joinOK(t, host, m.MeetingCode)
	if c.Role != "host" || c.ParticipantType != "member" || c.MeetingID != m.MeetingID || c.MeetingOrgID != p.orgA.String() || c.HomeOrgID != p.orgA.String() ||
		c.DisplayName != "Ada" || fmt.Sprint(c.Capabilities) != "[audio video screen_share chat]" || c.ExpiresAt.Sub(c.IssuedAt.Time) != 15*time.Minute {
		t.Error("the host's token says something else")
	}
	if _, c := p.joinOK(t, guest, m.MeetingCode); c.Role != "participant" {
		t.Errorf("another person is %s", c.Role)
	}
	if n := len(mc.assignments()); n != 1 {
		t.Errorf("a live meeting was placed again: %d times", n)
	}
	if p.LiveAssignments() != 1 {
		t.Errorf("%d live assignments", p.LiveAssignments())
	}
}

func TestEveryRefusalOfAJoinHasItsStatusCodeAndText(t *testing.T) {
	p := startGC(t, nil)
	p.addMC(t, "mc-a")
	p.addMH(t, "mh-a")
	host, stranger := p.user(t, "devtest"), p.user(t, "demo")
	open, closed, over := p.meeting(t, host, `,"allowExternalParticipants":true`), p.meeting(t, host, ""), p.meeting(t, host, "")
	active := p.meeting(t, host, "")
	for code, status := range map[string]string{over.MeetingCode: "ended", active.MeetingCode: "active"} {
		if err := p.SetStatus(code, status); err != nil {
			t.Fatal(err)
		}
	}
	service, err := p.service(token.GlobalController).Token(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, bearer, code string
		status             int
		errCode, text      string
	}{
		{"no token", "", open.MeetingCode, 401, "INVALID_TOKEN", "Missing Authorization header"},
		{"a service token", service, open.MeetingCode, 401, "INVALID_TOKEN", "The access token is invalid or expired"},
		{"no such code", host, "abcdefghijkl", 404, "NOT_FOUND", "Meeting not found"},
		{"a code of another shape", host, "x-y_z", 404, "NOT_FOUND", "Meeting not found"},
		{"a meeting that an operator ended", host, over.MeetingCode, 404, "NOT_FOUND", "Meeting not found or has ended"},
		{"an outsider where none are allowed", stranger, closed.MeetingCode, 403, "FORBIDDEN", "External participants are not allowed in this meeting"},
		{"a meeting that is active", host, active.MeetingCode, 200, "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := p.join(t, tt.bearer, tt.code)
			if a.status != tt.status || a.code != tt.errCode || a.text != tt.text {
				t.Errorf("got %d %q %q", a.status, a.code, a.text)
			}
		})
	}
	_, c := p.joinOK(t, stranger, open.MeetingCode)
	if c.ParticipantType != "external" || c.HomeOrgID != p.orgB.String() || c.MeetingOrgID != p.orgA.String() || c.Role != "participant" {
		t.Error("an outsider's token says something else")
	}
}

func TestGuestsComeInWhereTheyAreAllowed(t *testing.T) {
	p := startGC(t, nil)
	p.addMC(t, "mc-a")
	p.addMH(t, "mh-a")
	host := p.user(t, "devtest")
	open, closed := p.meeting(t, host, `,"allowGuests":true,"waitingRoomEnabled":false`), p.meeting(t, host, "")
	guest := func(code, body string) answer {
		return p.ask(t, "POST", "/api/v1/meetings/"+code+"/guest-token", "", body)
	}
	good := `{"displayName":" Gus ","captchaToken":"any"}`
	tests := []struct {
		name, code, body string
		status           int
		errCode, text    string
	}{
		{"no captcha field", open.MeetingCode, `{"displayName":"Gus"}`, 422, "", ""},
		{"half a body", open.MeetingCode, `{`, 400, "", ""},
		{"a name of one byte", open.MeetingCode, `{"displayName":" G ","captchaToken":"x"}`, 400, "BAD_REQUEST", "Display name must be at least 2 characters"},
		{"a name of 101 bytes", open.MeetingCode, `{"displayName":"` + strings.Repeat("g", 101) + `","captchaToken":"x"}`, 400, "BAD_REQUEST", "Display name must be at most 100 characters"},
		{"an empty captcha", open.MeetingCode, `{"displayName":"Gus","captchaToken":""}`, 400, "BAD_REQUEST", "Captcha token is required"},
		{"no such meeting", "abcdefghijkl", good, 404, "NOT_FOUND", "Meeting not found"},
		{"no guests wanted", closed.MeetingCode, good, 403, "FORBIDDEN", "Guest access is not allowed in this meeting"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := guest(tt.code, tt.body)
			if a.status != tt.status || a.code != tt.errCode || a.text != tt.text {
				t.Errorf("got %d %q %q", a.status, a.code, a.text)
			}
		})
	}
	a := guest(open.MeetingCode, good)
	j := decode[joined](t, a)
	if a.status != 200 || j.ExpiresIn != 900 || j.MeetingID != open.MeetingID || j.MCAssignment.MCID != "mc-a" {
		t.Fatalf("got %d", a.status)
	}
	var c token.GuestClaims
	if _, _, err := jwt.NewParser().ParseUnverified(j.Token, &c); err != nil {
		t.Fatal(err)
	}
	if c.TokenType != "guest" || c.DisplayName != "Gus" || c.WaitingRoom || c.MeetingID != open.MeetingID {
		t.Error("the token says something else")
	}
}

func TestWhatACSaysDecidesWhatGCSays(t *testing.T) {
	var status atomic.Int32
	fake := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") == "" {
			t.Error("GC sent no service token")
		}
		w.WriteHeader(int(status.Load()))
	}))
	defer fake.Close()
	p := startGC(t, func(c *Config, _ *ac.Config) { c.ACURL = fake.URL })
	p.addMC(t, "mc-a")
	p.addMH(t, "mh-a")
	user := p.user(t, "devtest")
	m := p.meeting(t, user, "")
	for from, want := range map[int]struct {
		status int
		code   string
	}{
		400: {400, "BAD_REQUEST"}, 401: {500, "INTERNAL_ERROR"}, 403: {403, "FORBIDDEN"}, 404: {500, "INTERNAL_ERROR"},
		429: {500, "INTERNAL_ERROR"}, 500: {503, "SERVICE_UNAVAILABLE"}, 503: {503, "SERVICE_UNAVAILABLE"}, 200: {500, "INTERNAL_ERROR"},
	} {
		status.Store(int32(from))
		if a := p.join(t, user, m.MeetingCode); a.status != want.status || a.code != want.code {
			t.Errorf("AC %d: got %d %s", from, a.status, a.body)
		}
	}
	fake.Close()
	if a := p.join(t, user, m.MeetingCode); a.status != 503 || a.text != "Service temporarily unavailable" {
		t.Errorf("AC gone: got %d %s", a.status, a.body)
	}
}
