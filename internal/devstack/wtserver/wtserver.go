// Package wtserver is the WebTransport side that the media and meeting
// controllers of the embedded platform share: one QUIC listener that accepts
// any path, authority and origin, and one session per connection.
//
// It ends sessions as the platform does: by closing the QUIC connection with
// application code 0 and an empty reason, never by a close capsule, and it tells
// apart how a client ended one (platform contract, MC B.10). It knows QUIC,
// HTTP/3 and WebTransport; it knows nothing of what is said over a session.
package wtserver

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
	"github.com/quic-go/webtransport-go"
)

// Application error codes a server of the platform's library closes the QUIC
// connection with after a client has ended the session alone.
const (
	codeNoError        = 0x100 // close capsule, or FIN of the CONNECT stream
	codeDatagramError  = 0x33  // malformed close capsule
	codeClosedCritical = 0x104 // reset of the CONNECT stream
)

// errRefused makes quic-go answer an Initial with CONNECTION_REFUSED.
var errRefused = errors.New("connection refused")

// Config describes one WebTransport server.
type Config struct {
	// Conn is the UDP socket. Serve takes it over, unless it fails; Close closes it.
	Conn net.PacketConn
	// Certificate is what clients are shown.
	Certificate tls.Certificate

	// IdleTimeout ends a connection that has been silent this long; 0 is 30 s.
	IdleTimeout time.Duration
	// KeepAlive is the period of the server's own pings; 0 sends none.
	KeepAlive time.Duration

	// MaxIncomingUni bounds the concurrent unidirectional streams of a client,
	// HTTP/3's own three included; 0 is 100.
	MaxIncomingUni int64
	// StreamWindow and ConnectionWindow bound received bytes that nobody has read
	// yet; 0 is the QUIC stack's default.
	StreamWindow, ConnectionWindow uint64

	// ReceiveBuffer models the platform's QUIC datagram receive buffer, in bytes:
	// what would overflow it pushes out the oldest. 0 models none.
	ReceiveBuffer int

	// Refuse, when it answers true, refuses a connection at its first packet with
	// CONNECTION_REFUSED, as a server at capacity does.
	Refuse func() bool

	// OnSession is called for each session on a goroutine of its own; the session
	// is dropped when it returns. ctx ends with the session.
	OnSession func(ctx context.Context, s *Session)

	// Log receives what went wrong below the sessions; nil is silent.
	Log *slog.Logger
}

// Server is a running WebTransport server.
type Server struct {
	cfg       Config
	log       *slog.Logger
	transport *quic.Transport
	listener  *quic.Listener
	wt        *webtransport.Server

	cancel context.CancelFunc
	wg     sync.WaitGroup // the accept loop and one per connection

	mu       sync.Mutex // protects all following fields
	sessions map[*Session]struct{}
	closed   bool

	closeOnce sync.Once
	closeErr  error
}

type connKey struct{}

