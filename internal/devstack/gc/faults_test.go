package gc

import (
	"encoding/json"
	"errors"
	"syscall"
	"testing"
	"time"

	"github.com/dark-tower/prober/internal/devstack/ac"
	"github.com/dark-tower/prober/internal/devstack/fault"
	"github.com/dark-tower/prober/internal/devstack/token"
)

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
