// Package rest is what AC and GC have in common as HTTP servers: a life cycle
// that leaves nothing behind, routing whose misses have no body, the request
// timeout, strict JSON bodies, the error envelope and W3C trace context
// (platform contract, AC/GC 1, 9).
//
// It knows no endpoint and no token.
package rest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"path"
	"sync"
	"time"
)

// headerTimeout bounds how long a client may take over its request headers.
const headerTimeout = 30 * time.Second

// Server is a running HTTP/1.1 server in the clear.
type Server struct {
	url     string
	server  *http.Server
	release context.CancelFunc // ends every request's context
	served  chan error
	conns   sync.WaitGroup
}

// Serve starts serving h on ln, which it takes over. The context gives values,
// not a lifetime: only Close ends the server.
func Serve(ctx context.Context, ln net.Listener, h http.Handler, log *slog.Logger) *Server {
	base, release := context.WithCancel(context.WithoutCancel(ctx))
	s := &Server{
		url:     "http://" + ln.Addr().String(),
		release: release,
		served:  make(chan error, 1),
	}
	s.server = &http.Server{
		Handler:           h,
		ReadHeaderTimeout: headerTimeout,
		BaseContext:       func(net.Listener) context.Context { return base },
		ConnState:         s.track,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	go func() { s.served <- s.server.Serve(ln) }()
	return s
}

// track counts connections. A new one is counted on the goroutine that accepts,
// so that none can be added once Serve has returned.
func (s *Server) track(_ net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		s.conns.Add(1)
	case http.StateClosed, http.StateHijacked:
		s.conns.Done()
	}
}

// URL returns the base URL, such as http://127.0.0.1:8082.
func (s *Server) URL() string { return s.url }

// Close ends all requests at once, closes every connection and waits for
// their goroutines.
func (s *Server) Close() error {
	s.release()
	err := s.server.Close()
	if serveErr := <-s.served; !errors.Is(serveErr, http.ErrServerClosed) {
		err = errors.Join(err, serveErr)
	}
	s.served <- http.ErrServerClosed // for another Close
	s.conns.Wait()
	if err != nil {
		return fmt.Errorf("closing the HTTP server at %s: %w", s.url, err)
	}
	return nil
}

// Router sends requests to handlers by method and path. A miss is 404 or 405
// with an empty body.
type Router struct{ mux http.ServeMux }

// Handle adds a handler for a pattern as http.ServeMux knows them.
func (t *Router) Handle(pattern string, h http.Handler) { t.mux.Handle(pattern, h) }

// ServeHTTP implements http.Handler.
func (t *Router) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if p := r.URL.Path; p == "" || path.Clean(p) != p {
		w.WriteHeader(http.StatusNotFound) // the mux would redirect
		return
	}
	h, pattern := t.mux.Handler(r)
	if pattern == "" {
		miss := newRecorder(w)
		h.ServeHTTP(miss, r)
		if allow := miss.header.Get("Allow"); allow != "" {
			w.Header().Set("Allow", allow)
		}
		w.WriteHeader(miss.status)
		return
	}
	t.mux.ServeHTTP(w, r)
}
