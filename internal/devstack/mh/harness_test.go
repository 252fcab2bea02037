package mh_test

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/quic-go/quic-go"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/dark-tower/prober/internal/darktower/frame"
	"github.com/dark-tower/prober/internal/darktower/wire/internalv1"
	"github.com/dark-tower/prober/internal/darktower/wire/signalingv1"
	"github.com/dark-tower/prober/internal/devstack/fault"
	"github.com/dark-tower/prober/internal/devstack/mh"
	"github.com/dark-tower/prober/internal/devstack/token"
	"github.com/dark-tower/prober/internal/devstack/wtserver/wttest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	handlerID = "mh-0"
	mcID      = "mc-0"
	meetingID = "meeting-1"
)

// stand is a media handler with the peers it talks to.
type stand struct {
	*mh.Server
	t      *testing.T
	ctx    context.Context
	addr   net.Addr
	signer *token.Signer
	mc     *fakeMC
	panel  *fault.Panel
	rpc    internalv1.MediaHandlerServiceClient // as mc-0, with its token

	generation uint64

	mu        sync.Mutex // protects all following fields
	forwarded []mh.Forwarded
	dropped   []mh.Dropped
	changed   chan struct{} // closed and replaced at each change
}

func newStand(t *testing.T, change ...func(*mh.Config)) *stand {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	signer, err := token.NewSigner("test-key")
	if err != nil {
		t.Fatal(err)
	}
	jwks := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		json.NewEncoder(w).Encode(signer.JWKS())
	}))
	t.Cleanup(jwks.Close)

	s := &stand{t: t, ctx: ctx, signer: signer, mc: newFakeMC(t), panel: new(fault.Panel), changed: make(chan struct{})}
	cfg := mh.Config{
		ID: handlerID, AdvertiseURL: "https://mh-0.test:4434", Conn: wttest.Listen(t), Certificate: wttest.Certificate(t),
		GRPC: listenTCP(t), JWKSURL: jwks.URL, Faults: s.panel,
		Times:     mh.Times{NotifyBackoff: time.Millisecond, UnreachableJitter: time.Millisecond, RegisterRetry: time.Millisecond},
		OnForward: func(f mh.Forwarded) { s.record(func() { s.forwarded = append(s.forwarded, f) }) },
		OnDrop:    func(d mh.Dropped) { s.record(func() { s.dropped = append(s.dropped, d) }) },
	}
	for _, c := range change {
		c(&cfg)
	}
	s.Server, err = mh.Start(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("closing the handler: %v", err)
		}
	})
	s.addr = cfg.Conn.LocalAddr()
	s.rpc = s.caller(cfg.GRPC.Addr(), s.service(token.MeetingController, token.ScopeWriteMH))
	return s
}

func (s *stand) record(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
	close(s.changed)
	s.changed = make(chan struct{})
}

// wait waits until cond holds for what the hooks have seen.
func (s *stand) wait(what string, cond func(forwarded []mh.Forwarded, dropped []mh.Dropped) bool) {
	s.t.Helper()
	for {
		s.mu.Lock()
		ok, changed := cond(s.forwarded, s.dropped), s.changed
		s.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-changed:
		case <-s.ctx.Done():
			s.mu.Lock()
			defer s.mu.Unlock()
			s.t.Fatalf("waiting for %s: %v\nforwarded %+v\ndropped %+v", what, s.ctx.Err(), s.forwarded, s.dropped)
		}
	}
}

// poll waits for what only Stats tells.
func (s *stand) poll(what string, cond func(mh.Stats) bool) {
	s.t.Helper()
	for !cond(s.Stats()) {
		select {
		case <-s.ctx.Done():
			s.t.Fatalf("waiting for %s: %+v", what, s.Stats())
		case <-time.After(time.Millisecond):
		}
	}
}

func listenTCP(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// Tokens.

func (s *stand) sign(claims jwt.Claims) string {
	s.t.Helper()
	raw, err := s.signer.Sign(claims)
	if err != nil {
		s.t.Fatal(err)
	}
	return raw
}

func (s *stand) meetingToken(user string, change ...func(*token.MeetingClaims)) string {
	c := token.MeetingClaims{RegisteredClaims: token.Stamp(user, time.Now(), time.Hour), TokenType: token.TypeMeeting,
		MeetingID: meetingID, Role: token.RoleParticipant, ParticipantType: token.ParticipantMember}
	for _, ch := range change {
		ch(&c)
	}
	return s.sign(c)
}

func (s *stand) service(serviceType, scope string) string {
	return s.sign(token.ServiceClaims{RegisteredClaims: token.Stamp("client", time.Now(), time.Hour), Scope: scope, ServiceType: serviceType})
}

type bearer string

func (b bearer) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	if b == "" {
		return nil, nil
	}
	return map[string]string{"authorization": "Bearer " + string(b)}, nil
}

