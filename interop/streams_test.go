package interop

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"testing"

	"github.com/dark-tower/prober/internal/darktower/framing"
	"github.com/dark-tower/prober/internal/webtransport"
)

// open opens a stream and makes the peer see it.
func open(t *testing.T, s *webtransport.Session, body string) *webtransport.Stream {
	t.Helper()
	st, err := s.OpenStream(testContext(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := framing.Write(st, []byte(body)); err != nil {
		t.Fatal(err)
	}
	return st
}

// reply reads one framed message.
func reply(t *testing.T, st *webtransport.Stream, want string) {
	t.Helper()
	if got, err := framing.Read(st, nil); err != nil || string(got) != want {
		t.Fatalf("got %q, want %q: %v", got, want, err)
	}
}

// reset is a stream's end by a code.
func reset(t *testing.T, err error, code uint64, mapped bool) {
	t.Helper()
	var e *webtransport.StreamError
	if !errors.As(err, &e) || !e.Remote || e.Code != code || e.Mapped != mapped {
		t.Errorf("got %+v, want a reset by the server with %d", err, code)
	}
}

func streams() []testCase {
	return []testCase{
		{name: "messages of every size come back on the one stream", run: func(t *testing.T, p peer) {
			s := p.start(t, options{})
			session := s.dial("accept", "bidi", "echo", "finish")
			st := open(t, session, "hello")
			reply(t, st, "hello")
			for _, size := range []int{1, 3, 4, 1000, 1200, 4096, 16384, framing.MaxLen} {
				body := bytes.Repeat([]byte{byte(size)}, size)
				if err := framing.Write(st, body); err != nil {
					t.Fatal(err)
				}
				if got, err := framing.Read(st, nil); err != nil || !bytes.Equal(got, body) {
					t.Fatalf("%d bytes came back of %d: %v", len(got), size, err)
				}
			}
			if err := st.CloseWrite(); err != nil {
				t.Fatal(err)
			}
			if b, err := io.ReadAll(st); err != nil || len(b) != 0 {
				t.Errorf("after the end: %d bytes, %v", len(b), err)
			}
			if got := s.await("stream"); got.End != "fin" {
				t.Errorf("the peer saw the stream end: %v", got)
			}
			if session.Err() != nil {
				t.Errorf("the session ended with its stream: %v", session.Err())
			}
		}},
		{
			name: "a message is in the server's hands in one piece, the first with the stream's header",
			not:  map[program]string{webtransportGo: "quic-go does not tell how bytes came in"},
			run: func(t *testing.T, p peer) {
				s := p.start(t, options{})
				st := open(t, s.dial("accept", "bidi", "echo"), "first")
				reply(t, st, "first")
				for range 20 {
					if err := framing.Write(st, bytes.Repeat([]byte("m"), 900)); err != nil {
						t.Fatal(err)
					}
					if _, err := framing.Read(st, nil); err != nil {
						t.Fatal(err)
					}
				}
				for i := range 21 {
					want := 4 + 900
					if i == 0 {
						want = 4 + len("first")
					}
					if got := s.await("message"); !slices.Equal(got.Pieces, []int{want}) {
						t.Errorf("message %d of %d bytes came as %v", i, want, got.Pieces)
					}
				}
			},
		},
		{
			name: "messages in one piece survive a reader that forgets half-read ones",
			not:  map[program]string{webtransportGo: "its reader does not forget: the hazard is the platform's own"},
			run: func(t *testing.T, p peer) {
				s := p.start(t, options{})
				session := s.dial("accept", "bidi", "controller")
				st := open(t, session, "message 0")
				s.await("message")
				for range 100 {
					// A datagram makes the server write in the midst of its reading.
					for range 3 {
						if err := session.SendDatagram([]byte("news")); err != nil {
							t.Fatal(err)
						}
						if err := framing.Write(st, []byte("message")); err != nil {
							t.Fatal(err)
						}
					}
					for range 3 {
						if got := s.await("message"); string(got.content(t)) != "message" {
							t.Fatalf("the server read %q", got.content(t))
						}
						reply(t, st, "news")
					}
				}
			},
		},
		{
			name: "a message in two pieces does not",
			not:  map[program]string{webtransportGo: "its reader does not forget: the hazard is the platform's own"},
			run: func(t *testing.T, p peer) {
				s := p.start(t, options{})
				session := s.dial("accept", "bidi", "controller")
				st := open(t, session, "whole")
				s.await("message")
				whole, err := framing.Append(nil, []byte("in two pieces"))
				if err != nil {
					t.Fatal(err)
				}
				if _, err := st.Write(whole[:8]); err != nil {
					t.Fatal(err)
				}
				// Datagrams until the server must have begun to read the first piece.
				for range 10 {
					if err := session.SendDatagram([]byte("news")); err != nil {
						t.Fatal(err)
					}
					reply(t, st, "news")
				}
				if _, err := st.Write(whole[8:]); err != nil {
					t.Fatal(err)
				}
				// The rest was taken for a length, which is far too large.
				if got := s.await("stream"); got.End != "cut" {
					t.Errorf("the stream ended: %v", got)
				}
			},
		},
		{name: "the client's end of its half reaches the server, and the session stays", run: func(t *testing.T, p peer) {
			s := p.start(t, options{})
			session := s.dial("accept", "bidi", "rest", "answer:6f6b", "finish")
			st := open(t, session, "x")
			if err := st.CloseWrite(); err != nil {
				t.Fatal(err)
			}
			if got := s.await("stream"); got.End != "fin" || got.Length != 5 {
				t.Errorf("the server read %v", got)
			}
			reply(t, st, "ok")
			if _, err := st.Read(make([]byte, 1)); err != io.EOF {
				t.Errorf("after the server's end: %v", err)
			}
			if session.Err() != nil {
				t.Errorf("the session ended: %v", session.Err())
			}
		}},
		{name: "unidirectional streams go both ways", run: func(t *testing.T, p peer) {
			s := p.start(t, options{})
			session := s.dial("accept", "uni", with("open-uni", []byte("from the server")))
			out, err := session.OpenUniStream(testContext(t))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := out.Write([]byte("from the client")); err != nil {
				t.Fatal(err)
			}
			if err := out.CloseWrite(); err != nil {
				t.Fatal(err)
			}
			if got := s.await("uni"); string(got.content(t)) != "from the client" || got.End != "fin" {
				t.Errorf("the server read %v", got)
			}
			in, err := session.AcceptUniStream(testContext(t))
			if err != nil {
				t.Fatal(err)
			}
			if got, err := io.ReadAll(in); err != nil || string(got) != "from the server" {
				t.Errorf("got %q: %v", got, err)
			}
		}},
		{name: "a stream that the server opens is answered on itself", run: func(t *testing.T, p peer) {
			s := p.start(t, options{})
			session := s.dial("accept", with("open-bidi", []byte("question")))
			st, err := session.AcceptStream(testContext(t))
			if err != nil {
				t.Fatal(err)
			}
			if got, err := io.ReadAll(st); err != nil || string(got) != "question" {
				t.Errorf("got %q: %v", got, err)
			}
			if _, err := st.Write([]byte("answer")); err != nil {
				t.Fatal(err)
			}
			if err := st.CloseWrite(); err != nil {
				t.Fatal(err)
			}
			if got := s.await("answer"); string(got.content(t)) != "answer" || got.End != "fin" {
				t.Errorf("the server read %v", got)
			}
		}},
		{name: "streams beyond the one that is accepted disturb nothing", run: func(t *testing.T, p peer) {
			s := p.start(t, options{})
			session := s.dial("accept", "bidi", "echo")
			st := open(t, session, "first")
			reply(t, st, "first")
			for range 5 {
				open(t, session, "nobody accepts this")
			}
			for range 3 {
				if err := framing.Write(st, []byte("still here")); err != nil {
					t.Fatal(err)
				}
				reply(t, st, "still here")
			}
		}},
		{name: "the server's reset has its code", run: func(t *testing.T, p peer) {
			s := p.start(t, options{})
			st := open(t, s.dial("accept", "bidi", "message", "reset:77"), "x")
			_, err := st.Read(make([]byte, 1))
			reset(t, err, 77, p.program == webtransportGo)
		}},
		{name: "the server's request to stop has its code", run: func(t *testing.T, p peer) {
			s := p.start(t, options{})
			st := open(t, s.dial("accept", "bidi", "message", "stop:78"), "x")
			var err error
			for err == nil {
				_, err = st.Write(make([]byte, 1<<16))
			}
			reset(t, err, 78, p.program == webtransportGo)
		}},
		{name: "the client's reset has its code", run: func(t *testing.T, p peer) {
			s := p.start(t, options{})
			session := s.dial("accept", "bidi", "message", "rest", "linger:200", "drop")
			st := open(t, session, "x")
			s.await("message") // a reset could overtake it
			st.Reset(79)
			if got := s.await("stream"); got.End != "reset" || got.Code != 79 {
				t.Errorf("the server saw %v", got)
			}
			if got := s.await("linger"); got.End != "waited" {
				t.Errorf("the session ended with its stream: %v", got)
			}
		}},
		{name: "the client's request to stop has its code", run: func(t *testing.T, p peer) {
			s := p.start(t, options{})
			st := open(t, s.dial("accept", "bidi", "message", "stopped"), "x")
			st.Stop(80)
			if got := s.await("stopped"); got.Code != 80 {
				t.Errorf("the server saw %v", got)
			}
		}},
	}
}
