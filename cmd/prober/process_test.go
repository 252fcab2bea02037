package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/internal/devstack"
	"github.com/dark-tower/prober/internal/report"
	"github.com/dark-tower/prober/internal/setup"
)

// process is the prober as a user starts it.
type process struct {
	cmd            *exec.Cmd
	stdout, stderr watched
	terminal       watched // what a user sees there; only with a terminal
	reading        sync.WaitGroup
	ended          chan struct{}
	code           int
}

// watched keeps what is written to it, and tells who waits for something in it.
type watched struct {
	mu      sync.Mutex // protects all following fields
	text    bytes.Buffer
	changed chan struct{}
}

func (w *watched) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.changed != nil {
		close(w.changed)
		w.changed = nil
	}
	return w.text.Write(b)
}

func (w *watched) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.String()
}

// look returns what there is, and what is closed when there is more.
func (w *watched) look() (string, <-chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.changed == nil {
		w.changed = make(chan struct{})
	}
	return w.text.String(), w.changed
}

// start starts a process. With a terminal, standard error is one.
func start(t *testing.T, terminal bool, name string, args ...string) *process {
	t.Helper()
	p := &process{cmd: exec.Command(name, args...), ended: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = &p.stdout, &p.stderr
	if terminal {
		master, slave := openTerminal(t)
		p.cmd.Stderr = slave
		defer func() { _ = slave.Close() }()
		p.reading.Go(func() {
			_, _ = io.Copy(&p.terminal, master) // ends with an error when nobody holds the other side
			_ = master.Close()
		})
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.ended)
		var exit *exec.ExitError
		if err := p.cmd.Wait(); errors.As(err, &exit) {
			p.code = exit.ExitCode()
		} else if err != nil {
			p.code = -2
		}
	}()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		<-p.ended
		p.reading.Wait()
	})
	return p
}

// await waits until text appears.
func (p *process) await(t *testing.T, w *watched, text string) {
	t.Helper()
	timeout := time.After(patience)
	for {
		said, more := w.look()
		if strings.Contains(said, text) {
			return
		}
		select {
		case <-more:
		case <-p.ended:
			p.reading.Wait()
			if !strings.Contains(w.String(), text) {
				t.Fatalf("ended without %q: %s", text, p.result())
			}
			return
		case <-timeout:
			t.Fatalf("no %q: %s", text, p.result())
		}
	}
}

func (p *process) signal(t *testing.T, s os.Signal) {
	t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}

// end waits for the end.
func (p *process) end(t *testing.T) result {
	t.Helper()
	select {
	case <-p.ended:
	case <-time.After(patience):
		p.signal(t, syscall.SIGQUIT)
		<-p.ended
		t.Fatalf("did not end: %v", p.result())
	}
	p.reading.Wait()
	return p.result()
}

func (p *process) result() result {
	code := -1
	select {
	case <-p.ended:
		code = p.code
	default:
	}
	return result{code, p.stdout.String(), p.stderr.String() + p.terminal.String()}
}

// serve starts `prober devstack` and returns what it says to paste.
func serve(t *testing.T, args ...string) (p *process, provision, check []string) {
	t.Helper()
	p = start(t, false, prober, append([]string{"devstack"}, args...)...)
	p.await(t, &p.stdout, "prober run ")
	commands := regexp.MustCompile(`(?m)^  prober (.*)\n`).FindAllStringSubmatch(p.stdout.String(), -1)
	if len(commands) != 3 {
		t.Fatalf("no three commands in %s", p.stdout.String())
	}
	return p, strings.Fields(commands[0][1]), strings.Fields(commands[1][1])
}

func TestAnotherTerminalChecksTheEmbeddedPlatform(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	stack, provision, check := serve(t)
	if accounts := regexp.MustCompile(`(?m)^  \S+@\S+  \S+$`).FindAllString(stack.stdout.String(), -1); len(accounts) != 3 {
		t.Errorf("accounts %q", accounts)
	}
	start(t, false, prober, provision...).end(t).must(t, 0)
	start(t, false, prober, append(check, "--probe", "join")...).end(t).must(t, 0)
	stack.signal(t, os.Interrupt)
	if r := stack.end(t).must(t, 0); r.stderr != "" {
		t.Errorf("ended with %s", r.stderr)
	}
	if left, err := os.ReadDir(os.Getenv("TMPDIR")); err != nil || len(left) > 0 {
		t.Errorf("left %v (%v)", left, err)
	}
}

