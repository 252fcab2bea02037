package media

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"math/big"
	"net"
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
