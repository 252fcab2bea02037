package interop

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/dark-tower/prober/internal/webtransport"
)

// patience bounds every wait of these tests. Nothing waits that long unless
// something is broken.
const patience = 30 * time.Second

// peer is a kind of server, and the dialect it is dialed in.
type peer struct {
	name    string
	program program
	force   webtransport.Dialect
	want    webtransport.Dialect
}

// program is a server's implementation.
type program string

const (
	wtransport     program = "wtransport 0.7.1"
	webtransportGo program = "webtransport-go 0.13.0"
)

// peers are all that every case runs against.
func peers() []peer {
	return []peer{
		{"wtransport", wtransport, webtransport.Auto, webtransport.Legacy},
		{"wtransport, legacy forced", wtransport, webtransport.Legacy, webtransport.Legacy},
		{"webtransport-go", webtransportGo, webtransport.Auto, webtransport.Modern},
		{"webtransport-go, legacy forced", webtransportGo, webtransport.Legacy, webtransport.Legacy},
		{"webtransport-go, modern forced", webtransportGo, webtransport.Modern, webtransport.Modern},
	}
}

// options say how a server is to be started.
type options struct {
	mh            bool          // the media handler's transport parameters, not the meeting controller's
	idle          time.Duration // zero: the platform's
	capacity      int           // zero: unlimited
	settingsDelay time.Duration
	ignore        bool // answers nothing
	expired       bool // shows a certificate of yesterday
}

// server is a running peer.
type server struct {
	t      testing.TB
	peer   peer
	addr   string
	ca     *authority
	cfg    webtransport.Config // trusts it, and speaks its dialect
	events <-chan event
	seen   []event
	kill   func() // ends it without a word; nil: that is not possible
	panics bool   // it is expected to
}

// event is something a peer saw or concluded.
type event struct {
	Event     string `json:"event"`
	Session   int    `json:"session,omitzero"`
	Port      int    `json:"port,omitzero"`
	Authority string `json:"authority,omitzero"`
	Path      string `json:"path,omitzero"`
	UserAgent string `json:"user_agent,omitzero"`

	// Of a stream, a message or a datagram.
	Length  int    `json:"length,omitzero"`
	Content string `json:"content,omitzero"` // hexadecimal, at most 1024 bytes of it
	Pieces  []int  `json:"pieces,omitzero"`  // how a message came in
	End     string `json:"end,omitzero"`
	Code    uint64 `json:"code,omitzero"`

	// Of the end of a session: who ended it, what the connection says, and what a
	// call that waits for a stream or a datagram says.
	By       string     `json:"by,omitzero"`
	Closed   conclusion `json:"closed,omitzero"`
	Accept   conclusion `json:"accept,omitzero"`
	Datagram conclusion `json:"datagram,omitzero"`
	// Of a session that never was.
	Why conclusion `json:"why,omitzero"`
}

// conclusion is how a peer's library tells an end.
type conclusion struct {
	Kind   string `json:"kind,omitzero"`
	Code   uint64 `json:"code,omitzero"`
	Reason string `json:"reason,omitzero"`
}

// String is the event as a peer on wtransport says it.
func (e event) String() string {
	b, _ := json.Marshal(e)
	return string(b)
}

// content is what came, as bytes.
func (e event) content(t testing.TB) []byte {
	t.Helper()
	b, err := hex.DecodeString(e.Content)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// start starts a server of this kind; it ends with the test.
func (p peer) start(t testing.TB, opts options) *server {
	t.Helper()
	s := &server{t: t, peer: p, ca: newAuthority(t)}
	s.cfg.RootCAs = s.ca.pool()
	switch p.program {
	case wtransport:
		startRust(s, opts)
	case webtransportGo:
		startGo(s, opts)
	}
	s.cfg.Dialect = p.force
	// wtransport takes and gives stream codes as they are.
	s.cfg.RawStreamCodes = p.program == wtransport
	return s
}

// url is where a session does these steps; see wtransport/src/script.rs.
func (s *server) url(steps ...string) string {
	return fmt.Sprintf("https://%s/meet/room?do=%s", s.addr, strings.Join(steps, ","))
}

// with says a step that takes bytes.
func with(step string, b []byte) string { return step + ":" + hex.EncodeToString(b) }

// await waits for the next event of a name.
func (s *server) await(name string) event {
	s.t.Helper()
	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	for {
		select {
		case e, ok := <-s.events:
			if !ok {
				s.t.Fatalf("the peer is gone; waited for %q, it said %v", name, s.seen)
			}
			if e.Event == name {
				return e
			}
			if e.Event == "panic" {
				s.t.Fatalf("the peer panicked; waited for %q, it said %v", name, s.seen)
			}
			s.seen = append(s.seen, e)
		case <-timeout.C:
			s.t.Fatalf("waited in vain for the peer's %q, it said %v", name, s.seen)
		}
	}
}

// context bounds one test.
func testContext(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// dial dials and closes at the end of the test.
func (s *server) dial(steps ...string) *webtransport.Session {
	s.t.Helper()
	return s.dialWith(s.cfg, steps...)
}

func (s *server) dialWith(cfg webtransport.Config, steps ...string) *webtransport.Session {
	s.t.Helper()
	session, err := webtransport.Dial(testContext(s.t), s.url(steps...), cfg)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = session.CloseConnection(0, "") })
	if session.Dialect() != s.peer.want {
		s.t.Fatalf("speaks %v, want %v", session.Dialect(), s.peer.want)
	}
	return session
}

// failDial dials in vain.
func (s *server) failDial(ctx context.Context, cfg webtransport.Config, steps ...string) *webtransport.DialError {
	s.t.Helper()
	session, err := webtransport.Dial(ctx, s.url(steps...), cfg)
	if err == nil {
		_ = session.CloseConnection(0, "")
		s.t.Fatal("the dial succeeded")
	}
	var de *webtransport.DialError
	if !errors.As(err, &de) {
		s.t.Fatalf("not a DialError: %v", err)
	}
	return de
}

// ended waits for the session's end.
func ended(t testing.TB, s *webtransport.Session) *webtransport.SessionError {
	t.Helper()
	select {
	case <-s.Done():
	case <-testContext(t).Done():
		t.Fatal("the session did not end")
	}
	var end *webtransport.SessionError
	if !errors.As(s.Err(), &end) {
		t.Fatalf("the session ended with %v", s.Err())
	}
	return end
}
