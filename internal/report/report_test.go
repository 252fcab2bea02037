package report_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/internal/report"
)

var update = flag.Bool("update", false, "write the golden files")

const ms = time.Millisecond

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func joined(n int, scale time.Duration) flows.Run {
	at := start.Add(time.Duration(n) * 10 * time.Second)
	return flows.Run{
		ID: "00000000-0000-4000-8000-00000000000" + string(rune('0'+n)), Probe: "join", Flow: flows.Join, Lane: "join-check", Trigger: flows.OnDemand,
		TraceID: "4bf92f3577b34da6a3ce929d0e0e4736", Started: at, Duration: 310 * scale, Outcome: flows.Success, Cold: true,
		TimeToMedia: new(48 * scale),
		Steps: []flows.StepResult{
			{Step: flows.StepSignIn, Actor: flows.ActorAnchor, Started: at, Duration: 201 * scale},
			{Step: flows.StepGCAssign, Actor: flows.ActorAnchor, Measured: true, Started: at, Duration: 9 * scale,
				Phases: []flows.Phase{{Name: "connect", Duration: 1 * scale}, {Name: "first_byte", Duration: 7 * scale}, {Name: "rest", Duration: 1 * scale}}},
			{Step: flows.StepGCJoin, Actor: flows.ActorPerson, Measured: true, Started: at, Duration: 3*scale + 456*time.Microsecond},
			{Step: flows.StepFirstMedia, Actor: flows.ActorPerson, Measured: true, Started: at, Duration: 0},
		},
		Connections: []flows.Connection{{Actor: flows.ActorPerson, Hop: flows.MC, Dialect: "legacy", RTT: ms, CertificateUntil: start.AddDate(0, 0, 13)}},
		Continuity:  []flows.Continuity{{Hop: flows.MC, Result: "continued"}},
		Leaves:      flows.Leaves{Clean: 2},
		Self:        flows.SelfEvidence{MaxLag: 1200 * time.Microsecond},
	}
}

func talked() flows.Run {
	return flows.Run{
		ID: "m", Probe: "media", Flow: flows.Media, Trigger: flows.OnDemand, TraceID: "0af7651916cd43dd8448eb211c80319c",
		Started: start.Add(time.Minute), Duration: 4 * time.Second, Outcome: flows.Success,
		Steps: []flows.StepResult{{Step: flows.StepTalk, Actor: flows.Actor(1), Measured: true, Started: start, Duration: 3500 * ms}},
		Pairs: []flows.Pair{
			{From: flows.Actor(1), To: flows.Actor(2), Sent: 150, Delivered: 150, Latency: flows.Distribution{Count: 150, P50: 410 * time.Microsecond, P95: 700 * time.Microsecond, P99: 1200 * time.Microsecond, Max: 2 * ms},
				Jitter: 130 * time.Microsecond, LongestSilence: 21 * ms, RelayShare: new(200 * time.Microsecond), SendLateness: flows.Distribution{Count: 150, Max: ms}},
			{From: flows.Actor(2), To: flows.Actor(1), Sent: 150, Delivered: 141, LostUplink: 3, LostDownlink: 4, LostUnattributed: 1, Refused: 1,
				LostAt:    []flows.HandlerLoss{{Handler: 1, Uplink: 1}, {Handler: 2, Uplink: 2, Downlink: 4}},
				RefusedBy: map[string]int{"signature_invalid": 1}, Latency: flows.Distribution{Count: 141, P50: ms, P95: 2 * ms, P99: 3 * ms, Max: 4 * ms}, Tainted: 2, LongestSilence: 61 * ms},
		},
		Self: flows.SelfEvidence{MaxLag: 7 * ms, TaintedFrames: 2, Taints: []flows.Cause{flows.CauseLag}},
	}
}

func withSamples(r flows.Run, scale time.Duration) flows.Run {
	for i := range r.Pairs {
		for n := range time.Duration(r.Pairs[i].Delivered) {
			r.Pairs[i].Samples = append(r.Pairs[i].Samples, flows.Sample{Latency: scale * n * 10 * time.Microsecond})
		}
	}
	return r
}

func informational(r flows.Run) flows.Run {
	r.Informational = true
	return r
}

func informationalOf(probe string, r flows.Run) flows.Run {
	r.Probe = probe
	return informational(r)
}

func restored() flows.Run {
	return flows.Run{
		ID: "r", Probe: "reconnect-clean", Flow: flows.Reconnect, Trigger: flows.OnDemand, Started: start.Add(2 * time.Minute), Duration: 2 * time.Second,
		Outcome: flows.Success,
		Steps: []flows.StepResult{
			{Step: flows.StepMCConnect, Actor: flows.ActorReturner, Measured: true, Started: start, Duration: 4 * ms},
			{Step: flows.StepMCConnect, Actor: flows.ActorReturner, Measured: true, After: true, Started: start, Duration: 5 * ms},
			{Step: flows.StepRestore, Actor: flows.ActorReturner, Measured: true, After: true, Started: start, Duration: 62 * ms},
		},
		Restoration: &flows.Restoration{Disconnect: flows.CutClean, Cut: start, Restored: true, Resumed: false,
			TimeToRestore: 62 * ms, ReturnerSilence: 70 * ms, StayerSilence: 81 * ms},
	}
}

