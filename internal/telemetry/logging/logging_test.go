package logging

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/slogtest"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/dark-tower/prober/flows"
)

var update = flag.Bool("update", false, "write the golden files")

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs; got\n%s\nwant\n%s", name, got, want)
	}
}

const (
	traceID = "4bf92f3577b34da6a3ce929d0e0e4736"
	spanID  = "00f067aa0ba902b7"
	runID   = "1b4e28ba-2fa1-41d2-883f-0016d3cca427"
)

// sample writes one record of every kind.
func sample(log *slog.Logger) {
	runs := NewRuns(log)
	started := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	silence := &flows.Failure{Step: flows.StepMCJoin, Actor: flows.ActorPerson, Hop: flows.MC, Reason: flows.Timeout,
		Detail: "MC join: timed out after 2s waiting for the JoinResponse at https://10.96.0.7:4433"}
	lane := &flows.Failure{Step: flows.StepMCJoin, Actor: flows.ActorPerson, Hop: flows.Prober, Reason: flows.Self, Cause: flows.CauseLane,
		Detail: "1 people who are not of this run were in the lane's meeting"}
	step := flows.StepResult{Step: flows.StepGCJoin, Actor: flows.ActorPerson, Measured: true, Started: started, Duration: 12345678 * time.Nanosecond,
		TraceID: traceID, SpanID: spanID, Phases: []flows.Phase{{Name: "connect", Duration: time.Millisecond}, {Name: "first_byte", Duration: 11 * time.Millisecond}}}
	runs.Step("join-eu", flows.Join, step)
	runs.Step("join-eu", flows.Join, flows.StepResult{Step: flows.StepMCJoin, Actor: flows.ActorPerson, After: true, Duration: 2 * time.Second,
		TraceID: traceID, SpanID: spanID, Failure: silence})
	run := flows.Run{ID: runID, Probe: "join-eu", Flow: flows.Join, Lane: "eu-1", Trigger: flows.Scheduled, TraceID: traceID, SpanID: spanID,
		Started: started, Duration: 2500 * time.Millisecond, Steps: []flows.StepResult{step}}
	good, bad, open, aborted := run, run, run, run
	good.Outcome, good.TimeToMedia = flows.Success, new(480*time.Millisecond)
	bad.Outcome, bad.Failure, bad.Leaves = flows.Failed, silence, flows.Leaves{Unclean: 1}
	open.Outcome, open.Failure, open.Informational = flows.Inconclusive, lane, true
	aborted.Outcome, aborted.Flow, aborted.Restoration = flows.Aborted, flows.Reconnect, &flows.Restoration{Restored: true, TimeToRestore: time.Second}
	for _, r := range []flows.Run{good, bad, open, aborted} {
		runs.Run(r)
	}
	log.Info("the prober runs", "probes", 3, "version", "v1.2.3")
	log.Debug("message from MC", "message", "join_response", "bytes", 120)
	log.Debug("media handler not connected", "url", "https://10.96.0.9:4434", "error", errors.New("timed out"), "took", 1500*time.Millisecond)
	log.With("target", "prober.slo").WithGroup("budget").Warn("a budget is spent", "slo", "join", "left", 0.25, "until", started)
	sc := trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}})
	log.ErrorContext(trace.ContextWithSpanContext(context.Background(), sc), "two\nlines", "participant_id", "p-17", "name", "Ada", "empty", "")
}

func TestLinesHaveTheFormOfThePlatforms(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		sample(New(&out, Options{Level: slog.LevelDebug, Key: testKey}))
		golden(t, "lines.jsonl", out.Bytes())
		for line := range strings.Lines(out.String()) {
			var l struct {
				Timestamp, Level, Target string
				Fields                   struct{ Message string }
			}
			if err := json.Unmarshal([]byte(line), &l); err != nil {
				t.Fatal(err)
			}
			if _, err := time.Parse(time.RFC3339Nano, l.Timestamp); err != nil || !strings.HasSuffix(l.Timestamp, "Z") {
				t.Errorf("timestamp %q", l.Timestamp)
			}
			if l.Level == "" || !strings.HasPrefix(l.Target, "prober") || l.Fields.Message == "" {
				t.Errorf("level %q, target %q, message %q", l.Level, l.Target, l.Fields.Message)
			}
		}
	})
}

