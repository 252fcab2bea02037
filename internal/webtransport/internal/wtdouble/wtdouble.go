// Package wtdouble is a test double of a wtransport 0.7.1 server (Rust, on quinn)
// as it looks on the wire: its SETTINGS, its one session per connection, no
// reset_stream_at, stream codes sent raw, a close capsule read from one DATA frame
// only, and its own close as a QUIC CONNECTION_CLOSE without a capsule.
//
// It knows nothing of the client it is a double for, and shares no code with it.
package wtdouble

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
	"github.com/quic-go/quic-go/quicvarint"
)

// Config says how the double behaves.
type Config struct {
	TLS *tls.Config
	// IdleTimeout; zero: 30 s.
	IdleTimeout time.Duration
	// MaxStreams is how many streams of each kind a client may have open; zero: 100.
	MaxStreams int64
	// Refuse, if set and true, answers the next connection with CONNECTION_REFUSED.
	Refuse func() bool
	// OnConn, if set, is called with each QUIC connection before HTTP/3 starts; when
	// it returns false, the double leaves the connection alone.
	OnConn func(*quic.Conn) bool
	// Status answers CONNECT with that status; zero: 200.
	Status int
	// Settings replaces the WebTransport settings of wtransport.
	Settings map[uint64]uint64
	// NoDatagrams announces no HTTP/3 datagrams.
	NoDatagrams bool
	// OnSession is called in its own goroutine for each session.
	OnSession func(*Session)
}

// Server is a running double.
type Server struct {
	cfg Config
	tr  *quic.Transport
	ln  *quic.Listener
	wg  sync.WaitGroup

	mu    sync.Mutex // protects all following fields
	conns map[*quic.Conn]struct{}
}

// End is how a session ended, as wtransport tells its application.
type End struct {
	// Via is capsule, fin, reset or connection.
	Via    string
	Code   uint64
	Reason string
	// Err is the connection's error when Via is connection.
	Err error
}

// Session is one accepted session.
type Session struct {
	Conn    *quic.Conn
	Request *http.Request
	// Bidi and Uni are the streams the client opened, after their headers.
	Bidi chan *quic.Stream
	Uni  chan *quic.ReceiveStream
	// Ended gets one End.
	Ended chan End

	str *http3.Stream
}

// Serve starts a double on a socket, which Close closes.
func Serve(pc net.PacketConn, cfg Config) (*Server, error) {
	q := &quic.Config{
		EnableDatagrams:       true,
		MaxIdleTimeout:        cfg.IdleTimeout,
		MaxIncomingStreams:    cfg.MaxStreams,
		MaxIncomingUniStreams: cfg.MaxStreams,
	}
	if cfg.Refuse != nil {
		inner := q.Clone()
		q.GetConfigForClient = func(*quic.ClientInfo) (*quic.Config, error) {
			if cfg.Refuse() {
				return nil, errors.New("refused")
			}
			return inner, nil
		}
	}
	s := &Server{cfg: cfg, tr: &quic.Transport{Conn: pc}, conns: map[*quic.Conn]struct{}{}}
	// Not early: wtransport sends its SETTINGS only after the handshake.
	ln, err := s.tr.Listen(http3.ConfigureTLSConfig(cfg.TLS), q)
	if err != nil {
		return nil, err
	}
	s.ln = ln
	s.wg.Go(s.accept)
	return s, nil
}

// Addr is the address the double listens on.
func (s *Server) Addr() net.Addr { return s.ln.Addr() }

// Close ends all connections and waits for everything.
func (s *Server) Close() error {
	err := s.ln.Close()
	s.mu.Lock()
	for c := range s.conns {
		_ = c.CloseWithError(0, "")
	}
	s.mu.Unlock()
	err = errors.Join(err, s.tr.Close(), s.tr.Conn.Close())
	s.wg.Wait()
	return err
}

