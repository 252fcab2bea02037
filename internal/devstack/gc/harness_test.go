package gc

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/dark-tower/prober/internal/darktower/wire/internalv1"
	"github.com/dark-tower/prober/internal/devstack/ac"
	"github.com/dark-tower/prober/internal/devstack/fault"
	"github.com/dark-tower/prober/internal/devstack/token"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// platform is a GC with a real AC and with peers that a test scripts.
type platform struct {
	*Server
	ac     *ac.Server
	faults *fault.Panel
	orgA   uuid.UUID // cap 1000
	orgB   uuid.UUID // the schema's defaults
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return ln
}

func closing(t *testing.T, c io.Closer) {
	t.Cleanup(func() {
		if err := c.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
	})
}

// startGC runs a GC; change may edit its configuration.
func startGC(t *testing.T, change func(*Config, *ac.Config)) *platform {
	t.Helper()
	p := &platform{faults: &fault.Panel{}, orgA: uuid.New(), orgB: uuid.New()}
	acConfig := ac.Config{
		Listener:      listen(t),
		Faults:        p.faults,
		Organisations: []ac.Organisation{{Subdomain: "devtest", ID: p.orgA}, {Subdomain: "demo", ID: p.orgB}, {Subdomain: "rowless", ID: uuid.New()}, {Subdomain: "asleep", ID: uuid.Max}},
	}
	cfg := Config{
		HTTP: listen(t), GRPC: listen(t), Faults: p.faults,
		Organisations: []Organisation{{ID: p.orgA, MaxMeetings: 1000}, {ID: p.orgB}, {ID: uuid.Max, Inactive: true}},
	}
	if change != nil {
		change(&cfg, &acConfig)
	}
	var err error
	if p.ac, err = ac.Start(t.Context(), acConfig); err != nil {
		t.Fatal(err)
	}
	closing(t, p.ac)
	if cfg.ACURL == "" {
		cfg.ACURL = p.ac.URL()
	}
	if cfg.JWKSURL == "" {
		cfg.JWKSURL = p.ac.JWKSURL()
	}
	cfg.Service = p.service(token.GlobalController)
	if p.Server, err = Start(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	closing(t, p.Server)
	return p
}

// service returns the seeded credentials of a service.
func (p *platform) service(clientID string) *token.ServiceSource {
	for _, c := range ac.SeededCredentials() {
		if c.ClientID == clientID {
			return token.NewServiceSource(p.ac.URL(), c.ClientID, c.Secret)
		}
	}
	panic("no such service")
}

func (p *platform) connect(t *testing.T, clientID string) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient("passthrough:///"+p.GRPCAddr(), grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithPerRPCCredentials(p.service(clientID).GRPC()), grpc.WithNoProxy())
	if err != nil {
		t.Fatal(err)
	}
	closing(t, conn)
	return conn
}

// fakeMC is an MC as GC knows it.
type fakeMC struct {
	internalv1.UnimplementedMeetingControllerServiceServer
	id       string
	toGC     internalv1.GlobalControllerServiceClient
	endpoint string

	mu     sync.Mutex // protects all following fields
	refuse internalv1.RejectionReason
	fail   codes.Code
	asked  []*internalv1.AssignMeetingWithMhRequest
	traces []string
}

func (m *fakeMC) AssignMeetingWithMh(ctx context.Context, req *internalv1.AssignMeetingWithMhRequest) (*internalv1.AssignMeetingWithMhResponse, error) {
	md, _ := metadata.FromIncomingContext(ctx)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.asked = append(m.asked, req)
	m.traces = append(m.traces, strings.Join(md.Get("traceparent"), ","))
	if m.fail != codes.OK {
		return nil, status.Error(m.fail, "scripted")
	}
	return &internalv1.AssignMeetingWithMhResponse{
		Accepted: m.refuse == internalv1.RejectionReason_REJECTION_REASON_UNSPECIFIED, RejectionReason: m.refuse,
	}, nil
}

func (m *fakeMC) assignments() []*internalv1.AssignMeetingWithMhRequest {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]*internalv1.AssignMeetingWithMhRequest(nil), m.asked...)
}

func (m *fakeMC) script(refuse internalv1.RejectionReason, fail codes.Code) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.refuse, m.fail = refuse, fail
}

