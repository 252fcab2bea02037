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
		"nothing set":                   {want: destination{protocol: "grpc"}},
		"an endpoint":                   {env: map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint}, want: destination{endpoint: endpoint, protocol: "grpc"}, exports: true},
		"an endpoint for traces":        {env: map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://other:1", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": endpoint}, want: destination{endpoint: endpoint, protocol: "grpc"}, exports: true},
		"an endpoint of blanks":         {env: map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "  "}, want: destination{protocol: "grpc"}},
		"over HTTP":                     {env: map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}, want: destination{endpoint: endpoint, protocol: "http/protobuf"}, exports: true},
		"traces over HTTP":              {env: map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/json"}, want: destination{endpoint: endpoint, protocol: "http/json"}, exports: true},
		"no exporter":                   {env: map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_TRACES_EXPORTER": "none"}, want: destination{protocol: "grpc"}},
		"the exporter by its name":      {env: map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_TRACES_EXPORTER": "otlp"}, want: destination{endpoint: endpoint, protocol: "grpc"}, exports: true},
		"no SDK":                        {env: map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_SDK_DISABLED": "TRUE", "OTEL_TRACES_EXPORTER": "?"}, want: destination{disabled: true}},
		"an SDK that is not off":        {env: map[string]string{"OTEL_SDK_DISABLED": "false"}, want: destination{protocol: "grpc"}},
		"an unknown exporter":           {env: map[string]string{"OTEL_TRACES_EXPORTER": "zipkin"}, err: `OTEL_TRACES_EXPORTER is "zipkin"`},
		"an unknown protocol":           {env: map[string]string{"OTEL_EXPORTER_OTLP_PROTOCOL": "carrier/pigeon"}, err: `OTEL_EXPORTER_OTLP_PROTOCOL is "carrier/pigeon"`},
		"no scheme":                     {env: map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "collector:4317"}, err: `OTEL_EXPORTER_OTLP_ENDPOINT: "collector:4317" is no URL to send traces to; write it like http://otel-collector:4317`},
		"no host":                       {env: map[string]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://"}, err: "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "},
		"no URL at all":                 {env: map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "://collector"}, err: "is no URL"},
		"another scheme":                {env: map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "ftp://collector"}, err: "is no URL"},
		"a password in what is no URL":  {env: map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "ftp://me:s3cret@collector"}, err: "OTEL_EXPORTER_OTLP_ENDPOINT: it is no URL"},
		"a socket":                      {env: map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "unix:///run/otel"}, want: destination{endpoint: "unix:///run/otel", protocol: "grpc"}, exports: true},
		"a socket over HTTP":            {env: map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "unix:///run/otel", "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}, err: "is no URL"},
		"a timeout with a unit":         {env: map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_EXPORTER_OTLP_TIMEOUT": "10s"}, err: `OTEL_EXPORTER_OTLP_TIMEOUT: "10s" is no number of milliseconds; write 10s as 10000`},
		"headers without a name":        {env: map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_EXPORTER_OTLP_HEADERS": "a=b,Bearer s3cret"}, err: "OTEL_EXPORTER_OTLP_HEADERS: header 2 is not name=value"},
		"headers":                       {env: map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_EXPORTER_OTLP_HEADERS": "authorization=Bearer%20x, tenant=y"}, want: destination{endpoint: endpoint, protocol: "grpc"}, exports: true},
		"an authority not there":        {env: map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_EXPORTER_OTLP_CERTIFICATE": "/nowhere/ca.pem"}, err: "OTEL_EXPORTER_OTLP_CERTIFICATE: open /nowhere/ca.pem"},
		"an authority that is none":     {env: map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_EXPORTER_OTLP_CERTIFICATE": "destination_test.go"}, err: "holds no certificate in PEM; name a file with the authorities to trust"},
		"a key without its certificate": {env: map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY": "k"}, err: "one of them is missing"},
		"a pair that is none":           {env: map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE": "c", "OTEL_EXPORTER_OTLP_CLIENT_KEY": "k"}, err: "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE and OTEL_EXPORTER_OTLP_CLIENT_KEY: open c"},
		"another compression":           {env: map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_EXPORTER_OTLP_COMPRESSION": "zip"}, err: `OTEL_EXPORTER_OTLP_COMPRESSION: "zip" is not known; write gzip or none`},
		"neither yes nor no":            {env: map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_EXPORTER_OTLP_INSECURE": "maybe"}, err: "OTEL_EXPORTER_OTLP_INSECURE"},
		"wrong, and not exported":       {env: map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "collector:4317", "OTEL_TRACES_EXPORTER": "none"}, want: destination{protocol: "grpc"}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := destinationOf(func(name string) (string, bool) { v, ok := c.env[name]; return v, ok })
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) || strings.Contains(err.Error(), "s3cret") {
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
