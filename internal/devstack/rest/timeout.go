package rest

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/http"
	"time"
)

// recorder keeps an answer back until it is known whether it is in time.
type recorder struct {
	under  http.ResponseWriter
	header http.Header
	status int
	body   bytes.Buffer
}

func newRecorder(under http.ResponseWriter) *recorder {
	return &recorder{under: under, header: make(http.Header), status: http.StatusOK}
}

func (b *recorder) Header() http.Header         { return b.header }
func (b *recorder) WriteHeader(status int)      { b.status = status }
func (b *recorder) Write(p []byte) (int, error) { return b.body.Write(p) }

// Unwrap lets http.ResponseController through.
func (b *recorder) Unwrap() http.ResponseWriter { return b.under }

// Timed gives h a deadline. An answer that is late, or that never comes because
// h gave up, is 408 with an empty body. h must honour its context.
func Timed(d time.Duration, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), d)
		defer cancel()
		answer := newRecorder(w)
		h.ServeHTTP(answer, r.WithContext(ctx))
		switch {
		case answer.status == http.StatusRequestTimeout: // a body that never came; the request's context has ended with its read
			w.WriteHeader(http.StatusRequestTimeout)
			return
		case r.Context().Err() != nil:
			panic(http.ErrAbortHandler) // nobody is left to answer, or the server closes
		case ctx.Err() != nil:
			w.WriteHeader(http.StatusRequestTimeout)
			return
		}
		for k, v := range answer.header {
			w.Header()[k] = v
		}
		w.WriteHeader(answer.status)
		_, _ = w.Write(answer.body.Bytes())
	})
}

// Sleep waits for d or the end of ctx.
func Sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Hang never answers: it holds the request until the client goes or the server
// closes.
func Hang(r *http.Request) {
	<-r.Context().Done()
	panic(http.ErrAbortHandler)
}

// Reset ends the request's TCP connection with a reset instead of an answer.
func Reset(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // a failed option leaves an ordinary close
	}
	_ = conn.Close()
}

// isTimeout reports whether a read failed because its deadline had passed.
func isTimeout(err error) bool {
	var ne net.Error
	return errors.As(err, &ne) && ne.Timeout()
}
