package tracing

import (
	"strings"
	"testing"
)

func TestTheEnvironmentSaysWhereTracesGo(t *testing.T) {
	const endpoint = "http://collector:4317"
	for name, c := range map[string]struct {
		env     map[string]string
		want    destination
		exports bool
		err     string
	}{
		"nothing set":              {want: destination{protocol: "grpc"}},
		"an endpoint":              {env: map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint}, want: destination{endpoint: endpoint, protocol: "grpc"}, exports: true},
		"an endpoint for traces":   {env: map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://other:1", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": endpoint}, want: destination{endpoint: endpoint, protocol: "grpc"}, exports: true},
		"an endpoint of blanks":    {env: map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "  "}, want: destination{protocol: "grpc"}},
		"over HTTP":                {env: map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}, want: destination{endpoint: endpoint, protocol: "http/protobuf"}, exports: true},
		"traces over HTTP":         {env: map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/json"}, want: destination{endpoint: endpoint, protocol: "http/json"}, exports: true},
		"no exporter":              {env: map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_TRACES_EXPORTER": "none"}, want: destination{protocol: "grpc"}},
		"the exporter by its name": {env: map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_TRACES_EXPORTER": "otlp"}, want: destination{endpoint: endpoint, protocol: "grpc"}, exports: true},
		"no SDK":                   {env: map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_SDK_DISABLED": "TRUE", "OTEL_TRACES_EXPORTER": "?"}, want: destination{disabled: true}},
		"an SDK that is not off":   {env: map[string]string{"OTEL_SDK_DISABLED": "false"}, want: destination{protocol: "grpc"}},
		"an unknown exporter":      {env: map[string]string{"OTEL_TRACES_EXPORTER": "zipkin"}, err: `OTEL_TRACES_EXPORTER is "zipkin"`},
		"an unknown protocol":      {env: map[string]string{"OTEL_EXPORTER_OTLP_PROTOCOL": "carrier/pigeon"}, err: `OTEL_EXPORTER_OTLP_PROTOCOL is "carrier/pigeon"`},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := destinationOf(func(name string) (string, bool) { v, ok := c.env[name]; return v, ok })
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Errorf("error %v, want one with %q", err, c.err)
				}
				return
			}
			if err != nil || got != c.want || got.exports() != c.exports {
				t.Errorf("%+v, exports %v, error %v; want %+v, %v", got, got.exports(), err, c.want, c.exports)
			}
		})
	}
}
