package daemon

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/internal/schedule"
	"github.com/dark-tower/prober/internal/setup"
)

const conversations = `version: 1
platform: {ac_url: "http://127.0.0.1:1", gc_url: "http://127.0.0.1:1", organisation: devtest}
accounts:
  pool: {email: {env: "BENCH_EMAIL_{account}"}, password: {env: BENCH_PASSWORD}}
lanes:
  - {name: talk, pool: pool, use: run}
daemon: {listen: "127.0.0.1:0", first_run: 10m}
probes:
  - name: media
    flow: media
    lanes: [talk]
    interval: 30s
    timeout: 20s
    objectives:
      - {sli: availability, target: 99.5%, role: page}
      - {sli: one_way_latency, target: 99%, threshold: 150ms, role: warn}
      - {sli: delivery_ratio, target: 99.5%, role: warn}
`

// BenchmarkFinished is what becomes of one finished run: its trace settled, its
// series, its lines, its events, and its place in memory. A conversation of two people
// for 10 s has 1000 frames.
func BenchmarkFinished(b *testing.B) {
	b.Setenv("BENCH_EMAIL_TALK_1", "one@daemon.test")
	b.Setenv("BENCH_EMAIL_TALK_2", "two@daemon.test")
	b.Setenv("BENCH_PASSWORD", "a-password")
	dir := b.TempDir()
	files := setup.Files{Config: filepath.Join(dir, "probes.yaml"), Lanes: filepath.Join(dir, "lanes.json")}
	for path, content := range map[string]string{
		files.Config: conversations,
		files.Lanes:  `{"version":1,"platform":{"gc_url":"http://127.0.0.1:1","organisation":"devtest"},"lanes":{"talk":{"code":"Abc123Abc123"}},"creates":[]}`,
	} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			b.Fatal(err)
		}
	}
	d, listener, err := open(b.Context(), Options{Files: files, Out: io.Discard, Instance: "bench"})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		ctx, stop := context.WithCancel(context.Background())
		stop()
		if err := d.run(ctx, listener); err != nil {
			b.Error(err)
		}
	})
	for _, frames := range []int{0, 1000} {
		b.Run(fmt.Sprintf("%d frames", frames), func(b *testing.B) {
			run := talked(frames)
			start := schedule.Start{Probe: run.Probe, Lane: run.Lane, Trigger: flows.Scheduled}
			b.ReportAllocs()
			for n := 0; b.Loop(); n++ {
				run.ID = fmt.Sprintf("00000000-0000-4000-8000-%012d", n)
				journal := d.journal()
				for _, s := range run.Steps {
					journal.Step(run.Probe, run.Flow, s)
				}
				d.journals.Store(run.ID, journal)
				(*observer)(d).Finished(start, run)
			}
		})
	}
}

// talked is a run of flow media with every step of two people.
func talked(frames int) flows.Run {
	run := flows.Run{Probe: "media", Flow: flows.Media, Lane: "talk", Trigger: flows.Scheduled, Outcome: flows.Success,
		TraceID: "4bf92f3577b34da6a3ce929d0e0e4736", SpanID: "00f067aa0ba902b7", Started: time.Now(), Duration: 11 * time.Second}
	for who := range 2 {
		for _, step := range flows.StepsOf(flows.Media) {
			run.Steps = append(run.Steps, flows.StepResult{Step: step, Actor: flows.Actor(who + 1), Measured: true, Duration: 10 * time.Millisecond,
				TraceID: run.TraceID, SpanID: run.SpanID, Phases: []flows.Phase{{Name: flows.PhaseConnect, Duration: time.Millisecond}}})
		}
		pair := flows.Pair{From: flows.Actor(who + 1), To: flows.Actor(2 - who), Sent: frames / 2, Delivered: frames / 2}
		for n := range frames / 2 {
			pair.Samples = append(pair.Samples, flows.Sample{At: time.Duration(n) * 20 * time.Millisecond, Latency: time.Duration(20+n%60) * time.Millisecond})
		}
		run.Pairs = append(run.Pairs, pair)
	}
	return run
}
