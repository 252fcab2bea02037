// Command fidelity measures how good the prober's measurements are: through links
// that know what became of every packet and when, it compares what the prober says
// with what is true.
//
//	go run ./bench/fidelity
//
// It prints three tables: one-way latency, frame by frame, on an idle machine and
// with every processor busy; losses by leg; and the phases of joining in round
// trips. It fails when a count of losses is not the truth.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/dark-tower/prober/internal/link"
)

func main() {
	duration := flag.Duration("for", 20*time.Second, "how long people talk in each measurement")
	only := flag.String("only", "latency,loss,phases", "which tables")
	burning := flag.Bool(burnFlag, false, "keep a processor busy, and do nothing else")
	flag.Parse()
	if *burning { // see withNoise
		burn()
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, *duration, strings.Split(*only, ","))
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "fidelity:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, duration time.Duration, tables []string) error {
	known := map[string]func(context.Context, time.Duration) error{"latency": printLatency, "loss": printLoss, "phases": printPhases}
	for _, name := range tables {
		if known[name] == nil {
			return fmt.Errorf("there is no table %q; there are latency, loss and phases", name)
		}
	}
	fmt.Printf("%s, %d processors, %s%s\n", runtime.Version(), runtime.NumCPU(), runtime.GOOS, load())
	for _, name := range tables {
		if err := known[name](ctx, duration); err != nil {
			return err
		}
	}
	return nil
}

// load is the machine's load average, for whoever reads the numbers.
func load() string {
	b, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return ""
	}
	f := strings.Fields(string(b))
	return fmt.Sprintf(", load %s at the start", f[0])
}

func table() *tabwriter.Writer {
	return tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
}

func printLatency(ctx context.Context, duration time.Duration) error {
	fmt.Printf("\nOne-way latency: error in ms (reported minus true), by the delay of each link\n")
	t := table()
	fmt.Fprintln(t, "delay\tmachine\tframes\texact\terror p50\tp99\tmax\tsending p50\tp99\treceiving p50\tp99\tleft out p50\tp99\ttainted\tuntainted max\twrong\tlink late p50\tp99\t")
	for _, busy := range []bool{false, true} {
		for _, ms := range []int{0, 5, 20, 80} {
			one := link.Conditions{Delay: time.Duration(ms) * time.Millisecond}
			var r latencyResult
			measure := func() (err error) {
				r, err = measureLatency(ctx, link.Spec{Up: one, Down: one}, duration)
				return err
			}
			machine, err := "idle", error(nil)
			if busy {
				machine, err = "busy", withNoise(ctx, measure)
			} else {
				err = measure()
			}
			if err != nil {
				return fmt.Errorf("latency through %v links: %w", one.Delay, err)
			}
			clean := r.untainted()
			exact := 0
			for _, c := range r.frames {
				if c.exact {
					exact++
				}
			}
			wrongOnes := 0
			for _, c := range clean {
				if c.error().Abs() > wrong {
					wrongOnes++
				}
			}
			q := func(f func(comparison) time.Duration) string {
				return fmt.Sprintf("%s\t%s", millis(quantile(r.frames, 0.50, f)), millis(quantile(r.frames, 0.99, f)))
			}
			abs := func(c comparison) time.Duration { return c.error().Abs() }
			fmt.Fprintf(t, "%d ms\t%s\t%d\t%d\t%s\t%s\t%s\t%s\t%s\t%d\t%s\t%d\t%s\t%s\t\n", ms, machine, len(r.frames), exact,
				q(abs), millis(quantile(r.frames, 1, abs)),
				q(func(c comparison) time.Duration { return c.sending }),
				q(func(c comparison) time.Duration { return c.receiving }),
				q(func(c comparison) time.Duration { return c.own }),
				len(r.frames)-len(clean), millis(quantile(clean, 1, abs)), wrongOnes,
				millis(max(r.lateness[0].P50, r.lateness[1].P50)), millis(max(r.lateness[0].P99, r.lateness[1].P99)))
		}
	}
	return t.Flush()
}

func millis(d time.Duration) string { return fmt.Sprintf("%.3f", float64(d)/1e6) }

func printLoss(ctx context.Context, duration time.Duration) error {
	fmt.Printf("\nLoss by leg: frames, as the prober says and as is true\n")
	t := table()
	fmt.Fprintln(t, "links\tsent\tuplink\ttrue\tby the link\tdownlink\ttrue\tby the link\tunattributed\tagrees\t")
	disagree := 0
	for _, text := range []string{"delay=10ms", "delay=10ms up.loss=5%", "delay=10ms down.loss=5%", "delay=10ms up.loss=3% down.loss=7%", "delay=10ms jitter=8ms loss=10% reorder=5% dup=2%"} {
		spec, err := link.Parse(text)
		if err != nil {
			return err
		}
		pairs, err := measureLoss(ctx, spec, duration)
		if err != nil {
			return fmt.Errorf("loss through %q: %w", text, err)
		}
		for _, r := range pairs {
			agrees := "yes"
			if !r.agrees() {
				agrees = "NO"
				disagree++
			}
			fmt.Fprintf(t, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%s\t\n", text, r.sent, r.evidence.LostUplink, r.up, r.linkUp, r.evidence.LostDownlink, r.down, r.linkDown, r.evidence.Unattributed, agrees)
		}
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if disagree > 0 {
		return errors.New("losses are not counted as they are")
	}
	return nil
}

func printPhases(ctx context.Context, _ time.Duration) error {
	const delay = 20 * time.Millisecond
	fmt.Printf("\nPhases of joining through links of %v each way\n", delay)
	phases, err := measurePhases(ctx, delay)
	if err != nil {
		return fmt.Errorf("phases: %w", err)
	}
	t := table()
	fmt.Fprintln(t, "phase\tround trips\tms\tin round trips\t")
	for _, p := range phases {
		fmt.Fprintf(t, "%s\t%d\t%s\t%.2f\t\n", p.name, p.trips, millis(p.took), float64(p.took)/float64(2*delay))
	}
	return t.Flush()
}
