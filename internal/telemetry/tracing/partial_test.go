package tracing

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
)

// fussy is a collector that takes every export and rejects some of its spans.
type fussy struct {
	coltracepb.UnimplementedTraceServiceServer
	answer *coltracepb.ExportTracePartialSuccess
}

func (f *fussy) Export(context.Context, *coltracepb.ExportTraceServiceRequest) (*coltracepb.ExportTraceServiceResponse, error) {
	return &coltracepb.ExportTraceServiceResponse{PartialSuccess: f.answer}, nil
}

func (f *fussy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	answer, _ := f.Export(r.Context(), nil)
	body, _ := proto.Marshal(answer)
	w.Header().Set("Content-Type", "application/x-protobuf")
	_, _ = w.Write(body)
}

// serve returns the collector's endpoint for each protocol.
func (f *fussy) serve(t *testing.T) map[string]string {
	t.Helper()
	over := httptest.NewServer(f)
	t.Cleanup(over.Close)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := grpc.NewServer()
	coltracepb.RegisterTraceServiceServer(s, f)
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	t.Cleanup(func() { s.Stop(); <-served })
	return map[string]string{"grpc": "http://" + l.Addr().String(), "http/protobuf": over.URL}
}

func TestOfAPartialRejectionOnlyTheRejectedSpansAreLost(t *testing.T) {
	for name, c := range map[string]struct {
		answer *coltracepb.ExportTracePartialSuccess
		lost   uint64
		says   string
	}{
		"one of two":       {&coltracepb.ExportTracePartialSuccess{RejectedSpans: 1, ErrorMessage: "too (much\nof it)"}, 1, "the collector rejects a part of the traces"},
		"one, and no word": {&coltracepb.ExportTracePartialSuccess{RejectedSpans: 1}, 1, "the collector rejects a part of the traces"},
		"a warning":        {&coltracepb.ExportTracePartialSuccess{ErrorMessage: "mind the gap"}, 0, "the collector takes the traces, and warns"},
		"more than all":    {&coltracepb.ExportTracePartialSuccess{RejectedSpans: 1 << 40}, 2, "the collector rejects a part of the traces"},
		"nothing":          {nil, 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			for protocol, endpoint := range (&fussy{answer: c.answer}).serve(t) {
				environment(t, map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_EXPORTER_OTLP_PROTOCOL": protocol})
				var log bytes.Buffer
				tr := open(t, Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
				perform(t, tr)
				shutdown(t, tr, 10*time.Second)
				if tr.Dropped() != c.lost {
					t.Errorf("%s: %d spans are lost, not %d", protocol, tr.Dropped(), c.lost)
				}
				if !strings.Contains(log.String(), c.says) || c.says == "" && log.Len() > 0 {
					t.Errorf("%s: the log says %q", protocol, log.String())
				}
			}
		})
	}
}
