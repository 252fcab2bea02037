package flows_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/internal/darktower"
	"github.com/dark-tower/prober/internal/darktower/httpapi"
	"github.com/dark-tower/prober/internal/darktower/media"
	"github.com/dark-tower/prober/internal/darktower/meeting"
	"github.com/dark-tower/prober/internal/darktower/signaling"
	"github.com/dark-tower/prober/internal/darktower/wire/signalingv1"
	"github.com/dark-tower/prober/internal/webtransport"
)

func TestWhoseFaultAnErrorIs(t *testing.T) {
	status := func(code int, name string) error {
		return fmt.Errorf("joining: %w", &httpapi.StatusError{Service: "GC", Operation: "join", Status: code, Code: name})
	}
	transport := func(k httpapi.Kind) error { return &httpapi.TransportError{Kind: k, Err: errors.New("x")} }
	dial := func(k webtransport.Kind) error { return &webtransport.DialError{Kind: k, Err: errors.New("x")} }
	refusal := func(c signalingv1.ErrorCode, text string) error {
		return &signaling.ServerError{Code: c, Message: text}
	}

	for _, c := range []struct {
		name   string
		step   flows.Step
		err    error
		hop    flows.Hop
		reason flows.Reason
		cause  flows.Cause
	}{
		{"503 of GC", flows.StepGCJoin, status(503, "SERVICE_UNAVAILABLE"), flows.GC, flows.Unavailable, ""},
		{"429 of AC", flows.StepSignIn, status(429, "TOO_MANY_REQUESTS"), flows.AC, flows.Throttled, ""},
		{"408 of GC", flows.StepGCJoin, status(408, ""), flows.GC, flows.Timeout, ""},
		{"403 of GC", flows.StepGCJoin, status(403, "FORBIDDEN"), flows.GC, flows.Rejected, ""},
		{"the organisation's cap", flows.StepGCAssign, status(403, "ORGANIZATION_MEETING_LIMIT_EXCEEDED"), flows.Prober, flows.Self, flows.CauseSetup},
		{"a first-ever 401 at sign-in", flows.StepSignIn, status(401, "INVALID_CREDENTIALS"), flows.Prober, flows.Self, flows.CauseSetup},
		{"an organisation that never existed", flows.StepSignIn, status(404, "NOT_FOUND"), flows.Prober, flows.Self, flows.CauseSetup},
		{"a meeting that never existed", flows.StepGCAssign, status(404, "NOT_FOUND"), flows.Prober, flows.Self, flows.CauseSetup},
		{"a token that GC refuses", flows.StepGCJoin, status(401, "INVALID_TOKEN"), flows.GC, flows.Rejected, ""},

		{"no resolver answer", flows.StepGCJoin, transport(httpapi.KindResolver), flows.Prober, flows.Self, flows.CauseNetwork},
		{"a name that does not exist", flows.StepGCJoin, transport(httpapi.KindNoSuchHost), flows.Network, flows.Unreachable, ""},
		{"a closed port", flows.StepSignIn, transport(httpapi.KindRefused), flows.AC, flows.Unavailable, ""},
		{"a reset", flows.StepGCJoin, transport(httpapi.KindReset), flows.GC, flows.Unavailable, ""},
		{"a host that is not there", flows.StepGCJoin, transport(httpapi.KindUnreachable), flows.GC, flows.Unavailable, ""},
		{"an HTTP timeout without a witness", flows.StepGCJoin, transport(httpapi.KindTimeout), flows.GC, flows.Timeout, ""},
		{"an expired certificate", flows.StepGCJoin, transport(httpapi.KindTLSExpired), flows.GC, flows.TLS, ""},
		{"an answer that breaks the contract", flows.StepGCJoin, &httpapi.AnswerError{Problem: "x"}, flows.GC, flows.Protocol, ""},
		{"an MC without an endpoint", flows.StepGCJoin, fmt.Errorf("joining: %w", meeting.ErrNoEndpoint), flows.GC, flows.Protocol, ""},
		{"a split meeting", flows.StepGCJoin, &meeting.SplitMeetingError{}, flows.GC, flows.Protocol, ""},

		{"a closed UDP port", flows.StepMCConnect, dial(webtransport.KindUnreachable), flows.MC, flows.Unavailable, ""},
		{"a handler that hangs up while it is dialed", flows.StepMHConnect, dial(webtransport.KindClosed), flows.MH, flows.Unavailable, ""},
		{"an MC whose name does not exist", flows.StepMCConnect, dial(webtransport.KindNoSuchHost), flows.Network, flows.Unreachable, ""},
		{"an unknown CA", flows.StepMHConnect, dial(webtransport.KindTLSUnknownCA), flows.MH, flows.TLS, ""},
		{"a refused QUIC connection", flows.StepMCConnect, dial(webtransport.KindRefused), flows.MC, flows.Unavailable, ""},
		{"no WebTransport", flows.StepMCConnect, dial(webtransport.KindNoWebTransport), flows.MC, flows.Protocol, ""},
		{"CONNECT answered 404", flows.StepMCConnect, &webtransport.DialError{Kind: webtransport.KindStatus, Status: 404, Err: io.EOF}, flows.MC, flows.Protocol, ""},
		{"CONNECT answered 503", flows.StepMCConnect, &webtransport.DialError{Kind: webtransport.KindStatus, Status: 503, Err: io.EOF}, flows.MC, flows.Unavailable, ""},
		{"a run that is given up", flows.StepMCJoin, fmt.Errorf("waiting: %w", context.Canceled), flows.Prober, flows.Self, flows.CauseUnspecified},
		{"a run that is shut down", flows.StepMCJoin, fmt.Errorf("waiting: %w", flows.ErrShutdown), flows.Prober, flows.Self, flows.CauseUnspecified},
		{"a session that a shutdown ended", flows.StepMCJoin, &signaling.ClosedError{Phase: signaling.PhaseJoin, Err: flows.ErrShutdown}, flows.Prober, flows.Self, flows.CauseUnspecified},
		{"no socket to be had", flows.StepMCConnect, fmt.Errorf("socket: %w", os.NewSyscallError("socket", syscall.EMFILE)), flows.Prober, flows.Self, flows.CauseNetwork},
		{"no route", flows.StepMCConnect, os.NewSyscallError("sendto", syscall.ENETUNREACH), flows.Prober, flows.Self, flows.CauseNetwork},

		{"MC refuses the token", flows.StepMCJoin, refusal(2, "Invalid or expired token"), flows.MC, flows.Rejected, ""},
		{"MC does not know the meeting", flows.StepMCJoin, refusal(4, "Meeting not found"), flows.MC, flows.Rejected, ""},
		{"the meeting restarts", flows.StepMCJoin, refusal(5, "Meeting is restarting, please try again"), flows.MC, flows.Unavailable, ""},
		{"MC fails inside", flows.StepMCJoin, refusal(6, "An internal error occurred"), flows.MC, flows.Unavailable, ""},
		{"MC drains", flows.StepMCJoin, refusal(7, "Server is shutting down, please reconnect"), flows.MC, flows.Unavailable, ""},
		{"MC never answers", flows.StepMCJoin, &signaling.TimeoutError{Waiting: "the JoinResponse"}, flows.MC, flows.Timeout, ""},
		{"MC goes away", flows.StepMCJoin, &signaling.ClosedError{Err: io.EOF}, flows.MC, flows.Unavailable, ""},
		{"MC falls silent before it answers", flows.StepMCJoin, &signaling.ClosedError{Phase: signaling.PhaseJoin, Err: ended(webtransport.ViaIdleTimeout)}, flows.MC, flows.Timeout, ""},
		{"MC refuses a declaration", flows.StepSubscribe, refusal(1, "receive capability rejected"), flows.MC, flows.Protocol, ""},
		{"the run is over before MC was told of the handlers", flows.StepMHConnect, &signaling.TimeoutError{Waiting: "MC to take the update"}, flows.MH, flows.Timeout, ""},
		{"MC sends rubbish", flows.StepMCJoin, &signaling.ProtocolError{Message: "frame"}, flows.MC, flows.Protocol, ""},
		{"MC goes away while handlers are dialed", flows.StepMHConnect, &signaling.ClosedError{Phase: signaling.PhaseSession, Err: io.EOF}, flows.MC, flows.Closed, ""},
		{"MC says why it goes away", flows.StepTalk, &signaling.ClosedError{Phase: signaling.PhaseSession, Err: io.EOF, Last: &signaling.ServerError{Code: 7, Message: "Server is shutting down, please reconnect"}}, flows.MC, flows.Closed, ""},
		{"MC refuses and goes away", flows.StepMCJoin, &signaling.ClosedError{Phase: signaling.PhaseJoin, Err: io.EOF, Last: &signaling.ServerError{Code: 7, Message: "Server is shutting down, please reconnect"}}, flows.MC, flows.Unavailable, ""},
		{"MC offers no handler", flows.StepMHConnect, fmt.Errorf("connecting: %w", darktower.ErrNoHandlers), flows.MC, flows.Protocol, ""},
		{"a handler hangs up", flows.StepSubscribe, fmt.Errorf("waiting: %w", errors.Join(media.ErrAllClosed, ended(webtransport.ViaConnectionClose))), flows.MH, flows.Closed, ""},
		{"a handler falls silent", flows.StepTalk, ended(webtransport.ViaIdleTimeout), flows.MH, flows.Closed, ""},
		{"a step's deadline passes", flows.StepSubscribe, fmt.Errorf("waiting: %w", context.DeadlineExceeded), flows.MC, flows.Timeout, ""},
		{"the run's deadline passes in the conversation", flows.StepTalk, context.DeadlineExceeded, flows.Prober, flows.Self, flows.CauseConfig},
		{"this side hung up", flows.StepSubscribe, ended(webtransport.ViaLocal), flows.Prober, flows.Self, flows.CauseConfig},
		{"the prober's own record is full", flows.StepFirstMedia, media.ErrRecordFull, flows.Prober, flows.Self, flows.CauseDrops},
		{"a panic while a message was handled", flows.StepMCJoin, &signaling.PanicError{Value: "boom"}, flows.Prober, flows.Self, flows.CausePanic},
		{"an error that nobody knows", flows.StepMCJoin, errors.New("odd"), flows.Prober, flows.Self, flows.CauseConfig},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := (&flows.Judge{}).Attribute(t.Context(), c.step, c.err)
			if f.Hop != c.hop || f.Reason != c.reason || f.Cause != c.cause {
				t.Errorf("got %s/%s/%s, want %s/%s/%s", f.Hop, f.Reason, f.Cause, c.hop, c.reason, c.cause)
			}
			if !flows.Legal(c.step, f.Hop, f.Reason) {
				t.Errorf("%s at %s for %s is not legal", c.step, f.Hop, f.Reason)
			}
			if f.Detail == "" || !errors.Is(f.Err, c.err) {
				t.Error("the evidence is gone")
			}
		})
	}
}

