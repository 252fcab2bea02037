package people

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/internal/darktower"
	"github.com/dark-tower/prober/internal/darktower/account"
	"github.com/dark-tower/prober/internal/darktower/httpapi"
	"github.com/dark-tower/prober/internal/darktower/media"
	"github.com/dark-tower/prober/internal/darktower/meeting"
	"github.com/dark-tower/prober/internal/darktower/signaling"
	"github.com/dark-tower/prober/internal/webtransport"
)

// Person is a participant whose doings are recorded as steps.
type Person struct {
	*darktower.Participant

	cast    *Cast
	stage   *Stage
	part    *flows.Part
	account account.Credentials
	ticket  meeting.Ticket
	former  []string // participant ids, of each session in turn
	voice   atomic.Pointer[voice]
	dropped int // datagrams that this process had lost before the run
}

// AfterCut marks the steps that follow as done after a reconnect's cut.
func (p *Person) AfterCut() { p.part = p.part.AfterCut() }

// Part is the person's share of the run.
func (p *Person) Part() *flows.Part { return p.part }

// SignIn gets a user token. It is a step only when AC has to be asked: a token
// that is remembered from an earlier run measures nothing.
func (p *Person) SignIn(ctx context.Context) error {
	if p.SignedIn() {
		return nil
	}
	return p.step(ctx, flows.StepSignIn, p.Participant.SignIn)
}

// Ask asks GC to join, as the step given: gc_assign when the meeting is empty,
// gc_join when somebody is in it. Everybody of a run must be sent to one MC.
func (p *Person) Ask(ctx context.Context, step flows.Step) error {
	p.cast.enters(p)
	return p.step(ctx, step, func(ctx context.Context) error {
		ticket, err := p.RequestJoin(ctx, p.stage.Meeting)
		if err != nil {
			return err
		}
		p.ticket = ticket
		p.learn(flows.MC, ticket.MCURL)
		for _, q := range p.cast.people {
			if q != p && q.ticket.MCID != "" {
				if err := meeting.CheckSameMC(q.ticket, ticket); err != nil {
					return p.cast.unlessHasty(err)
				}
			}
		}
		return nil
	})
}

// ConnectMC opens the WebTransport session to the assigned MC.
func (p *Person) ConnectMC(ctx context.Context) error {
	return p.step(ctx, flows.StepMCConnect, func(ctx context.Context) error {
		describeDial(ctx, p.ticket.MCURL)
		err := p.Participant.ConnectMC(ctx)
		addTimings(ctx, p.MCTimings())
		return err
	})
}

// JoinMC joins the meeting and looks who is there: somebody who is not of this
// run makes it impossible to judge.
func (p *Person) JoinMC(ctx context.Context) error {
	return p.step(ctx, flows.StepMCJoin, func(ctx context.Context) error {
		if err := p.Participant.JoinMC(ctx); err != nil {
			var refusal *signaling.ServerError
			if errors.As(err, &refusal) {
				p.noteContinuity(ctx, refusal.TraceParent)
			}
			return p.cast.unlessHasty(err)
		}
		p.former = append(p.former, p.ParticipantID())
		p.noteContinuity(ctx, p.View().JoinTraceParent)
		for _, u := range p.View().Handlers {
			p.learn(flows.MH, u)
		}
		if p.alone() {
			return nil
		}
		return &flows.Failure{Hop: flows.Prober, Reason: flows.Self, Cause: flows.CauseLane,
			Detail: fmt.Sprintf("%d people who are not of this run were in the lane's meeting: a ghost of an earlier run, or somebody else", p.cast.strangers(p))}
	})
}

// alone reports whether only this run's people are in the meeting. After a cut
// the returner's own ghost is the platform's answer, not a stranger.
func (p *Person) alone() bool {
	return p.Redialed() || p.cast.strangers(p) == 0
}

// ConnectHandlers connects to all offered handlers at once.
func (p *Person) ConnectHandlers(ctx context.Context) error {
	return p.step(ctx, flows.StepMHConnect, func(ctx context.Context) error {
		results, err := p.Participant.ConnectHandlers(ctx)
		describeHandlers(ctx, results)
		addTimings(ctx, slowest(results))
		return err
	})
}

