package join_test

import (
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/flows/join"
	"github.com/dark-tower/prober/internal/devstack"
	"github.com/dark-tower/prober/internal/flowtest"
	"github.com/dark-tower/prober/internal/selfwatch"
)

func names(run flows.Run) string {
	var out []string
	for _, s := range run.Steps {
		out = append(out, s.Actor+" "+string(s.Step))
	}
	return strings.Join(out, ", ")
}

func TestAJoinIsMeasuredStepByStep(t *testing.T) {
	p := flowtest.Start(t, flowtest.Options{})
	stage := p.Stage(t, 0)
	flow := &join.Flow{Stage: stage}
	began := time.Now()
	run := flowtest.Play{Flow: flows.Join, Script: flow, Stage: stage}.Perform(t.Context(), t)
	flowtest.Green().Check(t, run)

	want := "anchor sign_in, anchor gc_assign, anchor mc_connect, anchor mc_join, anchor mh_connect, " +
		"person sign_in, person gc_join, person mc_connect, person mc_join, person mh_connect, person subscribe, person first_media"
	if got := names(run); got != want {
		t.Errorf("steps:\n%s, want\n%s", got, want)
	}
	var fromAsk time.Duration
	for _, s := range run.Steps {
		if want := s.Actor == flows.ActorPerson || s.Step == flows.StepGCAssign; s.Measured != want {
			t.Errorf("%s's %s is measured: %t", s.Actor, s.Step, s.Measured)
		}
		phases := map[flows.Step]string{
			flows.StepSignIn: "connect first_byte body rest", flows.StepGCAssign: "connect first_byte body rest", flows.StepGCJoin: "connect first_byte body rest",
			flows.StepMCConnect: "socket quic_handshake h3_settings connect rest", flows.StepMHConnect: "socket quic_handshake h3_settings connect rest",
		}[s.Step]
		var got []string
		for _, ph := range s.Phases {
			got = append(got, ph.Name)
		}
		if !subset(got, strings.Fields(phases)) || len(phases) > 0 && len(got) < 3 {
			t.Errorf("phases of %s: %v, want of %s", s.Step, got, phases)
		}
		if s.Actor == flows.ActorPerson && s.Step != flows.StepSignIn {
			fromAsk += s.Duration
		}
	}
	if ttm := run.TimeToMedia; ttm == nil || *ttm < fromAsk || *ttm > time.Since(began) {
		t.Errorf("time to media %v, the steps took %v", ttm, fromAsk)
	}
	if !run.Cold || run.Leaves != (flows.Leaves{Clean: 2}) {
		t.Errorf("cold %t, leaves %+v", run.Cold, run.Leaves)
	}
	if n := len(run.Connections); n != 6 { // one MC and two handlers each
		t.Errorf("%d connections", n)
	}
	for _, c := range run.Connections {
		if c.RTT <= 0 || c.Mapped || c.After || c.CertificateUntil.Before(began) || c.Dialect == "" {
			t.Errorf("connection %+v", c)
		}
		if c.Family != "ipv4" || c.Dialed <= 0 || c.Dialed > run.Duration || c.Handshake <= 0 || c.LastHeard <= c.Dialed || c.LastHeard > run.Duration || c.SmoothedRTT <= 0 ||
			c.PacketsSent == 0 || c.PacketsReceived == 0 || c.BytesSent == 0 || c.BytesReceived == 0 || c.CongestionWindow == 0 || c.Ended != nil {
			t.Errorf("connection %+v", c)
		}
		if x := c.Certificate; x == nil || x.Key != "ECDSA P-256" || x.Trust != flows.TrustName || x.NotBefore.After(began) || x.NotAfter.Before(began) {
			t.Errorf("certificate %+v", x)
		}
	}

	want = "sent JoinRequest () received JoinResponse (1 participant, 2 handlers, key generation 0) " +
		"sent MhConnectRequest () sent MhConnectRequest () sent MediaConnectionUpdate (2 handlers: 2 CONNECTED) sent ReceiveCapability (2 slots: 2 AUDIO)"
	if got := flowtest.Said(run, flows.ActorPerson); !strings.HasPrefix(got, want) || !strings.Contains(got, "1 ACTIVE") {
		t.Errorf("the person and the platform said:\n%s, want\n%s", got, want)
	}

	// A token that is remembered is no sign-in.
	p.Rest(t)
	run = flowtest.Play{Flow: flows.Join, Script: flow, Stage: stage}.Perform(t.Context(), t)
	flowtest.Green().Check(t, run)
	if got := names(run); strings.Contains(got, "sign_in") {
		t.Errorf("steps with remembered tokens: %s", got)
	}
	if p.MeetingsCreated() != 1 {
		t.Errorf("%d meetings were created", p.MeetingsCreated())
	}
}