func (bearer) RequireTransportSecurity() bool { return false }

type staticService string

func (s staticService) GRPC() credentials.PerRPCCredentials { return bearer(s) }

func (s *stand) caller(addr net.Addr, raw string) internalv1.MediaHandlerServiceClient {
	s.t.Helper()
	cc, err := grpc.NewClient("passthrough:///"+addr.String(), grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithPerRPCCredentials(bearer(raw)))
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { cc.Close() })
	return internalv1.NewMediaHandlerServiceClient(cc)
}

// fakeMC answers connection reports.
type fakeMC struct {
	internalv1.UnimplementedMediaCoordinationServiceServer
	url          string
	connected    chan *internalv1.NotifyParticipantConnectedRequest
	disconnected chan *internalv1.NotifyParticipantDisconnectedRequest

	mu      sync.Mutex // protects all following fields
	senders map[string]uint32
	fail    []error // one per call of NotifyParticipantConnected, then none
	held    <-chan struct{}
	spans   []trace.SpanContext
}

func newFakeMC(t *testing.T) *fakeMC {
	t.Helper()
	l := listenTCP(t)
	mc := &fakeMC{url: "http://" + l.Addr().String(), senders: make(map[string]uint32),
		connected:    make(chan *internalv1.NotifyParticipantConnectedRequest, 100),
		disconnected: make(chan *internalv1.NotifyParticipantDisconnectedRequest, 100)}
	srv := grpc.NewServer()
	internalv1.RegisterMediaCoordinationServiceServer(srv, mc)
	var wg sync.WaitGroup
	wg.Go(func() { srv.Serve(l) })
	t.Cleanup(func() { srv.Stop(); wg.Wait() })
	return mc
}

func (m *fakeMC) NotifyParticipantConnected(ctx context.Context, req *internalv1.NotifyParticipantConnectedRequest) (*internalv1.NotifyParticipantConnectedResponse, error) {
	m.connected <- req
	m.mu.Lock()
	held := m.held
	m.spans = append(m.spans, trace.SpanContextFromContext(ctx))
	m.mu.Unlock()
	if held != nil {
		<-held
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.fail) > 0 {
		err := m.fail[0]
		m.fail = m.fail[1:]
		return nil, err
	}
	return &internalv1.NotifyParticipantConnectedResponse{Acknowledged: true, SenderId: m.senders[req.GetParticipantId()]}, nil
}

func (m *fakeMC) NotifyParticipantDisconnected(_ context.Context, req *internalv1.NotifyParticipantDisconnectedRequest) (*internalv1.NotifyParticipantDisconnectedResponse, error) {
	m.disconnected <- req
	return &internalv1.NotifyParticipantDisconnectedResponse{Acknowledged: true}, nil
}

func (m *fakeMC) admit(user string, sender uint32) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.senders[user] = sender
}

// hold keeps further answers back until ch is closed.
func (m *fakeMC) hold(ch <-chan struct{}) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.held = ch
}

func (m *fakeMC) failNext(n int, code codes.Code) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for range n {
		m.fail = append(m.fail, status.Error(code, "not now"))
	}
}

func receive[T any](s *stand, ch <-chan T, what string) T {
	s.t.Helper()
	select {
	case v := <-ch:
		return v
	case <-s.ctx.Done():
		s.t.Fatalf("waiting for %s: %v", what, s.ctx.Err())
		panic("unreachable")
	}
}

// Policies.

func egress(stream, subscriber, slot uint32, senders ...uint32) *internalv1.EgressStream {
	es := &internalv1.EgressStream{EgressStreamId: stream, PriorityGroup: 1,
		Subscriber:    &internalv1.SubscriberSlot{SenderId: subscriber, SlotId: slot},
		TransportMode: signalingv1.TransportMode_TRANSPORT_MODE_DATAGRAM}
	for _, id := range senders {
		es.CandidateSources = append(es.CandidateSources, &internalv1.CandidateSource{SenderId: id})
	}
	return es
}