func failed(outcome flows.Outcome, f *flows.Failure) flows.Run {
	f.Step, f.Actor = flows.StepMCJoin, flows.ActorPerson
	return flows.Run{
		ID: "f", Probe: "join", Flow: flows.Join, Trigger: flows.OnDemand, TraceID: "00f067aa0ba902b700f067aa0ba902b7",
		Started: start.Add(3 * time.Minute), Duration: 15 * time.Second, Outcome: outcome, Failure: f,
		Steps:  []flows.StepResult{{Step: flows.StepMCJoin, Actor: flows.ActorPerson, Measured: true, Started: start, Duration: 15 * time.Second, Failure: f}},
		Leaves: flows.Leaves{Unclean: 1},
	}
}

var (
	platformsFault = failed(flows.Failed, &flows.Failure{Hop: flows.MC, Reason: flows.Timeout, Detail: "MC join: timed out after 15s waiting for the JoinResponse"})
	probersFault   = failed(flows.Inconclusive, &flows.Failure{Hop: flows.Prober, Reason: flows.Self, Cause: flows.CauseLane, Detail: "1 person was in the lane's meeting already"})
	throttled      = failed(flows.Inconclusive, &flows.Failure{Hop: flows.GC, Reason: flows.Throttled, Detail: "GC refused to join: 429"})
	panicked       = failed(flows.Inconclusive, &flows.Failure{Hop: flows.Prober, Reason: flows.Self, Cause: flows.CausePanic, Detail: "panic: boom\ngoroutine 1"})
	aborted        = failed(flows.Aborted, &flows.Failure{Hop: flows.Prober, Reason: flows.Self, Detail: "the prober is shutting down"})
)

func TestOutputIsAsInTheGoldenFiles(t *testing.T) {
	good := []flows.Run{joined(1, ms), talked(), restored()}
	for name, write := range map[string]func(*bytes.Buffer) error{
		"good.txt": func(b *bytes.Buffer) error { return report.Text{}.Write(b, good) },
		"color.txt": func(b *bytes.Buffer) error {
			return report.Text{Color: true}.Write(b, []flows.Run{joined(1, ms), platformsFault})
		},
		"repeated.txt": func(b *bytes.Buffer) error {
			return report.Text{}.Write(b, []flows.Run{joined(1, ms), joined(2, 2*ms), joined(3, 3*ms), platformsFault})
		},
		"failures.txt": func(b *bytes.Buffer) error {
			return report.Text{}.Write(b, []flows.Run{platformsFault, probersFault, throttled, panicked, aborted, informationalOf("reconnect-abrupt", platformsFault)})
		},
		"merged.txt": func(b *bytes.Buffer) error {
			return report.Text{}.Write(b, []flows.Run{withSamples(talked(), 1), withSamples(talked(), 3)})
		},
		"none.txt":  func(b *bytes.Buffer) error { return report.Text{}.Write(b, nil) },
		"good.json": func(b *bytes.Buffer) error { return report.JSON(b, good, nil, report.ExitCode(good)) },
		"failed.json": func(b *bytes.Buffer) error {
			return report.JSON(b, []flows.Run{platformsFault, probersFault}, nil, report.ExitFailed)
		},
		"none.json": func(b *bytes.Buffer) error { return report.JSON(b, nil, nil, report.ExitCode(nil)) },
	} {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			if err := write(&b); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join("testdata", name)
			if *update {
				if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatalf("%v; make it with go test ./internal/report -update", err)
			}
			if !bytes.Equal(b.Bytes(), want) {
				t.Errorf("got:\n%s\nwant:\n%s", b.Bytes(), want)
			}
			if filepath.Ext(name) == ".json" && !json.Valid(b.Bytes()) {
				t.Error("not JSON")
			}
		})
	}
}

func TestExitCodes(t *testing.T) {
	good := joined(1, ms)
	for _, c := range []struct {
		name string
		runs []flows.Run
		want int
	}{
		{"every run good", []flows.Run{good, talked()}, report.ExitOK},
		{"one run failed", []flows.Run{good, platformsFault, probersFault}, report.ExitFailed},
		{"one run inconclusive", []flows.Run{good, probersFault}, report.ExitInconclusive},
		{"no run judged because of the prober", []flows.Run{probersFault, panicked}, report.ExitProber},
		{"throttled is the platform's answer", []flows.Run{throttled}, report.ExitInconclusive},
		{"an informational failure decides nothing", []flows.Run{good, informational(platformsFault)}, report.ExitOK},
		{"informational runs alone are no evidence", []flows.Run{informational(good)}, report.ExitProber},
		{"no runs are no evidence", nil, report.ExitProber},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := report.ExitCode(c.runs); got != c.want {
				t.Errorf("exit code %d, want %d", got, c.want)
			}
		})
	}
}
