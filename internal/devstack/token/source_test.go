package token

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/dark-tower/prober/internal/darktower/wire/internalv1"
)

// issuer is AC's service token endpoint.
type issuer struct {
	url       string
	asked     atomic.Int32
	answer    atomic.Pointer[string]
	status    atomic.Int32
	expiresIn atomic.Int32
}

func newIssuer(t *testing.T, raw string) *issuer {
	t.Helper()
	i := &issuer{}
	i.answer.Store(&raw)
	i.status.Store(http.StatusOK)
	i.expiresIn.Store(3600)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		i.asked.Add(1)
		var body map[string]string
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil || body["grant_type"] != "client_credentials" ||
			body["client_id"] != "client" || body["client_secret"] != "secret" || r.URL.Path != ServicePath {
			t.Errorf("AC was asked at %s with the wrong body", r.URL.Path)
		}
		w.WriteHeader(int(i.status.Load()))
		if err := json.NewEncoder(w).Encode(map[string]any{"accessToken": *i.answer.Load(), "expiresIn": i.expiresIn.Load()}); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(server.Close)
	i.url = server.URL
	return i
}

func TestAServiceTokenIsFetchedOnceForAllCallers(t *testing.T) {
	i := newIssuer(t, "raw")
	s := NewServiceSource(i.url+"/", "client", "secret")
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			if raw, err := s.Token(t.Context()); raw != "raw" || err != nil {
				t.Errorf("got an error: %v", err)
			}
		})
	}
	group.Wait()
	if n := i.asked.Load(); n != 1 {
		t.Errorf("AC was asked %d times", n)
	}
}

