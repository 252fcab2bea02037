package flows

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"syscall"

	"github.com/dark-tower/prober/internal/darktower"
	"github.com/dark-tower/prober/internal/darktower/httpapi"
	"github.com/dark-tower/prober/internal/darktower/media"
	"github.com/dark-tower/prober/internal/darktower/meeting"
	"github.com/dark-tower/prober/internal/darktower/signaling"
	"github.com/dark-tower/prober/internal/darktower/wire/signalingv1"
	"github.com/dark-tower/prober/internal/webtransport"
)

// Judge says whose fault an error was. A nil Judge attributes from the error
// alone. It remembers what has worked: the first refusal ever is a wrong set-up,
// the same refusal after a success is the platform's.
type Judge struct {
	Witness *Witness

	mu     sync.Mutex // protects all following fields
	worked map[deed]bool
}

// deed is a step that was done, and what it was about.
type deed struct {
	step  Step
	about any
}

type aboutKey struct{}

// About says what the steps of ctx are about: the account that signs in, the
// meeting that is joined. What has worked for one says nothing of another. The
// subject must be comparable, and is never shown.
func About(ctx context.Context, subject any) context.Context {
	return context.WithValue(ctx, aboutKey{}, subject)
}

// deedOf takes both ways to ask for a meeting as one: whoever was let in has
// found it.
func deedOf(ctx context.Context, step Step) deed {
	if step == StepGCAssign {
		step = StepGCJoin
	}
	return deed{step, ctx.Value(aboutKey{})}
}

