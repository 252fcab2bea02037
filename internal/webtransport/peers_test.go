package webtransport

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net/http"
	"sync"
	"testing"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
	wtgo "github.com/quic-go/webtransport-go"
)

// modernServer starts webtransport-go's server, which speaks both dialects; it
// gives its URL and a Config that trusts it. onSession gets each session and the
// connection under it.
func modernServer(t testing.TB, onSession func(*wtgo.Session, *quic.Conn)) (string, Config) {
	t.Helper()
	ca := newAuthority(t)
	var wg sync.WaitGroup
	srv := &wtgo.Server{CheckOrigin: func(*http.Request) bool { return true }}
	srv.H3 = &http3.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s, err := srv.Upgrade(w, r)
		if err != nil {
			return
		}
		conn := r.Context().Value(connKey{}).(*quic.Conn)
		wg.Go(func() { onSession(s, conn) })
	})}
	srv.H3.ConnContext = func(ctx context.Context, c *quic.Conn) context.Context {
		return context.WithValue(ctx, connKey{}, c)
	}
	wtgo.ConfigureHTTP3Server(srv.H3)
	tr := &quic.Transport{Conn: listenUDP(t)}
	ln, err := tr.ListenEarly(http3.ConfigureTLSConfig(&tls.Config{Certificates: []tls.Certificate{ca.valid(t)}}),
		&quic.Config{EnableDatagrams: true, EnableStreamResetPartialDelivery: true})
	if err != nil {
		t.Fatal(err)
	}
	wg.Go(func() {
		for {
			c, err := ln.Accept(context.Background())
			if err != nil {
				return
			}
			wg.Go(func() { _ = srv.ServeQUICConn(c) })
		}
	})
	t.Cleanup(func() {
		if err := errors.Join(ln.Close(), srv.Close(), tr.Close(), tr.Conn.Close()); err != nil {
			t.Error(err)
		}
		wg.Wait()
	})
	return "https://" + ln.Addr().String(), Config{RootCAs: ca.pool()}
}

type connKey struct{}

// modernEcho answers as wtdouble.Echo does.
func modernEcho(s *wtgo.Session, _ *quic.Conn) {
	ctx := s.Context()
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() {
		for {
			b, err := s.ReceiveDatagram(ctx)
			if err != nil || s.SendDatagram(b) != nil {
				return
			}
		}
	})
	wg.Go(func() {
		for {
			in, err := s.AcceptUniStream(ctx)
			if err != nil {
				return
			}
			wg.Go(func() {
				b, err := io.ReadAll(in)
				if err != nil {
					return
				}
				if out, err := s.OpenUniStream(); err == nil {
					_, _ = out.Write(b)
					_ = out.Close()
				}
			})
		}
	})
	for {
		st, err := s.AcceptStream(ctx)
		if err != nil {
			return
		}
		wg.Go(func() {
			_, _ = io.Copy(st, st)
			_ = st.Close()
		})
	}
}

// rawServer speaks QUIC with the given ALPN and leaves the rest to onConn, to
// misbehave in ways no library does. It gives its URL and a Config that trusts it.
func rawServer(t testing.TB, alpn string, onConn func(*quic.Conn)) (string, Config) {
	t.Helper()
	ca := newAuthority(t)
	tr := &quic.Transport{Conn: listenUDP(t)}
	ln, err := tr.Listen(&tls.Config{Certificates: []tls.Certificate{ca.valid(t)}, NextProtos: []string{alpn}},
		&quic.Config{EnableDatagrams: true})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := ln.Accept(context.Background())
			if err != nil {
				return
			}
			wg.Go(func() {
				onConn(c)
				<-c.Context().Done()
			})
		}
	})
	t.Cleanup(func() {
		if err := errors.Join(ln.Close(), tr.Close(), tr.Conn.Close()); err != nil {
			t.Error(err)
		}
		wg.Wait()
	})
	return "https://" + ln.Addr().String(), Config{RootCAs: ca.pool()}
}
