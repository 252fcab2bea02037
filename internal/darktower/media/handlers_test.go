package media

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/dark-tower/prober/internal/darktower/frame"
	"github.com/dark-tower/prober/internal/darktower/framing"
	"github.com/dark-tower/prober/internal/darktower/wire/signalingv1"
	"github.com/dark-tower/prober/internal/devstack/wtserver"
	"github.com/dark-tower/prober/internal/webtransport"
)

const (
	secretToken = "eyJ.the-meeting-token.sig"
	patience    = 20 * time.Second
)

// fakeHandler is a media handler that takes one connect message from each
// session and then echoes every datagram into slot 1.
type fakeHandler struct {
	url    string // advertised
	server *wtserver.Server
	accept bool // else sessions are dropped after their message

	mu       sync.Mutex
	messages []*signalingv1.MhClientMessage
	finished int // clients that ended their half of the stream
	ends     chan wtserver.End
	remotes  map[string]bool // addresses datagrams came from
}

// handlersWorld is a certificate, its trust, and where the handlers are.
type handlersWorld struct {
	certificate tls.Certificate
	transport   webtransport.Config
}

func newWorld(t *testing.T) *handlersWorld {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{"*.handlers.test"},
		NotBefore: time.Now().Add(-time.Minute), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(leaf)
	return &handlersWorld{
		certificate: tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key},
		transport:   webtransport.Config{RootCAs: roots, Endpoints: webtransport.EndpointMap{}},
	}
}

// handler starts a handler that is advertised under a name nobody can resolve.
func (w *handlersWorld) handler(t *testing.T, name string, accept bool) *fakeHandler {
	t.Helper()
	socket, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	advertised := name + ".handlers.test:4434"
	h := &fakeHandler{url: "https://" + advertised, accept: accept, ends: make(chan wtserver.End, 16), remotes: map[string]bool{}}
	w.transport.Endpoints[advertised] = socket.LocalAddr().String()
	h.server, err = wtserver.Serve(wtserver.Config{Conn: socket, Certificate: w.certificate, OnSession: h.serve})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.server.Close(); err != nil {
			t.Error(err)
		}
	})
	return h
}

func (h *fakeHandler) serve(ctx context.Context, s *wtserver.Session) {
	stream, err := s.AcceptStream(ctx)
	if err != nil {
		return
	}
	body, err := framing.Read(stream, nil)
	if err != nil {
		return
	}
	m := &signalingv1.MhClientMessage{}
	if err := proto.Unmarshal(body, m); err != nil {
		return
	}
	h.mu.Lock()
	h.messages = append(h.messages, m)
	h.mu.Unlock()
	_ = stream.CloseWrite()
	if !h.accept {
		s.Drop()
		h.ends <- <-s.End()
		return
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		if _, err := io.Copy(io.Discard, stream); err == nil { // a FIN
			h.mu.Lock()
			h.finished++
			h.mu.Unlock()
		}
	})
	for hop := uint32(0); ; hop++ {
		b, err := s.ReceiveDatagram(ctx)
		if err != nil {
			break
		}
		h.mu.Lock()
		h.remotes[s.RemoteAddr().String()] = true
		h.mu.Unlock()
		if frame.RewriteRelay(b, 1, hop) == nil {
			_ = s.SendDatagram(b)
		}
	}
	h.ends <- <-s.End()
	wg.Wait()
}

func (h *fakeHandler) messageCount() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.messages)
}

// client is somebody who hears their own echo.
type client struct {
	*Handlers
	speaker  *speaker
	sender   *Sender
	receiver *Receiver
}

func newClient(t *testing.T, w *handlersWorld) *client {
	t.Helper()
	c := &client{speaker: newSpeaker(t), receiver: NewReceiver(ReceiverConfig{})}
	var err error
	if c.sender, err = NewSender(SenderConfig{}); err != nil {
		t.Fatal(err)
	}
	c.sender.Adopt(c.speaker.voice())
	c.receiver.Adopt(c.speaker.opener(), []uint16{1})
	c.Handlers = NewHandlers(Config{Transport: w.transport}, c.sender, c.receiver)
	t.Cleanup(func() {
		c.sender.Stop()
		if err := c.Handlers.Close(); err != nil {
			t.Error(err)
		}
		c.receiver.Close()
	})
	return c
}

