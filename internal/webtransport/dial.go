package webtransport

import (
	"context"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
)

const (
	defaultIdleTimeout      = 30 * time.Second
	defaultKeepAlive        = 3 * time.Second
	defaultHandshakeTimeout = 5 * time.Second

	// Bounds on what a server may make us hold.
	maxPending          = 16      // streams the server opened and the application did not accept
	criticalStreams     = 3       // HTTP/3's control and QPACK streams
	maxStreamWindow     = 1 << 20 // bytes
	maxConnectionWindow = 4 << 20 // bytes
	maxResponseHeader   = 16 << 10
	maxInformational    = 5
)

// Dial opens one QUIC connection to the host of rawURL and one session on it. It
// dials once and retries nothing. Errors are *[DialError].
//
// ctx bounds all of Dial, and should have a deadline: only the handshake has a
// timeout of its own. There is one exception: when the deadline passes in a QUIC
// handshake that met nothing but silence, up to 300 ms more go into learning
// whether the port is closed.
func Dial(ctx context.Context, rawURL string, cfg Config) (*Session, error) {
	now := time.Now()
	d := &dialing{cfg: &cfg, timings: Timings{Start: now}, mark: now, phase: PhaseURL, addr: "the given URL"}
	s, err := d.dial(ctx, rawURL)
	if err != nil {
		return nil, d.fail(ctx, s, err)
	}
	return s, nil
}

// dialing is the state of one dial.
type dialing struct {
	cfg     *Config
	phase   Phase
	addr    string
	remote  netip.AddrPort
	mapped  bool
	timings Timings
	mark    time.Time // when the last phase ended
	chain   []*x509.Certificate
}

// lap ends a phase: the time since the last one is its own.
func (d *dialing) lap(phase *time.Duration) {
	now := time.Now()
	*phase = now.Sub(d.mark)
	d.mark = now
	d.timings.Total = now.Sub(d.timings.Start)
}

// dial gives a session, or an error and what there is of the session.
func (d *dialing) dial(ctx context.Context, rawURL string) (s *Session, err error) {
	u, advertised, err := advertisedAddr(rawURL)
	if err != nil {
		return nil, err
	}
	target, mapped := d.cfg.Endpoints.Lookup(advertised)
	d.phase, d.addr, d.mapped = PhaseDNS, target, mapped

	remote, asked, err := resolve(ctx, d.cfg.Resolver, target)
	if asked {
		d.lap(&d.timings.DNS)
	}
	if err != nil {
		return nil, err
	}
	d.phase, d.addr, d.remote = PhaseSocket, remote.String(), remote

	s, err = d.open(rawURL)
	d.lap(&d.timings.Socket)
	if err != nil {
		return s, err
	}
	d.phase = PhaseHandshake
	started := d.mark
	s.conn, err = s.transport.Dial(ctx, net.UDPAddrFromAddrPort(remote), d.cfg.tlsConfig(u.Hostname(), &d.chain), d.cfg.quicConfig(s.wire))
	d.lap(&d.timings.Handshake)
	if heard := s.path.heard(); !heard.IsZero() {
		d.timings.FirstPacket = heard.Sub(started)
	}
	if err != nil {
		return s, err
	}
	s.start()

	d.phase = PhaseSettings
	err = s.awaitSettings(ctx)
	d.lap(&d.timings.Settings)
	if err != nil {
		return s, err
	}
	if s.dialect, err = pick(d.cfg.Dialect, s.settings, s.conn.ConnectionState()); err != nil {
		return s, err
	}
	d.phase = PhaseConnect
	err = s.connect(ctx, u)
	d.lap(&d.timings.Connect)
	if err != nil {
		return s, err
	}
	s.timings, s.certs = d.timings, certificates(d.chain)
	s.wg.Go(s.watch)
	return s, nil
}