// TestCtrlCLeavesNobodyBehind interrupts a real process at many moments. The
// platform would hold whoever has not left cleanly for half a minute and more.
func TestCtrlCLeavesNobodyBehind(t *testing.T) {
	p := newPlatform(t, devstack.Options{})
	for _, tc := range []struct{ probe, moment string }{
		{"join", "anchor sign_in"},
		{"join", "anchor mc_connect"},
		{"join", "anchor mh_connect"},
		{"join", "person gc_join"},
		{"join", "person mc_connect"},
		{"join", "person mc_join"},
		{"join", "person subscribe"},
		{"join", "lane join-check rests"},
		{"media", "talk"},
		{"reconnect-clean", "restore after the cut"},
		{"reconnect-abrupt", "mc_connect after the cut"},
	} {
		t.Run(tc.probe+" at "+tc.moment, func(t *testing.T) {
			// There are more runs to come, so that the signal is never too late.
			c := start(t, true, prober, p.check(tc.probe, "--runs", "1000", "--output", "json")...)
			c.await(t, &c.terminal, tc.moment)
			c.signal(t, os.Interrupt)
			r := c.end(t).must(t, report.ExitInterrupted)
			if !strings.Contains(r.stderr, "prober: interrupted") {
				t.Errorf("says %q", r.stderr)
			}
			d := r.document(t)
			for i, x := range d.Runs {
				if last := i == len(d.Runs)-1; x.Outcome == flows.Failed || x.Outcome == flows.Aborted && !last {
					t.Errorf("run %d: %s, %+v", i+1, x.Outcome, x.Failure)
				}
			}
			soon, cancel := context.WithTimeout(t.Context(), 9*time.Second)
			defer cancel()
			if err := p.Quiesce(soon); err != nil {
				t.Errorf("somebody is left behind: %v", err)
			}
		})
	}
}

func TestCtrlCWhileTheEmbeddedPlatformIsMadeReady(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	for _, moment := range []string{"starting the embedded platform", "join-check account 1", "media-check: created"} {
		t.Run(moment, func(t *testing.T) {
			c := start(t, true, prober, "check", "--devstack")
			c.await(t, &c.terminal, moment)
			c.signal(t, os.Interrupt)
			c.end(t).must(t, report.ExitInterrupted)
			if left, err := os.ReadDir(os.Getenv("TMPDIR")); err != nil || len(left) > 0 {
				t.Errorf("left %v (%v)", left, err)
			}
		})
	}
}

func TestCtrlCDuringProvisioningKeepsWhatWasMade(t *testing.T) {
	p := newPlatform(t, devstack.Options{})
	lanes := filepath.Join(t.TempDir(), "lanes.json")
	args := []string{"provision", "--config", p.files.Config, "--lanes", lanes, "--use", "check"}
	before := p.MeetingsCreated()
	c := start(t, true, prober, args...)
	c.await(t, &c.terminal, "media-check: created")
	c.signal(t, syscall.SIGTERM)                                                    // as a pipeline interrupts
	if r := c.end(t); r.code != report.ExitInterrupted && r.code != report.ExitOK { // the rest is quick
		t.Errorf("got %v", r)
	}
	run(t.Context(), args...).must(t, 0)
	if made := p.MeetingsCreated() - before; made != 6 {
		t.Errorf("%d meetings were made for 6 lanes", made)
	}
}