// addMC starts an MC and registers it.
func (p *platform) addMC(t *testing.T, id string) *fakeMC {
	t.Helper()
	ln := listen(t)
	m := &fakeMC{id: id, endpoint: "http://" + ln.Addr().String(), toGC: internalv1.NewGlobalControllerServiceClient(p.connect(t, token.MeetingController))}
	server := grpc.NewServer(grpc.WaitForHandlers(true), grpc.UnaryInterceptor(token.UnaryServerAuth(token.NewVerifier(p.ac.JWKSURL()),
		func(string) (string, string) { return token.GlobalController, token.ScopeWriteMC })))
	internalv1.RegisterMeetingControllerServiceServer(server, m)
	served := make(chan error, 1)
	go func() { served <- server.Serve(ln) }()
	t.Cleanup(func() {
		server.Stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	answer, err := m.toGC.RegisterMC(t.Context(), &internalv1.RegisterMCRequest{
		Id: id, Region: "here", GrpcEndpoint: m.endpoint, WebtransportEndpoint: "https://" + id + ".test:4433", MaxMeetings: 10, MaxParticipants: 100,
	})
	if err != nil || !answer.GetAccepted() {
		t.Fatalf("registering %s: %v", id, err)
	}
	return m
}

// addMH registers a media handler.
func (p *platform) addMH(t *testing.T, id string) internalv1.MediaHandlerRegistryServiceClient {
	t.Helper()
	toGC := internalv1.NewMediaHandlerRegistryServiceClient(p.connect(t, token.MediaHandler))
	answer, err := toGC.RegisterMH(t.Context(), &internalv1.RegisterMHRequest{
		HandlerId: id, Region: "here", WebtransportEndpoint: "https://" + id + ".test:4434", GrpcEndpoint: "http://" + id + ".test:50053", MaxStreams: 100,
	})
	if err != nil || !answer.GetAccepted() {
		t.Fatalf("registering %s: %v", id, err)
	}
	return toGC
}

type answer struct {
	status int
	header http.Header
	body   string
	code   string // of the envelope
	text   string // of the envelope
}

func (p *platform) send(ctx context.Context, method, url, bearer, body string, header http.Header) (answer, error) {
	req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	req.Header.Set("Content-Type", "application/json")
	for k, v := range header {
		req.Header[k] = v
	}
	if bearer != "" {
		req.Header.Set("Authorization", "Bearer "+bearer)
	}
	if host := req.Header.Get("X-Host"); host != "" {
		req.Host = host
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return answer{}, err
	}
	a := answer{status: resp.StatusCode, header: resp.Header, body: string(b)}
	var envelope struct{ Error map[string]any }
	if json.Unmarshal(b, &envelope) == nil {
		a.code, _ = envelope.Error["code"].(string)
		a.text, _ = envelope.Error["message"].(string)
	}
	return a, nil
}

func (p *platform) ask(t *testing.T, method, path, bearer, body string) answer {
	t.Helper()
	a, err := p.send(t.Context(), method, p.URL()+path, bearer, body, nil)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// user registers a fresh user and returns the user's token.
func (p *platform) user(t *testing.T, organisation string) string {
	t.Helper()
	a, err := p.send(t.Context(), "POST", p.ac.URL()+"/api/v1/auth/register", "",
		`{"email":"`+uuid.NewString()+`@probe.test","password":"password-1","displayName":"Ada"}`, http.Header{"X-Host": {organisation + ".test"}})
	if err != nil || a.status != 200 {
		t.Fatalf("register answered %d %s, %v", a.status, a.body, err)
	}
	return decode[struct{ AccessToken string }](t, a).AccessToken
}

func decode[T any](t *testing.T, a answer) T {
	t.Helper()
	var v T
	if err := json.Unmarshal([]byte(a.body), &v); err != nil {
		t.Fatalf("status %d, body %q: %v", a.status, a.body, err)
	}
	return v
}

// meeting creates a meeting with these further fields and returns its answer.
func (p *platform) meeting(t *testing.T, bearer, more string) created {
	t.Helper()
	a := p.ask(t, "POST", "/api/v1/meetings", bearer, `{"displayName":"Lane"`+more+`}`)
	if a.status != http.StatusCreated {
		t.Fatalf("create answered %d %s", a.status, a.body)
	}
	return decode[created](t, a)
}

func (p *platform) join(t *testing.T, bearer, code string) answer {
	t.Helper()
	return p.ask(t, "GET", "/api/v1/meetings/"+code, bearer, "")
}

// joinOK joins and returns the answer and the claims of its token.
func (p *platform) joinOK(t *testing.T, bearer, code string) (joined, token.MeetingClaims) {
	t.Helper()
	a := p.join(t, bearer, code)
	if a.status != http.StatusOK {
		t.Fatalf("join answered %d %s", a.status, a.body)
	}
	j := decode[joined](t, a)
	c, err := token.NewVerifier(p.ac.JWKSURL()).Meeting(t.Context(), j.Token, 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	return j, c
}