func TestAServiceTokenIsReplacedBeforeItExpires(t *testing.T) {
	i := newIssuer(t, "raw")
	s := NewServiceSource(i.url, "client", "secret")
	if _, err := s.Token(t.Context()); err != nil {
		t.Fatal(err)
	}
	if left := time.Until(s.until); left > 59*time.Minute || left < 58*time.Minute {
		t.Errorf("a token of an hour is kept for %s", left)
	}
	s.until = time.Now()
	if _, err := s.Token(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := i.asked.Load(); n != 2 {
		t.Errorf("AC was asked %d times", n)
	}
}

func TestAServiceSourceSaysWhyThereIsNoToken(t *testing.T) {
	tests := []struct {
		name string
		set  func(*issuer)
	}{
		{"AC refuses", func(i *issuer) { i.status.Store(http.StatusUnauthorized) }},
		{"AC answers without a token", func(i *issuer) { i.answer.Store(new(string)) }},
		{"AC answers without a lifetime", func(i *issuer) { i.expiresIn.Store(0) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			i := newIssuer(t, "raw")
			tt.set(i)
			_, err := NewServiceSource(i.url, "client", "secret").Token(t.Context())
			if err == nil || strings.Contains(err.Error(), "secret") {
				t.Errorf("got %v", err)
			}
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s := NewServiceSource("http://127.0.0.1:1", "client", "secret")
	s.turn <- struct{}{} // somebody else is asking
	if _, err := s.Token(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("a caller that has gone: %v", err)
	}
}

// registry is any gRPC service behind the check.
type registry struct {
	internalv1.UnimplementedMediaHandlerRegistryServiceServer
	caller atomic.Pointer[ServiceClaims]
}

func (r *registry) RegisterMH(ctx context.Context, _ *internalv1.RegisterMHRequest) (*internalv1.RegisterMHResponse, error) {
	c, _ := Caller(ctx)
	r.caller.Store(&c)
	return &internalv1.RegisterMHResponse{Accepted: true}, nil
}

// fixed is credentials that send one authorization value, or none.
type fixed string

func (f fixed) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	if f == "" {
		return nil, nil
	}
	return map[string]string{"authorization": string(f)}, nil
}
func (fixed) RequireTransportSecurity() bool { return false }

func TestTheGRPCCheckLetsOnlyTheRightServiceIn(t *testing.T) {
	a := newAuthority(t)
	now := time.Now()
	service := func(serviceType, scope string) string {
		return a.sign(t, ServiceClaims{RegisteredClaims: Stamp("client", now, time.Hour), ServiceType: serviceType, Scope: scope})
	}
	right := service(MediaHandler, "x "+ScopeWriteGC)
	i := newIssuer(t, right)

	tests := []struct {
		name        string
		credentials interface {
			GetRequestMetadata(context.Context, ...string) (map[string]string, error)
			RequireTransportSecurity() bool
		}
		want codes.Code
	}{
		{"a source with the right credentials", NewServiceSource(i.url, "client", "secret").GRPC(), codes.OK},
		{"a source whose AC is gone", NewServiceSource("http://127.0.0.1:1", "client", "secret").GRPC(), codes.Unavailable},
		{"no token", fixed(""), codes.Unauthenticated},
		{"another scheme", fixed("Basic " + right), codes.Unauthenticated},
		{"a lower-case prefix", fixed("bearer " + right), codes.Unauthenticated},
		{"a broken token", fixed("Bearer x.y.z"), codes.Unauthenticated},
		{"a user token", fixed("Bearer " + a.sign(t, userClaims(now))), codes.Unauthenticated},
		{"another service type", fixed("Bearer " + service(MeetingController, ScopeWriteGC)), codes.PermissionDenied},
		{"another scope", fixed("Bearer " + service(MediaHandler, ScopeWriteMC)), codes.PermissionDenied},
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer(grpc.WaitForHandlers(true), grpc.UnaryInterceptor(UnaryServerAuth(NewVerifier(a.url),
		func(method string) (string, string) {
			if method != internalv1.MediaHandlerRegistryService_RegisterMH_FullMethodName {
				t.Errorf("the rule was asked about %s", method)
			}
			return MediaHandler, ScopeWriteGC
		})))
	impl := &registry{}
	internalv1.RegisterMediaHandlerRegistryServiceServer(server, impl)
	served := make(chan error, 1)
	go func() { served <- server.Serve(ln) }()
	t.Cleanup(func() {
		server.Stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			impl.caller.Store(nil)
			conn, err := grpc.NewClient("passthrough:///"+ln.Addr().String(),
				grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithPerRPCCredentials(tt.credentials), grpc.WithNoProxy())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			_, err = internalv1.NewMediaHandlerRegistryServiceClient(conn).RegisterMH(t.Context(), &internalv1.RegisterMHRequest{})
			if status.Code(err) != tt.want {
				t.Fatalf("got %v, want %s", err, tt.want)
			}
			caller := impl.caller.Load()
			if (caller != nil) != (tt.want == codes.OK) {
				t.Fatalf("the handler was reached: %t", caller != nil)
			}
			if caller != nil && (caller.Subject != "client" || caller.ServiceType != MediaHandler) {
				t.Errorf("the handler saw %v", caller)
			}
		})
	}
}

func TestACheckWithoutAnAuthorityIsUnavailable(t *testing.T) {
	a := newAuthority(t)
	a.status.Store(http.StatusServiceUnavailable)
	check := UnaryServerAuth(NewVerifier(a.url), func(string) (string, string) { return "", "" })
	raw := a.sign(t, ServiceClaims{RegisteredClaims: Stamp("client", time.Now(), time.Hour), Scope: ""})
	ctx := incoming(t, raw)
	_, err := check(ctx, nil, &grpc.UnaryServerInfo{}, func(context.Context, any) (any, error) { return nil, nil })
	if status.Code(err) != codes.Unavailable {
		t.Errorf("got %v", err)
	}
	a.status.Store(0)
	if _, err := check(ctx, nil, &grpc.UnaryServerInfo{}, func(context.Context, any) (any, error) { return nil, nil }); err != nil {
		t.Errorf("a rule that demands nothing: %v", err)
	}
}

func incoming(t *testing.T, raw string) context.Context {
	t.Helper()
	return metadata.NewIncomingContext(t.Context(), metadata.Pairs("authorization", "Bearer "+raw))
}
