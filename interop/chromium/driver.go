package chromium

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Driver is a program that runs in node and drives a Chromium of its own. It takes
// one JSON object with an id a line, and answers in the same way with "result" or
// "error"; it says {"id": 0} when it is ready, and ends when its input does.
type Driver struct {
	t        testing.TB
	patience time.Duration
	ready    json.RawMessage
	ids      int
	in       io.WriteCloser
	answers  chan answer
	errors   *tail
}

type answer struct {
	ID     int
	Result json.RawMessage
	Error  string
}

// Start runs a driver's script with the folder of the packages, the browser's path, a
// folder for its profile, and args. It is ended with the test. No answer may take
// longer than patience.
func Start(t testing.TB, patience time.Duration, script string, args ...string) *Driver {
	t.Helper()
	browser := program(t, "chromium", "chromium-browser", "google-chrome")
	node := Node(t)
	installed := modules(t)

	// Chromium's last files may come later than its end: hence no TempDir.
	home, err := os.MkdirTemp("", "browser-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(home) })

	// Neither the context nor a failure kills the driver: it is asked to close the
	// browser first.
	cmd := exec.Command(node, append([]string{script, installed, browser, filepath.Join(home, "profile")}, args...)...)
	cmd.Env = append(os.Environ(), "XDG_CONFIG_HOME="+home, "XDG_CACHE_HOME="+home, "TMPDIR="+home)
	d := &Driver{t: t, patience: patience, answers: make(chan answer), errors: &tail{}}
	cmd.Stderr = d.errors
	cmd.WaitDelay = 5 * time.Second
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	d.in = in
	closing := make(chan struct{})
	read := make(chan struct{})
	go func() {
		defer close(read)
		defer close(d.answers)
		d.read(out, closing)
	}()
	t.Cleanup(func() {
		close(closing)
		_ = in.Close()
		stubborn := time.AfterFunc(10*time.Second, func() { _ = cmd.Process.Signal(syscall.SIGTERM) })
		defer stubborn.Stop()
		dead := time.AfterFunc(15*time.Second, func() { _ = cmd.Process.Kill() })
		defer dead.Stop()
		<-read
		if err := cmd.Wait(); err != nil {
			t.Errorf("the driver: %v", err)
		}
		if t.Failed() {
			t.Logf("the driver's last words:\n%s", d.errors)
		}
	})
	a, err := d.answer(0)
	if err != nil {
		t.Fatalf("opening the browser: %v", err)
	}
	d.ready = a.Result
	return d
}

// Ready is what the driver said when it was ready.
func (d *Driver) Ready() string { return strings.Trim(string(d.ready), `"`) }

func (d *Driver) read(out io.Reader, closing <-chan struct{}) {
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		var a answer
		if err := json.Unmarshal(lines.Bytes(), &a); err != nil {
			a.Error = fmt.Sprintf("the driver says %q", lines.Text())
		}
		select {
		case d.answers <- a:
		case <-closing:
		}
	}
}

// Say sends a command, to which it adds the id, and decodes the answer into into,
// unless that is nil. The test ends where the answer is an error.
func (d *Driver) Say(what string, into any, command map[string]any) {
	d.t.Helper()
	d.ids++
	command["id"] = d.ids
	line, err := json.Marshal(command)
	if err != nil {
		d.t.Fatal(err)
	}
	if _, err := d.in.Write(append(line, '\n')); err != nil {
		d.t.Fatalf("%s: %v", what, err)
	}
	a, err := d.answer(d.ids)
	if err != nil {
		d.t.Fatalf("the page: %s: %v", what, err)
	}
	if into == nil {
		return
	}
	if err := json.Unmarshal(a.Result, into); err != nil {
		d.t.Fatalf("the page: %s: %v", what, err)
	}
}

// answer waits for the answer to the command with this id.
func (d *Driver) answer(id int) (answer, error) {
	timer := time.NewTimer(d.patience)
	defer timer.Stop()
	select {
	case a, ok := <-d.answers:
		switch {
		case !ok:
			return a, errors.New("the driver has ended")
		case a.Error != "":
			return a, errors.New(a.Error)
		case a.ID != id:
			return a, fmt.Errorf("the answer to %d instead of %d", a.ID, id)
		}
		return a, nil
	case <-timer.C:
		return answer{}, errors.New("no answer")
	}
}

// tail keeps the end of what is written to it.
type tail struct {
	mu   sync.Mutex
	text []byte
}

func (l *tail) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = append(l.text, p...)
	if over := len(l.text) - 8<<10; over > 0 {
		l.text = append(l.text[:0], l.text[over:]...)
	}
	return len(p), nil
}

func (l *tail) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(l.text)
}
