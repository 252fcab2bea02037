package webtransport

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
)

// closeCopies is how often a CONNECTION_CLOSE is sent again. The socket is closed
// after it, so nobody is left to answer a server that missed it, and a server that
// missed it holds a participant who is gone.
const closeCopies = 2

// Session is one WebTransport session. Its methods are safe for concurrent use.
type Session struct {
	url, dialed    string
	mapped         bool
	dialect        Dialect
	rawStreamCodes bool
	timings        Timings
	certs          []Certificate
	trust          Trust

	path      *Path
	socket    *packetConn // the path, as QUIC sees it
	transport *quic.Transport
	wire      *wireTrace
	conn      *quic.Conn
	h3        *http3.RawClientConn
	req       *http3.RequestStream // the CONNECT stream
	id        atomic.Int64         // of the CONNECT stream, which is the session's; -1 before

	settings         map[uint64]uint64 // valid once settingsReceived is closed
	settingsReceived chan struct{}
	controlSeen      atomic.Bool
	fault            atomic.Pointer[h3Violation] // why this side closed the connection

	bidi chan *Stream
	uni  chan *ReceiveStream

	datagramPrefix                   []byte
	datagramsSent, datagramsReceived atomic.Uint64
	datagramsForeign                 atomic.Uint64

	receiving       chan struct{} // holds a token while a datagram is received
	datagramsHanded uint64        // by QUIC; belongs to who holds the token

	sendMu  sync.Mutex
	sendBuf []byte // protected by sendMu

	ctx      context.Context
	end      context.CancelCauseFunc // takes a *SessionError; the first one stays
	endedAt  atomic.Pointer[time.Time]
	peerDone chan struct{} // closed when the CONNECT stream has been read to its end
	closing  sync.Once
	gone     sync.Once
	wg       sync.WaitGroup // every goroutine of the session
}

func newSession(path *Path, cfg *Config) *Session {
	socket := &packetConn{Path: path}
	s := &Session{
		rawStreamCodes:   cfg.RawStreamCodes,
		trust:            cfg.trust(),
		path:             path,
		socket:           socket,
		transport:        &quic.Transport{Conn: socket, Tracer: strayTrace{path.arrivals}},
		settingsReceived: make(chan struct{}),
		bidi:             make(chan *Stream, maxPending),
		uni:              make(chan *ReceiveStream, maxPending),
		receiving:        make(chan struct{}, 1),
		peerDone:         make(chan struct{}),
	}
	s.id.Store(-1)
	var cancel context.CancelCauseFunc
	s.ctx, cancel = context.WithCancelCause(context.Background())
	s.end = func(why error) {
		s.endedAt.CompareAndSwap(nil, new(time.Now()))
		cancel(why)
	}
	return s
}

// start starts HTTP/3 on the connection.
func (s *Session) start() {
	s.path.arrivals.start()
	s.path.departures.start()
	s.h3 = (&http3.Transport{
		EnableDatagrams:        true,
		DisableCompression:     true, // or the CONNECT request asks for gzip
		MaxResponseHeaderBytes: maxResponseHeader,
		AdditionalSettings:     map[uint64]uint64{settingEnableWT02: 1, settingWTEnabled15: 1},
	}).NewRawClientConn(s.conn)
	s.wg.Go(s.acceptBidi)
	s.wg.Go(s.acceptUni)
}

// release closes the connection and gives back all that the session holds. It
// waits for the session's goroutines.
func (s *Session) release(code quic.ApplicationErrorCode, reason string) {
	s.gone.Do(func() {
		s.end(&SessionError{Via: ViaLocal, Code: uint64(code), Reason: reason})
		if s.conn != nil {
			s.path.record()
			_ = s.conn.CloseWithError(code, reason)
			s.socket.repeat(closeCopies)
		}
		if s.req != nil {
			s.req.CancelRead(quic.StreamErrorCode(http3.ErrCodeNoError)) // http3 forgets the stream
		}
		_ = s.transport.Close()
		_ = s.path.close()
		s.wg.Wait()
		if s.wire != nil {
			_ = s.wire.close()
		}
	})
}

// Done is closed when the session has ended, by whichever side.
func (s *Session) Done() <-chan struct{} { return s.ctx.Done() }

// Context is cancelled when the session has ended; its cause is [Session.Err].
func (s *Session) Context() context.Context { return s.ctx }

// Err is nil while the session lives, then a *[SessionError].
func (s *Session) Err() error { return context.Cause(s.ctx) }

// EndedAt is when the session ended, as far as this side knows; zero while it lives.
func (s *Session) EndedAt() time.Time {
	if at := s.endedAt.Load(); at != nil {
		return *at
	}
	return time.Time{}
}

// URL is the advertised URL, as given to Dial.
func (s *Session) URL() string { return s.url }

// Dialed is the IP address and port that was dialed.
func (s *Session) Dialed() string { return s.dialed }

// Mapped tells whether the endpoint map gave the dialed address.
func (s *Session) Mapped() bool { return s.mapped }

// Dialect is the dialect spoken: Legacy or Modern.
func (s *Session) Dialect() Dialect { return s.dialect }

// Timings are the phases of the dial.
func (s *Session) Timings() Timings { return s.timings }

// Certificates are those the server showed, leaf first.
func (s *Session) Certificates() []Certificate { return s.certs }

// Trust is why the server's certificate was accepted.
func (s *Session) Trust() Trust { return s.trust }

// Path is the network path of the session.
func (s *Session) Path() *Path { return s.path }

// QlogFile is the name of the session's qlog file, empty if there is none. The
// file is complete once the session was closed.
func (s *Session) QlogFile() string { return s.wire.qlogPath() }

// Stats are the connection's statistics so far. They stay readable after the
// session was closed.
func (s *Session) Stats() Stats {
	c := s.conn.ConnectionStats()
	return Stats{
		MinRTT: c.MinRTT, LatestRTT: c.LatestRTT, SmoothedRTT: c.SmoothedRTT, MeanDeviation: c.MeanDeviation,
		PacketsSent: c.PacketsSent, PacketsReceived: c.PacketsReceived, PacketsLost: c.PacketsLost,
		BytesSent: c.BytesSent, BytesReceived: c.BytesReceived, BytesLost: c.BytesLost,
		DatagramsSent:     s.datagramsSent.Load(),
		DatagramsParsed:   s.wire.datagramsParsed.Load(),
		DatagramsReceived: s.datagramsReceived.Load(),
		DatagramsDropped:  s.wire.datagramsDropped.Load(),
		DatagramsForeign:  s.datagramsForeign.Load(),
		CongestionWindow:  int(c.CongestionWindow),
		MTU:               int(s.wire.mtu.Load()),
	}
}
