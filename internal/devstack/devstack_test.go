package devstack

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/quic-go/quic-go"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func start(t *testing.T, opts Options) *Stack {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	s, err := Start(ctx, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// ask sends one request, decodes the answer and returns its status. organisation
// becomes the first label of the Host header.
func ask(t *testing.T, method, url, organisation, bearer string, body, answer any) int {
	t.Helper()
	var r io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		r = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(t.Context(), method, url, r)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	if organisation != "" {
		req.Host = organisation + ".probe.test"
	}
	if bearer != "" {
		req.Header.Set("Authorization", "Bearer "+bearer)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if answer != nil {
		if err := json.NewDecoder(resp.Body).Decode(answer); err != nil {
			t.Fatalf("%s %s answered %d: %v", method, url, resp.StatusCode, err)
		}
	}
	return resp.StatusCode
}

type accessToken struct {
	AccessToken string `json:"accessToken"`
}

type created struct {
	MeetingID   string `json:"meetingId"`
	MeetingCode string `json:"meetingCode"`
}

type joined struct {
	Token        string `json:"token"`
	MeetingID    string `json:"meetingId"`
	MCAssignment struct {
		MCID                 string `json:"mcId"`
		WebTransportEndpoint string `json:"webtransportEndpoint"`
	} `json:"mcAssignment"`
}

// meet registers, signs in, creates a meeting and joins it.
func meet(t *testing.T, s *Stack, email string) (created, joined) {
	t.Helper()
	credentials := map[string]string{"email": email, "password": "throw-away-1", "displayName": "Ada"}
	if status := ask(t, "POST", s.ACURL+"/api/v1/auth/register", s.Organisation, "", credentials, nil); status != 200 {
		t.Fatalf("register answered %d", status)
	}
	delete(credentials, "displayName")
	var user accessToken
	if status := ask(t, "POST", s.ACURL+"/api/v1/auth/user/token", s.Organisation, "", credentials, &user); status != 200 {
		t.Fatalf("sign-in answered %d", status)
	}
	var m created
	if status := ask(t, "POST", s.GCURL+"/api/v1/meetings", "", user.AccessToken, map[string]any{"displayName": "Lane"}, &m); status != 201 {
		t.Fatalf("create answered %d", status)
	}
	var j joined
	if status := ask(t, "GET", s.GCURL+"/api/v1/meetings/"+m.MeetingCode, "", user.AccessToken, nil, &j); status != 200 {
		t.Fatalf("join answered %d", status)
	}
	return m, j
}

func TestAPersonCanRegisterSignInCreateAndJoin(t *testing.T) {
	exporters := make(map[string]*tracetest.InMemoryExporter)
	var mu sync.Mutex
	s := start(t, Options{TracerProvider: func(service string) trace.TracerProvider {
		mu.Lock()
		defer mu.Unlock()
		if exporters[service] != nil {
			t.Errorf("asked twice for the tracer of %s", service)
		}
		exporters[service] = tracetest.NewInMemoryExporter()
		p := sdktrace.NewTracerProvider(sdktrace.WithSyncer(exporters[service]))
		t.Cleanup(func() { _ = p.Shutdown(context.Background()) })
		return p
	}})
	m, j := meet(t, s, "ada@probe.test")
	if j.MeetingID != m.MeetingID || j.Token == "" || !strings.HasPrefix(j.MCAssignment.MCID, "mc-0-") ||
		!strings.HasPrefix(j.MCAssignment.WebTransportEndpoint, "https://127.0.0.1:") {
		t.Errorf("join answered %+v", j.MCAssignment)
	}
	if n := s.MeetingsCreated(); n != 1 {
		t.Errorf("%d meetings count against the cap", n)
	}
	if len(s.HandlerIDs) != 2 || len(s.HandlerURLs) != 2 {
		t.Errorf("handlers %v at %v", s.HandlerIDs, s.HandlerURLs)
	}
	if err := s.Quiesce(t.Context()); err != nil { // nobody has come to MC
		t.Error(err)
	}
	for service, want := range map[string]string{"ac-service": "ac.token.issue_meeting", "gc-service": "gc.meeting.join"} {
		found := false
		for _, span := range exporters[service].GetSpans() {
			found = found || span.Name == want && span.SpanContext.TraceID().String() == "0af7651916cd43dd8448eb211c80319c"
		}
		if !found {
			t.Errorf("%s has no span %s in the client's trace", service, want)
		}
	}
	if len(exporters["mc-service"].GetSpans()) == 0 {
		t.Error("GC's call has left no span at MC")
	}
}

func TestAMeetingSplitsOverTwoControllers(t *testing.T) {
	s := start(t, Options{MCs: 2, Handlers: 1})
	m, first := meet(t, s, "ada@probe.test")
	f := s.Faults().Get()
	f.GC.SplitMeeting = true
	s.Faults().Set(f)
	var user accessToken
	if status := ask(t, "POST", s.ACURL+"/api/v1/auth/user/token", s.Organisation, "",
		map[string]string{"email": "ada@probe.test", "password": "throw-away-1"}, &user); status != 200 {
		t.Fatalf("sign-in answered %d", status)
	}
	var seen []joined
	for range 2 {
		var j joined
		if status := ask(t, "GET", s.GCURL+"/api/v1/meetings/"+m.MeetingCode, "", user.AccessToken, nil, &j); status != 200 {
			t.Fatalf("join answered %d", status)
		}
		seen = append(seen, j)
	}
	if seen[0].MCAssignment != first.MCAssignment {
		t.Error("the first joiner is not where the meeting is")
	}
	if seen[1].MCAssignment.MCID == first.MCAssignment.MCID || seen[1].MCAssignment.WebTransportEndpoint == first.MCAssignment.WebTransportEndpoint {
		t.Error("the second joiner is not elsewhere")
	}
}

func TestCertificatesCarryNamesAndNoAddresses(t *testing.T) {
	s := start(t, Options{})
	block, _ := pem.Decode(s.CAPEM)
	if block == nil {
		t.Fatal("the CA is not PEM")
	}
	for i, url := range s.HandlerURLs {
		host := strings.TrimPrefix(url, "https://")
		leaf := dial(t, host, s.RootCAs, s.ServerName)
		if len(leaf.IPAddresses) != 0 {
			t.Errorf("%s carries addresses", s.HandlerIDs[i])
		}
		for _, name := range []string{"localhost", "mh-service", "mh-service.dark-tower.svc.cluster.local"} {
			if err := leaf.VerifyHostname(name); err != nil {
				t.Error(err)
			}
		}
		if err := leaf.VerifyHostname("mh-service-0.dark-tower.svc.cluster.local"); err == nil {
			t.Error("an instance's own name verifies")
		}
		if life := leaf.NotAfter.Sub(leaf.NotBefore); life > leafLongest {
			t.Errorf("the certificate lives %s", life)
		}
	}
}

// dial opens a QUIC connection and returns the server's leaf.
func dial(t *testing.T, addr string, roots *x509.CertPool, name string) *x509.Certificate {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	conn, err := quic.DialAddr(ctx, addr, &tls.Config{RootCAs: roots, ServerName: name, NextProtos: []string{"h3"}}, &quic.Config{EnableDatagrams: true})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.CloseWithError(0, "")
	return conn.ConnectionState().TLS.PeerCertificates[0]
}

func TestExpiredCertificatesCanBeAskedFor(t *testing.T) {
	ca, err := newAuthority()
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := ca.leaf("mc", -time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(leaf.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	if !certificate.NotAfter.Before(time.Now()) || !certificate.NotBefore.Before(certificate.NotAfter) {
		t.Errorf("good from %s to %s", certificate.NotBefore, certificate.NotAfter)
	}
}

func TestAddressesCanBeFixed(t *testing.T) {
	free := freeAddress(t)
	s := start(t, Options{Handlers: 1, Addresses: Addresses{GC: free}})
	if s.GCURL != "http://"+free {
		t.Errorf("GC is at %s, want %s", s.GCURL, free)
	}
}

func freeAddress(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}

func TestAStartThatFailsLeavesNothingBehind(t *testing.T) {
	taken, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	tests := []struct {
		name string
		opts Options
	}{
		{"an address that is taken", Options{Addresses: Addresses{MH: []string{"", taken.LocalAddr().String()}}}},
		{"an address that is none", Options{Addresses: Addresses{AC: "nowhere"}}},
		{"no handlers", Options{Handlers: -1}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if s, err := Start(t.Context(), tt.opts); err == nil {
				s.Close()
				t.Error("it started")
			}
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if s, err := Start(ctx, Options{}); err == nil {
		s.Close()
		t.Error("it started for a caller that had gone")
	}
}

func TestCloseCanBeRepeated(t *testing.T) {
	s := start(t, Options{Handlers: 1})
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.GCURL, "http://"))
	if err == nil {
		conn.Close()
		t.Error("GC still listens")
	}
}
