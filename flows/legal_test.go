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

// errorKinds is one error of every kind that the rooms below return, bare and
// wrapped as they wrap it.
func errorKinds() map[string]error {
	kinds := map[string]error{
		"split":     &meeting.SplitMeetingError{},
		"endpoint":  meeting.ErrNoEndpoint,
		"answer":    &httpapi.AnswerError{Problem: "x"},
		"handlers":  darktower.ErrNoHandlers,
		"late":      &signaling.TimeoutError{Waiting: "anything"},
		"protocol":  &signaling.ProtocolError{Message: "frame"},
		"panic":     &signaling.PanicError{Value: "boom"},
		"reset":     &webtransport.StreamError{Remote: true},
		"deadline":  context.DeadlineExceeded,
		"file late": os.ErrDeadlineExceeded,
		"canceled":  context.Canceled,
		"shutdown":  flows.ErrShutdown,
		"record":    media.ErrRecordFull,
		"unknown":   errors.New("odd"),
		"signed in": darktower.ErrNotSignedIn,
		"errno":     os.NewSyscallError("socket", syscall.EMFILE),
	}
	for status := 400; status < 600; status++ {
		kinds[fmt.Sprint("status ", status)] = &httpapi.StatusError{Service: "GC", Operation: "join", Status: status}
	}
	for _, k := range []httpapi.Kind{httpapi.KindLocal, httpapi.KindNoSuchHost, httpapi.KindResolver, httpapi.KindUnreachable,
		httpapi.KindRefused, httpapi.KindTimeout, httpapi.KindTLSExpired, httpapi.KindTLSUnknownCA, httpapi.KindTLSWrongName,
		httpapi.KindTLSOther, httpapi.KindReset, httpapi.KindClosed, httpapi.KindCanceled, httpapi.KindProtocol} {
		kinds["http "+string(k)] = &httpapi.TransportError{Kind: k, Err: io.EOF}
	}
	for _, k := range []webtransport.Kind{webtransport.KindLocal, webtransport.KindNoSuchHost, webtransport.KindResolver,
		webtransport.KindUnreachable, webtransport.KindTimeout, webtransport.KindTLSExpired, webtransport.KindTLSUnknownCA,
		webtransport.KindTLSWrongName, webtransport.KindTLSPin, webtransport.KindTLSOther, webtransport.KindNoHTTP3,
		webtransport.KindNoWebTransport, webtransport.KindRefused, webtransport.KindClosed, webtransport.KindCanceled, webtransport.KindProtocol} {
		kinds["dial "+string(k)] = &webtransport.DialError{Kind: k, Err: io.EOF}
	}
	for _, status := range []int{302, 404, 429, 500, 503} {
		kinds[fmt.Sprint("connect ", status)] = &webtransport.DialError{Kind: webtransport.KindStatus, Status: status, Err: io.EOF}
	}
	for code := range signalingv1.ErrorCode_name {
		kinds[fmt.Sprint("code ", code)] = &signaling.ServerError{Code: signalingv1.ErrorCode(code), Message: "no"}
	}
	for _, via := range []webtransport.Via{webtransport.ViaCapsule, webtransport.ViaFIN, webtransport.ViaReset, webtransport.ViaConnectionClose,
		webtransport.ViaIdleTimeout, webtransport.ViaProtocol, webtransport.ViaTransport, webtransport.ViaLocal} {
		kinds["handler ended "+string(via)] = errors.Join(media.ErrAllClosed, ended(via))
		for _, phase := range []signaling.Phase{signaling.PhaseConnect, signaling.PhaseJoin, signaling.PhaseSession} {
			kinds[fmt.Sprint("MC ended ", via, " in ", phase)] = &signaling.ClosedError{Phase: phase, Err: ended(via)}
			kinds[fmt.Sprint("MC ended ", via, " in ", phase, ", saying so")] = &signaling.ClosedError{Phase: phase, Err: ended(via), Last: &signaling.ServerError{Code: 7}}
		}
	}
	return kinds
}