// clock is the time of day at the beginning of a line, which is local.
var clock = regexp.MustCompile(`(?m)^(\x1b\[2m)?[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}`)

func TestLinesForPeople(t *testing.T) {
	for name, color := range map[string]bool{"lines.txt": false, "colored.txt": true} {
		var out bytes.Buffer
		sample(New(&out, Options{Format: Text, Level: slog.LevelDebug, Color: color, Key: testKey}))
		text := clock.ReplaceAll(out.Bytes(), []byte("${1}03:04:05.000"))
		golden(t, name, text)
		if bytes.Contains(text, []byte("\x1b")) != color {
			t.Errorf("%s: coloured %v", name, !color)
		}
	}
}

func TestWhatIsLessSevereIsNotWritten(t *testing.T) {
	for _, format := range []Format{JSON, Text} {
		var out bytes.Buffer
		level := new(slog.LevelVar)
		log := New(&out, Options{Format: format, Level: level})
		log.Debug("no")
		log.Info("yes")
		level.Set(slog.LevelError)
		log.Warn("no")
		if strings.Contains(out.String(), "no") || strings.Count(out.String(), "\n") != 1 {
			t.Errorf("%s: %s", format, out.String())
		}
	}
}

func TestRunsWithoutALoggerAreSilent(t *testing.T) {
	var r Runs
	r.Step("p", flows.Join, flows.StepResult{})
	r.Run(flows.Run{})
}

func TestConcurrentRecordsAreWholeLines(t *testing.T) {
	for _, format := range []Format{JSON, Text} {
		var out bytes.Buffer
		log := New(&out, Options{Format: format})
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for range 100 {
					log.With("a", 1).Info("message", "b", "two words")
				}
			})
		}
		wg.Wait()
		lines := strings.Split(strings.TrimSpace(out.String()), "\n")
		if len(lines) != 800 {
			t.Fatalf("%d lines", len(lines))
		}
		for _, l := range lines {
			if !strings.Contains(l, "two words") || strings.Count(l, "message") > 2 {
				t.Fatalf("line %q", l)
			}
		}
	}
}

// TestHandlerKeepsTheRulesOfSlog uses the standard library's own test of handlers, on
// what is inside fields.
func TestHandlerKeepsTheRulesOfSlog(t *testing.T) {
	var out bytes.Buffer
	log := New(&out, Options{Level: slog.LevelDebug})
	err := slogtest.TestHandler(log.Handler(), func() []map[string]any {
		var all []map[string]any
		for line := range strings.Lines(out.String()) {
			var got map[string]any
			if err := json.Unmarshal([]byte(line), &got); err != nil {
				t.Fatal(err)
			}
			fields := got["fields"].(map[string]any)
			fields[slog.MessageKey] = fields["message"]
			fields[slog.LevelKey] = got["level"]
			if at, there := got["timestamp"]; there {
				fields[slog.TimeKey] = at
			}
			all = append(all, fields)
		}
		return all
	})
	if err != nil {
		t.Error(err)
	}
}

func BenchmarkStep(b *testing.B) {
	for _, format := range []Format{JSON, Text} {
		b.Run(string(format), func(b *testing.B) {
			runs := NewRuns(New(io.Discard, Options{Format: format}))
			s := flows.StepResult{Step: flows.StepGCJoin, Actor: flows.ActorPerson, Duration: time.Millisecond, TraceID: traceID, SpanID: spanID,
				Phases: []flows.Phase{{Name: "connect", Duration: time.Millisecond}}}
			b.ReportAllocs()
			for b.Loop() {
				runs.Step("join-eu", flows.Join, s)
			}
		})
	}
}