// hear waits for an echo, be it the second copy of a frame.
func (c *client) hear(t *testing.T, what string, cond func(Received) bool) Received {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	r, err := c.receiver.AwaitFrame(ctx, func(r Received) bool { return r.Decoded && cond(r) })
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	return r
}

func await(t *testing.T, ends <-chan wtserver.End) wtserver.End {
	t.Helper()
	select {
	case e := <-ends:
		return e
	case <-time.After(patience):
		t.Fatal("the handler's session has not ended")
		return wtserver.End{}
	}
}

func TestConnectAllTalksToEveryHandlerAndLeavesCleanly(t *testing.T) {
	w := newWorld(t)
	a, b := w.handler(t, "a", true), w.handler(t, "b", true)
	c := newClient(t, w)
	results := c.ConnectAll(t.Context(), []string{a.url, b.url}, secretToken)
	for i, h := range []*fakeHandler{a, b} {
		r := results[i]
		if r.URL != h.url || !r.Connected() || r.ConnEpoch != 1 || !r.Mapped || r.Dialed != h.server.Addr().String() || r.Timings.Total <= 0 {
			t.Errorf("result %d: %+v", i, r)
		}
	}
	c.sender.Direct([]string{a.url, b.url})
	c.sender.Start()
	first := c.hear(t, "an echo of a", func(r Received) bool { return r.HandlerURL == a.url })
	if first.SlotID != 1 || !first.Declared || first.ConnEpoch != 1 {
		t.Errorf("echo: %+v", first)
	}
	// The same frames come back over both: whichever is second is a replay.
	c.hear(t, "ten echoes", func(r Received) bool { return r.Sequence >= 10 })
	c.sender.Stop()

	for _, h := range []*fakeHandler{a, b} {
		h.mu.Lock()
		if len(h.messages) != 1 || h.messages[0].GetConnectRequest().GetJoinToken() != secretToken {
			t.Errorf("%s got %d messages", h.url, len(h.messages))
		}
		if h.finished != 0 {
			t.Errorf("the send half to %s was finished during the session", h.url)
		}
		h.mu.Unlock()
	}
	for _, s := range c.Status() {
		if !s.Open || !s.Current || s.Err != nil {
			t.Errorf("status: %+v", s)
		}
	}
	if err := c.CloseAll(); err != nil {
		t.Error(err)
	}
	for _, h := range []*fakeHandler{a, b} {
		if e := await(t, h.ends); e.Cause != wtserver.ClientClosed || e.Code != 0 {
			t.Errorf("%s saw the leave as %v, code %d", h.url, e.Cause, e.Code)
		}
	}
	for _, s := range c.Status() {
		if s.Open || s.Err == nil || s.EndedAt.IsZero() {
			t.Errorf("status after leaving: %+v", s)
		}
	}
	sent, lost := c.sender.Sent(), 0
	for _, r := range sent {
		for _, to := range r.Targets {
			if to.Handed.IsZero() {
				lost++
			}
		}
	}
	if lost > 0 {
		t.Errorf("%d of %d hand-overs failed", lost, 2*len(sent))
	}
}

