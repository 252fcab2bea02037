package signaling

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"math/big"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
	wtgo "github.com/quic-go/webtransport-go"
	"google.golang.org/protobuf/proto"

	"github.com/dark-tower/prober/internal/darktower/framing"
	"github.com/dark-tower/prober/internal/darktower/wire/signalingv1"
	"github.com/dark-tower/prober/internal/webtransport"
)

// patience is how long a test waits for what must happen.
const patience = 60 * time.Second

// A scriptedMC serves WebTransport and follows a script in each session. At the
// end of the script it drops the connection as the platform does: QUIC
// application code 0, no capsule.
type scriptedMC struct {
	t      *testing.T
	url    string
	roots  *x509.CertPool
	script func(*peer)
	ctx    context.Context
	// scripts waits for the scripts, wg for the goroutines that serve connections.
	scripts, wg sync.WaitGroup

	mu      sync.Mutex // protects all following fields
	closing bool
}

// A peer is the server's end of one session.
type peer struct {
	t      *testing.T
	ctx    context.Context
	wt     *wtgo.Session
	conn   *quic.Conn
	trace  *wireTrace
	stream *wtgo.Stream
	sent   int
	// bodies are the lengths of the messages received.
	bodies []int
}

type connKey struct{}

// startMC serves script on loopback until the end of the test.
func startMC(t *testing.T, script func(*peer), edit ...func(*quic.Config)) *scriptedMC {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	m := &scriptedMC{t: t, script: script, ctx: ctx}
	certificate := m.certificate()

	socket, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	m.url = "https://" + socket.LocalAddr().String()
	conf := &quic.Config{EnableDatagrams: true, EnableStreamResetPartialDelivery: true, Tracer: newWireTrace}
	for _, e := range edit {
		e(conf)
	}
	transport := &quic.Transport{Conn: socket}
	listener, err := transport.Listen(http3.ConfigureTLSConfig(&tls.Config{Certificates: []tls.Certificate{certificate}}), conf)
	if err != nil {
		t.Fatal(err)
	}
	h3 := &http3.Server{ConnContext: func(ctx context.Context, c *quic.Conn) context.Context {
		return context.WithValue(ctx, connKey{}, c)
	}}
	wtgo.ConfigureHTTP3Server(h3)
	server := &wtgo.Server{H3: h3, CheckOrigin: func(*http.Request) bool { return true }}
	h3.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { m.serve(server, w, r) })

	m.wg.Go(func() {
		for {
			conn, err := listener.Accept(ctx)
			if err != nil {
				return
			}
			m.wg.Go(func() { _ = server.ServeQUICConn(conn) })
		}
	})
	t.Cleanup(func() { // after the clients have left
		m.mu.Lock()
		m.closing = true
		m.mu.Unlock()
		_ = listener.Close()
		m.scripts.Wait()
		cancel()
		_ = server.Close()
		_ = transport.Close()
		_ = socket.Close()
		m.wg.Wait()
	})
	return m
}

func (m *scriptedMC) certificate() tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		m.t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		m.t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		m.t.Fatal(err)
	}
	m.roots = x509.NewCertPool()
	m.roots.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// errScript ends a script early.
var errScript = errors.New("the script cannot go on")

func (m *scriptedMC) serve(server *wtgo.Server, w http.ResponseWriter, r *http.Request) {
	conn := r.Context().Value(connKey{}).(*quic.Conn)
	session, err := server.Upgrade(w, r)
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closing {
		return // the client came and went
	}
	if err != nil {
		if conn.Context().Err() == nil {
			m.t.Errorf("the MC could not accept the session: %v", err)
		}
		return
	}
	p := &peer{t: m.t, ctx: m.ctx, wt: session, conn: conn, trace: conn.QlogTrace().(*wireTrace)}
	m.scripts.Go(func() {
		defer func() { _ = conn.CloseWithError(0, "") }()
		defer func() {
			if e := recover(); e != nil && e != errScript {
				panic(e)
			}
		}()
		m.script(p)
	})
}

