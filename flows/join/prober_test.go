package join_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/flows/people"
	"github.com/dark-tower/prober/internal/darktower/account"
	"github.com/dark-tower/prober/internal/devstack"
	"github.com/dark-tower/prober/internal/devstack/fault"
	"github.com/dark-tower/prober/internal/flowtest"
	"github.com/dark-tower/prober/internal/webtransport"
)

// late is a watch that has seen the prober late all the time.
type late struct{}

func (late) LagDuring(from, to time.Time) time.Duration { return to.Sub(from) }
func (late) WorstDuring(_, _ time.Time) time.Duration   { return time.Second }

func TestWhatTheProberCannotJudge(t *testing.T) {
	t.Parallel()
	p := flowtest.Start(t, flowtest.Options{})
	p.Rows(t, flows.Join, script, []flowtest.Row{
		{Name: "too few accounts", Want: flowtest.Open("", flows.CauseConfig),
			Stage: func(_ *testing.T, s *people.Stage) { s.Accounts = s.Accounts[:1] }},
		{Name: "a meeting code that is none", Want: flowtest.Open(flows.StepGCAssign, flows.CauseConfig),
			Stage: func(_ *testing.T, s *people.Stage) { s.Meeting = "not a code" }},
		{Name: "a meeting that does not exist", Want: flowtest.Open(flows.StepGCAssign, flows.CauseSetup),
			Stage: func(_ *testing.T, s *people.Stage) { s.Meeting = "AAAAAAAAAAAA" }},
		{Name: "an account that does not exist", Want: flowtest.Open(flows.StepSignIn, flows.CauseSetup),
			Stage: func(_ *testing.T, s *people.Stage) {
				s.Accounts = []account.Credentials{{Email: "nobody@prober.invalid", Password: "guessed wrong", DisplayName: "Nobody"}, s.Accounts[1]}
			}},
		{Name: "a defect of the prober", At: at(flows.StepSubscribe), When: func(*testing.T) { panic("boom") },
			Want: flowtest.Open("", flows.CausePanic)},
		{Name: "silence while the prober was late", Bend: mh(fault.MH{Silent: true}), Hurry: true,
			Stage: func(_ *testing.T, s *people.Stage) { s.Watch = late{} },
			Want:  flowtest.Open(flows.StepFirstMedia, flows.CauseLag),
			Look: func(t *testing.T, run flows.Run) {
				if run.Self.MaxLag != time.Second {
					t.Errorf("worst lag %v", run.Self.MaxLag)
				}
			}},
		{Name: "no answer to a join while the prober was late", Bend: mc(fault.MC{JoinNever: true}), Hurry: true,
			Stage: func(_ *testing.T, s *people.Stage) { s.Watch = late{} },
			Want:  flowtest.Open(flows.StepMCJoin, flows.CauseLag)},
		{Name: "a refusal is one, however late the prober was", Bend: mc(fault.MC{JoinError: 3}),
			Stage: func(_ *testing.T, s *people.Stage) { s.Watch = late{} },
			Want:  flowtest.Red(flows.ActorAnchor, flows.StepMCJoin, flows.MC, flows.Rejected)},
		{Name: "a close that came soon is one, too", Bend: mc(fault.MC{DropAfterJoin: true}),
			Stage: func(_ *testing.T, s *people.Stage) { s.Watch = late{} },
			Want:  flowtest.Red("", flows.StepSubscribe, flows.MC, flows.Closed), Or: flowtest.Red("", flows.StepMHConnect, flows.MC, flows.Closed)},
		{Name: "lateness alone is no failure of anybody", Want: flowtest.Green(),
			Stage: func(_ *testing.T, s *people.Stage) { s.Watch = late{} }},
	})
}

func TestSomebodyElseInTheLane(t *testing.T) {
	p := flowtest.Start(t, flowtest.Options{})
	stranger := p.Enter(t, 0)
	stage := p.Stage(t, 0)
	run := flowtest.Play{Flow: flows.Join, Script: script(stage), Stage: stage}.Perform(t.Context(), t)
	flowtest.Open(flows.StepMCJoin, flows.CauseLane).Check(t, run)

	stranger.Go(t)
	p.Rest(t)
	run = flowtest.Play{Flow: flows.Join, Script: script(stage), Stage: stage}.Perform(t.Context(), t)
	flowtest.Green().Check(t, run)
}

// A person whose process died is a ghost: on the roster until MC's grace is over.
func TestAGhostOfAnEarlierRun(t *testing.T) {
	p := flowtest.Start(t, flowtest.Options{})
	ghost := p.Enter(t, 0)
	if _, err := ghost.CutAbrupt(); err != nil {
		t.Fatal(err)
	}
	stage := p.Stage(t, 0)
	run := flowtest.Play{Flow: flows.Join, Script: script(stage), Stage: stage}.Perform(t.Context(), t)
	flowtest.Open(flows.StepMCJoin, flows.CauseLane).Check(t, run)
}

func TestARunThatIsShutDownLeavesNobodyBehind(t *testing.T) {
	p := flowtest.Start(t, flowtest.Options{})
	for _, moment := range []flowtest.Moment{
		{Actor: flows.ActorAnchor, Step: flows.StepGCAssign}, at(flows.StepMCConnect), at(flows.StepMHConnect), at(flows.StepFirstMedia),
	} {
		t.Run(moment.Actor+" at "+string(moment.Step), func(t *testing.T) {
			stage := p.Stage(t, 0)
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			// Nothing is to be heard, so that the run cannot end by itself.
			p.Faults().Set(mh(fault.MH{Silent: true}))
			defer p.Faults().Set(fault.Faults{})
			run := flowtest.Play{Flow: flows.Join, Script: script(stage), Stage: stage, At: moment,
				When: func() { cancel(flows.ErrShutdown) }}.Perform(ctx, t)
			if run.Outcome != flows.Aborted {
				t.Errorf("outcome %s: %v", run.Outcome, run.Failure)
			}
			if run.Leaves.Unclean > 0 {
				t.Errorf("leaves %+v", run.Leaves)
			}
			p.Rest(t)
		})
	}
}