// sights are what the judge can find out about a silence.
func sights() map[string]*flows.Witness {
	answers := func(context.Context) error { return nil }
	silent := func(context.Context) error { return errors.New("silence") }
	build := func(reference, http, udp func(context.Context) error) *flows.Witness {
		w := &flows.Witness{Reference: reference, Patience: time.Second, HTTP: []flows.Target{{Hop: flows.GC, Addr: "gc", Ping: http}}}
		w.Learn(flows.Target{Hop: flows.MC, Addr: "mc", Ping: udp})
		w.Learn(flows.Target{Hop: flows.MH, Addr: "mh", Ping: udp})
		return w
	}
	return map[string]*flows.Witness{
		"nobody looks": nil, "all answer": build(answers, answers, answers), "UDP is silent": build(answers, answers, silent),
		"the platform is silent": build(answers, silent, silent), "everything is silent": build(silent, silent, silent),
	}
}

type row struct {
	step   flows.Step
	hop    flows.Hop
	reason flows.Reason
}

func TestNoErrorWhateverItsStepIsAttributedToARowThatCannotBe(t *testing.T) {
	seen := make(map[row]bool)
	for looks, witness := range sights() {
		judge := &flows.Judge{Witness: witness}
		for _, step := range flows.Steps() {
			for kind, err := range errorKinds() {
				f := judge.Attribute(t.Context(), step, fmt.Errorf("doing it: %w", err))
				if !flows.Legal(f.Step, f.Hop, f.Reason) {
					t.Errorf("%s at %s when %s: %s/%s is not legal", kind, step, looks, f.Hop, f.Reason)
				}
				if (f.Hop == flows.Prober) != (f.Reason == flows.Self) {
					t.Errorf("%s at %s when %s: %s/%s", kind, step, looks, f.Hop, f.Reason)
				}
				seen[row{f.Step, f.Hop, f.Reason}] = true
			}
		}
	}
	for _, step := range []flows.Step{flows.StepFirstMedia, flows.StepTalk, flows.StepRestore} {
		seen[row{step, flows.MH, flows.NoMedia}] = true  // judged by ear
		seen[row{step, flows.MH, flows.Protocol}] = true // frames that are refused, each and all
	}
	for _, s := range flows.Steps() {
		for _, h := range flows.Hops() {
			for _, r := range flows.Reasons() {
				if flows.Legal(s, h, r) && !seen[row{s, h, r}] {
					t.Errorf("%s/%s/%s is legal, and nothing leads to it", s, h, r)
				}
			}
		}
	}
}

func TestAFailureThatAFlowMakesItselfGetsALegalRow(t *testing.T) {
	for _, c := range []struct {
		made, want flows.Failure
	}{
		{flows.Failure{Hop: flows.MC, Reason: flows.Unavailable}, flows.Failure{Hop: flows.MC, Reason: flows.Closed}},
		{flows.Failure{Hop: flows.MH, Reason: flows.Timeout}, flows.Failure{Hop: flows.MH, Reason: flows.NoMedia}},
		{flows.Failure{Hop: flows.AC, Reason: flows.Closed}, flows.Failure{Hop: flows.Prober, Reason: flows.Self, Cause: flows.CauseConfig}},
	} {
		run := flows.Execute(t.Context(), flows.Spec{Flow: flows.Media}, script(func(ctx context.Context, r *flows.Recorder) error {
			return r.Step(ctx, flows.StepTalk, func(context.Context) error { return &c.made })
		}))
		if f := run.Failure; f == nil || f.Hop != c.want.Hop || f.Reason != c.want.Reason || f.Cause != c.want.Cause {
			t.Errorf("%s/%s became %v, want %s/%s", c.made.Hop, c.made.Reason, run.Failure, c.want.Hop, c.want.Reason)
		}
	}
}
