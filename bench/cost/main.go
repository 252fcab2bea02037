// Command cost measures what the prober costs beside the floor: the bare
// primitives, raw QUIC, an idle process. Each section compares within one run, so
// that its ratios mean something on any machine:
//
//	go run ./bench/cost [flags] [dial] [seal] [talk] [join] [idle]
//
// Without a name all sections run. The platform, and whatever else answers, is a
// child process, so that all that is measured is the prober's own.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"runtime/pprof"
	"slices"
	"strings"
	"time"
)

// bench is one run of this program.
type bench struct {
	out   io.Writer
	short bool // prove that it works; the figures mean nothing

	rounds int           // of dial
	people numbers       // of talk, in turn
	window time.Duration // of talk
	joins  int           // of join
	nice   int           // of all processes of this program
	own    int           // core of what is measured; -1: any
	other  int           // core of the child; -1: any
}

type section struct {
	name  string
	about string
	run   func(context.Context, *bench) error
}

func sections() []section {
	return []section{
		{"dial", "dial, session and first framed answer, beside raw QUIC with the same round trips", dial},
		{"seal", "building and opening a frame, beside the bare primitives", sealing},
		{"talk", "participants at 50 frames/s on one core", talk},
		{"join", "what many joins leave behind", joins},
		{"idle", "memory of three idle probes", idle},
	}
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:], os.Stdin, os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, in io.Reader, out io.Writer) (err error) {
	if len(args) > 0 && args[0] == childArgument {
		return serveChild(ctx, args[1:], in, out)
	}
	b := &bench{out: out}
	flags := flag.NewFlagSet("cost", flag.ContinueOnError)
	flags.BoolVar(&b.short, "short", false, "only prove that it works")
	flags.IntVar(&b.rounds, "rounds", 300, "`dials` of each kind")
	b.people = numbers{10, 20, 40, 60, 70, 80, 90, 100, 110, 120}
	flags.Var(&b.people, "people", "`numbers` of participants to try")
	flags.DurationVar(&b.window, "window", 6*time.Second, "`time` that each number of participants talks")
	flags.IntVar(&b.joins, "joins", 10000, "`number` of joins")
	flags.IntVar(&b.own, "core", 0, "`core` for what is measured, -1 for any")
	flags.IntVar(&b.other, "platform-core", 1, "`core` for the child process, -1 for any")
	flags.IntVar(&b.nice, "nice", 0, "`nice` value, below 0 where somebody else is at work on these cores; needs the privilege")
	profile := flags.String("cpuprofile", "", "`file` for a CPU profile")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if b.short {
		b.rounds, b.people, b.window, b.joins, b.own, b.other = 3, numbers{2}, 500*time.Millisecond, 4, -1, -1
	}
	if *profile != "" {
		f, err := os.Create(*profile)
		if err != nil {
			return err
		}
		defer f.Close()
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	if b.nice != 0 {
		if err := prefer(b.nice); err != nil {
			return fmt.Errorf("taking the nice value %d: %w", b.nice, err)
		}
		defer func() { err = errors.Join(err, prefer(0)) }() // the session outlives this program
	}
	chosen, err := choose(flags.Args())
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%s, %s/%s, %d cores\n", runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU())
	for _, s := range chosen {
		if err := b.section(ctx, s); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	return nil
}

func choose(names []string) ([]section, error) {
	all := sections()
	if len(names) == 0 {
		return all, nil
	}
	var chosen []section
	for _, name := range names {
		i := slices.IndexFunc(all, func(s section) bool { return s.name == name })
		if i < 0 {
			var known []string
			for _, s := range all {
				known = append(known, s.name)
			}
			return nil, fmt.Errorf("no section is called %q; there are: %s", name, strings.Join(known, ", "))
		}
		chosen = append(chosen, all[i])
	}
	return chosen, nil
}

func (b *bench) section(ctx context.Context, s section) error {
	fmt.Fprintf(b.out, "\n%s: %s\n", s.name, s.about)
	started, before := time.Now(), loadAverage()
	if err := s.run(ctx, b); err != nil {
		return err
	}
	fmt.Fprintf(b.out, "took %v; load average %s before, %s after\n", time.Since(started).Round(100*time.Millisecond), before, loadAverage())
	return nil
}

// pin keeps this process on its core, as one that has no other would be, until
// the returned function is called.
func (b *bench) pin() (undo func()) {
	if b.own < 0 {
		return func() {}
	}
	if err := pinProcess(b.own); err != nil {
		fmt.Fprintf(b.out, "not pinned to a core: %v\n", err)
		return func() {}
	}
	procs := runtime.GOMAXPROCS(1)
	return func() {
		runtime.GOMAXPROCS(procs)
		_ = unpinProcess()
	}
}
