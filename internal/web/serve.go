package web

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"golang.org/x/net/netutil"
)

// limits keep a slow or hostile client from taking more than its share.
type limits struct {
	header, request, response, idle time.Duration
	headerBytes                     int
	bodyBytes                       int64
	connections                     int
	shutdown                        time.Duration
}

var defaultLimits = limits{
	header: 5 * time.Second, request: 10 * time.Second, response: 30 * time.Second, idle: 2 * time.Minute,
	headerBytes: 16 << 10, bodyBytes: 4 << 10, connections: 256, shutdown: 3 * time.Second,
}

// Serve answers on l until ctx is done, and then ends the requests that are under
// way within seconds. It closes l. The error is nil when ctx ended it.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	server := &http.Server{
		Handler:           http.MaxBytesHandler(s.handler, s.limits.bodyBytes),
		ReadHeaderTimeout: s.limits.header, ReadTimeout: s.limits.request, WriteTimeout: s.limits.response, IdleTimeout: s.limits.idle,
		MaxHeaderBytes: s.limits.headerBytes,
		ErrorLog:       slog.NewLogLogger(s.o.Log.Handler(), slog.LevelDebug),
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(netutil.LimitListener(l, s.limits.connections)) }()
	var err error
	select {
	case err = <-ended:
	case <-ctx.Done():
		patience, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.limits.shutdown)
		defer cancel()
		if server.Shutdown(patience) != nil {
			_ = server.Close() // ends the contexts of what still runs
		}
		err = <-ended
	}
	s.running.Wait()
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// patient takes the timeouts off a request whose answer takes as long as a run.
func patient(w http.ResponseWriter) {
	c := http.NewResponseController(w)
	_ = c.SetReadDeadline(time.Time{}) // not supported: then there was none
	_ = c.SetWriteDeadline(time.Time{})
}

// IsLoopback reports whether only this machine can reach addr.
func IsLoopback(addr net.Addr) bool {
	tcp, ok := addr.(*net.TCPAddr)
	return ok && tcp.IP.IsLoopback()
}
