package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/flows/join"
)

// joins runs the join flow over and over: each run is two joins, of an anchor and
// of the person measured. What is left of them is counted after the first ones,
// which fill caches and pools, and at the end.
func joins(ctx context.Context, b *bench) (err error) {
	const workers, lanesEach = 8, 4 // a lane rests while the others are at work
	site, err := b.newSite(ctx, workers*lanesEach)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, site.close()) }()

	free := make(chan lane, len(site.lanes))
	for _, l := range site.lanes {
		free <- l
	}
	perform := func(runs int) (failed int64, first error) {
		var left, bad atomic.Int64
		var once sync.Once
		left.Store(int64(runs))
		var wg sync.WaitGroup
		for range workers {
			wg.Go(func() {
				for left.Add(-1) >= 0 && ctx.Err() == nil {
					l := <-free
					run := flows.Execute(ctx, flows.Spec{Probe: "join", Flow: flows.Join, Lane: l.name, Trigger: flows.OnDemand,
						Timeout: time.Minute, Teardown: 5 * time.Second}, &join.Flow{Stage: site.stage(l)})
					if run.Outcome != flows.Success {
						bad.Add(1)
						once.Do(func() { first = run.Failure })
					}
					free <- l
				}
			})
		}
		wg.Wait()
		return bad.Load(), first
	}

	fmt.Fprintln(b.out, "   joins  not green   heap, KiB  objects  goroutines  open files    CPU, ms per join")
	report := func(joins int, failed int64, cpu time.Duration) {
		m := b.remains()
		fmt.Fprintf(b.out, "  %6d  %9d  %10.1f  %7d  %10d  %10d  %8s\n", joins, failed, float64(m.heap)/1024, m.objects, m.goroutines, m.files, millis(cpu))
	}
	report(0, 0, 0)
	done, warm := 0, 2*len(site.lanes)
	if b.short {
		warm = 1
	}
	var failed int64
	for _, runs := range []int{warm, b.joins / 8, b.joins / 8, b.joins / 8, b.joins / 8} {
		cpu := cpuTime()
		bad, why := perform(runs)
		done, failed = done+runs, failed+bad
		report(2*done, failed, (cpuTime()-cpu)/time.Duration(2*max(runs, 1)))
		if why != nil {
			fmt.Fprintf(b.out, "  the first that was not green: %v\n", why)
		}
	}
	return ctx.Err()
}

// remainder is what a process holds.
type remainder struct {
	heap, objects     uint64
	goroutines, files int
}

// remains waits for what is ending, collects garbage and counts.
func (b *bench) remains() remainder {
	var m runtime.MemStats
	for range 3 {
		time.Sleep(b.quiet() / 10)
		runtime.GC()
	}
	runtime.ReadMemStats(&m)
	return remainder{heap: m.HeapAlloc, objects: m.HeapObjects, goroutines: runtime.NumGoroutine(), files: openFiles()}
}
