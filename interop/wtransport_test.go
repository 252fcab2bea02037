package interop

import (
	"bytes"
	"context"
	"crypto/tls"
	"testing"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
	"github.com/quic-go/quic-go/qlog"
	"github.com/quic-go/quic-go/qlogwriter"
)

// TestWhatWtransportMakesOfEveryEnd is what docs/platform-notes.md reports: the ends
// of a session that a server on wtransport tells apart, and those it does not, also
// those that our client never brings about.
func TestWhatWtransportMakesOfEveryEnd(t *testing.T) {
	rustPeer(t)
	type verdict struct {
		connection, session conclusion
		// wire is what the server then closes the connection with.
		wire quic.ApplicationErrorCode
	}
	locally := conclusion{Kind: "LocallyClosed"}
	h3Error := func(name string) conclusion { return conclusion{Kind: "LocalH3Error", Reason: name} }
	for _, tt := range []struct {
		name string
		end  func(*rawClient)
		want verdict
	}{
		{"a close capsule in one DATA frame", func(c *rawClient) {
			c.write(c.connect, h3Frame(dataFrame, capsule(7, "bye")))
		}, verdict{locally, conclusion{"ApplicationClosed", 7, "bye"}, 0x100}},
		{"a close capsule in two DATA frames, whose code is lost", func(c *rawClient) {
			b := capsule(7, "bye")
			c.write(c.connect, h3Frame(dataFrame, b[:3]), h3Frame(dataFrame, b[3:]))
			c.must(c.connect.Close())
		}, verdict{locally, conclusion{"ApplicationClosed", 0, ""}, 0x100}},
		{"the end of the CONNECT stream", func(c *rawClient) {
			c.must(c.connect.Close())
		}, verdict{locally, conclusion{"ApplicationClosed", 0, ""}, 0x100}},
		{"a reset of the CONNECT stream", func(c *rawClient) {
			c.connect.CancelWrite(0x10c)
		}, verdict{locally, h3Error("ClosedCriticalStreamError"), 0x104}},
		{"a close capsule with too long a reason", func(c *rawClient) {
			c.write(c.connect, h3Frame(dataFrame, capsule(7, string(bytes.Repeat([]byte("x"), 1025)))))
		}, verdict{locally, h3Error("DatagramError"), 0x33}},
		{"a close capsule whose reason is not UTF-8", func(c *rawClient) {
			c.write(c.connect, h3Frame(dataFrame, capsule(7, "\xff")))
		}, verdict{locally, h3Error("DatagramError"), 0x33}},
		{"a frame behind the SETTINGS", func(c *rawClient) {
			c.write(c.control, h3Frame(goawayFrame, []byte{0}))
		}, verdict{locally, h3Error("FrameUnexpectedError"), 0x105}},
		{"the end of the control stream", func(c *rawClient) {
			c.must(c.control.Close())
		}, verdict{locally, h3Error("ClosedCriticalStreamError"), 0x104}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := peers()[0].start(t, options{})
			c := dialRaw(s, "accept")
			tt.end(c)
			got := s.await("end")
			if got.Closed != tt.want.connection {
				t.Errorf("the connection says %+v, want %+v", got.Closed, tt.want.connection)
			}
			if got.Accept != tt.want.session || got.Datagram != tt.want.session {
				t.Errorf("the session says %+v and %+v, want %+v", got.Accept, got.Datagram, tt.want.session)
			}
			c.closedWith(tt.want.wire)
		})
	}
	t.Run("trailers break it, and with it the session", func(t *testing.T) {
		s := peers()[0].start(t, options{})
		s.panics = true
		c := dialRaw(s, "accept", "bidi")
		c.write(c.connect, h3Frame(headersFrame, fields("some", "trailer")))
		s.await("panic")
		c.closedWith(0)
	})
}

// parameters keeps the transport parameters that a server announces.
type parameters chan qlog.ParametersSet

func (p parameters) AddProducer() qlogwriter.Recorder   { return p }
func (p parameters) SupportsSchemas(schema string) bool { return schema == qlog.EventSchema }
func (p parameters) Close() error                       { return nil }

func (p parameters) RecordEvent(ev qlogwriter.Event) {
	if e, ok := ev.(qlog.ParametersSet); ok && e.Initiator == qlog.InitiatorRemote {
		p <- e
	}
}

// TestTheTransportParametersOfThePlatform says what quinn announces when it is
// configured as the platform's servers configure it.
func TestTheTransportParametersOfThePlatform(t *testing.T) {
	rustPeer(t)
	type announced struct {
		idle                            time.Duration
		bidi, uni                       int64
		connection, stream, maxDatagram int64
		resetAt, fixedAddress           bool
	}
	for _, tt := range []struct {
		name string
		mh   bool
		want announced
	}{
		{"meeting controller", false, announced{10 * time.Second, 100, 100, 1<<62 - 1, 1_250_000, 65535, false, false}},
		{"media handler", true, announced{30 * time.Second, 100, 64, 262_144, 65_536, 2048, false, false}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := peers()[0].start(t, options{mh: tt.mh})
			seen := make(parameters, 1)
			conn, err := quic.DialAddr(testContext(t), s.addr, &tls.Config{RootCAs: s.cfg.RootCAs, NextProtos: []string{http3.NextProtoH3}},
				&quic.Config{EnableDatagrams: true, Tracer: func(context.Context, bool, quic.ConnectionID) qlogwriter.Trace { return seen }})
			if err != nil {
				t.Fatal(err)
			}
			e := <-seen
			_ = conn.CloseWithError(0, "")
			got := announced{
				e.MaxIdleTimeout, e.InitialMaxStreamsBidi, e.InitialMaxStreamsUni,
				int64(e.InitialMaxData), int64(e.InitialMaxStreamDataBidiRemote), int64(e.MaxDatagramFrameSize),
				e.EnableResetStreamAt, e.DisableActiveMigration,
			}
			if got != tt.want {
				t.Errorf("announced %+v, want %+v", got, tt.want)
			}
		})
	}
}
