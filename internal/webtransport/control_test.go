package webtransport

import (
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/quic-go/quic-go"
)

// settingsOnly is a control stream with the SETTINGS of a legacy server.
const settingsOnly = "\x00\x04\x0b" + "\x08\x01" + "\x33\x01" + "\xab\x60\x37\x42\x01" + "\x21\x01"

func TestServersThatBreakHTTP3(t *testing.T) {
	control := func(bytes string) func(*quic.Conn) {
		return func(c *quic.Conn) {
			if u, err := c.OpenUniStream(); err == nil {
				_, _ = io.WriteString(u, bytes)
			}
		}
	}
	// answer sends SETTINGS, and then bytes in answer to CONNECT.
	answer := func(bytes string, then func(*quic.Stream)) func(*quic.Conn) {
		return func(c *quic.Conn) {
			control(settingsOnly)(c)
			if q, err := c.AcceptStream(c.Context()); err == nil {
				_, _ = io.WriteString(q, bytes)
				then(q)
			}
		}
	}
	nothing := func(*quic.Stream) {}
	for _, tt := range []struct {
		name   string
		server func(*quic.Conn)
		phase  Phase
		kind   Kind
	}{
		{"a frame before SETTINGS", control("\x00\x07\x01\x00"), PhaseSettings, KindProtocol},
		{"SETTINGS that are too long", control("\x00\x04\x80\x01\x00\x00"), PhaseSettings, KindProtocol},
		{"a setting twice", control("\x00\x04\x04\x08\x01\x08\x01"), PhaseSettings, KindProtocol},
		{"a control stream that ends", func(c *quic.Conn) {
			if u, err := c.OpenUniStream(); err == nil {
				_, _ = io.WriteString(u, "\x00\x04\x04\x08")
				_ = u.Close()
			}
		}, PhaseSettings, KindProtocol},
		{"a stream that HTTP/3 does not know", func(c *quic.Conn) {
			if q, err := c.OpenStream(); err == nil {
				_, _ = io.WriteString(q, "\x00")
			}
		}, PhaseSettings, KindProtocol},
		{"two control streams", func(c *quic.Conn) {
			control("\x00")(c)
			control("\x00")(c)
		}, PhaseSettings, KindProtocol},
		{"no answer but an end", answer("", func(q *quic.Stream) { _ = q.Close() }), PhaseConnect, KindClosed},
		{"no answer but a reset", answer("", func(q *quic.Stream) { q.CancelWrite(0x10b) }), PhaseConnect, KindClosed},
		{"an answer that is no HEADERS frame", answer("\x00\x01x", nothing), PhaseConnect, KindProtocol},
		{"an answer that is too long", answer("\x01\x80\x10\x00\x00", nothing), PhaseConnect, KindProtocol},
		{"an answer that is not QPACK", answer("\x01\x03\x00\x00\xff", nothing), PhaseConnect, KindProtocol},
		// Index 63 of QPACK's static table is :status 100.
		{"only informational answers", answer(strings.Repeat("\x01\x04\x00\x00\xff\x00", 20), nothing), PhaseConnect, KindProtocol},
	} {
		t.Run(tt.name, func(t *testing.T) {
			url, cfg := rawServer(t, "h3", tt.server)
			expect(t, failDial(t, testContext(t), url, cfg), tt.phase, tt.kind)
		})
	}
	t.Run("no answer until the deadline", func(t *testing.T) {
		asked := make(chan struct{})
		url, cfg := rawServer(t, "h3", answer("", func(*quic.Stream) { close(asked) }))
		ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
		defer cancel()
		expect(t, failDial(t, ctx, url, cfg), PhaseConnect, KindTimeout)
		<-asked
	})
	t.Run("no answer until the caller gives up", func(t *testing.T) {
		ctx, cancel := context.WithCancel(testContext(t))
		url, cfg := rawServer(t, "h3", answer("", func(*quic.Stream) { cancel() }))
		expect(t, failDial(t, ctx, url, cfg), PhaseConnect, KindCanceled)
	})
	t.Run("a breach after the dial ends the session", func(t *testing.T) {
		breach := make(chan struct{})
		url, cfg := rawServer(t, "h3", func(c *quic.Conn) {
			u, err := c.OpenUniStream()
			if err != nil {
				return
			}
			_, _ = io.WriteString(u, settingsOnly)
			if q, err := c.AcceptStream(c.Context()); err == nil {
				_, _ = io.WriteString(q, "\x01\x03\x00\x00\xd9") // :status 200
			}
			<-breach
			_, _ = io.WriteString(u, "\x00\x00") // DATA on the control stream
		})
		s := dial(t, url, cfg)
		close(breach)
		if end := awaitEnd(t, s); end.Via != ViaProtocol || end.Code != 0x105 || end.Err == nil {
			t.Errorf("ended: %v", end)
		}
	})
}
