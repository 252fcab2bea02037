package webtransport

import (
	"testing"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
)

// A server on wtransport that drops a session lets go of its streams one by one, and
// quinn ends each, before the connection closes. With luck the ends travel ahead.
func TestADropThatEndsTheStreamsFirstIsACloseOfTheConnection(t *testing.T) {
	dropped := func(streams func(control *quic.SendStream, connect *quic.Stream)) *SessionError {
		url, cfg := rawServer(t, http3.NextProtoH3, func(c *quic.Conn) {
			ctx := c.Context()
			control, err := c.OpenUniStream()
			if err != nil {
				t.Error(err)
				return
			}
			// SETTINGS: extended CONNECT, HTTP/3 datagrams, WebTransport.
			_, _ = control.Write([]byte{streamControl, frameSettings, 9, 0x8, 1, 0x33, 1, 0xab, 0x60, 0x37, 0x42, 1})
			connect, err := c.AcceptStream(ctx)
			if err != nil {
				t.Error(err)
				return
			}
			_, _ = connect.Write([]byte{frameHeaders, 3, 0, 0, 0xd9}) // :status 200
			if _, err := c.ReceiveDatagram(ctx); err != nil {
				t.Error(err)
				return
			}
			streams(control, connect)
			_ = c.SendDatagram([]byte{0})
			if _, err := c.ReceiveDatagram(ctx); err == nil { // the client has the ends
				_ = c.CloseWithError(0, "")
			}
		})
		s := dial(t, url, cfg)
		for range 2 {
			if err := s.SendDatagram([]byte("go on")); err != nil {
				t.Fatal(err)
			}
			_, _ = s.ReceiveDatagram(testContext(t))
		}
		return awaitEnd(t, s)
	}
	for name, streams := range map[string]func(*quic.SendStream, *quic.Stream){
		"the control stream": func(control *quic.SendStream, _ *quic.Stream) { _ = control.Close() },
		"the CONNECT stream": func(_ *quic.SendStream, connect *quic.Stream) { _ = connect.Close() },
		"both": func(control *quic.SendStream, connect *quic.Stream) {
			_ = control.Close()
			_ = connect.Close()
		},
	} {
		t.Run(name, func(t *testing.T) {
			// The client does not wait for ever, and a busy machine can be later than that.
			var end *SessionError
			for range 5 {
				if end = dropped(streams); end.Via == ViaConnectionClose {
					break
				}
			}
			if end.Via != ViaConnectionClose || !end.Remote || end.Code != 0 {
				t.Errorf("ended: %v", end)
			}
		})
	}
}