// A failure that happened before the shutdown stays one.
func TestAShutdownDoesNotHideAFailure(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	stage := &people.Stage{}
	failure := &flows.Failure{Step: flows.StepGCJoin, Hop: flows.GC, Reason: flows.Unavailable, Detail: "down"}
	run := flowtest.Play{Flow: flows.Join, Stage: stage, Script: scripted(func(ctx context.Context, run *flows.Recorder) error {
		run.OnTeardown(func(context.Context) error { cancel(flows.ErrShutdown); return nil })
		return run.Step(ctx, flows.StepGCJoin, func(context.Context) error { return failure })
	})}.Perform(ctx, t)
	red(flows.StepGCJoin, flows.GC, flows.Unavailable).Check(t, run)
}

type scripted func(context.Context, *flows.Recorder) error

func (s scripted) Run(ctx context.Context, run *flows.Recorder) error { return s(ctx, run) }

// dark is an address that takes everything and never answers.
func dark(t *testing.T) string {
	t.Helper()
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c.LocalAddr().String()
}

// closed is an address at which nobody listens.
func closed(t *testing.T) string {
	t.Helper()
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return c.LocalAddr().String()
}

func host(url string) string { return strings.TrimPrefix(url, "https://") }

// toward has the platform's addresses dialed elsewhere.
func toward(cfg *webtransport.Config, address string, urls ...string) {
	cfg.Endpoints = webtransport.EndpointMap{}
	for _, u := range urls {
		cfg.Endpoints[host(u)] = address
	}
	cfg.HandshakeTimeout = 500 * time.Millisecond
}

func TestWhatGoesWrongOnTheWay(t *testing.T) {
	t.Parallel()
	p := flowtest.Start(t, flowtest.Options{})
	silent := func(context.Context) error { return errors.New("silence") }
	connect, handlers := flows.StepMCConnect, flows.StepMHConnect
	p.Rows(t, flows.Join, script, []flowtest.Row{
		{Name: "MC's port is closed", Want: anchors(connect, flows.MC, flows.Unavailable),
			Stage: func(t *testing.T, s *people.Stage) { toward(&s.Platform.MC, closed(t), p.ControllerURLs...) }},
		{Name: "only MC is silent", Want: anchors(connect, flows.MC, flows.Timeout),
			Stage: func(t *testing.T, s *people.Stage) {
				toward(&s.Platform.MC, dark(t), p.ControllerURLs...)
				s.Judge.Witness.Learn(flows.Target{Hop: flows.MH, Addr: "a handler", Ping: func(context.Context) error { return nil }})
			}},
		{Name: "UDP is silent while HTTP answers", Want: anchors(connect, flows.Network, flows.Unreachable),
			Stage: func(t *testing.T, s *people.Stage) {
				toward(&s.Platform.MC, dark(t), p.ControllerURLs...)
				s.Judge.Witness.Learn(flows.Target{Hop: flows.MH, Addr: "a handler", Ping: silent})
				s.Judge.Witness.Patience = time.Second
			}},
		{Name: "everything is silent, the reference too", Want: flowtest.Open(connect, flows.CauseNetwork),
			Stage: func(t *testing.T, s *people.Stage) {
				toward(&s.Platform.MC, dark(t), p.ControllerURLs...)
				s.Judge.Witness.HTTP, s.Judge.Witness.Reference = nil, silent
				s.Judge.Witness.Patience = time.Second
			}},
		{Name: "no handler's port is open", Want: anchors(handlers, flows.MH, flows.Unavailable),
			Stage: func(t *testing.T, s *people.Stage) { toward(&s.Platform.MH, closed(t), p.HandlerURLs...) }},
		{Name: "the handlers are silent", Want: anchors(handlers, flows.MH, flows.Timeout),
			Stage: func(t *testing.T, s *people.Stage) { toward(&s.Platform.MH, dark(t), p.HandlerURLs...) }},
		{Name: "an authority that nobody knows", Want: anchors(connect, flows.MC, flows.TLS),
			Stage: func(_ *testing.T, s *people.Stage) { s.Platform.MC.RootCAs = nil }},
		{Name: "a certificate for another name", Want: anchors(handlers, flows.MH, flows.TLS),
			Stage: func(_ *testing.T, s *people.Stage) { s.Platform.MH.ServerName = "elsewhere.invalid" }},
	})
}

func TestCertificatesThatHaveExpired(t *testing.T) {
	p := flowtest.Start(t, flowtest.Options{Stack: devstack.Options{CertificateLifetime: -time.Hour}})
	stage := p.Stage(t, 0)
	run := flowtest.Play{Flow: flows.Join, Script: script(stage), Stage: stage}.Perform(t.Context(), t)
	anchors(flows.StepMCConnect, flows.MC, flows.TLS).Check(t, run)
}

func TestAPlatformThatIsGone(t *testing.T) {
	p := flowtest.Start(t, flowtest.Options{})
	stage := p.Stage(t, 0)
	script := script(stage)
	flowtest.Green().Check(t, flowtest.Play{Flow: flows.Join, Script: script, Stage: stage}.Perform(t.Context(), t))
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	run := flowtest.Play{Flow: flows.Join, Script: script, Stage: stage}.Perform(t.Context(), t)
	anchors(flows.StepGCAssign, flows.GC, flows.Unavailable).Check(t, run)
}