func (p *peer) must(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Errorf("MC: %v", err)
		panic(errScript)
	}
}

// receive reads the client's next message.
func (p *peer) receive() *signalingv1.ClientMessage {
	p.t.Helper()
	if p.stream == nil {
		stream, err := p.wt.AcceptStream(p.ctx)
		p.must(err)
		p.stream = stream
	}
	body, err := framing.Read(p.stream, nil)
	p.must(err)
	p.bodies = append(p.bodies, len(body))
	m := new(signalingv1.ClientMessage)
	p.must(proto.Unmarshal(body, m))
	return m
}

// send sends messages, each in a frame of its own.
func (p *peer) send(messages ...*signalingv1.ServerMessage) {
	p.t.Helper()
	for _, m := range messages {
		body, err := proto.Marshal(m)
		p.must(err)
		frame, err := framing.Append(nil, body)
		p.must(err)
		p.raw(frame)
	}
}

func (p *peer) raw(b []byte) {
	p.t.Helper()
	n, err := p.stream.Write(b)
	p.must(err)
	p.sent += n
}

// flush waits until the client's QUIC has everything, or the client has closed
// the connection.
func (p *peer) flush() {
	p.t.Helper()
	err := p.trace.flushed(p.conn.Context(), p.stream.StreamID(), p.sent)
	var app *quic.ApplicationError
	if !errors.As(context.Cause(p.conn.Context()), &app) {
		p.must(err)
	}
}

// join answers the client's join.
func (p *peer) join(more ...*signalingv1.ServerMessage) *signalingv1.ClientMessage {
	p.t.Helper()
	m := p.receive()
	if m.GetJoinRequest() == nil {
		p.t.Errorf("MC: the first message is %v", m)
	}
	p.send(joinResponse(existing(person(bobID, 1))))
	p.send(more...)
	return m
}

// closed waits until the client closes the QUIC connection and returns how.
func (p *peer) closed() error {
	p.t.Helper()
	select {
	case <-p.conn.Context().Done():
		return context.Cause(p.conn.Context())
	case <-p.ctx.Done():
		p.must(errors.New("the client did not close the connection"))
		return nil
	}
}

// config trusts the MC and speaks the platform's dialect.
func (m *scriptedMC) config(edit ...func(*Config)) Config {
	cfg := Config{
		Transport:   webtransport.Config{RootCAs: m.roots, Dialect: webtransport.Legacy, RawStreamCodes: true},
		JoinTimeout: patience, WriteTimeout: patience, ReplyTimeout: patience,
	}
	for _, e := range edit {
		e(&cfg)
	}
	return cfg
}

func (m *scriptedMC) connect(edit ...func(*Config)) *Session {
	m.t.Helper()
	s, err := Connect(m.ctx, m.url, m.config(edit...))
	if err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(func() {
		if err := s.Leave(); err != nil {
			m.t.Errorf("leaving: %v", err)
		}
	})
	return s
}

// joinedSession connects and joins.
func (m *scriptedMC) joinedSession(edit ...func(*Config)) *Session {
	m.t.Helper()
	s := m.connect(edit...)
	if _, err := s.Join(m.ctx, request()); err != nil {
		m.t.Fatal(err)
	}
	return s
}

func request() JoinRequest {
	return JoinRequest{
		MeetingID: "meeting-1", Token: "the.meeting.token", Name: "Ada Lovelace",
		IdentityKey: ed25519.PublicKey(bytes.Repeat([]byte{7}, ed25519.PublicKeySize)),
	}
}

// take waits for what a script hands out.
func take[T any](m *scriptedMC, from <-chan T) T {
	m.t.Helper()
	select {
	case v := <-from:
		return v
	case <-m.ctx.Done():
		m.t.Fatal("the script handed out nothing")
		panic("unreachable")
	}
}

// await lets a script wait for the test.
func (p *peer) await(c <-chan struct{}) {
	p.t.Helper()
	select {
	case <-c:
	case <-p.ctx.Done():
		p.must(p.ctx.Err())
	}
}
