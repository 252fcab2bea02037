package webtransport

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/quicvarint"
	wtgo "github.com/quic-go/webtransport-go"

	"github.com/dark-tower/prober/internal/webtransport/internal/wtdouble"
)

const linger = 10 * time.Second // an upper bound; servers answer at once

// awaitEnd waits for the session's end.
func awaitEnd(t *testing.T, s *Session) *SessionError {
	t.Helper()
	select {
	case <-s.Done():
	case <-testContext(t).Done():
		t.Fatal("the session did not end")
	}
	var end *SessionError
	if !errors.As(s.Err(), &end) {
		t.Fatalf("the session ended with %v", s.Err())
	}
	return end
}

func TestHowAServerEndsASession(t *testing.T) {
	// The servers wait for a datagram, or their close could overtake the answer to CONNECT.
	legacy := func(end func(*wtdouble.Session)) func(*testing.T) (string, Config) {
		return func(t *testing.T) (string, Config) {
			return double(t, wtdouble.Config{OnSession: func(s *wtdouble.Session) {
				if _, err := s.ReceiveDatagram(s.Conn.Context()); err == nil {
					end(s)
				}
			}})
		}
	}
	modern := func(end func(*wtgo.Session, *quic.Conn)) func(*testing.T) (string, Config) {
		return func(t *testing.T) (string, Config) {
			return modernServer(t, func(s *wtgo.Session, c *quic.Conn) {
				if _, err := s.ReceiveDatagram(s.Context()); err == nil {
					end(s, c)
				}
			})
		}
	}
	for _, tt := range []struct {
		name  string
		start func(*testing.T) (string, Config)
		want  SessionError
	}{
		{"wtransport closes with a code",
			legacy(func(s *wtdouble.Session) { s.Close(42, "enough") }),
			SessionError{Via: ViaConnectionClose, Remote: true, Code: 42, Reason: "enough"}},
		{"wtransport drops the session",
			legacy(func(s *wtdouble.Session) { s.Close(0, "") }),
			SessionError{Via: ViaConnectionClose, Remote: true}},
		{"the CONNECT stream ends",
			legacy(func(s *wtdouble.Session) { _ = s.ConnectStream().Close() }),
			SessionError{Via: ViaFIN, Remote: true}},
		{"the CONNECT stream is reset",
			legacy(func(s *wtdouble.Session) { s.ConnectStream().CancelWrite(0x10c) }),
			SessionError{Via: ViaReset, Remote: true, Code: 0x10c}},
		{"a capsule in one frame",
			legacy(func(s *wtdouble.Session) {
				_, _ = s.ConnectStream().Write(appendClose(nil, 7, "bye"))
			}),
			SessionError{Via: ViaCapsule, Remote: true, Code: 7, Reason: "bye"}},
		{"a capsule in many frames, after others",
			legacy(func(s *wtdouble.Session) {
				other := append(quicvarint.Append(quicvarint.Append(nil, 0x78ae), 3), "abc"...)
				for _, b := range append(other, appendClose(nil, 7, "bye")...) {
					_, _ = s.ConnectStream().Write([]byte{b})
				}
			}),
			SessionError{Via: ViaCapsule, Remote: true, Code: 7, Reason: "bye"}},
		{"a close capsule that is too long",
			legacy(func(s *wtdouble.Session) {
				_, _ = s.ConnectStream().Write(quicvarint.Append(quicvarint.Append(nil, capsuleClose), 4+maxReason+1))
			}),
			SessionError{Via: ViaProtocol, Remote: true, Code: 0x33}},
		{"an unknown capsule that is too long",
			legacy(func(s *wtdouble.Session) {
				_, _ = s.ConnectStream().Write(quicvarint.Append(quicvarint.Append(nil, 0x1234), maxCapsule+1))
			}),
			SessionError{Via: ViaProtocol, Remote: true, Code: 0x107}},
		{"a capsule that breaks off",
			legacy(func(s *wtdouble.Session) {
				_, _ = s.ConnectStream().Write(appendClose(nil, 7, "bye")[:6])
				_ = s.ConnectStream().Close()
			}),
			SessionError{Via: ViaProtocol, Remote: true, Code: 0x33}},
		{"webtransport-go closes with a code",
			modern(func(s *wtgo.Session, _ *quic.Conn) { _ = s.CloseWithError(1<<32-1, "largest code") }),
			SessionError{Via: ViaCapsule, Remote: true, Code: 1<<32 - 1, Reason: "largest code"}},
		{"webtransport-go's connection closes",
			modern(func(_ *wtgo.Session, c *quic.Conn) { _ = c.CloseWithError(9, "raw") }),
			SessionError{Via: ViaConnectionClose, Remote: true, Code: 9, Reason: "raw"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			url, cfg := tt.start(t)
			s := dial(t, url, cfg)
			if err := s.SendDatagram([]byte("here")); err != nil {
				t.Fatal(err)
			}
			end := awaitEnd(t, s)
			if end.Via != tt.want.Via || end.Remote != tt.want.Remote || end.Code != tt.want.Code || end.Reason != tt.want.Reason {
				t.Errorf("ended: %v\nwant:  %v", end, &tt.want)
			}
			// Everything that is tried afterwards says the same, and does not block.
			ctx := testContext(t)
			_, err1 := s.OpenStream(ctx)
			_, err2 := s.OpenUniStream(ctx)
			_, err3 := s.AcceptStream(ctx)
			_, err4 := s.AcceptUniStream(ctx)
			_, err5 := s.ReceiveDatagram(ctx)
			for i, err := range []error{err1, err2, err3, err4, err5, s.SendDatagram([]byte("x"))} {
				if !errors.Is(err, error(end)) {
					t.Errorf("call %d after the end: %v", i, err)
				}
			}
			if err := s.Close(1, "too late", linger); err != nil {
				t.Error(err)
			}
			if s.Err() != error(end) {
				t.Errorf("closing changed the reason to %v", s.Err())
			}
		})
	}
}