func TestConnectAllWaitsForEveryHandlerToSettle(t *testing.T) {
	w := newWorld(t)
	good := w.handler(t, "good", true)
	mute, err := net.ListenPacket("udp", "127.0.0.1:0") // reads nothing, answers nothing
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = mute.Close() }()
	closed, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = closed.Close()
	w.transport.Endpoints["mute.handlers.test:1"] = mute.LocalAddr().String()
	w.transport.Endpoints["closed.handlers.test:1"] = closed.LocalAddr().String()
	w.transport.HandshakeTimeout = 300 * time.Millisecond
	c := newClient(t, w)
	c.cfg.Timeout = time.Second

	results := c.ConnectAll(t.Context(), []string{"https://mute.handlers.test:1", good.url, "https://closed.handlers.test:1"}, secretToken)
	if !results[1].Connected() {
		t.Errorf("the good one: %v", results[1].Err)
	}
	for _, i := range []int{0, 2} {
		var failed *ConnectError
		var dial *webtransport.DialError
		if !errors.As(results[i].Err, &failed) || failed.Step != "dial" || !errors.As(results[i].Err, &dial) || results[i].ConnEpoch != 0 {
			t.Errorf("result %d: %v", i, results[i].Err)
			continue
		}
		if strings.Contains(results[i].Err.Error(), secretToken) {
			t.Errorf("the error shows the token: %v", results[i].Err)
		}
		if failed.Code != codeTransport && failed.Code != codeTimeout || failed.Reason == "" {
			t.Errorf("result %d would be reported to MC as %q, %q", i, failed.Code, failed.Reason)
		}
	}
	if len(c.Status()) != 1 {
		t.Errorf("%d connections on record, want the good one", len(c.Status()))
	}
}

func TestTheHandlersOwnTimeLimitIsAConnectTimeout(t *testing.T) {
	w := newWorld(t)
	mute, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = mute.Close() }()
	w.transport.Endpoints["mute.handlers.test:1"] = mute.LocalAddr().String()
	c := newClient(t, w)
	c.cfg.Timeout = 200 * time.Millisecond
	var failed *ConnectError
	if r := c.Connect(t.Context(), "https://mute.handlers.test:1", secretToken); !errors.As(r.Err, &failed) || !failed.Timeout() {
		t.Errorf("got %v, want a timeout", r.Err)
	}
}