// open makes a session with everything below QUIC.
func (d *dialing) open(rawURL string) (*Session, error) {
	path, err := openPath(d.remote)
	if err != nil {
		return nil, err
	}
	s := newSession(path, d.cfg)
	s.url, s.dialed, s.mapped = rawURL, d.addr, d.mapped
	s.wire, err = openTrace(d.cfg.QlogDir, path)
	return s, err
}

func (cfg *Config) quicConfig(wire *wireTrace) *quic.Config {
	q := &quic.Config{
		Versions:                         []quic.Version{quic.Version1},
		HandshakeIdleTimeout:             cfg.HandshakeTimeout,
		MaxIdleTimeout:                   cfg.IdleTimeout,
		KeepAlivePeriod:                  max(cfg.KeepAlive, 0),
		MaxStreamReceiveWindow:           maxStreamWindow,
		MaxConnectionReceiveWindow:       maxConnectionWindow,
		MaxIncomingStreams:               maxPending,
		MaxIncomingUniStreams:            maxPending + criticalStreams,
		EnableDatagrams:                  true,
		EnableStreamResetPartialDelivery: true,
		InitialPacketSize:                cfg.InitialPacketSize,
		DisablePathMTUDiscovery:          cfg.DisablePathMTUDiscovery,
		Tracer:                           wire.tracer,
	}
	if q.HandshakeIdleTimeout <= 0 {
		q.HandshakeIdleTimeout = defaultHandshakeTimeout
	}
	if q.MaxIdleTimeout <= 0 {
		q.MaxIdleTimeout = defaultIdleTimeout
	}
	if cfg.KeepAlive == 0 {
		q.KeepAlivePeriod = defaultKeepAlive
	}
	return q
}

// awaitSettings waits for the server's SETTINGS.
func (s *Session) awaitSettings(ctx context.Context) error {
	select {
	case <-s.settingsReceived:
		return nil
	case <-s.conn.Context().Done():
		return context.Cause(s.conn.Context())
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// StatusError is an answer to CONNECT other than 2xx.
type StatusError struct{ Status int }

// Error gives the status.
func (e *StatusError) Error() string { return fmt.Sprintf("CONNECT was answered %d", e.Status) }

// connect makes the extended CONNECT request (RFC 9220).
func (s *Session) connect(ctx context.Context, u *url.URL) error {
	var err error
	if s.req, err = s.h3.OpenRequestStream(ctx); err != nil {
		return err
	}
	s.id.Store(int64(s.req.StreamID()))
	s.datagramPrefix = datagramPrefix(s.req.StreamID())

	req := &http.Request{
		Method: http.MethodConnect, Proto: "webtransport-h3", Host: u.Host, URL: u,
		Header: http.Header{"User-Agent": {"dark-tower-prober"}},
	}
	if s.dialect == Legacy {
		req.Proto = "webtransport"
		req.Header.Set("Sec-Webtransport-Http3-Draft02", "1") // servers of draft-02 demand it
	}
	if err := s.req.SendRequestHeader(req.WithContext(ctx)); err != nil {
		return err
	}
	// ReadResponse takes no context.
	stop := context.AfterFunc(ctx, func() { _ = s.req.SetReadDeadline(time.Unix(1, 0)) })
	status, err := s.readStatus()
	if !stop() && !gone(s.conn) {
		return context.Cause(ctx)
	}
	if err != nil {
		if gone(s.conn) { // the connection's own error says more than the stream's
			return context.Cause(s.conn.Context())
		}
		return err
	}
	if status/100 != 2 {
		return &StatusError{status}
	}
	return nil
}

// readStatus reads responses until the final one.
func (s *Session) readStatus() (int, error) {
	for range maxInformational + 1 {
		rsp, err := s.req.ReadResponse()
		if err != nil {
			return 0, err
		}
		if rsp.StatusCode/100 != 1 {
			return rsp.StatusCode, nil
		}
	}
	return 0, violation(http3.ErrCodeExcessiveLoad, "more than %d informational responses", maxInformational)
}

func gone(c *quic.Conn) bool { return c.Context().Err() != nil }
