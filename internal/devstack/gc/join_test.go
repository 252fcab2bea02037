package gc

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
	"google.golang.org/grpc/codes"

	"github.com/dark-tower/prober/internal/darktower/wire/internalv1"
	"github.com/dark-tower/prober/internal/devstack/ac"
	"github.com/dark-tower/prober/internal/devstack/fault"
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

func TestWhenAMeetingIsPlacedAnew(t *testing.T) {
	p := startGC(t, func(c *Config, _ *ac.Config) { c.Region = "here" })
	a, b := p.addMC(t, "mc-a"), p.addMC(t, "mc-b")
	p.addMH(t, "mh-a")
	user := p.user(t, "devtest")
	m := p.meeting(t, user, "")
	first, _ := p.joinOK(t, user, m.MeetingCode)
	mine, other := a, b
	if first.MCAssignment.MCID == "mc-b" {
		mine, other = b, a
	}

	// A notice for another region, or for an unknown meeting, changes nothing.
	for _, notice := range []*internalv1.NotifyMeetingEndedRequest{{MeetingId: m.MeetingID, Region: "elsewhere"}, {MeetingId: uuid.NewString(), Region: "here"}} {
		if answer, err := mine.toGC.NotifyMeetingEnded(t.Context(), notice); err != nil || !answer.GetAcknowledged() {
			t.Fatalf("not acknowledged: %v", err)
		}
	}
	p.joinOK(t, user, m.MeetingCode)
	if n := len(a.assignments()) + len(b.assignments()); n != 1 {
		t.Fatalf("placed %d times", n)
	}

	// The meeting's end closes the assignment, whoever sends it.
	if _, err := other.toGC.NotifyMeetingEnded(t.Context(), &internalv1.NotifyMeetingEndedRequest{MeetingId: m.MeetingID, Region: "here"}); err != nil {
		t.Fatal(err)
	}
	if p.LiveAssignments() != 0 {
		t.Error("the assignment is still live")
	}
	second, _ := p.joinOK(t, user, m.MeetingCode)
	if n := len(a.assignments()) + len(b.assignments()); n != 2 {
		t.Fatalf("placed %d times", n)
	}

	// An MC that is not healthy loses its meetings to another.
	mine, other = a, b
	if second.MCAssignment.MCID == "mc-b" {
		mine, other = b, a
	}
	if _, err := mine.toGC.FastHeartbeat(t.Context(), &internalv1.FastHeartbeatRequest{ControllerId: mine.id, Health: internalv1.HealthStatus_DRAINING}); err != nil {
		t.Fatal(err)
	}
	third, _ := p.joinOK(t, user, m.MeetingCode)
	if third.MCAssignment.MCID != other.id {
		t.Errorf("the meeting is at %s", third.MCAssignment.MCID)
	}
	// ... and comes back into the choice with its next good heartbeat.
	if _, err := mine.toGC.ComprehensiveHeartbeat(t.Context(), &internalv1.ComprehensiveHeartbeatRequest{ControllerId: mine.id, Health: internalv1.HealthStatus_HEALTHY}); err != nil {
		t.Fatal(err)
	}
	if err := p.AwaitRegistered(t.Context(), 2, 1); err != nil {
		t.Error(err)
	}
}

func TestAControllerThatRefusesIsPassedOver(t *testing.T) {
	for name, script := range map[string]func(*fakeMC){
		"at capacity": func(m *fakeMC) { m.script(internalv1.RejectionReason_REJECTION_REASON_AT_CAPACITY, codes.OK) },
		"failing":     func(m *fakeMC) { m.script(0, codes.Internal) },
	} {
		t.Run(name, func(t *testing.T) {
			p := startGC(t, nil)
			bad, good := p.addMC(t, "mc-bad"), p.addMC(t, "mc-good")
			p.addMH(t, "mh-a")
			script(bad)
			user := p.user(t, "devtest")
			for range 8 { // the order of asking is random
				m := p.meeting(t, user, "")
				if j, _ := p.joinOK(t, user, m.MeetingCode); j.MCAssignment.MCID != "mc-good" {
					t.Fatalf("the meeting is at %s", j.MCAssignment.MCID)
				}
			}
			if n := len(good.assignments()); n != 8 {
				t.Errorf("the good MC was asked %d times", n)
			}
		})
	}
}

