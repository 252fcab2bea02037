package mc_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"

	"github.com/dark-tower/prober/internal/darktower/wire/internalv1"
	"github.com/dark-tower/prober/internal/darktower/wire/signalingv1"
	"github.com/dark-tower/prober/internal/devstack/fault"
	"github.com/dark-tower/prober/internal/devstack/mc"
	"github.com/dark-tower/prober/internal/devstack/token"
	"github.com/dark-tower/prober/internal/devstack/wtserver/wttest"
)

// patience bounds every wait of these tests.
const patience = 30 * time.Second

// quick is a controller whose waits are short enough for a test.
func quick() mc.Times {
	return mc.Times{
		Idle: 3 * time.Second, Grace: 300 * time.Millisecond, GraceTick: 50 * time.Millisecond, CloseCause: 100 * time.Millisecond,
		KEKDebounce: 200 * time.Millisecond, Settle: 100 * time.Millisecond, BindingTTL: 20 * time.Second,
		Heartbeat: 20 * time.Millisecond, ComprehensiveHeartbeat: 30 * time.Millisecond, RegisterRetry: 10 * time.Millisecond,
	}
}

// platform is one controller with fakes of everything it talks to: AC's keys,
// GC, and the media handlers mh-0 and mh-1.
type platform struct {
	t      *testing.T
	ctx    context.Context
	mc     *mc.Server
	addr   net.Addr
	faults *fault.Panel
	signer *token.Signer
	noKeys atomic.Bool // the JWKS endpoint does not answer
	gc     *fakeGC
	mh     [2]*fakeMH
	toMC   *grpc.ClientConn
}

func start(t *testing.T, change ...func(*mc.Config)) *platform {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	p := &platform{t: t, ctx: ctx, faults: new(fault.Panel), gc: newFakeGC()}
	var err error
	if p.signer, err = token.NewSigner("auth-test-2026-01"); err != nil {
		t.Fatal(err)
	}
	keys := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if p.noKeys.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		json.NewEncoder(w).Encode(p.signer.JWKS())
	}))
	t.Cleanup(keys.Close)

	gcAddr := serveGRPC(t, func(s *grpc.Server) { internalv1.RegisterGlobalControllerServiceServer(s, p.gc) })
	for i := range p.mh {
		h := &fakeMH{id: fmt.Sprint("mh-", i), url: fmt.Sprintf("https://127.0.0.1:%d", 4434+2*i), changed: make(chan struct{})}
		h.addr = serveGRPC(t, func(s *grpc.Server) { internalv1.RegisterMediaHandlerServiceServer(s, h) })
		p.mh[i] = h
	}

	conn := wttest.Listen(t)
	p.addr = conn.LocalAddr()
	cfg := mc.Config{
		ID: "mc-test", AdvertiseURL: "https://" + p.addr.String(), Conn: conn, Certificate: wttest.Certificate(t),
		GRPC: listen(t), GCAddr: gcAddr, JWKSURL: keys.URL, Times: quick(), Faults: p.faults,
		Service: bearer(p.service(token.MeetingController, token.ScopeWriteMH+" "+token.ScopeWriteGC)),
	}
	for _, f := range change {
		f(&cfg)
	}
	if p.mc, err = mc.Start(ctx, cfg); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.mc.Close(); err != nil {
			t.Errorf("closing: %v", err)
		}
	})
	p.toMC, err = grpc.NewClient("passthrough:///"+strings.TrimPrefix(p.mc.GRPCEndpoint(), "http://"),
		grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.toMC.Close() })
	return p
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func serveGRPC(t *testing.T, register func(*grpc.Server)) (addr string) {
	t.Helper()
	l, s := listen(t), grpc.NewServer()
	register(s)
	var wg sync.WaitGroup
	wg.Go(func() { s.Serve(l) })
	t.Cleanup(func() { s.Stop(); wg.Wait() })
	return l.Addr().String()
}

// bearer is a service token that never changes.
type bearer string

func (b bearer) GRPC() credentials.PerRPCCredentials { return b }
func (b bearer) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"authorization": "Bearer " + string(b)}, nil
}
func (bearer) RequireTransportSecurity() bool { return false }

func (p *platform) sign(claims jwt.Claims) string {
	p.t.Helper()
	raw, err := p.signer.Sign(claims)
	if err != nil {
		p.t.Fatal(err)
	}
	return raw
}

func (p *platform) service(serviceType, scope string) string {
	return p.sign(token.ServiceClaims{RegisteredClaims: token.Stamp(serviceType, time.Now(), time.Hour), ServiceType: serviceType, Scope: scope})
}

func (p *platform) meetingClaims(user, meeting string) token.MeetingClaims {
	role := token.RoleParticipant
	if strings.HasPrefix(user, "host") {
		role = token.RoleHost
	}
	return token.MeetingClaims{
		RegisteredClaims: token.Stamp(user, time.Now(), 15*time.Minute),
		TokenType:        token.TypeMeeting, MeetingID: meeting, MeetingOrgID: "org", ParticipantType: token.ParticipantMember,
		Role: role, Capabilities: []string{"audio"}, DisplayName: "name of " + user,
	}
}

