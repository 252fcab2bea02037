package media

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/dark-tower/prober/internal/webtransport"
)

// Config says how to reach media handlers.
type Config struct {
	Transport webtransport.Config
	Timeout   time.Duration // dial, stream and connect message of one handler; default 10 s
	Log       *slog.Logger  // nil: none
	// OnConnectMessage is told when a connect message of so many bytes has gone out
	// to a handler, the only message there is; on several goroutines. Nil: nothing
	// is called.
	OnConnectMessage func(at time.Time, bytes int)
}

// Handlers are a participant's connections to media handlers, over as many
// sessions as it has. A handler is known by its URL, exactly as MC spells it,
// whatever address was dialed.
//
// A handler never says that it accepted a connection, and a refusal is nothing
// but the end of the session (platform contract, media C.2): Connected means that
// the connect message is out, and Status tells what became of it.
type Handlers struct {
	cfg      Config
	sender   *Sender
	receiver *Receiver

	mu     sync.Mutex       // protects all following fields
	conns  []*conn          // all there ever were, oldest first
	now    map[string]*conn // the current one of each URL
	epochs map[string]uint32
	closed bool
}

// HandlerResult is how connecting to one handler went.
type HandlerResult struct {
	URL       string
	ConnEpoch uint32 // counts the connections made to URL, from 1; 0 when it failed
	Err       error  // nil: connected
	Start, At time.Time
	Dialed    string // address, as far as it is known
	Mapped    bool   // Dialed comes from the endpoint map
	Timings   webtransport.Timings
}

// Connected reports whether the connect message went out.
func (r HandlerResult) Connected() bool { return r.Err == nil }

// HandlerStatus is one connection as it stands.
type HandlerStatus struct {
	URL       string
	ConnEpoch uint32
	Current   bool // no newer connection to URL
	Open      bool
	Dark      bool      // its path was made a black hole
	Err       error     // why it is not open
	Since     time.Time // when it was dialed
	Ready     time.Time // when its connect message was out
	EndedAt   time.Time
	Hops      HopStats
	// QueueDropped are datagrams lost between reader and decoder.
	QueueDropped int
	Session      *webtransport.Session // for statistics, certificates and path; not to be closed
}

// A ConnectError is a handler that could not be connected to. Code and Reason are
// what the platform's own client reports to MC (platform contract, client 1.4).
type ConnectError struct {
	URL    string
	Step   string // "dial", "stream", "connect message"
	Code   string // "TRANSPORT" or "CONNECT_TIMEOUT"
	Reason string
	After  time.Duration
	Err    error
}

// Error names handler and step.
func (e *ConnectError) Error() string {
	return fmt.Sprintf("connecting to media handler %s: %s after %s: %v", e.URL, e.Step, e.After.Round(time.Millisecond), e.Err)
}

// Timeout reports whether the handler's time was up.
func (e *ConnectError) Timeout() bool { return e.Code == codeTimeout }

func (e *ConnectError) Unwrap() error { return e.Err }

const (
	codeTransport = "TRANSPORT"
	codeTimeout   = "CONNECT_TIMEOUT"
)

var (
	// ErrReleased is the cause when a handler is dialed after Close.
	ErrReleased = errors.New("the participant has been released")
	// ErrNoConnection is the cause when there is no open connection to a URL.
	ErrNoConnection = errors.New("no open connection to this media handler")
)

