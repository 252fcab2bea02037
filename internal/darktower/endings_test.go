package darktower

import (
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/dark-tower/prober/internal/darktower/signaling"
	"github.com/dark-tower/prober/internal/webtransport"
)

func TestWhoEndedASession(t *testing.T) {
	session := func(via webtransport.Via, remote bool) error {
		return &webtransport.SessionError{Via: via, Remote: remote, Code: 7}
	}
	for _, c := range []struct {
		name string
		err  error
		by   Side
		via  webtransport.Via
	}{
		{"this client left", &signaling.ClosedError{Err: signaling.ErrLeft}, SideClient, webtransport.ViaLocal},
		{"this client closed the connection", session(webtransport.ViaLocal, false), SideClient, webtransport.ViaLocal},
		{"a panic of this client", &signaling.PanicError{Value: "boom"}, SideClient, webtransport.ViaLocal},
		{"the server closed the connection", &signaling.ClosedError{Err: session(webtransport.ViaConnectionClose, true)}, SidePlatform, webtransport.ViaConnectionClose},
		{"the server ended the session", session(webtransport.ViaCapsule, true), SidePlatform, webtransport.ViaCapsule},
		{"the server broke HTTP/3", session(webtransport.ViaProtocol, true), SidePlatform, webtransport.ViaProtocol},
		{"MC finished the stream and kept the session", &signaling.ClosedError{Err: io.EOF}, SidePlatform, ViaStream},
		{"MC broke the protocol", &signaling.ProtocolError{Message: "frame"}, SidePlatform, ViaStream},
		{"the server was not heard any more", session(webtransport.ViaIdleTimeout, false), SideNone, webtransport.ViaIdleTimeout},
		{"the network refused", fmt.Errorf("ended: %w", session(webtransport.ViaTransport, false)), SideNone, webtransport.ViaTransport},
		{"MC took no message", &signaling.TimeoutError{Err: errors.New("late")}, SideNone, ViaStream},
	} {
		t.Run(c.name, func(t *testing.T) {
			at := time.Now()
			if e := ending(c.err, at); e == nil || e.By != c.by || e.Via != c.via || !e.At.Equal(at) {
				t.Errorf("%+v", e)
			}
		})
	}
	if e := ending(nil, time.Time{}); e != nil {
		t.Errorf("an open one: %+v", e)
	}
}