func subset(got, of []string) bool {
	for _, g := range got {
		if !slices.Contains(of, g) {
			return false
		}
	}
	return true
}

func TestAResidentAnchorStays(t *testing.T) {
	p := flowtest.Start(t, flowtest.Options{})
	stage := p.Stage(t, 0)
	flow := &join.Flow{Stage: stage, Resident: true}
	perform := func() flows.Run {
		return flowtest.Play{Flow: flows.Join, Script: flow, Stage: stage}.Perform(t.Context(), t)
	}
	defer func() {
		if err := flow.Close(t.Context()); err != nil {
			t.Errorf("the anchor does not leave: %v", err)
		}
		p.Rest(t)
	}()

	// An anchor that did not come in is not taken for one that is there.
	p.Faults().Set(gcDown())
	anchors(flows.StepGCAssign, flows.GC, flows.Unavailable).Check(t, perform())
	p.Faults().Set(none())

	run := perform()
	flowtest.Green().Check(t, run)
	if !strings.Contains(names(run), "anchor gc_assign") {
		t.Errorf("the first good run has steps %s", names(run))
	}
	for range 3 {
		run = perform()
		flowtest.Green().Check(t, run)
		if got := names(run); got != "person gc_join, person mc_connect, person mc_join, person mh_connect, person subscribe, person first_media" {
			t.Errorf("steps of a later run: %s", got)
		}
		if run.Leaves != (flows.Leaves{Clean: 1}) {
			t.Errorf("leaves %+v", run.Leaves)
		}
		if got := flowtest.Said(run, flows.ActorAnchor); !strings.Contains(got, "received ParticipantJoined") || strings.Contains(got, "JoinRequest") {
			t.Errorf("of an earlier run's anchor: %s", got)
		}
	}
}

// Whoever was in the meeting while the machine slept may be gone without knowing.
func TestAResidentAnchorIsBroughtInAnewAfterTheMachineSlept(t *testing.T) {
	p := flowtest.Start(t, flowtest.Options{})
	stage := p.Stage(t, 0)
	flow := &join.Flow{Stage: stage, Resident: true}
	var passed, slept time.Duration
	clock := func() selfwatch.Reading {
		r := selfwatch.SystemClock()
		r.Wall, r.Running, r.Suspended = r.Wall.Add(passed+slept), r.Running.Add(passed), r.Suspended+slept
		return r
	}
	for _, c := range []struct {
		pass, sleep time.Duration
		want        flowtest.Verdict
		anew        bool
	}{
		{0, 0, flowtest.Green(), true},
		{time.Hour, 0, flowtest.Green(), false},
		{0, time.Minute, flowtest.Open("", flows.CauseLag), false},
		{0, 0, flowtest.Green(), true},
	} {
		passed, slept = passed+c.pass, slept+c.sleep
		run := flowtest.Play{Flow: flows.Join, Script: flow, Stage: stage, Clock: clock}.Perform(t.Context(), t)
		c.want.Check(t, run)
		if anew := strings.Contains(names(run), "anchor gc_assign"); anew != c.anew {
			t.Errorf("after %v of sleep: steps %s", c.sleep, names(run))
		}
		if c.sleep > 0 {
			if run.Leaves != (flows.Leaves{Clean: 1}) {
				t.Errorf("leaves %+v", run.Leaves)
			}
			p.Rest(t)
		}
	}
	if err := flow.Close(t.Context()); err != nil {
		t.Errorf("the anchor does not leave: %v", err)
	}
	p.Rest(t)
}

