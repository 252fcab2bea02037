package tracing

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

// rejecting is the answer of a collector that takes an export and rejects so many of its
// spans (opentelemetry-proto, ExportTracePartialSuccess).
func rejecting(spans uint64, why string) []byte {
	partial := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), spans)
	partial = protowire.AppendString(protowire.AppendTag(partial, 2, protowire.BytesType), why)
	return protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), partial)
}

func TestOfAPartialRejectionOnlyTheRejectedSpansAreLost(t *testing.T) {
	const rejects, warns = "the collector rejects a part of the traces", "the collector takes the traces, and warns"
	for name, c := range map[string]struct {
		answer []byte
		lost   uint64
		says   string
	}{
		"one of two":       {rejecting(1, "too (much\nof it)"), 1, rejects},
		"one, and no word": {rejecting(1, ""), 1, rejects},
		"a warning":        {rejecting(0, "mind the gap"), 0, warns},
		"more than all":    {rejecting(1<<40, ""), 2, rejects},
		"nothing":          {nil, 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			server := &otlpServer{answer: c.answer}
			for protocol, endpoint := range map[string]string{"grpc": server.grpc(t), "http/protobuf": server.http(t)} {
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
