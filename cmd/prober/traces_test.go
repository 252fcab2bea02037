package main

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/dark-tower/prober/internal/collectortest"
	"github.com/dark-tower/prober/internal/telemetry/tracing"
)

// TestACheckExportsATraceForEachRun reads back what the report names.
func TestACheckExportsATraceForEachRun(t *testing.T) {
	collector := collectortest.Start(t)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.HTTPEndpoint)
	t.Setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")
	r := run(t.Context(), "check", "--devstack", "--probe", "join", "--runs", "3", "--output", "json").must(t, 0)
	var report struct {
		Runs []struct {
			TraceID string `json:"trace_id"`
		}
	}
	if err := json.Unmarshal([]byte(r.stdout), &report); err != nil {
		t.Fatal(err)
	}
	if len(report.Runs) != 3 {
		t.Fatalf("%d runs: %v", len(report.Runs), r)
	}
	traces := collector.Traces(t)
	for _, run := range report.Runs {
		i := slices.IndexFunc(traces, func(x collectortest.Trace) bool { return x.ID == run.TraceID })
		if i < 0 {
			t.Errorf("trace %q was never exported", run.TraceID)
			continue
		}
		x := traces[i]
		if got := strings.Join(x.Services(), " "); got != "ac-service gc-service mc-service mh-service "+tracing.ServiceName || len(x.Orphans()) > 0 || len(x.Roots()) != 1 {
			t.Errorf("services %s, orphans %v\n%s", got, x.Orphans(), x)
		}
	}
}

func TestAWrongVariableOfOpenTelemetryIsAUsageError(t *testing.T) {
	t.Setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "smoke")
	for _, command := range []string{"check", "devstack"} {
		args := []string{command}
		if command == "check" {
			args = append(args, "--devstack")
		}
		if r := run(t.Context(), args...).must(t, 2); !strings.Contains(r.stderr, `OTEL_EXPORTER_OTLP_PROTOCOL is "smoke"`) {
			t.Errorf("%s: %v", command, r)
		}
	}
}
