package media

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dark-tower/prober/internal/webtransport"
)

// timedQueue is a connection that knows when datagrams came in.
type timedQueue struct {
	datagramQueue
	arrivals chan webtransport.Arrival
}

func (q timedQueue) ReceiveArrival(ctx context.Context) ([]byte, webtransport.Arrival, error) {
	b, err := q.ReceiveDatagram(ctx)
	if err != nil {
		return nil, webtransport.Arrival{}, err
	}
	return b, <-q.arrivals, nil
}

func TestADatagramArrivesWhenTheKernelGetsItAndInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSpeaker(t)
		r := NewReceiver(ReceiverConfig{})
		defer r.Close()
		r.Adopt(s.opener(), []uint16{1, 2})
		ctx, cancel := context.WithCancel(t.Context())
		q := timedQueue{make(datagramQueue), make(chan webtransport.Arrival)}
		in := r.attach(ctx, hereURL, 1, q)
		start := time.Now()
		at := func(ms int) time.Time { return start.Add(time.Duration(ms) * time.Millisecond) }
		frames := s.frames(t, 4, 1)
		for i, a := range []webtransport.Arrival{
			{Kernel: at(10), At: at(17)},
			{At: at(40)}, // only the reader knows
			{Kernel: at(35), At: at(41)},
			{Kernel: at(60), At: at(60)},
		} {
			q.datagramQueue <- frames[i]
			q.arrivals <- a
		}
		synctest.Wait()
		var came, late []int
		for _, rec := range r.Received() {
			came = append(came, int(rec.At.Sub(start)/time.Millisecond))
			late = append(late, int(rec.ReadLateness/time.Millisecond))
		}
		if !slices.Equal(came, []int{10, 40, 40, 60}) || !slices.Equal(late, []int{7, 0, 1, 0}) {
			t.Errorf("came after %v ms, were read %v ms later", came, late)
		}
		cancel()
		<-in.done
	})
}
