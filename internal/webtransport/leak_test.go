package webtransport

import (
	"context"
	"errors"
	"net/http"
	"os"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/quic-go/quic-go"

	"github.com/dark-tower/prober/internal/webtransport/internal/wtdouble"
)

func TestNothingIsLeftBehind(t *testing.T) {
	fds := func() int {
		entries, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Skip(err)
		}
		return len(entries)
	}
	var refuse atomic.Bool
	good, cfg := double(t, wtdouble.Config{OnSession: wtdouble.Echo, Refuse: refuse.Load})
	forbidden, forbiddenCfg := double(t, wtdouble.Config{Status: http.StatusForbidden})
	plain, plainCfg := double(t, wtdouble.Config{Settings: map[uint64]uint64{}})
	shut, shutCfg := double(t, wtdouble.Config{OnConn: func(c *quic.Conn) bool { _ = c.CloseWithError(1, ""); return false }})
	mute, muteCfg := double(t, wtdouble.Config{OnConn: func(*quic.Conn) bool { return false }})
	cfg.QlogDir = t.TempDir()
	untrusted := cfg
	untrusted.RootCAs = newAuthority(t).pool()
	closed := "https://" + closedPort(t)
	short := Config{HandshakeTimeout: 20 * time.Millisecond}

	dials := []struct {
		url  string
		cfg  Config
		kind Kind
	}{
		{good, cfg, ""}, {good, cfg, ""}, {good, untrusted, KindTLSUnknownCA}, {forbidden, forbiddenCfg, KindStatus},
		{plain, plainCfg, KindNoWebTransport}, {shut, shutCfg, KindClosed}, {mute, muteCfg, KindTimeout}, {closed, short, KindUnreachable},
		{good, cfg, KindRefused}, {"https://127.0.0.1:9", Config{QlogDir: "/nowhere"}, KindLocal},
	}
	round := func(i int) {
		d := dials[i%len(dials)]
		refuse.Store(d.kind == KindRefused)
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		if d.kind == KindTimeout {
			ctx, cancel = context.WithTimeout(context.Background(), 200*time.Millisecond)
		}
		defer cancel()
		s, err := Dial(ctx, d.url, d.cfg)
		if d.kind != "" {
			var e *DialError
			if !errors.As(err, &e) || e.Kind != d.kind {
				t.Fatalf("got %v, want %s", err, d.kind)
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		echo(t, s, "x")
		_ = open(t, s)
		if i%2 == 0 {
			_ = s.Close(0, "", linger)
			return
		}
		if err := s.Path().Rebind(); err != nil {
			t.Fatal(err)
		}
		_ = s.CloseConnection(0, "")
	}
	for i := range dials { // what is opened once and kept is open now
		round(i)
	}
	before := fds()
	for i := range 50 {
		round(i)
	}
	if after := fds(); after > before {
		t.Errorf("%d files are open, %d were", after, before)
	}
	// Servers and quic-go's own timers take a moment; TestMain names what stays.
	goroutines := runtime.NumGoroutine()
	eventually(t, "goroutines to end", func() bool { return runtime.NumGoroutine() <= goroutines })
}
