// Command memory measures where the resident memory of the daemon is: how much of it
// are pages of the program's file, which the kernel can drop and read again, and how
// much is its own; beside the smallest program that links the same libraries.
//
//	go run ./bench/memory [-for 30m]
//
// It builds the program as the image has it, runs the embedded platform itself, and
// gives `prober run` three probes at the shipped intervals. It reads /proc, so it
// needs Linux. Variables such as GOGC are the daemon's, too.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"time"
)

const module = "github.com/dark-tower/prober"

// bench is one run of this program.
type bench struct {
	out    io.Writer
	dir    string
	span   time.Duration // that the daemon is watched for
	scrape time.Duration // between two
	touch  time.Duration // for which pages are watched, at the end
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) (err error) {
	b := &bench{out: out, scrape: 15 * time.Second, touch: time.Minute}
	flags := flag.NewFlagSet("memory", flag.ContinueOnError)
	flags.DurationVar(&b.span, "for", 30*time.Minute, "`time` to watch the daemon for")
	flags.DurationVar(&b.scrape, "scrape", b.scrape, "`time` between scrapes")
	flags.DurationVar(&b.touch, "touch", b.touch, "`time` for which touched pages are counted, at the end")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if b.dir, err = os.MkdirTemp("", "prober-memory-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(b.dir)) }()
	fmt.Fprintf(out, "%s, %s/%s, %d cores, load average %s\n", runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), loadAverage())

	least, err := b.program(ctx, module+"/bench/memory/least")
	if err != nil {
		return err
	}
	prober, err := b.program(ctx, module+"/cmd/prober")
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "\n%-16s %6s %6s %6s %6s %6s %6s %12s %7s\n", "MiB", "RSS", "file", "own", "heap", "goal", "stacks", "collections", "CPU, s")
	floor, err := b.watchLeast(ctx, least)
	if err != nil {
		return fmt.Errorf("the least program: %w", err)
	}
	seen, err := b.watchDaemon(ctx, prober)
	if err != nil {
		return fmt.Errorf("the daemon: %w", err)
	}
	fmt.Fprintf(out, "daemon beside least: RSS %.2f, file %.2f, own %.2f; load average %s\n",
		seen.rss/floor.rss, seen.file/floor.file, seen.anonymous/floor.anonymous, loadAverage())
	return nil
}

// program builds a program as the image has it.
func (b *bench) program(ctx context.Context, pkg string) (path string, err error) {
	path = filepath.Join(b.dir, filepath.Base(pkg))
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", path, pkg)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if text, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building %s: %w\n%s", pkg, err, text)
	}
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	fmt.Fprintf(b.out, "%-16s %5.1f MiB on disk\n", filepath.Base(path), float64(info.Size())/(1<<20))
	return path, nil
}
