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
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"

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