func TestARejectedConnectShowsOnlyAsAClose(t *testing.T) {
	w := newWorld(t)
	h := w.handler(t, "strict", false)
	c := newClient(t, w)
	if r := c.Connect(t.Context(), h.url, secretToken); !r.Connected() {
		t.Fatalf("connecting: %v", r.Err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	_, err := c.receiver.AwaitFrame(ctx, func(Received) bool { return true })
	if !errors.Is(err, ErrAllClosed) {
		t.Fatalf("waiting for a frame: %v, want to be told that the connections are gone", err)
	}
	var ended *webtransport.SessionError
	if s := c.Status()[0]; s.Open || !errors.As(s.Err, &ended) || !ended.Remote || ended.Code != 0 {
		t.Errorf("status: open %v, %v", s.Open, s.Err)
	}
	if err := c.Cut(h.url); !errors.Is(err, ErrNoConnection) {
		t.Errorf("cutting what has ended: %v", err)
	}
}

func TestCuttingOneHandlerLeavesTheOtherAlone(t *testing.T) {
	w := newWorld(t)
	a, b := w.handler(t, "a", true), w.handler(t, "b", true)
	c := newClient(t, w)
	c.ConnectAll(t.Context(), []string{a.url, b.url}, secretToken)
	c.sender.Direct([]string{a.url, b.url})
	c.sender.Start()
	c.hear(t, "an echo", func(r Received) bool { return true })

	if err := c.Cut(a.url); err != nil {
		t.Fatal(err)
	}
	if e := await(t, a.ends); e.Cause != wtserver.ClientClosed || e.Code != 0 {
		t.Errorf("the cut: %v", e)
	}
	cut := time.Now()
	c.hear(t, "an echo of the other after the cut", func(r Received) bool { return r.HandlerURL == b.url && r.At.After(cut) })
	if err := c.Cut("https://unknown:1"); !errors.Is(err, ErrNoConnection) {
		t.Errorf("cutting an unknown handler: %v", err)
	}

	if r := c.Connect(t.Context(), a.url, secretToken); !r.Connected() || r.ConnEpoch != 2 {
		t.Fatalf("redial: %+v", r)
	}
	back := c.hear(t, "an echo over the new connection", func(r Received) bool { return r.HandlerURL == a.url && r.ConnEpoch == 2 })
	for _, s := range c.sender.Sent() {
		if s.Sequence != back.Sequence {
			continue
		}
		if to := s.Targets[0]; to.ConnEpoch != 2 || to.Hop > back.Sequence/2 {
			t.Errorf("frame %d went to %+v: hops must start anew with the connection", s.Sequence, to)
		}
	}
	if a.messageCount() != 2 || b.messageCount() != 1 {
		t.Errorf("connect messages: %d and %d, want 2 and 1", a.messageCount(), b.messageCount())
	}
	if now, ok := c.Current(a.url); !ok || now.ConnEpoch != 2 || !now.Open {
		t.Errorf("current: %+v", now)
	}
}

func TestADarkConnectionTellsNobodyAndEndsInTheLight(t *testing.T) {
	w := newWorld(t)
	h := w.handler(t, "h", true)
	c := newClient(t, w)
	if r := c.Connect(t.Context(), h.url, secretToken); r.Err != nil {
		t.Fatal(r.Err)
	}
	c.sender.Direct([]string{h.url})
	c.sender.Start()
	c.hear(t, "an echo", func(Received) bool { return true })
	c.BlackHole()
	if s := c.Status()[0]; !s.Dark || !s.Open {
		t.Errorf("status in the dark: %+v", s)
	}
	if r := c.Connect(t.Context(), h.url, secretToken); r.ConnEpoch != 2 {
		t.Fatalf("redial: %+v", r)
	}
	c.hear(t, "an echo over the new connection", func(r Received) bool { return r.ConnEpoch == 2 })
	select {
	case e := <-h.ends:
		t.Errorf("the handler was told of the end: %v", e)
	default:
	}
	if err := c.CloseAll(); err != nil {
		t.Error(err)
	}
	for range 2 {
		if e := await(t, h.ends); e.Cause != wtserver.ClientClosed {
			t.Errorf("ended as %v", e)
		}
	}
}

func TestRebindMovesTheConnectionAndKeepsTheSession(t *testing.T) {
	w := newWorld(t)
	h := w.handler(t, "h", true)
	c := newClient(t, w)
	if r := c.Connect(t.Context(), h.url, secretToken); r.Err != nil {
		t.Fatal(r.Err)
	}
	c.sender.Direct([]string{h.url})
	c.sender.Start()
	c.hear(t, "an echo", func(Received) bool { return true })
	if err := c.Rebind(); err != nil {
		t.Fatal(err)
	}
	moved := time.Now()
	c.hear(t, "an echo at the new address", func(r Received) bool { return r.At.After(moved.Add(200 * time.Millisecond)) })
	if h.messageCount() != 1 {
		t.Errorf("%d connect messages, want the one", h.messageCount())
	}
	if n := c.Status()[0].Session.Path().Stats().Rebinds; n != 1 {
		t.Errorf("%d rebinds", n)
	}
}

func TestNothingConnectsAfterClose(t *testing.T) {
	w := newWorld(t)
	h := w.handler(t, "h", true)
	c := newClient(t, w)
	if err := c.Handlers.Close(); err != nil {
		t.Fatal(err)
	}
	if r := c.Connect(t.Context(), h.url, secretToken); !errors.Is(r.Err, ErrReleased) {
		t.Errorf("got %v", r.Err)
	}
}

func TestACancelledConnectEndsAtOnce(t *testing.T) {
	w := newWorld(t)
	mute, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = mute.Close() }()
	w.transport.Endpoints["mute.handlers.test:1"] = mute.LocalAddr().String()
	c := newClient(t, w)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if r := c.Connect(ctx, "https://mute.handlers.test:1", secretToken); !errors.Is(r.Err, context.Canceled) {
		t.Errorf("got %v", r.Err)
	}
}
