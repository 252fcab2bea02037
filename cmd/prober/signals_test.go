package main

import (
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dark-tower/prober/internal/report"
)

// pester sends a signal again and again, as somebody who wants it to end.
func (p *process) pester(s os.Signal) {
	again := time.NewTicker(100 * time.Millisecond)
	defer again.Stop()
	for {
		select {
		case <-p.ended:
			return
		case <-again.C:
			_ = p.cmd.Process.Signal(s) // it may just have ended
		}
	}
}

func TestTheSecondCtrlCEndsAtOnce(t *testing.T) {
	t.Setenv(stubborn, "yes")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, signals := range [][2]os.Signal{{os.Interrupt, os.Interrupt}, {syscall.SIGTERM, os.Interrupt}, {syscall.SIGHUP, syscall.SIGTERM}} {
		c := start(t, false, self)
		c.await(t, &c.stdout, "working\n")
		c.signal(t, signals[0])
		c.await(t, &c.stdout, "interrupted, and working on")
		c.pester(signals[1])
		c.end(t).must(t, report.ExitInterrupted)
	}
}

// TestOneCtrlCThatComesTwiceIsOne: what is started by timeout or make gets the same
// signal from them and as a part of their group. To abandon people in their meetings
// for that would leave them there for 45 s.
func TestOneCtrlCThatComesTwiceIsOne(t *testing.T) {
	for _, tc := range []struct {
		name    string
		signals []time.Duration
		want    []string
	}{
		{"none", nil, nil},
		{"one", []time.Duration{time.Second}, []string{"leave"}},
		{"one, heard three times", []time.Duration{time.Second, time.Second, time.Second + echo/2}, []string{"leave"}},
		{"two", []time.Duration{time.Second, 2 * time.Second}, []string{"leave", "abandon"}},
		{"one heard twice, and one more", []time.Duration{0, time.Millisecond, 2 * echo}, []string{"leave", "abandon"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var did []string
				signals, done := make(chan os.Signal), make(chan struct{})
				go heed(signals, done, func() { did = append(did, "leave") }, func() { did = append(did, "abandon") })
				began := time.Now()
				for _, at := range tc.signals {
					time.Sleep(at - time.Since(began))
					signals <- os.Interrupt
				}
				synctest.Wait()
				close(done)
				if !slices.Equal(did, tc.want) {
					t.Errorf("got %q, want %q", did, tc.want)
				}
			})
		})
	}
}

// TestALateProberIsNoFailedDeploy: a process that is stopped most of the time cannot tell
// how fast the platform is, and does not say that it is slow.
func TestALateProberIsNoFailedDeploy(t *testing.T) {
	p := gated(t)
	edit(t, p.files.Config, "sli: time_to_media, target: 95%, threshold: 2s", "sli: time_to_media, target: 95%, threshold: 60ms, gate: {prove: 50%, runs: 5}")
	c := start(t, true, prober, p.gate("--inconclusive", "fail")...)
	c.await(t, &c.terminal, "about ")
	c.halting(100*time.Millisecond, 20*time.Millisecond)
	r := c.end(t).must(t, report.ExitProber)
	if line, _, _ := strings.Cut(r.stdout, "\n"); !strings.HasPrefix(line, "COULD NOT MEASURE: the prober itself kept ") || !strings.Contains(line, "join-time-to-media") {
		t.Errorf("got %v", r)
	}
}

// halting stops a process again and again for a while, and lets it work in between, until
// it ends.
func (p *process) halting(stopped, working time.Duration) {
	for next := syscall.SIGSTOP; ; {
		wait := stopped
		if next == syscall.SIGSTOP {
			wait = working
		}
		select {
		case <-p.ended:
			return
		case <-time.After(wait):
		}
		_ = p.cmd.Process.Signal(next) // it may just have ended
		if next == syscall.SIGSTOP {
			next = syscall.SIGCONT
		} else {
			next = syscall.SIGSTOP
		}
	}
}