func TestBlockedStreamsLearnOfTheEnd(t *testing.T) {
	for name, end := range map[string]func(*wtdouble.Session){
		"by a close of the connection": func(s *wtdouble.Session) { s.Close(3, "x") },
		"by the CONNECT stream's end":  func(s *wtdouble.Session) { _ = s.ConnectStream().Close() },
	} {
		t.Run(name, func(t *testing.T) {
			url, cfg := double(t, wtdouble.Config{OnSession: func(s *wtdouble.Session) {
				<-s.Bidi
				end(s)
			}})
			s := dial(t, url, cfg)
			st, err := s.OpenStream(testContext(t))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := st.Write([]byte("x")); err != nil {
				t.Fatal(err)
			}
			var ended *SessionError
			if _, err := st.Read(make([]byte, 1)); !errors.As(err, &ended) || !ended.Remote {
				t.Errorf("read: %v", err)
			}
			if _, err := st.Write([]byte("x")); !errors.As(err, &ended) {
				t.Errorf("write: %v", err)
			}
		})
	}
}

func TestCloseCarriesCodeAndReason(t *testing.T) {
	t.Run("to wtransport", func(t *testing.T) {
		ends := make(chan wtdouble.End, 1)
		url, cfg := double(t, wtdouble.Config{OnSession: func(s *wtdouble.Session) { ends <- <-s.Ended }})
		s := dial(t, url, cfg)
		if err := s.Close(17, "leaving", linger); err != nil {
			t.Fatal(err)
		}
		if end := <-ends; end.Via != "capsule" || end.Code != 17 || end.Reason != "leaving" {
			t.Errorf("the server saw %+v", end)
		}
		if end := awaitEnd(t, s); end.Via != ViaLocal || end.Remote || end.Code != 17 || end.Reason != "leaving" {
			t.Errorf("the client says %v", end)
		}
	})
	t.Run("to webtransport-go", func(t *testing.T) {
		for _, dialect := range []Dialect{Legacy, Modern} {
			ends := make(chan error, 1)
			url, cfg := modernServer(t, func(s *wtgo.Session, _ *quic.Conn) {
				_, err := s.AcceptStream(s.Context())
				ends <- err
			})
			cfg.Dialect = dialect
			s := dial(t, url, cfg)
			if err := s.Close(17, "leaving", linger); err != nil {
				t.Fatal(err)
			}
			var end *wtgo.SessionError
			if err := <-ends; !errors.As(err, &end) || !end.Remote || end.ErrorCode != 17 || end.Message != "leaving" {
				t.Errorf("%v: the server saw %v", dialect, err)
			}
		}
	})
}

