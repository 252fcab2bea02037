package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/dark-tower/prober/internal/check"
	"github.com/dark-tower/prober/internal/config"
	"github.com/dark-tower/prober/internal/setup"
)

// idle loads a configuration, makes everything that three probes need and leaves
// them alone; then each runs once, and they are left alone again.
func idle(ctx context.Context, b *bench) (err error) {
	defer b.pin()()
	b.weigh("this program, before")
	var told config.DevstackPlatform
	other, err := b.startChild(ctx, "platform", &told)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, other.end()) }()
	dir, err := os.MkdirTemp("", "prober-cost-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	cfg, err := loadConfig(told, dir)
	if err != nil {
		return err
	}
	files := setup.Files{Lanes: filepath.Join(dir, "lanes.json")}
	if _, err := setup.Provide(ctx, cfg, files, config.Check, nil); err != nil {
		return err
	}
	tasks, err := check.Select(cfg, []string{"join", "media", "reconnect-clean"}, 1)
	if err != nil {
		return err
	}
	site, err := setup.Open(cfg, files, config.Check, check.Lanes(tasks), nil)
	if err != nil {
		return err
	}
	defer site.Close()
	probes, err := check.New(check.Options{Site: site, Tasks: tasks})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, probes.Close(ctx)) }()
	b.weigh("three probes, idle")
	if b.short {
		return nil
	}
	for _, run := range probes.Run(ctx) {
		if run.Failure != nil {
			fmt.Fprintf(b.out, "  %s: %v\n", run.Probe, run.Failure)
		}
	}
	b.weigh("three probes, after one run each")
	return nil
}

// loadConfig reads the configuration from a file, as the daemon does.
func loadConfig(told config.DevstackPlatform, dir string) (*config.Config, error) {
	ca := filepath.Join(dir, "ca.pem")
	if err := os.WriteFile(ca, told.CAPEM, 0o600); err != nil {
		return nil, err
	}
	text, err := config.DevstackFile(told, ca)
	if err != nil {
		return nil, err
	}
	path := filepath.Join(dir, "probes.yaml")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		return nil, err
	}
	return setup.Load(path)
}

// weigh prints what the process holds when it does nothing, for a while.
func (b *bench) weigh(when string) {
	m := b.remains()
	all, anonymous := resident()
	start, cpu := time.Now(), cpuTime()
	time.Sleep(b.quiet())
	share := ratio(cpuTime()-cpu, time.Since(start))
	fmt.Fprintf(b.out, "  %-34s RSS %5.1f MiB, of it anonymous %5.1f MiB; heap %.1f MiB, from the system %.1f MiB; %d goroutines, %d files, %.2f %% of a core\n",
		when, float64(all)/1024, float64(anonymous)/1024, float64(m.heap)/(1<<20), float64(fromSystem())/(1<<20), m.goroutines, m.files, 100*share)
}

func fromSystem() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.Sys
}

func (b *bench) quiet() time.Duration {
	if b.short {
		return 10 * time.Millisecond
	}
	return 3 * time.Second
}
