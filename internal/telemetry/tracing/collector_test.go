package tracing

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"github.com/dark-tower/prober/flows"
)

// environment sets the OTEL_* variables to these and no others.
func environment(t *testing.T, env map[string]string) {
	t.Helper()
	for _, e := range os.Environ() {
		if name, _, _ := strings.Cut(e, "="); strings.HasPrefix(name, "OTEL_") {
			t.Setenv(name, "")
			if err := os.Unsetenv(name); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, value := range env {
		t.Setenv(name, value)
	}
}

func open(t *testing.T, o Options) *Tracing {
	t.Helper()
	tr, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

// perform makes a failing run of one step, two spans, and settles it.
func perform(t *testing.T, tr *Tracing) (flows.Run, bool) {
	t.Helper()
	run := flows.Execute(t.Context(), flows.Spec{Probe: "p", Flow: flows.Join, Tracer: tr.Tracer()}, steps(1, broken))
	return run, tr.Settle(run, false)
}

func shutdown(t *testing.T, tr *Tracing, within time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), within)
	defer cancel()
	if err := tr.Shutdown(ctx); err != nil {
		t.Errorf("shutting down: %v", err)
	}
}

func TestWithoutAnEndpointRunsHaveIdsAndNothingIsExported(t *testing.T) {
	for name, env := range map[string]map[string]string{
		"nothing set":       nil,
		"exporter is none":  {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_TRACES_EXPORTER": "none"},
		"a sampler is ours": {"OTEL_TRACES_SAMPLER": "always_off"},
	} {
		t.Run(name, func(t *testing.T) {
			environment(t, env)
			var log bytes.Buffer
			tr := open(t, Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
			run, kept := perform(t, tr)
			if len(run.TraceID) != 32 || len(run.SpanID) != 16 || len(run.Steps[0].SpanID) != 16 {
				t.Errorf("ids: %q, %q", run.TraceID, run.SpanID)
			}
			shutdown(t, tr, time.Second)
			if kept || tr.Dropped() != 0 || log.Len() > 0 {
				t.Errorf("kept %v, %d spans lost, log %q", kept, tr.Dropped(), log.String())
			}
		})
	}
}

func TestADisabledSDKMakesNoIds(t *testing.T) {
	environment(t, map[string]string{"OTEL_SDK_DISABLED": "true", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"})
	tr := open(t, Options{})
	run, kept := perform(t, tr)
	if run.TraceID != "" || kept {
		t.Errorf("trace %q, kept %v", run.TraceID, kept)
	}
	shutdown(t, tr, time.Second)
}

func TestAWrongVariableIsSaidAtOnce(t *testing.T) {
	for name, value := range map[string]string{
		"OTEL_EXPORTER_OTLP_PROTOCOL": "smoke",
		"OTEL_TRACES_EXPORTER":        "jaeger",
		"OTEL_RESOURCE_ATTRIBUTES":    "k8s.pod.name",
	} {
		t.Run(name, func(t *testing.T) {
			environment(t, map[string]string{name: value})
			if _, err := Open(t.Context(), Options{}); err == nil || !strings.Contains(err.Error(), name) {
				t.Errorf("error %v", err)
			}
		})
	}
}

// request is what an OTLP server was sent.
type request struct{ path, auth, contentType, body string }

type otlpServer struct {
	answer []byte // an ExportTraceServiceResponse; not of JSON

	mu   sync.Mutex // protects all following fields
	seen []request
}

func (s *otlpServer) note(r request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen = append(s.seen, r)
}

func (s *otlpServer) requests() []request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]request(nil), s.seen...)
}

// raw keeps a message's bytes.
type raw struct{}

func (raw) Marshal(m any) ([]byte, error)         { return *m.(*[]byte), nil }
func (raw) Unmarshal(data []byte, into any) error { *into.(*[]byte) = data; return nil }
func (raw) Name() string                          { return "raw" }

func (s *otlpServer) grpc(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer(grpc.ForceServerCodec(raw{}), grpc.UnknownServiceHandler(func(_ any, stream grpc.ServerStream) error {
		method, _ := grpc.MethodFromServerStream(stream)
		md, _ := metadata.FromIncomingContext(stream.Context())
		var body []byte
		if err := stream.RecvMsg(&body); err != nil {
			return err
		}
		s.note(request{path: method, auth: strings.Join(md.Get("authorization"), ","), contentType: strings.Join(md.Get("content-type"), ","), body: string(body)})
		return stream.SendMsg(&s.answer)
	}))
	served := make(chan error, 1)
	go func() { served <- server.Serve(ln) }()
	t.Cleanup(func() { server.Stop(); <-served })
	return "http://" + ln.Addr().String()
}

func (s *otlpServer) http(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		s.note(request{path: r.URL.Path, auth: r.Header.Get("Authorization"), contentType: r.Header.Get("Content-Type"), body: string(body)})
		w.Header().Set("Content-Type", r.Header.Get("Content-Type"))
		if r.Header.Get("Content-Type") == "application/json" {
			_, _ = io.WriteString(w, "{}")
			return
		}
		_, _ = w.Write(s.answer)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func TestTracesAreExportedAsTheEnvironmentSays(t *testing.T) {
	for name, c := range map[string]struct {
		protocol string
		serve    func(*otlpServer, *testing.T) string
		want     request
	}{
		"gRPC is the default": {"", (*otlpServer).grpc, request{path: "/opentelemetry.proto.collector.trace.v1.TraceService/Export", auth: "secret", contentType: "application/grpc"}},
		"HTTP":                {"http/protobuf", (*otlpServer).http, request{path: "/v1/traces", auth: "secret", contentType: "application/x-protobuf"}},
		"HTTP and JSON":       {"http/json", (*otlpServer).http, request{path: "/v1/traces", auth: "secret", contentType: "application/json"}},
	} {
		t.Run(name, func(t *testing.T) {
			var server otlpServer
			environment(t, map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": c.serve(&server, t), "OTEL_EXPORTER_OTLP_PROTOCOL": c.protocol,
				"OTEL_EXPORTER_OTLP_HEADERS": "authorization=secret", "OTEL_RESOURCE_ATTRIBUTES": "k8s.pod.name=prober-0,service.version=from-env"})
			tr := open(t, Options{Version: "v1.2.3", Instance: "prober-a"})
			for range 5 {
				if _, kept := perform(t, tr); !kept {
					t.Error("a failure is not kept")
				}
			}
			shutdown(t, tr, 10*time.Second)
			seen := server.requests()
			if len(seen) == 0 || tr.Dropped() > 0 {
				t.Fatalf("%d exports, %d spans lost", len(seen), tr.Dropped())
			}
			body := seen[0].body
			seen[0].body = ""
			if seen[0] != c.want {
				t.Errorf("export %+v, want %+v", seen[0], c.want)
			}
			for _, text := range []string{"prober.join", ServiceName, "darktower", "prober-a", "prober-0", "from-env"} {
				if !strings.Contains(body, text) {
					t.Errorf("the export says nothing of %q", text)
				}
			}
			if strings.Contains(body, "v1.2.3") {
				t.Error("the environment does not have the last word")
			}
		})
	}
}

// TestACollectorThatDoesNotAnswerDelaysNoRun exports to collectors that are of no use.
func TestACollectorThatDoesNotAnswerDelaysNoRun(t *testing.T) {
	refused := func(t *testing.T) string {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer ln.Close()
		return "http://" + ln.Addr().String()
	}
	for name, endpoint := range map[string]func(t *testing.T) string{
		"nobody listens": refused,
		"a black hole":   blackHole,
	} {
		for _, protocol := range []string{"grpc", "http/protobuf"} {
			t.Run(name+", "+protocol, func(t *testing.T) {
				environment(t, map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint(t), "OTEL_EXPORTER_OTLP_PROTOCOL": protocol})
				var log syncBuffer
				tr := open(t, Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
				const runs = 2 * queueSpans / 2 // twice what fits, with two spans each
				for range runs {
					perform(t, tr)
				}
				if tr.queue.spans > queueSpans || tr.buffer.spans > 0 {
					t.Errorf("%d spans wait, %d are undecided", tr.queue.spans, tr.buffer.spans)
				}
				shutdown(t, tr, 300*time.Millisecond) // less than an export may take
				if got := tr.Dropped(); got != 2*runs {
					t.Errorf("%d spans are counted as lost, not %d", got, 2*runs)
				}
				if n := strings.Count(log.String(), "\n"); n > 1 {
					t.Errorf("%d lines of log:\n%s", n, log.String())
				}
			})
		}
	}
}

// blackHole accepts connections and says nothing.
func blackHole(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	var conns []net.Conn
	go func() {
		defer close(done)
		for {
			c, err := ln.Accept()
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err == nil {
				conns = append(conns, c)
			}
		}
	}()
	t.Cleanup(func() {
		_ = ln.Close()
		<-done
		for _, c := range conns {
			_ = c.Close()
		}
	})
	return "http://" + ln.Addr().String()
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}