// TestThePlatformDiesDuringACheck kills everything while people talk: the run
// fails at the handlers, what follows at AC, and nothing hangs.
func TestThePlatformDiesDuringACheck(t *testing.T) {
	dir := t.TempDir()
	stack, provision, check := serve(t, "--dir", dir)
	start(t, false, prober, provision...).end(t).must(t, 0)
	edit(t, filepath.Join(dir, setup.DefaultConfig), "duration: 3s", "duration: 5s") // 2 s of silence are a failure
	c := start(t, true, prober, append(check, "--probe", "media", "--probe", "reconnect-clean", "--output", "json")...)
	c.await(t, &c.terminal, "talk")
	stack.signal(t, os.Kill)
	d := c.end(t).must(t, report.ExitFailed).document(t)
	if len(d.Runs) != 2 {
		t.Fatalf("%d runs", len(d.Runs))
	}
	if f := d.Runs[0].Failure; f == nil || f.Step != flows.StepTalk || f.Hop != flows.MH && f.Cause != flows.CauseLag {
		t.Errorf("people were talking, and the failure is %+v", f)
	}
	if f := d.Runs[1].Failure; f == nil || f.Step != flows.StepSignIn || f.Hop != flows.AC || f.Reason != flows.Unavailable {
		t.Errorf("nobody is there any more, and the failure is %+v", f)
	}
}

// TestAGhostIsRecognised has a process killed in the meeting: the next one finds
// somebody there whom it does not know, and blames nobody.
func TestAGhostIsRecognised(t *testing.T) {
	p := newPlatform(t, devstack.Options{})
	c := start(t, true, prober, p.check("media")...)
	c.await(t, &c.terminal, "talk")
	c.signal(t, os.Kill)
	c.end(t).must(t, -1)
	r := run(t.Context(), p.check("media", "--output", "json")...).must(t, report.ExitProber)
	if f := r.document(t).Runs[0].Failure; f == nil || f.Hop != flows.Prober || f.Cause != flows.CauseLane {
		t.Errorf("the failure is %+v", f)
	}
}

func TestWhatGoesWhere(t *testing.T) {
	p := newPlatform(t, devstack.Options{})
	t.Run("nothing but the report when piped", func(t *testing.T) {
		if r := start(t, false, prober, p.check("join")...).end(t).must(t, 0); r.stderr != "" || strings.Contains(r.stdout, "\x1b") {
			t.Errorf("got %v", r)
		}
	})
	t.Run("one line of progress on a terminal, and it is gone at the end", func(t *testing.T) {
		r := start(t, true, prober, p.check("join")...).end(t).must(t, 0)
		if !strings.Contains(r.stderr, "join: person mc_join") || !strings.HasSuffix(r.stderr, "\r\x1b[K") || strings.Contains(r.stderr, "\n") {
			t.Errorf("the terminal shows %q", r.stderr)
		}
	})
	t.Run("no progress on a terminal that can do nothing", func(t *testing.T) {
		t.Setenv("TERM", "dumb")
		if r := start(t, true, prober, p.check("join")...).end(t).must(t, 0); r.stderr != "" {
			t.Errorf("the terminal shows %q", r.stderr)
		}
	})
}

func TestColours(t *testing.T) {
	_, slave := openTerminal(t)
	defer func() { _ = slave.Close() }()
	for _, tc := range []struct {
		term, noColor string
		w             io.Writer
		want          bool
	}{
		{"xterm", "", slave, true},
		{"xterm", "1", slave, false},
		{"dumb", "", slave, false},
		{"xterm", "", new(bytes.Buffer), false},
	} {
		t.Setenv("TERM", tc.term)
		t.Setenv("NO_COLOR", tc.noColor)
		if got := colored(tc.w); got != tc.want {
			t.Errorf("TERM=%s NO_COLOR=%s on %T: %v", tc.term, tc.noColor, tc.w, got)
		}
	}
}

func TestTheDefaultLaneFile(t *testing.T) {
	p := newPlatform(t, devstack.Options{})
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("XDG_STATE_HOME", "")
	t.Setenv(setup.LanesVariable, "")
	start(t, false, prober, "provision", "--config", p.files.Config).end(t).must(t, 0)
	info, err := os.Stat(filepath.Join(home, ".local", "state", "dark-tower-prober", "lanes.json"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the lane file: %v, %v", info, err)
	}
	start(t, false, prober, "check", "--config", p.files.Config, "--probe", "join").end(t).must(t, 0)
}
