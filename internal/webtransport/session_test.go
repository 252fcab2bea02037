package webtransport

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/quic-go/quic-go"
	wtgo "github.com/quic-go/webtransport-go"

	"github.com/dark-tower/prober/internal/webtransport/internal/wtdouble"
)

// echoServers are the servers that everything must work with.
func echoServers(t *testing.T, test func(*testing.T, *Session)) {
	for _, peer := range []struct {
		name  string
		start func(*testing.T) (string, Config)
		force Dialect
		want  Dialect
	}{
		{"a server like wtransport", doubleEcho, Auto, Legacy},
		{"a server of both dialects", modernServerEcho, Auto, Modern},
		{"a server of both dialects, legacy forced", modernServerEcho, Legacy, Legacy},
		{"a server of both dialects, modern forced", modernServerEcho, Modern, Modern},
	} {
		t.Run(peer.name, func(t *testing.T) {
			url, cfg := peer.start(t)
			cfg.Dialect = peer.force
			s := dial(t, url, cfg)
			if s.Dialect() != peer.want {
				t.Fatalf("speaks %v, want %v", s.Dialect(), peer.want)
			}
			test(t, s)
		})
	}
}

func doubleEcho(t *testing.T) (string, Config) {
	return double(t, wtdouble.Config{OnSession: wtdouble.Echo})
}

func modernServerEcho(t *testing.T) (string, Config) { return modernServer(t, modernEcho) }

func TestBidirectionalStreamsCarryBytesBothWays(t *testing.T) {
	echoServers(t, func(t *testing.T, s *Session) {
		ctx := testContext(t)
		for _, size := range []int{0, 1, 68, 1200, 65540, 1 << 20} {
			st, err := s.OpenStream(ctx)
			if err != nil {
				t.Fatal(err)
			}
			sent := bytes.Repeat([]byte{byte(size)}, size)
			wrote := make(chan error, 1)
			go func() {
				_, err := st.Write(sent)
				wrote <- errors.Join(err, st.CloseWrite())
			}()
			got, err := io.ReadAll(st)
			if err != nil || !bytes.Equal(got, sent) {
				t.Errorf("%d bytes came back of %d: %v", len(got), size, err)
			}
			if err := <-wrote; err != nil {
				t.Error(err)
			}
		}
	})
}

func TestUnidirectionalStreamsGoBothWays(t *testing.T) {
	echoServers(t, func(t *testing.T, s *Session) {
		ctx := testContext(t)
		for i := range 20 {
			out, err := s.OpenUniStream(ctx)
			if err != nil {
				t.Fatal(err)
			}
			want := fmt.Sprintf("number %d", i)
			if _, err := out.Write([]byte(want)); err != nil {
				t.Fatal(err)
			}
			if err := out.CloseWrite(); err != nil {
				t.Fatal(err)
			}
			in, err := s.AcceptUniStream(ctx)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := io.ReadAll(in); err != nil || string(got) != want {
				t.Errorf("got %q, want %q: %v", got, want, err)
			}
		}
	})
}

func TestDatagramsGoBothWays(t *testing.T) {
	echoServers(t, func(t *testing.T, s *Session) {
		ctx := testContext(t)
		for i := range 100 {
			want := fmt.Sprintf("datagram %d", i)
			if err := s.SendDatagram([]byte(want)); err != nil {
				t.Fatal(err)
			}
			got, err := s.ReceiveDatagram(ctx)
			if err != nil || string(got) != want {
				t.Fatalf("got %q, want %q: %v", got, want, err)
			}
		}
		// QUIC tells of a packet just after it has handed out what was in it.
		eventually(t, "the last datagram to be counted", func() bool { return s.Stats().DatagramsParsed == 100 })
		if st := s.Stats(); st.DatagramsSent != 100 || st.DatagramsParsed != 100 || st.DatagramsReceived != 100 || st.DatagramsDropped != 0 {
			t.Errorf("statistics: %+v", st)
		}
		largest := s.MaxDatagramSize()
		if largest < 1100 {
			t.Errorf("the largest datagram is %d bytes", largest)
		}
		var tooLarge *DatagramTooLargeError
		if err := s.SendDatagram(make([]byte, 2000)); !errors.As(err, &tooLarge) || tooLarge.Size != 2000 || tooLarge.Max < largest {
			t.Errorf("a datagram of 2000 bytes: %v", err)
		}
		if err := s.SendDatagram(make([]byte, largest)); err != nil {
			t.Errorf("a datagram of the largest size: %v", err)
		}
		if got, err := s.ReceiveDatagram(ctx); err != nil || len(got) != largest {
			t.Errorf("%d bytes came back: %v", len(got), err)
		}
	})
}