// Arrive does everything from asking GC until the handlers are connected.
func (p *Person) Arrive(ctx context.Context, ask flows.Step) error {
	for _, do := range []func(context.Context) error{
		func(ctx context.Context) error { return p.Ask(ctx, ask) }, p.ConnectMC, p.JoinMC, p.ConnectHandlers,
	} {
		if err := do(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Subscribe declares the person's slots and waits until the platform has told
// the person where to send, and shows everybody of others in an ACTIVE slot.
func (p *Person) Subscribe(ctx context.Context, others ...*Person) error {
	return p.step(ctx, flows.StepSubscribe, func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, p.stage.Deadlines.subscribe())
		defer cancel()
		if err := p.Declare(ctx); err != nil {
			return err
		}
		if err := p.AwaitDirected(ctx); err != nil {
			return err
		}
		for _, q := range others {
			if _, err := p.AwaitHearing(ctx, q.SenderID()); err != nil {
				return err
			}
		}
		return nil
	})
}

// HearFirst waits for the first frame of other that verifies and decrypts, and
// returns it. The step ends when the reader had it in hand.
func (p *Person) HearFirst(ctx context.Context, other *Person) (media.Received, error) {
	var heard media.Received
	err := p.step(ctx, flows.StepFirstMedia, func(ctx context.Context) error {
		started := time.Now()
		frame, err := p.await(ctx, p.stage.Deadlines.firstMedia(), func(r media.Received) bool { return r.SenderID == other.SenderID() })
		if err != nil {
			return p.whyNothing(ctx, other, started, err)
		}
		heard = frame
		flows.EndAt(ctx, frame.At)
		return nil
	})
	return heard, err
}

// Await waits for an accepted frame for at most patience.
func (p *Person) await(ctx context.Context, patience time.Duration, cond func(media.Received) bool) (media.Received, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return p.AwaitFrame(ctx, func(r media.Received) bool { return r.Accepted() && cond(r) })
}

// step adds what all steps share: HTTP phases, and the memory of what worked.
func (p *Person) step(ctx context.Context, step flows.Step, fn func(context.Context) error) error {
	return p.part.Step(p.about(ctx, step), step, func(ctx context.Context) error {
		ctx = httpapi.WithPhases(ctx, func(ph httpapi.Phases) {
			for name, d := range ph.All() {
				flows.AddPhase(ctx, name, d)
			}
			if ph.Reused {
				p.cast.run.Record(func(run *flows.Run) { run.Cold = false })
			}
		})
		began := time.Now()
		err := fn(ctx)
		if err != nil {
			return p.unlessStalled(ctx, step, began, err)
		}
		p.stage.Judge.Worked(ctx, step)
		return nil
	})
}

// about tells the judge of the account that signs in, or of the lane's meeting.
func (p *Person) about(ctx context.Context, step flows.Step) context.Context {
	if step == flows.StepSignIn {
		return flows.About(ctx, p.account)
	}
	return flows.About(ctx, p.stage.Meeting)
}

func (p *Person) learn(hop flows.Hop, advertised string) {
	if p.stage.Judge == nil || p.stage.Judge.Witness == nil {
		return
	}
	u, err := url.Parse(advertised)
	if err != nil {
		return
	}
	cfg := p.stage.Platform.MC
	if hop == flows.MH {
		cfg = p.stage.Platform.MH
	}
	p.stage.Judge.Witness.Learn(flows.Target{Hop: hop, Addr: u.Host, Ping: sessionPing(advertised, cfg)})
}

// sessionPing dials and hangs up. Any answer is an answer, a refusal too.
func sessionPing(advertised string, cfg webtransport.Config) func(context.Context) error {
	return func(ctx context.Context) error {
		s, err := webtransport.Dial(ctx, advertised, cfg)
		if err == nil {
			return s.CloseConnection(0, "")
		}
		var dial *webtransport.DialError
		if errors.As(err, &dial) && (dial.Heard || dial.Kind == webtransport.KindUnreachable) {
			return nil
		}
		return err
	}
}

func addTimings(ctx context.Context, t webtransport.Timings) {
	flows.AddPhase(ctx, flows.PhaseDNS, t.DNS)
	flows.AddPhase(ctx, flows.PhaseSocket, t.Socket)
	flows.AddPhase(ctx, flows.PhaseHandshake, t.Handshake)
	flows.AddPhase(ctx, flows.PhaseSettings, t.Settings)
	flows.AddPhase(ctx, flows.PhaseConnect, t.Connect)
}

func slowest(results []media.HandlerResult) webtransport.Timings {
	var worst webtransport.Timings
	for _, r := range results {
		if r.Timings.Total > worst.Total {
			worst = r.Timings
		}
	}
	return worst
}

// Ready declares the person's slots and arms the sender: from then on the
// person talks as soon as MC directs it to. It is not a step, since nobody may
// be there yet.
func (p *Person) Ready(ctx context.Context) error {
	err := p.Talk(ctx)
	if err == nil {
		err = p.Declare(ctx)
	}
	if err != nil {
		return p.part.Blame(ctx, flows.StepSubscribe, err)
	}
	return nil
}