// as makes the context of a call by a service.
func (p *platform) as(serviceType, scope string) context.Context {
	return metadata.AppendToOutgoingContext(p.ctx, "authorization", "Bearer "+p.service(serviceType, scope))
}

// assign places a meeting the way GC does.
func (p *platform) assign(meeting string, change ...func(*internalv1.AssignMeetingWithMhRequest)) *internalv1.AssignMeetingWithMhResponse {
	p.t.Helper()
	req := &internalv1.AssignMeetingWithMhRequest{MeetingId: meeting, RequestingGcId: "gc-test"}
	for _, h := range p.mh {
		req.MhAssignments = append(req.MhAssignments, &internalv1.MhAssignment{MhId: h.id, WebtransportEndpoint: h.url, GrpcEndpoint: "http://" + h.addr})
	}
	for _, f := range change {
		f(req)
	}
	got, err := internalv1.NewMeetingControllerServiceClient(p.toMC).AssignMeetingWithMh(p.as(token.GlobalController, token.ScopeWriteMC), req)
	if err != nil {
		p.t.Fatal(err)
	}
	return got
}

// media reports a client's connection at a handler and returns the sender id.
func (p *platform) media(meeting, user, handler, connection string) uint32 {
	p.t.Helper()
	got, err := internalv1.NewMediaCoordinationServiceClient(p.toMC).NotifyParticipantConnected(p.as(token.MediaHandler, token.ScopeWriteMC),
		&internalv1.NotifyParticipantConnectedRequest{MeetingId: meeting, ParticipantId: user, HandlerId: handler, ConnectionId: connection})
	if err != nil {
		p.t.Fatal(err)
	}
	return got.SenderId
}

// mediaLost reports the end of a client's connection at a handler.
func (p *platform) mediaLost(meeting, user, handler, connection string) {
	p.t.Helper()
	got, err := internalv1.NewMediaCoordinationServiceClient(p.toMC).NotifyParticipantDisconnected(p.as(token.MediaHandler, token.ScopeWriteMC),
		&internalv1.NotifyParticipantDisconnectedRequest{MeetingId: meeting, ParticipantId: user, HandlerId: handler, ConnectionId: connection,
			Reason: internalv1.DisconnectReason_DISCONNECT_REASON_ERROR})
	if err != nil || !got.Acknowledged {
		p.t.Fatal(got, err)
	}
}

// fakeGC counts what the controller tells it.
type fakeGC struct {
	internalv1.UnimplementedGlobalControllerServiceServer
	refusals   atomic.Int32 // registrations still to refuse
	forgotten  atomic.Bool  // answer the next heartbeat with NotFound
	registered chan *internalv1.RegisterMCRequest
	fast       chan *internalv1.FastHeartbeatRequest
	slow       chan *internalv1.ComprehensiveHeartbeatRequest
	ended      chan *internalv1.NotifyMeetingEndedRequest
}

func newFakeGC() *fakeGC {
	return &fakeGC{
		registered: make(chan *internalv1.RegisterMCRequest, 16),
		fast:       make(chan *internalv1.FastHeartbeatRequest, 1),
		slow:       make(chan *internalv1.ComprehensiveHeartbeatRequest, 1),
		ended:      make(chan *internalv1.NotifyMeetingEndedRequest, 16),
	}
}

// fakeMH applies every snapshot.
type fakeMH struct {
	internalv1.UnimplementedMediaHandlerServiceServer
	id, url, addr string
	block         atomic.Pointer[chan struct{}] // when set, EndMeeting waits for it to close

	mu       sync.Mutex // protects all following fields
	requests []*internalv1.RegisterMeetingRequest
	headers  []metadata.MD
	ended    []string
	changed  chan struct{} // closed and replaced at every call
}

func (h *fakeMH) record(f func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	f()
	close(h.changed)
	h.changed = make(chan struct{})
}

func (h *fakeMH) RegisterMeeting(ctx context.Context, r *internalv1.RegisterMeetingRequest) (*internalv1.RegisterMeetingResponse, error) {
	md, _ := metadata.FromIncomingContext(ctx)
	h.record(func() { h.requests, h.headers = append(h.requests, r), append(h.headers, md) })
	out := &internalv1.RegisterMeetingResponse{Accepted: true, AppliedGeneration: r.PolicyGeneration, HandlerId: h.id, ProcessStartEpochMs: 1}
	if len(r.EgressStreams) > 0 {
		out.TransportMode = signalingv1.TransportMode_TRANSPORT_MODE_DATAGRAM
	}
	return out, nil
}

func (h *fakeMH) EndMeeting(ctx context.Context, r *internalv1.EndMeetingRequest) (*internalv1.EndMeetingResponse, error) {
	if block := h.block.Load(); block != nil {
		select {
		case <-*block:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	h.record(func() { h.ended = append(h.ended, r.MeetingId+" of "+r.McId) })
	return &internalv1.EndMeetingResponse{Acknowledged: true}, nil
}

// await waits until cond holds of the handler's records.
func (h *fakeMH) await(t *testing.T, ctx context.Context, what string, cond func() bool) {
	t.Helper()
	for {
		h.mu.Lock()
		ok, changed := cond(), h.changed
		h.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			t.Fatalf("waiting until %s: %v", what, ctx.Err())
		}
	}
}
