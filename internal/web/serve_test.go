package web_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/internal/page/pagetest"
	"github.com/dark-tower/prober/internal/web"
)

// listen serves o on a port of its own until the test ends or stop is called, which
// returns what Serve did.
func listen(t *testing.T, o web.Options, response, shutdown time.Duration) (addr string, stop func() error) {
	t.Helper()
	s, err := web.New(o)
	if err != nil {
		t.Fatal(err)
	}
	s.Hurry(response, shutdown)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx, l) }()
	var once error
	done := false
	stop = func() error {
		if !done {
			cancel()
			once, done = <-ended, true
		}
		return once
	}
	t.Cleanup(func() { _ = stop() })
	return l.Addr().String(), stop
}

func client(t *testing.T) *http.Client {
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

func TestARunMayTakeLongerThanAnyOtherAnswer(t *testing.T) {
	const response = 50 * time.Millisecond
	o := options(pagetest.Healthy())
	o.Trigger = func(ctx context.Context, _ string) (flows.Run, error) {
		select {
		case <-ctx.Done():
			return flows.Run{}, ctx.Err()
		case <-time.After(4 * response): // the run itself, not a wait for anything
			return flows.Run{ID: "slow"}, nil
		}
	}
	addr, _ := listen(t, o, response, time.Second)
	got, err := client(t).Post("http://"+addr+"/api/v1/probes/join/run", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = got.Body.Close() }()
	body, err := io.ReadAll(got.Body)
	if err != nil || got.StatusCode != 200 || !strings.Contains(string(body), "slow") {
		t.Errorf("%d %v %s", got.StatusCode, err, body)
	}
}

func TestARunEndsWithTheRequestThatAskedForIt(t *testing.T) {
	o := options(pagetest.Healthy())
	began, ended := make(chan struct{}), make(chan struct{})
	o.Trigger = func(ctx context.Context, _ string) (flows.Run, error) {
		close(began)
		<-ctx.Done()
		close(ended)
		return flows.Run{}, ctx.Err()
	}
	addr, _ := listen(t, o, time.Second, time.Second)
	ctx, leave := context.WithCancel(t.Context())
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+addr+"/api/v1/probes/join/run", nil)
	if err != nil {
		t.Fatal(err)
	}
	go func() { <-began; leave() }()
	if answer, err := client(t).Do(r); err == nil {
		_ = answer.Body.Close()
		t.Error("there was an answer")
	}
	<-ended
}

func TestServeEndsWithItsContextAndWaitsForItsAnswers(t *testing.T) {
	o := options(pagetest.Healthy())
	began := make(chan struct{})
	returned := false
	o.Trigger = func(ctx context.Context, _ string) (flows.Run, error) {
		close(began)
		<-ctx.Done()
		<-time.After(50 * time.Millisecond) // people are taken out of their meeting
		returned = true
		return flows.Run{}, ctx.Err()
	}
	addr, stop := listen(t, o, time.Second, 20*time.Millisecond)
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := fmt.Fprintf(conn, "POST /api/v1/probes/join/run HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	<-began
	if err := stop(); err != nil {
		t.Error(err)
	}
	if !returned {
		t.Error("Serve returned before the run had")
	}
	if _, err := net.Dial("tcp", addr); err == nil {
		t.Error("the port is still open")
	}
}

func TestServeSaysWhenThePortIsLost(t *testing.T) {
	s, err := web.New(options(pagetest.Empty()))
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	if err := s.Serve(t.Context(), l); err == nil {
		t.Error("no error")
	}
}

func TestWhatIsTooLargeIsRefused(t *testing.T) {
	addr, _ := listen(t, options(pagetest.Empty()), time.Second, time.Second)
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: localhost\r\nX: %s\r\n\r\n", strings.Repeat("x", 64<<10)); err != nil {
		t.Fatal(err)
	}
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	if answer.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("%d", answer.StatusCode)
	}
}

func TestASilentClientIsNotWaitedFor(t *testing.T) {
	addr, _ := listen(t, options(pagetest.Empty()), 50*time.Millisecond, time.Second)
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: loc"); err != nil {
		t.Fatal(err)
	}
	_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.ReadAll(conn); err != nil {
		t.Errorf("the connection is still open: %v", err)
	}
}