// Serve starts a server on cfg.Conn and returns at once.
func Serve(cfg Config) (*Server, error) {
	if cfg.Conn == nil || cfg.OnSession == nil {
		return nil, errors.New("serving WebTransport: a socket and a session handler are needed")
	}
	log := cfg.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	s := &Server{cfg: cfg, log: log, sessions: make(map[*Session]struct{})}

	tlsConf := http3.ConfigureTLSConfig(&tls.Config{
		Certificates: []tls.Certificate{cfg.Certificate},
		MinVersion:   tls.VersionTLS13,
	})
	// Listen, not ListenEarly: the platform's library sends its HTTP/3 settings
	// only when the handshake is complete.
	s.transport = &quic.Transport{Conn: cfg.Conn}
	listener, err := s.transport.Listen(tlsConf, s.quicConfig())
	if err != nil {
		return nil, errors.Join(fmt.Errorf("listening for QUIC on %s: %w", cfg.Conn.LocalAddr(), err), s.transport.Close())
	}
	s.listener = listener

	s.wt = &webtransport.Server{
		H3: &http3.Server{
			EnableDatagrams: true,
			Handler:         http.HandlerFunc(s.handle),
			ConnContext: func(ctx context.Context, conn *quic.Conn) context.Context {
				return context.WithValue(ctx, connKey{}, conn)
			},
		},
		CheckOrigin: func(*http.Request) bool { return true },
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.cancel = cancel
	s.wg.Go(func() { s.accept(ctx) })
	return s, nil
}

func (s *Server) quicConfig() *quic.Config {
	conf := &quic.Config{
		MaxIdleTimeout:                   s.cfg.IdleTimeout,
		KeepAlivePeriod:                  s.cfg.KeepAlive,
		MaxIncomingStreams:               100,
		MaxIncomingUniStreams:            s.cfg.MaxIncomingUni,
		EnableDatagrams:                  true,
		EnableStreamResetPartialDelivery: true,
		Tracer:                           traceAcks,
	}
	if w := s.cfg.StreamWindow; w > 0 {
		conf.InitialStreamReceiveWindow, conf.MaxStreamReceiveWindow = w, w
	}
	if w := s.cfg.ConnectionWindow; w > 0 {
		conf.InitialConnectionReceiveWindow, conf.MaxConnectionReceiveWindow = w, w
	}
	if refuse := s.cfg.Refuse; refuse != nil {
		accepted := conf.Clone()
		conf.GetConfigForClient = func(*quic.ClientInfo) (*quic.Config, error) {
			if refuse() {
				return nil, errRefused
			}
			return accepted, nil
		}
	}
	return conf
}

// Addr returns the local address of the socket.
func (s *Server) Addr() net.Addr { return s.cfg.Conn.LocalAddr() }

// accept owns the accept loop, so that a session's QUIC connection is at hand:
// the WebTransport library itself can end a session only by a capsule.
func (s *Server) accept(ctx context.Context) {
	for {
		conn, err := s.listener.Accept(ctx)
		if err != nil {
			return // the listener was closed
		}
		s.wg.Go(func() {
			if err := s.wt.ServeQUICConn(conn); err != nil && !errors.Is(err, http.ErrServerClosed) {
				s.log.Debug("QUIC connection not served", "remote", conn.RemoteAddr().String(), "error", err.Error())
				conn.CloseWithError(0, "")
			}
		})
	}
}

func (s *Server) handle(w http.ResponseWriter, r *http.Request) {
	conn, ok := r.Context().Value(connKey{}).(*quic.Conn)
	streamer, hijackable := w.(http3.HTTPStreamer)
	if !ok || !hijackable || r.Method != http.MethodConnect {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	wt, err := s.wt.Upgrade(w, r)
	if err != nil {
		s.log.Debug("WebTransport session not accepted", "remote", r.RemoteAddr, "error", err.Error())
		return
	}
	sess := newSession(wt, conn, streamer.HTTPStream(), s.cfg.ReceiveBuffer)
	defer sess.wait()
	if !s.add(sess) {
		sess.Drop()
		return
	}
	defer s.remove(sess)
	defer sess.Drop()
	s.cfg.OnSession(sess.ctx, sess)
}

func (s *Server) add(sess *Session) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.sessions[sess] = struct{}{}
	return true
}

func (s *Server) remove(sess *Session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.sessions, sess)
}

// Sessions returns the sessions that are open, in no order.
func (s *Server) Sessions() []*Session {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(maps.Keys(s.sessions))
}

// Close drops every session, closes the socket and waits until every OnSession
// has returned. It may be called more than once, but not from OnSession.
func (s *Server) Close() error {
	s.closeOnce.Do(func() {
		s.mu.Lock()
		s.closed = true
		s.mu.Unlock()
		for _, sess := range s.Sessions() {
			sess.Drop()
		}
		s.cancel()
		// The library closes the connections that have no session yet; the
		// transport comes last because closing it sends nothing.
		errs := []error{s.listener.Close(), s.wt.Close(), s.transport.Close()}
		s.wg.Wait()
		s.closeErr = errors.Join(append(errs, s.cfg.Conn.Close())...)
	})
	return s.closeErr
}
