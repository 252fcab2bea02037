package tracing

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// destination is what the environment says about whether traces are exported, and how.
// Endpoint, headers, TLS, compression and timeout the exporters read themselves.
type destination struct {
	disabled bool
	endpoint string // empty: nowhere
	protocol string
}

// destinationOf reads the variables that OpenTelemetry's specification names.
func destinationOf(lookup func(string) (string, bool)) (destination, error) {
	get := func(name string) string {
		value, _ := lookup(name)
		return strings.TrimSpace(value)
	}
	specific := func(name string) string {
		return cmp.Or(get("OTEL_EXPORTER_OTLP_TRACES_"+name), get("OTEL_EXPORTER_OTLP_"+name))
	}
	if strings.EqualFold(get("OTEL_SDK_DISABLED"), "true") {
		return destination{disabled: true}, nil
	}
	d := destination{endpoint: specific("ENDPOINT"), protocol: cmp.Or(specific("PROTOCOL"), "grpc")}
	switch exporter := get("OTEL_TRACES_EXPORTER"); exporter {
	case "", "otlp":
	case "none":
		d.endpoint = ""
	default:
		return d, fmt.Errorf("OTEL_TRACES_EXPORTER is %q; traces go to otlp or none", exporter)
	}
	switch d.protocol {
	case "grpc", "http/protobuf", "http/json":
	default:
		return d, fmt.Errorf("OTEL_EXPORTER_OTLP_PROTOCOL is %q; it may be grpc, http/protobuf or http/json", d.protocol)
	}
	if d.exports() {
		return d, d.problems(get)
	}
	return d, nil
}

func (d destination) exports() bool { return !d.disabled && d.endpoint != "" }

// open makes the exporter; nothing is dialed.
func (d destination) open(ctx context.Context) (sdktrace.SpanExporter, error) {
	if d.protocol == "grpc" {
		return otlptracegrpc.New(ctx)
	}
	return otlptracehttp.New(ctx)
}