func (s *stand) request(edges ...*internalv1.EgressStream) *internalv1.RegisterMeetingRequest {
	s.generation++
	return &internalv1.RegisterMeetingRequest{MeetingId: meetingID, McId: mcID, McGrpcEndpoint: s.mc.url,
		EgressStreams: edges, SelectionRules: &internalv1.SelectionRules{}, PolicyGeneration: s.generation}
}

func (s *stand) register(req *internalv1.RegisterMeetingRequest) *internalv1.RegisterMeetingResponse {
	s.t.Helper()
	resp, err := s.rpc.RegisterMeeting(s.ctx, req)
	if err != nil {
		s.t.Fatalf("RegisterMeeting: %v", err)
	}
	return resp
}

// Clients.

// client is a participant's connection to the handler.
type client struct {
	*wttest.Client
	s      *stand
	stream *quic.Stream
}

func connectMessage(raw string) []byte {
	b, err := proto.Marshal(&signalingv1.MhClientMessage{Message: &signalingv1.MhClientMessage_ConnectRequest{
		ConnectRequest: &signalingv1.MhConnectRequest{JoinToken: raw}}})
	if err != nil {
		panic(err)
	}
	return b
}

func (s *stand) dial(dialect wttest.Dialect) *wttest.Client {
	return wttest.Dial(s.ctx, s.t, s.addr, dialect)
}

// connect sends a connect message without waiting for what comes of it.
func (s *stand) connect(body []byte) *client {
	s.t.Helper()
	c := &client{Client: s.dial(wttest.Legacy), s: s}
	var err error
	if c.stream, err = c.OpenMessage(s.ctx, body); err != nil {
		s.t.Fatalf("sending the connect message: %v", err)
	}
	return c
}

// join connects user and waits until the handler has bound it as sender.
func (s *stand) join(user string, sender uint32) *client {
	s.t.Helper()
	s.mc.admit(user, sender)
	before := s.Stats().Starts[mh.SessionStarted]
	c := s.connect(connectMessage(s.meetingToken(user)))
	s.poll(user+" to be bound", func(st mh.Stats) bool { return st.Starts[mh.SessionStarted] > before })
	receive(s, s.mc.connected, "MC to be told of "+user)
	return c
}

// audio is a valid key-bearing frame as far as a handler can tell.
func audio(t *testing.T, sequence uint32, payload int) []byte {
	t.Helper()
	b, err := frame.AppendPublisher(nil, frame.Header{Flags: frame.FlagIndependent | frame.FlagKeyBearing,
		Sequence: sequence, Wrap: make([]byte, frame.WrapLen)}, payload)
	if err != nil {
		t.Fatal(err)
	}
	b = frame.AppendRelay(b, 0xffff, 0xdeadbeef)
	for i := range payload + frame.SignatureLen {
		b = append(b, byte(sequence)+byte(i))
	}
	return b
}

func (c *client) send(b []byte) {
	c.s.t.Helper()
	if err := c.Request.SendDatagram(b); err != nil {
		c.s.t.Fatalf("sending a frame: %v", err)
	}
}

// talk sends the frames of sequence numbers from and up to but not including to,
// waiting after each until the handler has dealt with it, so that no queue
// overflows.
func (c *client) talk(from, to uint32) {
	c.s.t.Helper()
	for seq := from; seq < to; seq++ {
		c.send(audio(c.s.t, seq, 104))
		c.s.wait("frame to be dealt with", func(fw []mh.Forwarded, dr []mh.Dropped) bool {
			for _, f := range fw {
				if f.Sequence == seq {
					return true
				}
			}
			for _, d := range dr {
				if d.Decoded && d.Sequence == seq {
					return true
				}
			}
			return false
		})
	}
}

func (c *client) hear() frame.View {
	c.s.t.Helper()
	b, err := c.Request.ReceiveDatagram(c.s.ctx)
	if err != nil {
		c.s.t.Fatalf("hearing a frame: %v", err)
	}
	v, err := frame.Decode(b)
	if err != nil {
		c.s.t.Fatalf("hearing a frame: %v", err)
	}
	return v
}

// dropped waits for the close that the platform gives for everything:
// application code 0 without a reason.
func (c *client) dropped() {
	c.s.t.Helper()
	err := c.Ended(c.s.ctx)
	appErr, ok := err.(*quic.ApplicationError)
	if !ok || !appErr.Remote || appErr.ErrorCode != 0 || appErr.ErrorMessage != "" {
		c.s.t.Fatalf("the connection ended with %v, want the server's application code 0 and no reason", err)
	}
}