func TestWhenNobodyCanTakeAMeetingGCIsUnavailable(t *testing.T) {
	refuse := func(m *fakeMC) { m.script(internalv1.RejectionReason_REJECTION_REASON_DRAINING, codes.OK) }
	tests := []struct {
		name  string
		setUp func(t *testing.T, p *platform) []*fakeMC
		asked int // of the MCs together
	}{
		{"no MC", func(t *testing.T, p *platform) []*fakeMC { p.addMH(t, "mh-a"); return nil }, 0},
		{"no MH", func(t *testing.T, p *platform) []*fakeMC { return []*fakeMC{p.addMC(t, "mc-a")} }, 0},
		{"every MC refuses, and three are asked", func(t *testing.T, p *platform) []*fakeMC {
			p.addMH(t, "mh-a")
			var all []*fakeMC
			for i := range 5 {
				mc := p.addMC(t, fmt.Sprintf("mc-%d", i))
				refuse(mc)
				all = append(all, mc)
			}
			return all
		}, 3},
		{"an MC that is full is not asked", func(t *testing.T, p *platform) []*fakeMC {
			p.addMH(t, "mh-a")
			mc := p.addMC(t, "mc-a")
			if _, err := mc.toGC.FastHeartbeat(t.Context(), &internalv1.FastHeartbeatRequest{ControllerId: "mc-a", Health: internalv1.HealthStatus_HEALTHY,
				Capacity: &internalv1.ControllerCapacity{MaxMeetings: 10, CurrentMeetings: 10}}); err != nil {
				t.Fatal(err)
			}
			return []*fakeMC{mc}
		}, 0},
		{"an MH that is not healthy is not given out", func(t *testing.T, p *platform) []*fakeMC {
			mh := p.addMH(t, "mh-a")
			if _, err := mh.SendLoadReport(t.Context(), &internalv1.SendLoadReportRequest{HandlerId: "mh-a", Health: internalv1.HealthStatus_UNHEALTHY}); err != nil {
				t.Fatal(err)
			}
			return []*fakeMC{p.addMC(t, "mc-a")}
		}, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := startGC(t, nil)
			all := tt.setUp(t, p)
			user := p.user(t, "devtest")
			a := p.join(t, user, p.meeting(t, user, "").MeetingCode)
			if a.status != 503 || a.code != "SERVICE_UNAVAILABLE" || a.text != "Service temporarily unavailable" {
				t.Errorf("got %d %s", a.status, a.body)
			}
			n := 0
			for _, mc := range all {
				n += len(mc.assignments())
			}
			if n != tt.asked {
				t.Errorf("MCs were asked %d times, want %d", n, tt.asked)
			}
		})
	}
}

func TestAnMCWithoutAHeartbeatIsNotUsed(t *testing.T) {
	r := newRegistry("here", 30*time.Second)
	r.addController(peer{id: "mc-a", region: "here"})
	r.addController(peer{id: "mc-far", region: "elsewhere"})
	r.addHandler(peer{id: "mh-a", region: "here"})
	if len(r.candidates()) != 1 || len(r.chooseHandlers()) != 1 {
		t.Fatal("fresh peers of this region are not used")
	}
	for _, p := range []*peer{r.controllers["mc-a"], r.handlers["mh-a"]} {
		p.heard = time.Now().Add(-31 * time.Second)
	}
	if _, ok := r.controller("mc-a"); ok || len(r.candidates()) != 0 || len(r.chooseHandlers()) != 0 {
		t.Error("peers that fell silent are used")
	}
}

func TestLessLoadedPeersAreDrawnMoreOften(t *testing.T) {
	idle, busy, full := peer{id: "idle", capacity: 100}, peer{id: "busy", capacity: 100, load: 90}, peer{id: "full", capacity: 100, load: 100}
	first := make(map[string]int)
	for range 2000 {
		drawn := draw([]peer{full, busy, idle}, 2)
		if len(drawn) != 2 || drawn[0].id == drawn[1].id {
			t.Fatalf("drew %v", drawn)
		}
		first[drawn[0].id]++
	}
	if first["idle"] < first["busy"] || first["busy"] < first["full"] {
		t.Errorf("drawn first: %v", first)
	}
	if len(draw(nil, 2)) != 0 {
		t.Error("drew from nothing")
	}
}

func TestConcurrentFirstJoinsPlaceAMeetingOnce(t *testing.T) {
	p := startGC(t, nil)
	a, b := p.addMC(t, "mc-a"), p.addMC(t, "mc-b")
	p.addMH(t, "mh-a")
	user := p.user(t, "devtest")
	m := p.meeting(t, user, "")
	var group sync.WaitGroup
	ids := make([]string, 8)
	for i := range ids {
		group.Go(func() {
			j, _ := p.joinOK(t, user, m.MeetingCode)
			ids[i] = j.MCAssignment.MCID
		})
	}
	group.Wait()
	if len(slices.Compact(ids)) != 1 || len(a.assignments())+len(b.assignments()) != 1 {
		t.Errorf("joiners are at %v", ids)
	}
}

