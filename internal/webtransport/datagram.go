package webtransport

import (
	"context"
	"errors"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/quicvarint"
)

// largerThanAny is more than any packet that quic-go sends, in bytes.
const largerThanAny = 1 << 12

// datagramPrefix starts every datagram of a session: its quarter stream id (RFC 9297).
func datagramPrefix(id quic.StreamID) []byte { return quicvarint.Append(nil, uint64(id)/4) }

// SendDatagram sends one datagram. It blocks while 32 of them are queued in QUIC,
// until they go out or the connection ends. A datagram that is too large is a
// *[DatagramTooLargeError], one after the session's end its *[SessionError].
func (s *Session) SendDatagram(b []byte) error {
	if err := s.Err(); err != nil {
		return err
	}
	s.sendMu.Lock()
	defer s.sendMu.Unlock()
	s.sendBuf = append(append(s.sendBuf[:0], s.datagramPrefix...), b...)
	s.path.departures.taken(s.datagramsSent.Load())
	err := s.conn.SendDatagram(s.sendBuf)
	if err == nil {
		s.datagramsSent.Add(1)
		return nil
	}
	if tooLarge, ok := errors.AsType[*quic.DatagramTooLargeError](err); ok {
		return &DatagramTooLargeError{Size: len(b), Max: int(tooLarge.MaxDatagramPayloadSize) - len(s.datagramPrefix)}
	}
	return s.streamError(err)
}

// ReceiveDatagram waits for the next datagram. The caller owns the slice. QUIC
// queues 128 of them and drops the newest beyond: call it from a goroutine that
// does little else, and see DatagramsDropped in [Stats]. What was queued when the
// session ended is still given out, then the *[SessionError].
func (s *Session) ReceiveDatagram(ctx context.Context) ([]byte, error) {
	b, _, err := s.receive(ctx, false)
	return b, err
}

func (s *Session) receive(ctx context.Context, timed bool) ([]byte, Arrival, error) {
	// One at a time: datagrams are told apart by their number.
	select {
	case s.receiving <- struct{}{}:
		defer func() { <-s.receiving }()
	case <-ctx.Done():
		return nil, Arrival{}, context.Cause(ctx)
	}
	for {
		b, err := s.conn.ReceiveDatagram(ctx)
		if err != nil {
			if ctx.Err() != nil {
				return nil, Arrival{}, context.Cause(ctx)
			}
			return nil, Arrival{}, s.streamError(err)
		}
		at := Arrival{At: time.Now()}
		nth := s.datagramsHanded
		s.datagramsHanded++
		quarter, n, err := quicvarint.Parse(b)
		if err != nil || quarter != uint64(s.req.StreamID())/4 {
			s.datagramsForeign.Add(1)
			continue
		}
		s.datagramsReceived.Add(1)
		if timed {
			at.Kernel = s.path.arrivals.of(nth)
		}
		return b[n:], at, nil
	}
}

// MaxDatagramSize is the largest payload in bytes that SendDatagram takes now, 0
// when the connection is gone. It can grow while QUIC discovers the path's MTU.
func (s *Session) MaxDatagramSize() int {
	// quic-go has no getter; the refusal of an oversized one tells.
	err := s.conn.SendDatagram(make([]byte, largerThanAny))
	tooLarge, ok := errors.AsType[*quic.DatagramTooLargeError](err)
	if !ok || gone(s.conn) {
		return 0
	}
	return max(0, int(tooLarge.MaxDatagramPayloadSize)-len(s.datagramPrefix))
}
