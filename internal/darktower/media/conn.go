package media

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/dark-tower/prober/internal/darktower/framing"
	"github.com/dark-tower/prober/internal/darktower/tracecontext"
	"github.com/dark-tower/prober/internal/darktower/wire/signalingv1"
	"github.com/dark-tower/prober/internal/webtransport"
)

// A conn is one connection to a handler: the session, the stream whose open send
// half keeps it alive, and the goroutines that send, receive and watch.
type conn struct {
	url     string
	epoch   uint32
	ready   time.Time // when the connect message was out
	session *webtransport.Session
	stream  *webtransport.Stream // its send half is never finished: a FIN is the leave

	sender  *Sender
	out     *outlet
	in      *inlet
	cancel  context.CancelFunc
	watched sync.WaitGroup

	mu      sync.Mutex // protects all following fields
	endedAt time.Time
	closing sync.Once
	err     error // of closing
}

// dial connects to one handler: session, stream, connect message.
func (h *Handlers) dial(ctx context.Context, url, token string) (*conn, error) {
	start := time.Now()
	ctx, cancel := context.WithTimeout(ctx, h.cfg.Timeout)
	defer cancel()
	fail := func(step string, err error) error {
		e := &ConnectError{
			URL: url, Step: step, Code: codeTransport, Reason: "media handler connection failed",
			After: time.Since(start), Err: err,
		}
		if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(ctx.Err(), context.DeadlineExceeded) {
			e.Code, e.Reason = codeTimeout, "media handler connect deadline exceeded"
		}
		return e
	}
	session, err := webtransport.Dial(ctx, url, h.cfg.Transport)
	if err != nil {
		return nil, fail("dial", err)
	}
	c := &conn{url: url, session: session, sender: h.sender}
	if step, err := c.introduce(ctx, token, h.cfg.OnConnectMessage); err != nil {
		_ = session.CloseConnection(0, "") // err is what counts
		return nil, fail(step, err)
	}
	if err := h.adopt(c); err != nil {
		_ = session.CloseConnection(0, "")
		return nil, fail("connect message", err)
	}
	return c, nil
}

// introduce opens the one stream and sends the one message (platform contract,
// media C.2).
func (c *conn) introduce(ctx context.Context, token string, sent func(time.Time, int)) (step string, err error) {
	c.stream, err = c.session.OpenStream(ctx)
	if err != nil {
		return "stream", err
	}
	parent, state := tracecontext.Inject(ctx)
	body, err := proto.Marshal(&signalingv1.MhClientMessage{
		Message:     &signalingv1.MhClientMessage_ConnectRequest{ConnectRequest: &signalingv1.MhConnectRequest{JoinToken: token}},
		TraceParent: parent,
		TraceState:  state,
	})
	if err != nil {
		return "connect message", fmt.Errorf("encoding: %w", err)
	}
	if deadline, ok := ctx.Deadline(); ok {
		if err := c.stream.SetWriteDeadline(deadline); err != nil {
			return "connect message", err
		}
	}
	stop := context.AfterFunc(ctx, func() { _ = c.stream.SetWriteDeadline(time.Unix(1, 0)) })
	at := time.Now()
	err = framing.Write(c.stream, body)
	if !stop() && err == nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		return "connect message", err
	}
	sent(at, len(body))
	return "", c.stream.SetWriteDeadline(time.Time{})
}

// show has a handler see the connection's new address at once. A handler that
// only sends learns of it from the next packet that comes, which may be as late
// as the next keep-alive. Further bytes on the stream are ignored (platform
// contract, media C.2).
func (c *conn) show() {
	_ = c.stream.SetWriteDeadline(time.Now().Add(time.Second))
	_, _ = c.stream.Write([]byte{0}) // the session's own end tells when it is gone
}

// start starts the goroutines of a connected session.
func (c *conn) start(s *Sender, r *Receiver) {
	ctx, cancel := context.WithCancel(context.Background())
	c.cancel = cancel
	c.ready = time.Now()
	c.in = r.attach(ctx, c.url, c.epoch, c.session)
	c.out = s.attach(c.url, c.epoch, c.session)
	c.watched.Go(c.watch)
	// A handler sends nothing on the stream and ends its half at once, on success
	// and on failure alike: it says nothing either way. It is read all the same,
	// so that whatever comes cannot stop the session's flow control.
	c.watched.Go(func() { _, _ = io.Copy(io.Discard, c.stream) })
}

// watch notes the end of the session, whoever ended it.
func (c *conn) watch() {
	<-c.session.Done()
	c.mu.Lock()
	c.endedAt = time.Now()
	c.mu.Unlock()
	c.out.close(DropClosed)
}

func (c *conn) open() bool {
	select {
	case <-c.session.Done():
		return false
	default:
		return true
	}
}

// close ends the connection with QUIC code 0 and waits for its goroutines. A
// session that has ended by itself holds its socket until then.
func (c *conn) close() error {
	c.closing.Do(func() {
		c.session.Path().BlackHole(false)
		err := c.session.CloseConnection(0, "")
		<-c.in.done // it still takes what had arrived
		c.cancel()
		c.out.close(DropClosed)
		c.sender.detach(c.out)
		c.watched.Wait()
		if err != nil {
			c.err = fmt.Errorf("closing the connection to %s: %w", c.url, err)
		}
	})
	return c.err
}

func (c *conn) status() HandlerStatus {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := HandlerStatus{
		URL: c.url, ConnEpoch: c.epoch, Open: c.open(), Dark: c.session.Path().Dark(),
		Err: c.session.Err(), Since: c.session.Timings().Start, Ready: c.ready, EndedAt: c.endedAt, Session: c.session,
	}
	s.Hops, s.QueueDropped = c.in.stats()
	return s
}
