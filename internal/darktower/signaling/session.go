package signaling

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/dark-tower/prober/internal/webtransport"
)

// Config says how to hold a session. The zero value of each field but Transport
// has a meaning of its own.
type Config struct {
	// Transport is how MC is dialed.
	Transport webtransport.Config
	// JoinTimeout bounds Connect and Join, each on its own. MC has no join
	// deadline at all (platform contract, MC B.5). Zero: 15 s.
	JoinTimeout time.Duration
	// WriteTimeout bounds the sending of one message. Zero: 5 s.
	WriteTimeout time.Duration
	// ReplyTimeout bounds the wait of DeclareAndConfirm. Zero: 5 s.
	ReplyTimeout time.Duration
	// OnView is called with every new View: in order, one at a time, on the
	// goroutine that reads from MC, and before anybody who waits for the view
	// wakes. Until it returns nothing more is read and Session.View is the view
	// before, so it must be quick, and it must not call Join, a wait, Leave or
	// Close. Nil: nothing is called.
	OnView func(View)
	// OnMessage is told of every message, sent and received: not in order, and on
	// several goroutines. It must be quick. Nil: nothing is called.
	OnMessage func(Message)
	// Log gets one debug record per message. Nil: none.
	Log *slog.Logger
}

func (c Config) withDefaults() Config {
	for _, d := range []struct {
		field *time.Duration
		value time.Duration
	}{{&c.JoinTimeout, 15 * time.Second}, {&c.WriteTimeout, 5 * time.Second}, {&c.ReplyTimeout, 5 * time.Second}} {
		if *d.field <= 0 {
			*d.field = d.value
		}
	}
	if c.OnView == nil {
		c.OnView = func(View) {}
	}
	if c.OnMessage == nil {
		c.OnMessage = func(Message) {}
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}

// A Session is one session with MC. Its methods may be called from any
// goroutine. Whoever connected must call Leave or Close in the end, also when
// the session has ended by itself or Join has failed.
type Session struct {
	cfg       Config
	transport *webtransport.Session
	board     *board

	// streams hands the stream from Join to the reading goroutine.
	streams chan *webtransport.Stream
	// done is closed when the reading goroutine has returned.
	done chan struct{}
	// writing holds one token: the right to write.
	writing chan struct{}

	mu sync.Mutex // protects all following fields
	// stream is set by Join.
	stream *webtransport.Stream
	// private is text of this client that MC must not make us repeat.
	private  []Secret
	joining  bool
	reported bool
	// cause is why this side ended the session; the first one counts.
	cause error
}

// Connect dials MC and opens the WebTransport session, not yet the stream. The
// error wraps a *webtransport.DialError.
func Connect(ctx context.Context, url string, cfg Config) (*Session, error) {
	cfg = cfg.withDefaults()
	ctx, cancel := context.WithTimeout(ctx, cfg.JoinTimeout)
	defer cancel()
	transport, err := webtransport.Dial(ctx, url, cfg.Transport)
	if err != nil {
		return nil, fmt.Errorf("connecting to MC: %w", err)
	}
	s := &Session{
		cfg:       cfg,
		transport: transport,
		board:     newBoard(),
		streams:   make(chan *webtransport.Stream, 1),
		done:      make(chan struct{}),
		writing:   make(chan struct{}, 1),
	}
	go s.run()
	return s, nil
}

// View returns the newest view.
func (s *Session) View() View { return s.board.current() }

// Format prints where the session leads and what it knows, for every verb.
func (s *Session) Format(f fmt.State, _ rune) {
	_, _ = fmt.Fprintf(f, "MC session at %s: %v", s.transport.Dialed(), s.View())
}

// Done is closed when the session has ended, by whichever side.
func (s *Session) Done() <-chan struct{} { return s.done }

// Err returns nil while the session lives, and then why it ended: a *ClosedError,
// *ServerError, *ProtocolError, *TimeoutError or *PanicError.
func (s *Session) Err() error { return s.board.ended() }

// Transport is the WebTransport session underneath, for its timings, statistics
// and path.
func (s *Session) Transport() *webtransport.Session { return s.transport }

// Leave ends the session by closing the QUIC connection with code 0 and no
// capsule: the one way that makes MC remove the participant at once and tell the
// others VOLUNTARY (platform contract, MC B.10). It waits until the reading
// goroutine has returned.
func (s *Session) Leave() error {
	s.blame(&ClosedError{Phase: s.phase(), Err: ErrLeft})
	err := s.transport.CloseConnection(0, "")
	<-s.done
	return err
}

// Close ends only the WebTransport session, with a code and a reason in a
// capsule, and lingers until MC has answered or three round trips have passed.
// MC then keeps the participant for its disconnect grace (platform contract, MC
// B.10). It waits until the reading goroutine has returned.
func (s *Session) Close(code uint32, reason string) error {
	s.blame(&ClosedError{Phase: s.phase(), Err: ErrLeft})
	linger := min(3*s.transport.Stats().SmoothedRTT+50*time.Millisecond, time.Second)
	err := s.transport.Close(code, reason, linger)
	<-s.done
	return err
}

// fail ends the session because of err, if nothing else has ended it before.
func (s *Session) fail(err error) {
	s.blame(err)
	_ = s.transport.CloseConnection(0, "") // err is what counts
}

// blame records why this side ends the session.
func (s *Session) blame(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cause == nil {
		s.cause = err
	}
}

// blamed returns why this side ended the session, if it did.
func (s *Session) blamed() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cause
}

func (s *Session) phase() Phase {
	if s.View().Joined {
		return PhaseSession
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.joining {
		return PhaseJoin
	}
	return PhaseConnect
}
