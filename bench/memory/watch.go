package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/dark-tower/prober/internal/config"
	"github.com/dark-tower/prober/internal/devstack"
	"github.com/dark-tower/prober/internal/embedded"
	"github.com/dark-tower/prober/internal/setup"
)

// probes are three of those that are shipped, at their intervals.
const probes = `lanes:
  - {name: join-a, pool: throw-away, use: run}
  - {name: join-b, pool: throw-away, use: run}
  - {name: media, pool: throw-away, use: run}
  - {name: reconnect-clean, pool: throw-away, use: run, rest: 10s}

daemon: {first_run: 1s, listen: "127.0.0.1:0"}

probes:
  - name: join
    flow: join
    lanes: [join-a, join-b]
    interval: 15s
    timeout: 20s
    join: {anchor: transient}
    objectives:
      - {sli: availability, target: 99.9%, role: page}
      - {sli: time_to_media, target: 95%, threshold: 2s, role: warn}
      - {sli: gc_join, target: 99%, threshold: 500ms, role: warn}
      - {sli: mc_join, target: 99%, threshold: 500ms, role: warn}

  - name: media
    flow: media
    lanes: [media]
    interval: 30s
    timeout: 20s
    media: {duration: 10s, participants: 2, settle: 1s}
    objectives:
      - {sli: availability, target: 99.5%, role: page}
      - {sli: delivery_ratio, target: 99.5%, role: warn}
      - {sli: one_way_latency, target: 99%, threshold: 150ms, role: warn}

  - name: reconnect-clean
    flow: reconnect
    lanes: [reconnect-clean]
    interval: 1m
    timeout: 45s
    reconnect: {disconnect: clean}
    objectives:
      - {sli: availability, target: 99%, role: page}
      - {sli: time_to_restore, target: 95%, threshold: 5s, role: warn}
`

// watchDaemon runs the daemon on the embedded platform and prints what it holds.
func (b *bench) watchDaemon(ctx context.Context, program string) (seen holding, err error) {
	platform, err := embedded.Start(ctx, devstack.Options{})
	if err != nil {
		return seen, err
	}
	defer func() { err = errors.Join(err, platform.Close()) }()
	folder, err := platform.Write("")
	if err != nil {
		return seen, err
	}
	defer func() { err = errors.Join(err, folder.Close()) }()
	text, err := os.ReadFile(folder.Files.Config)
	if err != nil {
		return seen, err
	}
	who, _, _ := bytes.Cut(text, []byte("lanes:")) // what is before is about the platform and its accounts
	if err := os.WriteFile(folder.Files.Config, append(who, probes...), 0o600); err != nil {
		return seen, err
	}
	cfg, err := setup.Load(folder.Files.Config)
	if err != nil {
		return seen, err
	}
	if _, err := setup.Provide(ctx, cfg, folder.Files, config.Run, nil); err != nil {
		return seen, err
	}
	daemon, err := start(ctx, program, "run", "--config", folder.Files.Config, "--lanes", folder.Files.Lanes)
	if err != nil {
		return seen, err
	}
	defer func() { err = errors.Join(err, daemon.end()) }()
	seen, last, err := b.watch(ctx, daemon, "daemon", b.span)
	if err != nil {
		return seen, err
	}
	return seen, b.afterwards(ctx, daemon, last)
}

// watchLeast does the same with the least program, which is soon what it stays.
func (b *bench) watchLeast(ctx context.Context, program string) (seen holding, err error) {
	least, err := start(ctx, program)
	if err != nil {
		return seen, err
	}
	defer func() { err = errors.Join(err, least.end()) }()
	seen, _, err = b.watch(ctx, least, "least", min(b.span, time.Minute))
	return seen, err
}

// watch scrapes a process for so long and prints a line now and then, and at the end.
func (b *bench) watch(ctx context.Context, s *subject, who string, span time.Duration) (h holding, last series, err error) {
	next := b.scrape
	for after := b.scrape; ; after += b.scrape {
		if err := pause(ctx, b.scrape); err != nil {
			return h, nil, err
		}
		if last, err = s.scrape(ctx); err != nil {
			return h, nil, err
		}
		if h, err = holdingOf(s.pid()); err != nil {
			return h, nil, err
		}
		if after < next && after < span {
			continue
		}
		next *= 2
		fmt.Fprintf(b.out, "%-7s %8s %6.1f %6.1f %6.1f %6.1f %6.1f %6.1f %12.0f %7.1f\n", who, after, h.rss, h.file, h.anonymous,
			last.value("go_memstats_heap_inuse_bytes")/mebibyte, last.value("go_memstats_next_gc_bytes")/mebibyte,
			last.value("go_memstats_stack_inuse_bytes")/mebibyte, last.value("go_gc_duration_seconds"), last.value("process_cpu_seconds_total"))
		if after >= span {
			return h, last, nil
		}
	}
}

// afterwards says what the daemon has measured meanwhile, which of its file it
// touches, and what is left of its heap when the garbage is gone.
func (b *bench) afterwards(ctx context.Context, s *subject, last series) error {
	if err := forget(s.pid()); err != nil {
		return err
	}
	if err := pause(ctx, b.touch); err != nil {
		return err
	}
	file, err := touched(s.pid())
	if err != nil {
		return err
	}
	if err := s.collect(ctx); err != nil {
		return err
	}
	h, err := holdingOf(s.pid())
	if err != nil {
		return err
	}
	clean, err := s.scrape(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(b.out, "\nof its file, touched in %v: %.1f MiB\nof its heap, left when collected: %.1f MiB; RSS %.1f, of it its own %.1f\n", b.touch, file,
		clean.value("go_memstats_heap_alloc_bytes")/mebibyte, h.rss, h.anonymous)
	const prefix = "dt_synthetic_"
	fmt.Fprintf(b.out, "%.0f runs, %.0f of them success; tainted by lag: %.0f; a lag of more than 5 ms in %.0f\n",
		last.value(prefix+"runs_total"), last.value(prefix+"runs_total", "outcome", "success"),
		last.value(prefix+"self_tainted_runs_total", "cause", "lag"), last.beyond(prefix+"self_lag_seconds", 0.005))
	return nil
}

// beyond is how many observations of a histogram were larger than one of its edges.
func (f series) beyond(name string, edge float64) float64 {
	sum := 0.0
	for _, m := range f[name].GetMetric() {
		for _, bucket := range m.GetHistogram().GetBucket() {
			if bucket.GetUpperBound() == edge {
				sum += float64(m.GetHistogram().GetSampleCount() - bucket.GetCumulativeCount())
			}
		}
	}
	return sum
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