func (s *Server) accept() {
	for {
		c, err := s.ln.Accept(context.Background())
		if err != nil {
			return
		}
		s.mu.Lock()
		s.conns[c] = struct{}{}
		s.mu.Unlock()
		s.wg.Go(func() {
			defer func() {
				s.mu.Lock()
				delete(s.conns, c)
				s.mu.Unlock()
			}()
			s.serve(c)
		})
	}
}

// serve serves one connection until it ends.
func (s *Server) serve(c *quic.Conn) {
	defer func() { <-c.Context().Done() }()
	if s.cfg.OnConn != nil && !s.cfg.OnConn(c) {
		return
	}
	settings := s.cfg.Settings
	if settings == nil {
		settings = map[uint64]uint64{0x2b603742: 1, 0xc671706a: 1}
	}
	sess := &Session{
		Conn: c, Bidi: make(chan *quic.Stream, 100), Uni: make(chan *quic.ReceiveStream, 100), Ended: make(chan End, 1),
	}
	ready := make(chan struct{})
	var once sync.Once
	h3 := &http3.Server{EnableDatagrams: !s.cfg.NoDatagrams, AdditionalSettings: settings}
	h3.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		first := false
		once.Do(func() { first = true })
		str := w.(http3.HTTPStreamer)
		if !first || r.Method != http.MethodConnect || r.Proto != "webtransport" {
			st := str.HTTPStream()
			st.CancelRead(quic.StreamErrorCode(http3.ErrCodeMessageError))
			_ = st.Close() // quinn finishes a send stream that is dropped
			return
		}
		if s.cfg.Status != 0 {
			w.WriteHeader(s.cfg.Status)
			return
		}
		<-w.(http3.Settingser).ReceivedSettings() // answers no CONNECT before
		w.WriteHeader(http.StatusOK)
		w.(http.Flusher).Flush()
		sess.Request, sess.str = r, str.HTTPStream()
		close(ready)
		s.wg.Go(sess.readConnectStream)
		if s.cfg.OnSession != nil {
			s.wg.Go(func() { s.cfg.OnSession(sess) })
		}
		<-c.Context().Done()
	})
	raw, err := h3.NewRawServerConn(c)
	if err != nil {
		return
	}
	s.wg.Go(func() {
		for {
			q, err := c.AcceptUniStream(context.Background())
			if err != nil {
				return
			}
			s.wg.Go(func() {
				if t, err := quicvarint.Peek(q); err != nil || t != 0x54 {
					raw.HandleUnidirectionalStream(q)
					return
				}
				if skipHeader(q, ready, c) {
					sess.Uni <- q
				}
			})
		}
	})
	for {
		q, err := c.AcceptStream(context.Background())
		if err != nil {
			return
		}
		s.wg.Go(func() {
			if t, err := quicvarint.Peek(q); err != nil || t != 0x41 {
				raw.HandleRequestStream(q)
				return
			}
			if skipHeader(q, ready, c) {
				sess.Bidi <- q
			}
		})
	}
}

// skipHeader reads a stream's header, and waits for the session.
func skipHeader(r io.Reader, ready <-chan struct{}, c *quic.Conn) bool {
	br := quicvarint.NewReader(r)
	_, err1 := quicvarint.Read(br)
	_, err2 := quicvarint.Read(br)
	select {
	case <-ready:
	case <-c.Context().Done():
		return false
	}
	return err1 == nil && err2 == nil
}

