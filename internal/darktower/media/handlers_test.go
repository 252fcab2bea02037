package media

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/dark-tower/prober/internal/devstack/wtserver"
	"github.com/dark-tower/prober/internal/webtransport"
)

func TestConnectAllTalksToEveryHandlerAndLeavesCleanly(t *testing.T) {
	w := newWorld(t)
	a, b := w.handler(t, "a", true), w.handler(t, "b", true)
	c := newClient(t, w)
	results := c.ConnectAll(t.Context(), []string{a.url, b.url}, secretToken)
	for i, h := range []*fakeHandler{a, b} {
		r := results[i]
		if r.URL != h.url || !r.Connected() || r.ConnEpoch != 1 || !r.Mapped || r.Dialed != h.server.Addr().String() || r.Timings.Total <= 0 {
			t.Errorf("result %d: %+v", i, r)
		}
	}
	c.sender.Direct([]string{a.url, b.url})
	c.sender.Start()
	first := c.hear(t, "an echo of a", func(r Received) bool { return r.HandlerURL == a.url })
	if first.SlotID != 1 || !first.Declared || first.ConnEpoch != 1 {
		t.Errorf("echo: %+v", first)
	}
	// The same frames come back over both: whichever is second is a replay.
	c.hear(t, "ten echoes", func(r Received) bool { return r.Sequence >= 10 })
	c.sender.Stop()

	for _, h := range []*fakeHandler{a, b} {
		h.mu.Lock()
		if len(h.messages) != 1 || h.messages[0].GetConnectRequest().GetJoinToken() != secretToken {
			t.Errorf("%s got %d messages", h.url, len(h.messages))
		}
		if h.finished != 0 {
			t.Errorf("the send half to %s was finished during the session", h.url)
		}
		h.mu.Unlock()
	}
	for _, s := range c.Status() {
		if !s.Open || !s.Current || s.Err != nil {
			t.Errorf("status: %+v", s)
		}
	}
	if err := c.CloseAll(); err != nil {
		t.Error(err)
	}
	for _, h := range []*fakeHandler{a, b} {
		if e := await(t, h.ends); e.Cause != wtserver.ClientClosed || e.Code != 0 {
			t.Errorf("%s saw the leave as %v, code %d", h.url, e.Cause, e.Code)
		}
	}
	for _, s := range c.Status() {
		if s.Open || s.Err == nil || s.EndedAt.IsZero() {
			t.Errorf("status after leaving: %+v", s)
		}
	}
	sent, lost := c.sender.Sent(), 0
	for _, r := range sent {
		for _, to := range r.Targets {
			if to.Handed.IsZero() {
				lost++
			}
		}
	}
	if lost > 0 {
		t.Errorf("%d of %d hand-overs failed", lost, 2*len(sent))
	}
}

func TestConnectAllWaitsForEveryHandlerToSettle(t *testing.T) {
	w := newWorld(t)
	good := w.handler(t, "good", true)
	mute, err := net.ListenPacket("udp", "127.0.0.1:0") // reads nothing, answers nothing
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = mute.Close() }()
	closed, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = closed.Close()
	w.transport.Endpoints["mute.handlers.test:1"] = mute.LocalAddr().String()
	w.transport.Endpoints["closed.handlers.test:1"] = closed.LocalAddr().String()
	w.transport.HandshakeTimeout = 300 * time.Millisecond
	c := newClient(t, w)
	c.cfg.Timeout = time.Second

	results := c.ConnectAll(t.Context(), []string{"https://mute.handlers.test:1", good.url, "https://closed.handlers.test:1"}, secretToken)
	if !results[1].Connected() {
		t.Errorf("the good one: %v", results[1].Err)
	}
	for _, i := range []int{0, 2} {
		var failed *ConnectError
		var dial *webtransport.DialError
		if !errors.As(results[i].Err, &failed) || failed.Step != "dial" || !errors.As(results[i].Err, &dial) || results[i].ConnEpoch != 0 {
			t.Errorf("result %d: %v", i, results[i].Err)
			continue
		}
		if strings.Contains(results[i].Err.Error(), secretToken) {
			t.Errorf("the error shows the token: %v", results[i].Err)
		}
		if failed.Code != codeTransport && failed.Code != codeTimeout || failed.Reason == "" {
			t.Errorf("result %d would be reported to MC as %q, %q", i, failed.Code, failed.Reason)
		}
	}
	if len(c.Status()) != 1 {
		t.Errorf("%d connections on record, want the good one", len(c.Status()))
	}
}

func TestTheHandlersOwnTimeLimitIsAConnectTimeout(t *testing.T) {
	w := newWorld(t)
	mute, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = mute.Close() }()
	w.transport.Endpoints["mute.handlers.test:1"] = mute.LocalAddr().String()
	c := newClient(t, w)
	c.cfg.Timeout = 200 * time.Millisecond
	var failed *ConnectError
	if r := c.Connect(t.Context(), "https://mute.handlers.test:1", secretToken); !errors.As(r.Err, &failed) || !failed.Timeout() {
		t.Errorf("got %v, want a timeout", r.Err)
	}
}