func ended(via webtransport.Via) error { return &webtransport.SessionError{Via: via, Remote: true} }

func TestARefusalAfterASuccessIsThePlatforms(t *testing.T) {
	judge := &flows.Judge{}
	known, unknown := flows.About(t.Context(), "known"), flows.About(t.Context(), "unknown")
	judge.Worked(known, flows.StepSignIn)
	judge.Worked(known, flows.StepGCAssign)
	for step, status := range map[flows.Step]int{flows.StepSignIn: 401, flows.StepGCAssign: 404, flows.StepGCJoin: 404} {
		refusal := &httpapi.StatusError{Status: status}
		if f := judge.Attribute(known, step, refusal); f.Hop != step.Owner() || f.Reason != flows.Rejected {
			t.Errorf("%s: %s/%s", step, f.Hop, f.Reason)
		}
		if f := judge.Attribute(unknown, step, refusal); f.Cause != flows.CauseSetup {
			t.Errorf("%s: %s/%s: success with one account or meeting says nothing of another", step, f.Hop, f.Reason)
		}
	}
}

func TestSilenceIsJudgedByWhatElseAnswers(t *testing.T) {
	answers := func(context.Context) error { return nil }
	silent := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
	type witness struct{ reference, http, mc, mh func(context.Context) error }
	for _, c := range []struct {
		name  string
		step  flows.Step
		sight witness
		hop   flows.Hop
		cause flows.Cause
	}{
		{"everything and the reference are silent", flows.StepGCJoin, witness{silent, silent, silent, silent}, flows.Prober, flows.CauseNetwork},
		{"everything is silent while the reference answers", flows.StepGCJoin, witness{answers, silent, silent, silent}, flows.GC, ""},
		{"only MC is silent", flows.StepMCConnect, witness{answers, answers, silent, answers}, flows.MC, ""},
		{"UDP is silent while HTTP answers", flows.StepMCConnect, witness{answers, answers, silent, silent}, flows.Network, ""},
		{"UDP is silent and no handler is known", flows.StepMCConnect, witness{answers, answers, silent, nil}, flows.MC, ""},
		{"no reference is configured and something answers", flows.StepGCJoin, witness{nil, silent, answers, nil}, flows.GC, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := &flows.Witness{Reference: c.sight.reference, Patience: 50 * time.Millisecond,
				HTTP: []flows.Target{{Hop: flows.GC, Addr: "gc", Ping: c.sight.http}}}
			w.Learn(flows.Target{Hop: flows.MC, Addr: "mc", Ping: c.sight.mc})
			if c.sight.mh != nil {
				w.Learn(flows.Target{Hop: flows.MH, Addr: "mh", Ping: c.sight.mh})
			}
			f := (&flows.Judge{Witness: w}).Attribute(t.Context(), c.step, &signaling.TimeoutError{Waiting: "anything"})
			if f.Hop != c.hop || f.Cause != c.cause {
				t.Errorf("got %s/%s (%s)", f.Hop, f.Cause, f.Detail)
			}
		})
	}
}

func TestAClosedPortIsAnAnswerToAPing(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if err := flows.TCPPing("127.0.0.1:1")(ctx); err != nil {
		t.Errorf("a refused connection is an answer, got %v", err)
	}
}