// readConnectStream does what wtransport's ConnectStream does.
func (s *Session) readConnectStream() {
	buf := make([]byte, 4096)
	for {
		n, err := s.str.Read(buf) // never crosses a DATA frame
		if n > 0 {
			code, reason, ok, bad := parseClose(buf[:n])
			switch {
			case bad:
				_ = s.Conn.CloseWithError(0x33, "")
				return
			case ok:
				s.Ended <- End{Via: "capsule", Code: code, Reason: reason}
				s.str.CancelWrite(0x100)
				_ = s.Conn.CloseWithError(0x100, "")
				return
			}
			continue
		}
		switch {
		case err == io.EOF:
			s.Ended <- End{Via: "fin"}
			_ = s.Conn.CloseWithError(0x100, "")
			return
		case err != nil:
			if _, reset := errors.AsType[*quic.StreamError](err); reset {
				s.Ended <- End{Via: "reset", Err: err}
				_ = s.Conn.CloseWithError(0x104, "")
				return
			}
			<-s.Conn.Context().Done()
			end := End{Via: "connection", Err: context.Cause(s.Conn.Context())}
			if ae, ok := errors.AsType[*quic.ApplicationError](end.Err); ok {
				end.Code, end.Reason = uint64(ae.ErrorCode), ae.ErrorMessage
			}
			s.Ended <- end
			return
		}
	}
}

// parseClose parses what one DATA frame holds; anything but one whole close capsule
// is skipped, one that is too long or too short is bad.
func parseClose(b []byte) (code uint64, reason string, ok, bad bool) {
	typ, n, err := quicvarint.Parse(b)
	if err != nil || typ != 0x2843 {
		return 0, "", false, false
	}
	length, m, err := quicvarint.Parse(b[n:])
	if err != nil || uint64(len(b)-n-m) < length {
		return 0, "", false, false
	}
	p := b[n+m:][:length]
	if len(p) < 4 || len(p) > 1028 {
		return 0, "", false, true
	}
	return uint64(binary.BigEndian.Uint32(p)), string(p[4:]), true, false
}

// Close is wtransport's Connection::close, and with 0 and "" what dropping the
// last handle does: a QUIC CONNECTION_CLOSE, no capsule.
func (s *Session) Close(code uint64, reason string) {
	_ = s.Conn.CloseWithError(quic.ApplicationErrorCode(code), reason)
}

// OpenUni opens a stream towards the client, header sent.
func (s *Session) OpenUni() (*quic.SendStream, error) {
	q, err := s.Conn.OpenUniStream()
	if err != nil {
		return nil, err
	}
	_, err = q.Write(s.header(0x54))
	return q, err
}

// OpenBidi opens a stream towards the client, header sent.
func (s *Session) OpenBidi() (*quic.Stream, error) {
	q, err := s.Conn.OpenStream()
	if err != nil {
		return nil, err
	}
	_, err = q.Write(s.header(0x41))
	return q, err
}

func (s *Session) header(typ uint64) []byte {
	return quicvarint.Append(quicvarint.Append(nil, typ), uint64(s.str.StreamID()))
}

// SendDatagram sends one datagram to the client.
func (s *Session) SendDatagram(b []byte) error { return s.str.SendDatagram(b) }

// ReceiveDatagram waits for a datagram of the client.
func (s *Session) ReceiveDatagram(ctx context.Context) ([]byte, error) {
	return s.str.ReceiveDatagram(ctx)
}

// ConnectStream is the CONNECT stream, to misbehave on.
func (s *Session) ConnectStream() *http3.Stream { return s.str }

// Echo answers every stream and datagram with itself until the session ends.
// A bidirectional stream is answered on itself, a unidirectional one on a new one.
func Echo(s *Session) {
	var wg sync.WaitGroup
	defer wg.Wait()
	ctx := s.Conn.Context()
	wg.Go(func() {
		for {
			b, err := s.ReceiveDatagram(ctx)
			if err != nil || s.SendDatagram(b) != nil {
				return
			}
		}
	})
	for {
		select {
		case <-ctx.Done():
			return
		case q := <-s.Bidi:
			wg.Go(func() {
				_, _ = io.Copy(q, q)
				_ = q.Close()
			})
		case q := <-s.Uni:
			wg.Go(func() {
				b, err := io.ReadAll(q)
				if err != nil {
					return
				}
				if out, err := s.OpenUni(); err == nil {
					_, _ = out.Write(b)
					_ = out.Close()
				}
			})
		}
	}
}