func TestServersOpenStreams(t *testing.T) {
	check := func(t *testing.T, s *Session) {
		ctx := testContext(t)
		in, err := s.AcceptUniStream(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(in); string(got) != "one way" || err != nil {
			t.Errorf("got %q, %v", got, err)
		}
		st, err := s.AcceptStream(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := st.Write([]byte("answer")); err != nil {
			t.Error(err)
		}
		if err := st.CloseWrite(); err != nil {
			t.Error(err)
		}
		if got, err := io.ReadAll(st); string(got) != "question; answer" || err != nil {
			t.Errorf("got %q, %v", got, err)
		}
	}
	serve := func(openUni func() (io.WriteCloser, error), openBidi func() (io.ReadWriteCloser, error)) {
		if u, err := openUni(); err == nil {
			_, _ = io.WriteString(u, "one way")
			_ = u.Close()
		}
		if b, err := openBidi(); err == nil {
			_, _ = io.WriteString(b, "question; ")
			_, _ = io.Copy(b, b)
			_ = b.Close()
		}
	}
	t.Run("legacy", func(t *testing.T) {
		url, cfg := double(t, wtdouble.Config{OnSession: func(s *wtdouble.Session) {
			serve(func() (io.WriteCloser, error) { return s.OpenUni() }, func() (io.ReadWriteCloser, error) { return s.OpenBidi() })
		}})
		check(t, dial(t, url, cfg))
	})
	t.Run("modern", func(t *testing.T) {
		url, cfg := modernServer(t, func(s *wtgo.Session, _ *quic.Conn) {
			serve(func() (io.WriteCloser, error) { return s.OpenUniStream() }, func() (io.ReadWriteCloser, error) { return s.OpenStream() })
		})
		check(t, dial(t, url, cfg))
	})
}

func TestStreamsThatNobodyAcceptsAreBounded(t *testing.T) {
	opened := make(chan int, 1)
	url, cfg := double(t, wtdouble.Config{OnSession: func(s *wtdouble.Session) {
		n := 0
		for range 10 * maxPending {
			if _, err := s.OpenUni(); err != nil {
				break
			}
			n++
		}
		opened <- n
	}})
	s := dial(t, url, cfg)
	if n := <-opened; n > maxPending+criticalStreams {
		t.Errorf("the server could open %d streams", n)
	}
	if len(s.uni) > maxPending {
		t.Errorf("%d streams are held", len(s.uni))
	}
}

func TestCancelledWaitsGiveTheCause(t *testing.T) {
	url, cfg := double(t, wtdouble.Config{MaxStreams: 4})
	s := dial(t, url, cfg)
	cause := errors.New("no longer needed")
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(cause)
	_, err1 := s.AcceptStream(ctx)
	_, err2 := s.AcceptUniStream(ctx)
	_, err3 := s.ReceiveDatagram(ctx)
	for i, err := range []error{err1, err2, err3} {
		if !errors.Is(err, cause) {
			t.Errorf("wait %d: %v", i, err)
		}
	}
	// The CONNECT stream is one of the four.
	for range 3 {
		if _, err := s.OpenStream(testContext(t)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.OpenStream(ctx); !errors.Is(err, cause) {
		t.Errorf("opening one stream too many: %v", err)
	}
}

func TestDeadlinesOfStreams(t *testing.T) {
	url, cfg := double(t, wtdouble.Config{})
	s := dial(t, url, cfg)
	st, err := s.OpenStream(testContext(t))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := st.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if err := st.SetReadDeadline(time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	if _, err := st.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("read: %v", err)
	}
	if err := st.SetWriteDeadline(time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	if _, err := st.Write(make([]byte, 1<<20)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("write: %v", err)
	}
	if s.Err() != nil {
		t.Errorf("the session ended: %v", s.Err())
	}
}

func TestTheFirstWriteCarriesTheHeader(t *testing.T) {
	// wtransport holds one stream whose header is incomplete, and blocks the others.
	url, cfg := double(t, wtdouble.Config{OnSession: wtdouble.Echo})
	s := dial(t, url, cfg)
	st, err := s.OpenStream(testContext(t))
	if err != nil {
		t.Fatal(err)
	}
	var writes [][]byte
	st.SendStream.str = writeRecorder{st.SendStream.str, &writes}
	for _, p := range []string{"first", "second"} {
		if _, err := st.Write([]byte(p)); err != nil {
			t.Fatal(err)
		}
	}
	if len(writes) != 2 || string(writes[0]) != "\x40\x41\x00first" || string(writes[1]) != "second" {
		t.Errorf("writes: %q", writes)
	}
}

type writeRecorder struct {
	sendHalf
	writes *[][]byte
}

func (w writeRecorder) Write(p []byte) (int, error) {
	*w.writes = append(*w.writes, bytes.Clone(p))
	return w.sendHalf.Write(p)
}

func TestTheRequestIsWhatTheServersWant(t *testing.T) {
	requests := make(chan *http.Request, 1)
	url, cfg := double(t, wtdouble.Config{OnSession: func(s *wtdouble.Session) { requests <- s.Request }})
	advertised := "mc.example.org:4433"
	cfg.Endpoints = EndpointMap{"MC.example.org:4433": strings.TrimPrefix(url, "https://")}
	cfg.ServerName = "localhost"
	s := dial(t, "https://"+advertised, cfg)
	r := <-requests
	if r.Host != advertised || r.URL.Path != "/" || r.Proto != "webtransport" {
		t.Errorf("authority %q, path %q, protocol %q", r.Host, r.URL.Path, r.Proto)
	}
	if enc := r.Header.Get("Accept-Encoding"); enc != "" {
		t.Errorf("asks for %q", enc)
	}
	if s.URL() != "https://"+advertised || !s.Mapped() || "https://"+s.Dialed() != url {
		t.Errorf("URL %q, mapped %v, dialed %q", s.URL(), s.Mapped(), s.Dialed())
	}
	if c := s.Certificates(); len(c) != 1 || c[0].Subject != "CN=Test leaf" || c[0].Issuer != "CN=Test CA" ||
		c[0].DNSNames[0] != "localhost" || c[0].IPAddresses[0] != "127.0.0.1" || c[0].NotAfter.Before(time.Now()) || c[0].SHA256 == [32]byte{} {
		t.Errorf("certificates: %+v", c)
	}
}

func TestTimingsAddUp(t *testing.T) {
	url, cfg := double(t, wtdouble.Config{})
	tm := dial(t, url, cfg).Timings()
	if tm.DNS != 0 {
		t.Errorf("an address is no name to look up, yet it took %v", tm.DNS)
	}
	for _, d := range []time.Duration{tm.Socket, tm.Handshake, tm.Settings, tm.Connect, tm.FirstPacket} {
		if d <= 0 {
			t.Errorf("a phase is missing: %+v", tm)
		}
	}
	if sum := tm.DNS + tm.Socket + tm.Handshake + tm.Settings + tm.Connect; sum != tm.Total {
		t.Errorf("the phases add up to %v, the total is %v", sum, tm.Total)
	}
	if tm.FirstPacket > tm.Handshake {
		t.Errorf("the first packet came after the handshake: %+v", tm)
	}
}

func TestASessionOutlivesTheContextOfItsDial(t *testing.T) {
	url, cfg := doubleEcho(t)
	ctx, cancel := context.WithCancel(testContext(t))
	s, err := Dial(ctx, url, cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer s.CloseConnection(0, "")
	cancel()
	if err := s.SendDatagram([]byte("still here")); err != nil {
		t.Fatal(err)
	}
	if _, err := s.ReceiveDatagram(testContext(t)); err != nil {
		t.Fatal(err)
	}
}

func TestQUICDiscoversThePathsMTU(t *testing.T) {
	// It does so only when quic-go could forbid fragmentation on our socket.
	url, cfg := doubleEcho(t)
	s := dial(t, url, cfg)
	before := s.MaxDatagramSize()
	eventually(t, "a larger MTU", func() bool {
		_ = s.SendDatagram([]byte("x")) // probes ride along
		return s.MaxDatagramSize() > before && s.Stats().MTU > 1280
	})
}
