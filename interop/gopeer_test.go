package interop

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
	wtgo "github.com/quic-go/webtransport-go"
)

// goPeer is a server on webtransport-go, which speaks both dialects. It does what
// the Rust peer does as far as the library can.
type goPeer struct {
	t        testing.TB
	events   chan event
	h3       *wtgo.Server
	opts     options
	active   atomic.Int64
	sessions atomic.Int64
	ctx      context.Context // ends with the peer
	wg       sync.WaitGroup
}

type connKey struct{}

// startGo starts the peer on webtransport-go.
func startGo(s *server, opts options) {
	t := s.t
	t.Helper()
	if opts.ignore {
		t.Fatal("quic-go cannot ignore a client")
	}
	ctx, cancel := context.WithCancel(context.Background())
	p := &goPeer{t: t, events: make(chan event, 4096), opts: opts, ctx: ctx}
	p.h3 = &wtgo.Server{
		CheckOrigin: func(*http.Request) bool { return true },
		H3:          &http3.Server{Handler: http.HandlerFunc(p.request)},
	}
	p.h3.H3.ConnContext = func(ctx context.Context, c *quic.Conn) context.Context {
		return context.WithValue(ctx, connKey{}, c)
	}
	wtgo.ConfigureHTTP3Server(p.h3.H3)

	socket, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	tr := &quic.Transport{Conn: socket}
	ln, err := tr.ListenEarly(http3.ConfigureTLSConfig(&tls.Config{
		Certificates: []tls.Certificate{s.ca.leaf(t, opts)},
	}), p.quicConfig())
	if err != nil {
		t.Fatal(err)
	}
	p.wg.Go(func() { p.accept(ln) })
	t.Cleanup(func() {
		cancel()
		if err := errors.Join(ln.Close(), p.h3.Close(), tr.Close(), socket.Close()); err != nil {
			t.Error(err)
		}
		p.wg.Wait()
	})
	s.addr, s.events = socket.LocalAddr().String(), p.events
}

func (p *goPeer) quicConfig() *quic.Config {
	cfg := &quic.Config{
		EnableDatagrams: true, EnableStreamResetPartialDelivery: true,
		MaxIdleTimeout: p.opts.idle, KeepAlivePeriod: p.opts.idle / 3,
	}
	inner := cfg.Clone()
	cfg.GetConfigForClient = func(*quic.ClientInfo) (*quic.Config, error) {
		if p.opts.capacity > 0 && p.active.Load() >= int64(p.opts.capacity) {
			p.emit(event{Event: "refused"})
			return nil, errors.New("at capacity")
		}
		return inner, nil
	}
	return cfg
}

func (p *goPeer) accept(ln *quic.EarlyListener) {
	for {
		c, err := ln.Accept(context.Background())
		if err != nil {
			return
		}
		p.active.Add(1)
		p.wg.Go(func() {
			defer p.active.Add(-1)
			select {
			case <-time.After(p.opts.settingsDelay): // SETTINGS go out with ServeQUICConn
				_ = p.h3.ServeQUICConn(c)
			case <-c.Context().Done():
			case <-p.ctx.Done():
			}
			select {
			case <-c.Context().Done():
			case <-p.ctx.Done():
				return
			}
			if p.sessions.Load() == 0 {
				p.emit(event{Event: "failed", Why: conclude(context.Cause(c.Context()))})
			}
		})
	}
}

func (p *goPeer) emit(e event) {
	select {
	case p.events <- e:
	default: // nobody reads
	}
}

// request is one CONNECT request.
func (p *goPeer) request(w http.ResponseWriter, r *http.Request) {
	id := int(p.sessions.Add(1)) - 1
	p.emit(event{Event: "request", Session: id, Authority: r.Host, Path: r.URL.RequestURI(), UserAgent: r.UserAgent()})
	conn := r.Context().Value(connKey{}).(*quic.Conn)
	_, do, _ := strings.Cut(r.URL.RawQuery, "do=")
	steps := strings.Split(do, ",")
	for i, step := range steps {
		word, args := parse(step)
		switch word {
		case "wait":
			select {
			case <-time.After(args.duration()):
			case <-conn.Context().Done():
				p.emit(event{Event: "failed", Session: id, Why: conclude(context.Cause(conn.Context()))})
				return
			}
		case "status":
			w.WriteHeader(args.number())
			return
		case "abandon":
			_ = conn.CloseWithError(0, "") // what dropping the request does in Rust
			return
		case "accept":
			session, err := p.h3.Upgrade(w, r)
			if err != nil {
				<-conn.Context().Done()
				p.emit(event{Event: "failed", Session: id, Why: conclude(context.Cause(conn.Context()))})
				return
			}
			p.wg.Go(func() { (&goSession{p: p, id: id, conn: conn, session: session}).run(steps[i+1:]) })
			return
		default:
			p.t.Errorf("no step %q before the session is accepted", step)
			return
		}
	}
}

// conclude tells an end as the Rust peer does.
func conclude(err error) conclusion {
	var se *wtgo.SessionError
	var ae *quic.ApplicationError
	var te *quic.TransportError
	var it *quic.IdleTimeoutError
	switch {
	case errors.As(err, &se) && se.Remote:
		return conclusion{"ApplicationClosed", uint64(se.ErrorCode), se.Message}
	case errors.As(err, &ae) && ae.Remote:
		return conclusion{"ApplicationClosed", uint64(ae.ErrorCode), ae.ErrorMessage}
	case errors.As(err, &te) && te.Remote:
		return conclusion{"ConnectionClosed", uint64(te.ErrorCode), te.ErrorMessage}
	case errors.As(err, &it):
		return conclusion{Kind: "TimedOut"}
	case errors.As(err, &se), errors.As(err, &ae), errors.As(err, &te):
		return conclusion{Kind: "LocallyClosed"}
	}
	return conclusion{Kind: "other", Reason: err.Error()}
}
