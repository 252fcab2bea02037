package httpapi

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
)

// traced makes a request inside a span and returns the request's own span.
func traced(t *testing.T, c *Client, r Request) (own tracetest.SpanStub, parent trace.SpanContext) {
	t.Helper()
	exporter := tracetest.NewInMemoryExporter()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSyncer(exporter))
	ctx, span := provider.Tracer("test").Start(t.Context(), "step")
	var out map[string]any
	_ = c.Do(ctx, r, &out)
	spans := exporter.GetSpans()
	if len(spans) != 1 {
		t.Fatalf("%d spans of one request", len(spans))
	}
	span.End()
	return spans[0], span.SpanContext()
}

func attributes(s tracetest.SpanStub) string {
	var out []string
	for _, a := range s.Attributes {
		if a.Key != "server.port" {
			out = append(out, fmt.Sprintf("%s=%s", a.Key, a.Value.String()))
		}
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

func TestARequestHasASpanThatNamesNoPath(t *testing.T) {
	const code = "SeCrEtC0dE12"
	var (
		status atomic.Int32
		header atomic.Value
	)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header.Store(r.Header.Get("Traceparent"))
		if status.Load() == 0 {
			panic(http.ErrAbortHandler)
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(int(status.Load()))
		_, _ = io.WriteString(w, `{"error":{"code":"BAD","message":"no meeting `+code+` here"}}`)
	}))
	defer server.Close()
	c, err := New(Config{Service: GC, BaseURL: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	request := Request{Operation: "join a meeting", Method: http.MethodGet, Path: "/api/v1/meetings/" + code, Template: "/api/v1/meetings/{code}",
		Want: http.StatusOK, Sensitive: []string{code}}
	const about = "http.request.method=GET %snetwork.protocol.name=http network.protocol.version=1.1 server.address=127.0.0.1 url.scheme=http url.template=/api/v1/meetings/{code} user_agent.synthetic.type=test"
	for _, row := range []struct {
		status     int32
		attributes string
		code       codes.Code
	}{
		{http.StatusOK, strings.Replace(about, "%s", "http.response.status_code=200 ", 1), codes.Unset},
		{http.StatusNotFound, "error.type=404 " + strings.Replace(about, "%s", "http.response.status_code=404 ", 1), codes.Error},
		{0, "error.type=closed " + strings.Replace(about, "%s", "", 1), codes.Error},
	} {
		status.Store(row.status)
		span, parent := traced(t, c, request)
		if span.Name != "GET /api/v1/meetings/{code}" || span.SpanKind != trace.SpanKindClient {
			t.Errorf("span %q of kind %s", span.Name, span.SpanKind)
		}
		if got := attributes(span); got != row.attributes {
			t.Errorf("status %d:\n%s, want\n%s", row.status, got, row.attributes)
		}
		if span.Status.Code != row.code {
			t.Errorf("status %d: span status %s", row.status, span.Status.Code)
		}
		if span.SpanContext.TraceID() != parent.TraceID() || span.Parent.SpanID() != parent.SpanID() {
			t.Error("the span is not below the caller's")
		}
		if want := fmt.Sprintf("00-%s-%s-01", parent.TraceID(), span.SpanContext.SpanID()); header.Load() != want {
			t.Errorf("the service was told %s, want %s", header.Load(), want)
		}
		if all := fmt.Sprintf("%+v", span); strings.Contains(all, code) {
			t.Errorf("the span holds the code: %s", all)
		}
		var events []string
		for i, e := range span.Events {
			events = append(events, e.Name)
			if e.Time.Before(span.StartTime) || e.Time.After(span.EndTime) || i > 0 && e.Time.Before(span.Events[i-1].Time) {
				t.Errorf("event %s is out of order", e.Name)
			}
		}
		if got := strings.Join(events, " "); got != "phase.connect phase.first_byte phase.body" && row.status != 0 {
			t.Errorf("events %s", got)
		}
	}
}

func TestARequestWithoutASpanPassesOnWhatItWasGiven(t *testing.T) {
	var header string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { header = r.Header.Get("Traceparent") }))
	defer server.Close()
	c, err := New(Config{Service: AC, BaseURL: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	remote := trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}, TraceFlags: trace.FlagsSampled})
	for _, row := range []struct {
		ctx  context.Context
		want string
	}{
		{t.Context(), ""},
		{trace.ContextWithSpanContext(t.Context(), remote), "00-01000000000000000000000000000000-0200000000000000-01"},
	} {
		_ = c.Do(row.ctx, Request{Operation: "ask", Method: http.MethodGet, Path: "/x", Want: http.StatusOK}, new(map[string]any))
		if header != row.want {
			t.Errorf("the service was told %q, want %q", header, row.want)
		}
	}
}
