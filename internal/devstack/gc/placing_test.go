package gc

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"google.golang.org/grpc/codes"

	"github.com/dark-tower/prober/internal/darktower/wire/internalv1"
	"github.com/dark-tower/prober/internal/devstack/ac"
	"github.com/dark-tower/prober/internal/devstack/token"
)

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
