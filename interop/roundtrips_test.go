package interop

import (
	"testing"
	"time"

	"github.com/dark-tower/prober/internal/link"
	"github.com/dark-tower/prober/internal/webtransport"
)

// roundTrip is that of the link on which round trips are counted: so long that
// what the machines need beside it is little.
const roundTrip = 160 * time.Millisecond

// trips is how many round trips a time is, to the nearest.
func trips(d time.Duration) int { return int((d + roundTrip/2) / roundTrip) }

// price is what a session costs in round trips.
type price struct{ handshake, settings, connect, total, answer, request int }

// far puts the server that round trip away.
func (s *server) far() webtransport.Config {
	half := link.Conditions{Delay: roundTrip / 2}
	return s.behind(link.Spec{Up: half, Down: half})
}

// behind puts a link in front of the server.
func (s *server) behind(spec link.Spec) webtransport.Config {
	s.t.Helper()
	l, err := link.Listen(s.addr, link.Config{Spec: spec, Seed: 1})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = l.Close() })
	cfg := s.cfg
	cfg.Endpoints = webtransport.EndpointMap{s.addr: l.Addr()}
	return cfg
}

// measure dials over the link and asks twice.
func measure(t *testing.T, s *server) (price, webtransport.Timings) {
	t.Helper()
	session := s.dialWith(s.far(), "accept", "bidi", "echo")
	tm := session.Timings()
	began := time.Now()
	st := open(t, session, "first")
	reply(t, st, "first")
	first := time.Since(began)
	began = time.Now()
	if _, err := st.Write([]byte{0, 0, 0, 1, 'x'}); err != nil {
		t.Fatal(err)
	}
	reply(t, st, "x")
	return price{
		trips(tm.Handshake), trips(tm.Settings), trips(tm.Connect), trips(tm.Total), trips(tm.Total + first), trips(time.Since(began)),
	}, tm
}

// roundTrips count what a session costs.
func roundTrips() []testCase {
	return []testCase{
		{name: "a session costs as many round trips as it must", alone: true, run: func(t *testing.T, p peer) {
			// wtransport sends its SETTINGS when the handshake is over on its side;
			// webtransport-go with the handshake.
			want := price{handshake: 1, settings: 1, connect: 1, total: 3, answer: 4, request: 1}
			if p.program == webtransportGo {
				want = price{handshake: 1, settings: 0, connect: 1, total: 2, answer: 3, request: 1}
			}
			s := p.start(t, options{})
			// A busy machine can make any one of them longer, none shorter.
			var got price
			for range 5 {
				var tm webtransport.Timings
				got, tm = measure(t, s)
				t.Logf("%d round trips to the session, %d to the first answer: handshake %v, SETTINGS %v, CONNECT %v",
					got.total, got.answer, tm.Handshake, tm.Settings, tm.Connect)
				if got == want {
					return
				}
			}
			t.Errorf("round trips %+v, want %+v", got, want)
		}},
	}
}