func TestARejectedConnectShowsOnlyAsAClose(t *testing.T) {
	w := newWorld(t)
	h := w.handler(t, "strict", false)
	c := newClient(t, w)
	if r := c.Connect(t.Context(), h.url, secretToken); !r.Connected() {
		t.Fatalf("connecting: %v", r.Err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	_, err := c.receiver.AwaitFrame(ctx, func(Received) bool { return true })
	if !errors.Is(err, ErrAllClosed) {
		t.Fatalf("waiting for a frame: %v, want to be told that the connections are gone", err)
	}
	var ended *webtransport.SessionError
	if s := c.Status()[0]; s.Open || !errors.As(s.Err, &ended) || !ended.Remote || ended.Code != 0 {
		t.Errorf("status: open %v, %v", s.Open, s.Err)
	}
	if err := c.Cut(h.url); !errors.Is(err, ErrNoConnection) {
		t.Errorf("cutting what has ended: %v", err)
	}
}

func TestCuttingOneHandlerLeavesTheOtherAlone(t *testing.T) {
	w := newWorld(t)
	a, b := w.handler(t, "a", true), w.handler(t, "b", true)
	c := newClient(t, w)
	c.ConnectAll(t.Context(), []string{a.url, b.url}, secretToken)
	c.sender.Direct([]string{a.url, b.url})
	c.sender.Start()
	c.hear(t, "an echo", func(r Received) bool { return r.HandlerURL == a.url })

	if err := c.Cut(a.url); err != nil {
		t.Fatal(err)
	}
	if e := await(t, a.ends); e.Cause != wtserver.ClientClosed || e.Code != 0 {
		t.Errorf("the cut: %v", e)
	}
	cut := time.Now()
	c.hear(t, "an echo of the other after the cut", func(r Received) bool { return r.HandlerURL == b.url && r.At.After(cut) })
	if err := c.Cut("https://unknown:1"); !errors.Is(err, ErrNoConnection) {
		t.Errorf("cutting an unknown handler: %v", err)
	}

	if r := c.Connect(t.Context(), a.url, secretToken); !r.Connected() || r.ConnEpoch != 2 {
		t.Fatalf("redial: %+v", r)
	}
	back := c.hear(t, "an echo over the new connection", func(r Received) bool { return r.HandlerURL == a.url && r.ConnEpoch == 2 })
	for _, s := range c.sender.Sent() {
		if s.Sequence != back.Sequence {
			continue
		}
		if to := s.Targets[0]; to.ConnEpoch != 2 || to.Hop > back.Sequence/2 {
			t.Errorf("frame %d went to %+v: hops must start anew with the connection", s.Sequence, to)
		}
	}
	if a.messageCount() != 2 || b.messageCount() != 1 {
		t.Errorf("connect messages: %d and %d, want 2 and 1", a.messageCount(), b.messageCount())
	}
	if now, ok := c.Current(a.url); !ok || now.ConnEpoch != 2 || !now.Open {
		t.Errorf("current: %+v", now)
	}
}

func TestADarkConnectionTellsNobodyAndEndsInTheLight(t *testing.T) {
	w := newWorld(t)
	h := w.handler(t, "h", true)
	c := newClient(t, w)
	if r := c.Connect(t.Context(), h.url, secretToken); r.Err != nil {
		t.Fatal(r.Err)
	}
	c.sender.Direct([]string{h.url})
	c.sender.Start()
	c.hear(t, "an echo", func(Received) bool { return true })
	c.BlackHole()
	if s := c.Status()[0]; !s.Dark || !s.Open {
		t.Errorf("status in the dark: %+v", s)
	}
	if r := c.Connect(t.Context(), h.url, secretToken); r.ConnEpoch != 2 {
		t.Fatalf("redial: %+v", r)
	}
	c.hear(t, "an echo over the new connection", func(r Received) bool { return r.ConnEpoch == 2 })
	select {
	case e := <-h.ends:
		t.Errorf("the handler was told of the end: %v", e)
	default:
	}
	if err := c.CloseAll(); err != nil {
		t.Error(err)
	}
	for range 2 {
		if e := await(t, h.ends); e.Cause != wtserver.ClientClosed {
			t.Errorf("ended as %v", e)
		}
	}
}

func TestRebindMovesTheConnectionAndKeepsTheSession(t *testing.T) {
	w := newWorld(t)
	h := w.handler(t, "h", true)
	c := newClient(t, w)
	if r := c.Connect(t.Context(), h.url, secretToken); r.Err != nil {
		t.Fatal(r.Err)
	}
	c.sender.Direct([]string{h.url})
	c.sender.Start()
	c.hear(t, "an echo", func(Received) bool { return true })
	if err := c.Rebind(); err != nil {
		t.Fatal(err)
	}
	moved := time.Now()
	c.hear(t, "an echo at the new address", func(r Received) bool { return r.At.After(moved.Add(200 * time.Millisecond)) })
	if h.messageCount() != 1 {
		t.Errorf("%d connect messages, want the one", h.messageCount())
	}
	if n := c.Status()[0].Session.Path().Stats().Rebinds; n != 1 {
		t.Errorf("%d rebinds", n)
	}
}

func TestNothingConnectsAfterClose(t *testing.T) {
	w := newWorld(t)
	h := w.handler(t, "h", true)
	c := newClient(t, w)
	if err := c.Handlers.Close(); err != nil {
		t.Fatal(err)
	}
	if r := c.Connect(t.Context(), h.url, secretToken); !errors.Is(r.Err, ErrReleased) {
		t.Errorf("got %v", r.Err)
	}
}

func TestACancelledConnectEndsAtOnce(t *testing.T) {
	w := newWorld(t)
	mute, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = mute.Close() }()
	w.transport.Endpoints["mute.handlers.test:1"] = mute.LocalAddr().String()
	c := newClient(t, w)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if r := c.Connect(ctx, "https://mute.handlers.test:1", secretToken); !errors.Is(r.Err, context.Canceled) {
		t.Errorf("got %v", r.Err)
	}
}