// TestOneJoinIsOneTrace follows a join through all services by what they export.
func TestOneJoinIsOneTrace(t *testing.T) {
	traces := flowtest.NewTraces()
	p := flowtest.Start(t, flowtest.Options{Stack: devstack.Options{TracerProvider: traces.Provider}})
	stage := p.Stage(t, 0)
	run := flowtest.Play{Flow: flows.Join, Script: script(stage), Stage: stage, Tracer: traces.Tracer()}.Perform(t.Context(), t)
	flowtest.Green().Check(t, run)
	p.Rest(t)
	if err := p.Close(); err != nil { // all spans have ended now
		t.Fatal(err)
	}
	traces.Check(t, run, map[string]map[string]int{
		flowtest.Prober: {"prober.join": 1, "prober.join.sign_in": 2, "prober.join.gc_assign": 1, "prober.join.gc_join": 1, "prober.join.mc_connect": 2,
			"prober.join.mc_join": 2, "prober.join.mh_connect": 2, "prober.join.subscribe": 1, "prober.join.first_media": 1},
		"ac-service": {"ac.token.issue_user": 2, "ac.token.issue_meeting": 2},
		"gc-service": {"gc.meeting.join": 2},
		"mc-service": {"mc.webtransport.connection": 2, "mc.receive_capability": 2, "mc.media_connection_update": 2},
		"mh-service": {"mh.webtransport.connection": 4},
	})
	if len(run.Continuity) != 2 || run.Continuity[0].Result != flows.TraceContinued || run.Continuity[1].Result != flows.TraceContinued {
		t.Errorf("continuity %+v", run.Continuity)
	}
}

func TestAPlatformThatDoesNotTraceIsSaidSo(t *testing.T) {
	p := flowtest.Start(t, flowtest.Options{})
	stage := p.Stage(t, 0)
	provider := sdktrace.NewTracerProvider()
	run := flowtest.Play{Flow: flows.Join, Script: script(stage), Stage: stage, Tracer: provider.Tracer("flows")}.Perform(t.Context(), t)
	flowtest.Green().Check(t, run)
	if len(run.Continuity) != 2 || run.Continuity[0].Result != flows.TraceAbsent {
		t.Errorf("continuity %+v", run.Continuity)
	}
}

func sockets(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip("no /proc/self/fd here")
	}
	n := 0
	for _, e := range entries {
		if target, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil && strings.HasPrefix(target, "socket:") {
			n++
		}
	}
	return n
}

func TestTwoHundredJoinsLeaveNothingBehind(t *testing.T) {
	joins := 200
	if testing.Short() {
		joins = 20
	}
	p := flowtest.Start(t, flowtest.Options{Stack: devstack.Options{Handlers: 1}})
	stage := p.Stage(t, 0)
	flow := &join.Flow{Stage: stage}
	perform := func() {
		run := flowtest.Play{Flow: flows.Join, Script: flow, Stage: stage}.Perform(t.Context(), t)
		if flowtest.Green().Check(t, run); t.Failed() {
			t.FailNow()
		}
		p.Rest(t)
	}
	perform()
	goroutines, open := settled(t, 0, 0)
	for range joins {
		perform()
	}
	g, o := settled(t, goroutines, open)
	if g > goroutines || o > open {
		t.Errorf("after %d joins %d goroutines and %d sockets; before, %d and %d", joins, g, o, goroutines, open)
	}
	if n := p.MeetingsCreated(); n != len(p.Lanes) {
		t.Errorf("%d meetings for %d lanes", n, len(p.Lanes))
	}
}

// settled counts goroutines and open sockets once they are no more than allowed,
// or have not become fewer for a while: what a run has closed takes a moment to end.
func settled(t *testing.T, goroutines, open int) (int, int) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	g, o := runtime.NumGoroutine(), sockets(t)
	for since := time.Now(); time.Since(since) < 2*time.Second; {
		if g <= goroutines && o <= open {
			break
		}
		<-tick.C
		if a, b := runtime.NumGoroutine(), sockets(t); a < g || b < o {
			g, o, since = min(g, a), min(o, b), time.Now()
		}
	}
	return g, o
}