// Worked notes that a step has succeeded for the subject of ctx.
func (j *Judge) Worked(ctx context.Context, step Step) {
	if j == nil {
		return
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.worked == nil {
		j.worked = make(map[deed]bool)
	}
	j.worked[deedOf(ctx, step)] = true
}

func (j *Judge) hasWorked(ctx context.Context, step Step) bool {
	if j == nil {
		return false
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.worked[deedOf(ctx, step)]
}

// Attribute gives an error of a step its hop and reason, which are Legal together.
func (j *Judge) Attribute(ctx context.Context, step Step, err error) *Failure {
	return j.attribute(ctx, step, err).row()
}

func (j *Judge) attribute(ctx context.Context, step Step, err error) *Failure {
	f := &Failure{Step: step, Hop: step.Owner(), Reason: Protocol, Err: err, Detail: err.Error()}
	switch {
	case errors.Is(err, ErrShutdown): // whatever it made of connections and requests under way
		return f.self(CauseUnspecified)
	case local(err):
		return f.self(CauseNetwork)
	}
	var (
		status    *httpapi.StatusError
		transport *httpapi.TransportError
		answer    *httpapi.AnswerError
		dial      *webtransport.DialError
		refusal   *signaling.ServerError
		late      *signaling.TimeoutError
		protocol  *signaling.ProtocolError
		closed    *signaling.ClosedError
		session   *webtransport.SessionError
		reset     *webtransport.StreamError
		split     *meeting.SplitMeetingError
		panicked  *signaling.PanicError
	)
	switch {
	case errors.As(err, &status):
		return j.status(ctx, f, status)
	case errors.As(err, &transport):
		return j.transport(ctx, f, transport)
	case errors.As(err, &answer), errors.As(err, &split), errors.Is(err, meeting.ErrNoEndpoint):
		f.Reason = Protocol
	case errors.As(err, &closed) && closed.Phase == signaling.PhaseSession: // whatever MC said last
		return j.ended(ctx, f, MC, err)
	case errors.As(err, &refusal):
		f.Reason = refusalReason(refusal)
		f.over(MC)
	case errors.As(err, &late):
		f.Reason = Timeout
		if step != StepMHConnect { // which asks MC nothing: the handlers took the time
			f.over(MC)
		}
		return j.silence(ctx, f)
	case errors.As(err, &dial):
		return j.dial(ctx, f, dial)
	case errors.As(err, &protocol), errors.Is(err, darktower.ErrNoHandlers):
		f.Reason = Protocol
		f.over(MC)
	case errors.As(err, &closed):
		return j.ended(ctx, f, MC, err)
	case errors.As(err, &session), errors.As(err, &reset), errors.Is(err, media.ErrAllClosed):
		return j.ended(ctx, f, MH, err) // MC's are always wrapped in closed
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		if f.Reason = Timeout; !Legal(step, f.Hop, Timeout) {
			return f.self(CauseConfig) // a run that was given less time than its conversation takes
		}
		return j.silence(ctx, f)
	case errors.As(err, &panicked):
		return f.self(CausePanic)
	case errors.Is(err, media.ErrRecordFull):
		return f.self(CauseDrops)
	case errors.Is(err, context.Canceled):
		return f.self(CauseUnspecified)
	default:
		return f.self(CauseConfig) // nothing that the platform is known to cause
	}
	return f
}

// ended attributes the end of a session with hop h.
func (j *Judge) ended(ctx context.Context, f *Failure, h Hop, err error) *Failure {
	f.Reason = Closed
	f.over(h)
	var session *webtransport.SessionError
	switch {
	case !errors.As(err, &session):
	case session.Via == webtransport.ViaLocal:
		return f.self(CauseConfig) // hung up on by ourselves
	case session.Via == webtransport.ViaIdleTimeout:
		if !Legal(f.Step, f.Hop, Closed) { // nothing stood yet that could be closed
			f.Reason = Timeout
		}
		return j.silence(ctx, f)
	}
	return f
}

// over names the hop whose session an error came from: no step after GC's belongs
// to one hop alone.
func (f *Failure) over(h Hop) {
	if owner := f.Step.Owner(); owner == MC || owner == MH {
		f.Hop = h
	}
}

func (f *Failure) self(cause Cause) *Failure {
	f.Hop, f.Reason, f.Cause = Prober, Self, cause
	return f
}

// status attributes an HTTP answer. Refusals that come before any success are
// the prober's own set-up: an account, organisation or meeting that is not there.
func (j *Judge) status(ctx context.Context, f *Failure, e *httpapi.StatusError) *Failure {
	f.BackOff = e.Throttled() || e.Status == http.StatusServiceUnavailable
	f.RetryAfter = e.RetryAfter
	switch {
	case e.Throttled():
		f.Reason = Throttled
	case e.TimedOut():
		f.Reason = Timeout
	case e.Unavailable():
		f.Reason = Unavailable
	default:
		f.Reason = Rejected
		if j.setup(ctx, f.Step, e) {
			return f.self(CauseSetup)
		}
	}
	return f
}

func (j *Judge) setup(ctx context.Context, step Step, e *httpapi.StatusError) bool {
	switch {
	case e.Code == "ORGANIZATION_MEETING_LIMIT_EXCEEDED":
		return true
	case j.hasWorked(ctx, step):
		return false
	case step == StepSignIn:
		return e.Status == http.StatusUnauthorized || e.Status == http.StatusNotFound
	case step == StepGCAssign, step == StepGCJoin:
		return e.Status == http.StatusNotFound
	}
	return false
}

func (j *Judge) transport(ctx context.Context, f *Failure, e *httpapi.TransportError) *Failure {
	switch e.Kind {
	case httpapi.KindLocal, httpapi.KindResolver:
		return f.self(CauseNetwork)
	case httpapi.KindNoSuchHost:
		f.Hop, f.Reason = Network, Unreachable
	case httpapi.KindRefused, httpapi.KindReset, httpapi.KindClosed:
		f.Reason = Unavailable
	case httpapi.KindUnreachable:
		f.Reason = Unavailable
		return j.silence(ctx, f)
	case httpapi.KindTimeout:
		f.Reason = Timeout
		return j.silence(ctx, f)
	case httpapi.KindTLSExpired, httpapi.KindTLSUnknownCA, httpapi.KindTLSWrongName, httpapi.KindTLSOther:
		f.Reason = TLS
	case httpapi.KindCanceled:
		return f.self(CauseUnspecified)
	}
	return f
}

func (j *Judge) dial(ctx context.Context, f *Failure, e *webtransport.DialError) *Failure {
	switch e.Kind {
	case webtransport.KindLocal, webtransport.KindResolver:
		return f.self(CauseNetwork)
	case webtransport.KindNoSuchHost:
		f.Hop, f.Reason = Network, Unreachable
	case webtransport.KindUnreachable, webtransport.KindRefused, webtransport.KindClosed:
		f.Reason = Unavailable
	case webtransport.KindTimeout:
		f.Reason = Timeout
		if !e.Heard {
			return j.silence(ctx, f)
		}
	case webtransport.KindTLSExpired, webtransport.KindTLSUnknownCA, webtransport.KindTLSWrongName,
		webtransport.KindTLSPin, webtransport.KindTLSOther:
		f.Reason = TLS
	case webtransport.KindStatus:
		if e.Status >= 500 { // the contract has no other refusal of a CONNECT
			f.Reason = Unavailable
		}
	case webtransport.KindCanceled:
		return f.self(CauseUnspecified)
	}
	return f
}

// refusalReason maps MC's error codes: 1 to 5 refuse the request, 6 and 7 say
// that MC cannot; a restarting meeting comes as CONFLICT and means the latter.
func refusalReason(e *signaling.ServerError) Reason {
	restarting := e.Code == signalingv1.ErrorCode_ERROR_CODE_CONFLICT && strings.Contains(e.Message, "restarting")
	if e.Code >= signalingv1.ErrorCode_ERROR_CODE_INTERNAL_ERROR || restarting {
		return Unavailable
	}
	return Rejected
}

// local reports an error that this machine made: the request never left it.
func local(err error) bool {
	for _, e := range []syscall.Errno{syscall.EMFILE, syscall.ENFILE, syscall.EACCES, syscall.EPERM,
		syscall.ENOBUFS, syscall.ENOMEM, syscall.EADDRNOTAVAIL, syscall.ENETUNREACH, syscall.ENETDOWN} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

func refused(err error) bool { return errors.Is(err, syscall.ECONNREFUSED) }

func asDNS(err error) (*net.DNSError, bool) {
	var dns *net.DNSError
	ok := errors.As(err, &dns)
	return dns, ok
}
