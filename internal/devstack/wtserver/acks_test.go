package wtserver

import (
	"context"
	"math/rand/v2"
	"testing"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/qlog"
)

func TestAStreamIsAcknowledgedWhenEveryByteAndItsFINAre(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		size := rng.Int64N(2000)
		pieces := []qlog.StreamFrame{{StreamID: 4, Offset: size, Fin: true}}
		for at := int64(0); at < size; {
			n := min(1+rng.Int64N(300), size-at)
			pieces = append(pieces, qlog.StreamFrame{StreamID: 4, Offset: at, Length: n})
			if rng.IntN(4) == 0 { // sent again, split elsewhere
				pieces = append(pieces, qlog.StreamFrame{StreamID: 4, Offset: max(0, at-5), Length: n})
			}
			at += n
		}
		st := &ackTrace{streams: make(map[quic.StreamID]*ackedStream)}
		covered, fin := make([]bool, size), false
		for _, i := range rng.Perm(len(pieces)) {
			p := pieces[i]
			st.addLocked(p)
			fin = fin || p.Fin
			for b := p.Offset; b < p.Offset+p.Length; b++ {
				covered[b] = true
			}
			want := fin
			for _, c := range covered {
				want = want && c
			}
			if got := st.streams[4].complete(); got != want {
				t.Fatalf("complete is %v, want %v, with %+v of %d bytes", got, want, st.streams[4].spans, size)
			}
		}
	}
}

func TestWaitingForAcknowledgementsEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	trace := traceAcks(ctx, false, quic.ConnectionID{}).(*ackTrace)
	trace.wait(ctx, []quic.StreamID{4})
	trace.wait(context.Background(), nil)
}