func TestRegistryCallsNeedTheRightService(t *testing.T) {
	p := startGC(t, nil)
	mh := internalv1.NewMediaHandlerRegistryServiceClient(p.connect(t, token.MeetingController))
	if _, err := mh.RegisterMH(t.Context(), &internalv1.RegisterMHRequest{HandlerId: "x"}); err == nil {
		t.Error("an MC registered as MH")
	}
	mc := internalv1.NewGlobalControllerServiceClient(p.connect(t, token.MediaHandler))
	if _, err := mc.RegisterMC(t.Context(), &internalv1.RegisterMCRequest{Id: "x"}); err == nil {
		t.Error("an MH registered as MC")
	}
	gc := internalv1.NewGlobalControllerServiceClient(p.connect(t, token.GlobalController))
	if _, err := gc.RegisterMC(t.Context(), &internalv1.RegisterMCRequest{Id: "x"}); err == nil {
		t.Error("a GC registered as MC")
	}
}

func TestRegistrationsSayHowOftenToReport(t *testing.T) {
	p := startGC(t, nil)
	mc := p.addMC(t, "mc-a")
	mh := p.addMH(t, "mh-a")
	ctx := t.Context()
	m, err := mc.toGC.RegisterMC(ctx, &internalv1.RegisterMCRequest{Id: "mc-a", GrpcEndpoint: mc.endpoint})
	if err != nil || m.GetFastHeartbeatIntervalMs() != 10000 || m.GetComprehensiveHeartbeatIntervalMs() != 30000 {
		t.Errorf("MC: %v, %v", m, err)
	}
	h, err := mh.RegisterMH(ctx, &internalv1.RegisterMHRequest{HandlerId: "mh-a", GrpcEndpoint: "http://x", WebtransportEndpoint: "https://x"})
	if err != nil || h.GetLoadReportIntervalMs() != 10000 {
		t.Errorf("MH: %v, %v", h, err)
	}
	if r, err := mh.SendLoadReport(ctx, &internalv1.SendLoadReportRequest{HandlerId: "mh-a", Health: internalv1.HealthStatus_HEALTHY}); err != nil || !r.GetAcknowledged() || r.GetTimestamp() == 0 {
		t.Errorf("load report: %v, %v", r, err)
	}
	for name, call := range map[string]func() error{
		"an MC without an id": func() error { _, err := mc.toGC.RegisterMC(ctx, &internalv1.RegisterMCRequest{}); return err },
		"an MH without an id": func() error { _, err := mh.RegisterMH(ctx, &internalv1.RegisterMHRequest{}); return err },
		"an unknown MC": func() error {
			_, err := mc.toGC.FastHeartbeat(ctx, &internalv1.FastHeartbeatRequest{ControllerId: "x"})
			return err
		},
		"an unknown MC's long report": func() error {
			_, err := mc.toGC.ComprehensiveHeartbeat(ctx, &internalv1.ComprehensiveHeartbeatRequest{ControllerId: "x"})
			return err
		},
		"an unknown MH": func() error {
			_, err := mh.SendLoadReport(ctx, &internalv1.SendLoadReportRequest{HandlerId: "x"})
			return err
		},
		"a meeting that is no UUID": func() error {
			_, err := mc.toGC.NotifyMeetingEnded(ctx, &internalv1.NotifyMeetingEndedRequest{MeetingId: "x"})
			return err
		},
	} {
		if call() == nil {
			t.Errorf("%s is taken", name)
		}
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

func TestFaultsOfJoining(t *testing.T) {
	p := startGC(t, nil)
	p.addMC(t, "mc-a")
	p.addMH(t, "mh-a")
	user := p.user(t, "devtest")
	m := p.meeting(t, user, "")
	set := func(f fault.GC) { p.faults.Set(fault.Faults{GC: f}) }

	for status, code := range map[int]string{
		400: "BAD_REQUEST", 401: "INVALID_TOKEN", 403: "FORBIDDEN", 404: "NOT_FOUND", 409: "CONFLICT", 429: "RATE_LIMIT_EXCEEDED",
		500: "INTERNAL_ERROR", 502: "BAD_GATEWAY", 503: "SERVICE_UNAVAILABLE", 408: "", 504: "",
	} {
		set(fault.GC{JoinStatus: status, RetryAfter: 2 * time.Second})
		a := p.join(t, user, m.MeetingCode)
		if a.status != status || a.code != code || (a.header.Get("Retry-After") == "2") != (status == 429 || status == 503) {
			t.Errorf("%d: got %d %s %v", status, a.status, a.body, a.header)
		}
	}
	set(fault.GC{JoinStatus: 503, JoinEvery: 2})
	for i, want := range []int{200, 503, 200, 503} {
		if a := p.join(t, user, m.MeetingCode); a.status != want {
			t.Errorf("join %d: got %d, want %d", i+1, a.status, want)
		}
	}
	set(fault.GC{MeetingNotFound: true})
	if a := p.join(t, user, m.MeetingCode); a.status != 404 || a.text != "Meeting not found" {
		t.Errorf("not found: %d %s", a.status, a.body)
	}
	set(fault.GC{OmitEndpoint: true})
	a := p.join(t, user, m.MeetingCode)
	if place := decode[map[string]map[string]any](t, onlyObjects(t, a))["mcAssignment"]; a.status != 200 || len(place) != 2 || place["mcId"] != "mc-a" {
		t.Errorf("without an endpoint: %d %v", a.status, place)
	}
	set(fault.GC{ExpiredToken: true})
	j := decode[joined](t, p.join(t, user, m.MeetingCode))
	if _, err := token.NewVerifier(p.ac.JWKSURL()).Meeting(t.Context(), j.Token, 0); !errors.Is(err, token.ErrExpired) || j.ExpiresIn != 900 {
		t.Errorf("an expired token: %v, said to last %d s", err, j.ExpiresIn)
	}
	set(fault.GC{SplitMeeting: true})
	var ids []string
	for range 4 {
		j, _ := p.joinOK(t, user, m.MeetingCode)
		ids = append(ids, j.MCAssignment.MCID)
		if j.MCAssignment.WebTransportEndpoint != "https://mc-a.test:4433" {
			t.Errorf("the only MC is at %s", j.MCAssignment.WebTransportEndpoint)
		}
	}
	if ids[0] != "mc-a" || ids[2] != "mc-a" || ids[1] == "mc-a" || ids[3] != ids[1] {
		t.Errorf("a split meeting is at %v", ids)
	}
	set(fault.GC{JoinReset: true})
	if _, err := p.send(t.Context(), "GET", p.URL()+"/api/v1/meetings/"+m.MeetingCode, user, "", nil); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("reset: %v", err)
	}
	set(fault.GC{})
	if a := p.join(t, user, m.MeetingCode); a.status != 200 {
		t.Errorf("without a fault: %d", a.status)
	}
}

// onlyObjects drops all fields of an answer that are not objects.
func onlyObjects(t *testing.T, a answer) answer {
	t.Helper()
	all := decode[map[string]any](t, a)
	for k, v := range all {
		if _, ok := v.(map[string]any); !ok {
			delete(all, k)
		}
	}
	b, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	a.body = string(b)
	return a
}

func TestASecondControllerReallyTakesItsHalfOfASplitMeeting(t *testing.T) {
	p := startGC(t, nil)
	mcs := map[string]*fakeMC{"mc-a": p.addMC(t, "mc-a"), "mc-b": p.addMC(t, "mc-b")}
	p.addMH(t, "mh-a")
	user := p.user(t, "devtest")
	m := p.meeting(t, user, "")
	p.faults.Set(fault.Faults{GC: fault.GC{SplitMeeting: true}})
	first, _ := p.joinOK(t, user, m.MeetingCode)
	second, _ := p.joinOK(t, user, m.MeetingCode)
	if first.MCAssignment == second.MCAssignment {
		t.Fatal("the meeting is not split")
	}
	for id, mc := range mcs {
		asked := mc.assignments()
		if len(asked) != 1 || asked[0].GetMeetingId() != m.MeetingID || len(asked[0].GetMhAssignments()) != 1 {
			t.Errorf("%s was asked %v", id, asked)
		}
	}
}

func TestASlowJoinIsARequestTimeoutAndAHungOneIsNot(t *testing.T) {
	p := startGC(t, func(c *Config, _ *ac.Config) { c.Times.Request = 200 * time.Millisecond })
	user := p.user(t, "devtest")
	p.faults.Set(fault.Faults{GC: fault.GC{JoinDelay: time.Hour}})
	if a := p.join(t, user, "abcdefghijkl"); a.status != 408 || a.body != "" {
		t.Errorf("got %d %q", a.status, a.body)
	}
	p.faults.Set(fault.Faults{GC: fault.GC{JoinNever: true}})
	result := make(chan error, 1)
	ctx := t.Context()
	go func() {
		_, err := p.send(ctx, "GET", p.URL()+"/api/v1/meetings/abcdefghijkl", user, "", nil)
		result <- err
	}()
	select {
	case <-result:
		t.Error("a hung join was answered")
	case <-time.After(500 * time.Millisecond): // longer than the deadline of a request
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	if err := <-result; err == nil {
		t.Error("a hung join was answered")
	}
}