func TestCloseConnectionIsAQUICCloseWithoutACapsule(t *testing.T) {
	ends := make(chan wtdouble.End, 1)
	url, cfg := double(t, wtdouble.Config{OnSession: func(s *wtdouble.Session) { ends <- <-s.Ended }})
	s := dial(t, url, cfg)
	if err := s.CloseConnection(0, "leave"); err != nil {
		t.Fatal(err)
	}
	end := <-ends
	var ae *quic.ApplicationError
	if end.Via != "connection" || end.Reason != "leave" || !errors.As(end.Err, &ae) || !ae.Remote || ae.ErrorCode != 0 {
		t.Errorf("the server saw %+v", end)
	}
	if end := awaitEnd(t, s); end.Via != ViaLocal || end.Code != 0 || end.Reason != "leave" {
		t.Errorf("the client says %v", end)
	}
}

func TestReasonsAreBoundedAndValid(t *testing.T) {
	for name, reason := range map[string]string{
		"long ASCII":            strings.Repeat("x", 5000),
		"long, cut in a rune":   "x" + strings.Repeat("é", 3000),
		"not UTF-8":             "a\xffb",
		"exactly the longest":   strings.Repeat("y", maxReason),
		"one more than allowed": strings.Repeat("y", maxReason+1),
	} {
		t.Run(name, func(t *testing.T) {
			ends := make(chan wtdouble.End, 1)
			url, cfg := double(t, wtdouble.Config{OnSession: func(s *wtdouble.Session) { ends <- <-s.Ended }})
			s := dial(t, url, cfg)
			if err := s.Close(1, reason, linger); err != nil {
				t.Fatal(err)
			}
			end := <-ends
			if end.Via != "capsule" || len(end.Reason) > maxReason || len(end.Reason) < min(len(reason), maxReason)-1 || !utf8.ValidString(end.Reason) {
				t.Errorf("the server saw %s, %d bytes", end.Via, len(end.Reason))
			}
		})
	}
}

func TestClosingTwiceAtOnceIsHarmless(t *testing.T) {
	url, cfg := doubleEcho(t)
	s := dial(t, url, cfg)
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() { _ = s.Close(uint32(i), "", linger) })
		wg.Go(func() { _ = s.CloseConnection(uint64(i), "") })
		wg.Go(func() { _ = s.SendDatagram([]byte("x")) })
		wg.Go(func() { _ = s.Stats(); _ = s.Path().Stats(); _ = s.MaxDatagramSize() })
	}
	wg.Wait()
	if end := awaitEnd(t, s); end.Via != ViaLocal {
		t.Errorf("ended: %v", end)
	}
	if n := s.MaxDatagramSize(); n != 0 {
		t.Errorf("a closed session takes datagrams of %d bytes", n)
	}
	if st := s.Stats(); st.PacketsSent == 0 || s.Path().Stats().PacketsSent == 0 {
		t.Errorf("the statistics are gone: %+v", st)
	}
}

func TestCloseConnectionCutsALingerShort(t *testing.T) {
	url, cfg := double(t, wtdouble.Config{})
	s := dial(t, url, cfg)
	s.Path().BlackHole(true) // nobody will answer
	closed := make(chan error, 1)
	go func() { closed <- s.Close(0, "", time.Hour) }()
	<-s.Done()
	if err := s.CloseConnection(0, ""); err != nil {
		t.Fatal(err)
	}
	select {
	case <-closed:
	case <-testContext(t).Done():
		t.Fatal("Close lingers on")
	}
}