// NewHandlers returns no connections yet. They feed receiver and are fed by
// sender. Close must be called, before receiver's Close.
func NewHandlers(cfg Config, sender *Sender, receiver *Receiver) *Handlers {
	if cfg.Timeout <= 0 {
		cfg.Timeout = 10 * time.Second
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.OnConnectMessage == nil {
		cfg.OnConnectMessage = func(time.Time, int) {}
	}
	return &Handlers{cfg: cfg, sender: sender, receiver: receiver, now: map[string]*conn{}, epochs: map[string]uint32{}}
}

// ConnectAll connects to all urls at once and waits until each has settled. The
// results are in the order of urls.
func (h *Handlers) ConnectAll(ctx context.Context, urls []string, token string) []HandlerResult {
	results := make([]HandlerResult, len(urls))
	var wg sync.WaitGroup
	for i, url := range urls {
		wg.Go(func() { results[i] = h.Connect(ctx, url, token) })
	}
	wg.Wait()
	return results
}

// Connect connects to one handler; an older connection to it stays as it is and
// is no longer sent to.
func (h *Handlers) Connect(ctx context.Context, url, token string) HandlerResult {
	res := HandlerResult{URL: url, Start: time.Now()}
	c, err := h.dial(ctx, url, token)
	res.At = time.Now()
	if err != nil {
		res.Err = err
		var dial *webtransport.DialError
		if errors.As(err, &dial) {
			res.Dialed, res.Mapped, res.Timings = dial.Addr, dial.Mapped, dial.Timings
		}
		h.cfg.Log.DebugContext(ctx, "media handler not connected", "url", url, "error", err)
		return res
	}
	res.ConnEpoch = c.epoch
	res.Dialed, res.Mapped, res.Timings = c.session.Dialed(), c.session.Mapped(), c.session.Timings()
	h.cfg.Log.DebugContext(ctx, "media handler connected", "url", url, "dialed", res.Dialed, "took", res.At.Sub(res.Start))
	return res
}

// adopt makes c the current connection to its URL and starts its goroutines.
func (h *Handlers) adopt(c *conn) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return ErrReleased
	}
	h.epochs[c.url]++
	c.epoch = h.epochs[c.url]
	h.conns = append(h.conns, c)
	h.now[c.url] = c
	c.start(h.sender, h.receiver)
	return nil
}

// Cut closes the current connection to url, and no other, with QUIC code 0.
func (h *Handlers) Cut(url string) error {
	h.mu.Lock()
	c := h.now[url]
	h.mu.Unlock()
	if c == nil || !c.open() {
		return fmt.Errorf("cutting the connection to %s: %w", url, ErrNoConnection)
	}
	return c.close()
}

// CloseAll closes every connection with QUIC code 0, which a handler takes for a
// leave, and waits for their goroutines. Dark ones see the light first, so that
// their handlers need not wait for a timeout.
func (h *Handlers) CloseAll() error {
	h.mu.Lock()
	conns := h.conns
	h.mu.Unlock()
	errs := make([]error, len(conns))
	var wg sync.WaitGroup
	for i, c := range conns {
		wg.Go(func() { errs[i] = c.close() })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// Close is CloseAll, for good: nothing can be connected afterwards.
func (h *Handlers) Close() error {
	h.mu.Lock()
	h.closed = true
	h.mu.Unlock()
	return h.CloseAll()
}

// BlackHole makes every open connection's path dark, for good: what is sent
// vanishes, what arrives is dropped, and neither side is told.
func (h *Handlers) BlackHole() {
	for _, c := range h.current() {
		c.session.Path().BlackHole(true)
	}
}

// Rebind moves every open, current connection to a new local address, as a NAT
// that forgot its bindings does.
func (h *Handlers) Rebind() error {
	var errs []error
	for _, c := range h.current() {
		if err := c.session.Path().Rebind(); err != nil {
			errs = append(errs, fmt.Errorf("moving the connection to %s: %w", c.url, err))
			continue
		}
		c.show()
	}
	return errors.Join(errs...)
}

// current returns the current connections that are open.
func (h *Handlers) current() []*conn {
	h.mu.Lock()
	defer h.mu.Unlock()
	var out []*conn
	for _, c := range h.conns {
		if h.now[c.url] == c && c.open() {
			out = append(out, c)
		}
	}
	return out
}

// Current returns the newest connection to url.
func (h *Handlers) Current(url string) (HandlerStatus, bool) {
	h.mu.Lock()
	c := h.now[url]
	h.mu.Unlock()
	if c == nil {
		return HandlerStatus{}, false
	}
	s := c.status()
	s.Current = true
	return s, true
}

// Since returns when the connection of this epoch to url was dialed.
func (h *Handlers) Since(url string, epoch uint32) (time.Time, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, c := range h.conns {
		if c.url == url && c.epoch == epoch {
			return c.session.Timings().Start, true
		}
	}
	return time.Time{}, false
}

// Status returns all connections there ever were, oldest first.
func (h *Handlers) Status() []HandlerStatus {
	h.mu.Lock()
	defer h.mu.Unlock()
	out := make([]HandlerStatus, 0, len(h.conns))
	for _, c := range h.conns {
		s := c.status()
		s.Current = h.now[c.url] == c
		out = append(out, s)
	}
	return out
}
