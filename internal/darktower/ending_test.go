package darktower_test

import (
	"context"
	"testing"
	"time"

	"github.com/dark-tower/prober/internal/darktower"
	"github.com/dark-tower/prober/internal/devstack"
	"github.com/dark-tower/prober/internal/webtransport"
)

func TestConnectionsTellWhoEndedThem(t *testing.T) {
	w := newWorld(t, devstack.Options{})
	a, b := w.converse(t)
	began := time.Now()
	for _, c := range a.Connections() {
		if c.Ended != nil || c.Family != "ipv4" || c.Trust != webtransport.TrustName || c.Certificates[0].Key != "ECDSA P-256" {
			t.Errorf("an open connection: %+v", c)
		}
	}
	// One handler stops: it ends its connections. The participant closes the other.
	if err := w.StopHandler(w.HandlerIDs[0]); err != nil {
		t.Fatal(err)
	}
	ended := func() (out []darktower.Connection) {
		for _, c := range a.Connections() {
			if c.Ended != nil {
				out = append(out, c)
			}
		}
		return out
	}
	a.do("waiting for a handler to go", func(ctx context.Context) error {
		for len(ended()) == 0 {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(5 * time.Millisecond):
			}
		}
		return nil
	})
	gone := ended()
	if len(gone) != 1 || gone[0].MC || gone[0].Open || gone[0].Ended.By != darktower.SidePlatform ||
		gone[0].Ended.Via != webtransport.ViaConnectionClose || gone[0].Ended.At.Before(began) {
		t.Fatalf("ended: %+v", gone)
	}
	a.do("leaving", a.Leave)
	b.do("leaving", b.Leave)
	for _, c := range a.Connections() {
		want := darktower.SideClient
		if c.URL == gone[0].URL && c.ConnEpoch == gone[0].ConnEpoch {
			want = darktower.SidePlatform
		}
		if c.Ended == nil || c.Ended.By != want || c.Ended.At.Before(began) || c.Ended.At.After(time.Now()) {
			t.Errorf("to MC: %v, ended %+v, want by %s", c.MC, c.Ended, want)
		}
	}
	a.Release()
	b.Release()
}
