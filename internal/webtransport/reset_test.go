package webtransport

import (
	"errors"
	"io"
	"testing"

	"github.com/quic-go/quic-go"
	wtgo "github.com/quic-go/webtransport-go"

	"github.com/dark-tower/prober/internal/webtransport/internal/wtdouble"
)

func TestResetsGoBothWays(t *testing.T) {
	for _, tt := range []struct {
		name   string
		raw    bool
		onWire uint64
	}{
		{"raw codes, as wtransport's", true, 77},
		{"mapped codes", false, toHTTPCode(77)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			accepted, read, write := make(chan struct{}), make(chan error, 1), make(chan error, 1)
			url, cfg := double(t, wtdouble.Config{OnSession: func(s *wtdouble.Session) {
				q := <-s.Bidi
				close(accepted)
				_, err := io.Copy(io.Discard, q)
				read <- err
				_, err = q.Write(make([]byte, 1<<22)) // more than the client lets in
				write <- err

				q = <-s.Bidi
				q.CancelWrite(quic.StreamErrorCode(tt.onWire))
				q.CancelRead(quic.StreamErrorCode(tt.onWire + 1))
			}})
			cfg.RawStreamCodes = tt.raw
			s := dial(t, url, cfg)

			first := open(t, s)
			<-accepted // a reset could overtake what was written
			first.Reset(77)
			var qe *quic.StreamError
			if err := <-read; !errors.As(err, &qe) || uint64(qe.ErrorCode) != tt.onWire {
				t.Errorf("the server read %v", err)
			}
			first.Stop(77)
			if err := <-write; !errors.As(err, &qe) || uint64(qe.ErrorCode) != tt.onWire {
				t.Errorf("the server wrote %v", err)
			}
			var e *StreamError
			if _, err := first.Write([]byte("x")); !errors.As(err, &e) || e.Remote || e.Code != 77 {
				t.Errorf("a write after the reset: %v", err)
			}

			second := open(t, s)
			_, err := second.Read(make([]byte, 1))
			if !errors.As(err, &e) || !e.Remote || e.Code != 77 || e.HTTPCode != tt.onWire || e.Mapped == tt.raw {
				t.Errorf("read: %v", err)
			}
			for err = nil; err == nil; {
				_, err = second.Write(make([]byte, 1<<16))
			}
			if !errors.As(err, &e) || !e.Remote || e.Code != 78 {
				t.Errorf("write: %v", err)
			}
			if s.Err() != nil {
				t.Errorf("the session ended: %v", s.Err())
			}
		})
	}
}

// open opens a stream and makes the server see it.
func open(t *testing.T, s *Session) *Stream {
	t.Helper()
	st, err := s.OpenStream(testContext(t))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := st.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	return st
}

func TestAStreamResetAtOnceIsSeenByAModernServer(t *testing.T) {
	seen := make(chan error, 1)
	url, cfg := modernServer(t, func(s *wtgo.Session, _ *quic.Conn) {
		for range 20 {
			in, err := s.AcceptUniStream(s.Context())
			if err == nil {
				_, err = in.Read(make([]byte, 1))
			}
			seen <- err
		}
	})
	s := dial(t, url, cfg)
	for range 20 {
		out, err := s.OpenUniStream(testContext(t))
		if err != nil {
			t.Fatal(err)
		}
		out.Reset(5)
		var e *wtgo.StreamError
		if err := <-seen; !errors.As(err, &e) || e.ErrorCode != 5 {
			t.Fatalf("the server saw %v", err)
		}
	}
}

func TestModernServersResetStreamsBeforeTheirCapsule(t *testing.T) {
	url, cfg := modernServer(t, func(s *wtgo.Session, _ *quic.Conn) {
		if _, err := s.AcceptStream(s.Context()); err == nil {
			_ = s.CloseWithError(12, "over")
		}
	})
	s := dial(t, url, cfg)
	st := open(t, s)
	var end *SessionError
	if _, err := st.Read(make([]byte, 1)); !errors.As(err, &end) || end.Via != ViaCapsule || end.Code != 12 {
		t.Errorf("read: %v", err)
	}
}
