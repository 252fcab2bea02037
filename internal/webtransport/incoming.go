package webtransport

import (
	"context"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
	"github.com/quic-go/quic-go/quicvarint"
)

// The types that mark WebTransport streams (the same in all drafts).
const (
	frameBidi       = 0x41 // frame type at the start of a bidirectional stream
	streamUni       = 0x54 // type of a unidirectional stream
	streamControl   = 0x00 // type of HTTP/3's control stream
	maxStreamHeader = 16   // length of the longest stream header in bytes
)

// appendStreamHeader appends what starts a WebTransport stream: its type and the
// session's id.
func appendStreamHeader(b []byte, typ uint64, session quic.StreamID) []byte {
	return quicvarint.Append(quicvarint.Append(b, typ), uint64(session))
}

// readStreamHeader is the inverse of appendStreamHeader.
func readStreamHeader(r quicvarint.Reader) (typ uint64, session quic.StreamID, err error) {
	if typ, err = quicvarint.Read(r); err != nil {
		return 0, 0, err
	}
	id, err := quicvarint.Read(r)
	return typ, quic.StreamID(id), err
}

func (s *Session) acceptBidi() {
	for {
		q, err := s.conn.AcceptStream(context.Background()) // until the connection ends
		if err != nil {
			return
		}
		s.wg.Go(func() { s.incomingBidi(q) })
	}
}

func (s *Session) acceptUni() {
	for {
		q, err := s.conn.AcceptUniStream(context.Background()) // until the connection ends
		if err != nil {
			return
		}
		s.wg.Go(func() { s.incomingUni(q) })
	}
}

// incomingBidi takes a stream the server opened, if it is of this session. QUIC
// allows the server so few at a time that one goroutine for each is bounded.
func (s *Session) incomingBidi(q *quic.Stream) {
	typ, err := quicvarint.Peek(q)
	if err == nil && typ != frameBidi {
		s.h3.HandleBidirectionalStream(q) // HTTP/3 knows no such streams: closes the connection
		return
	}
	if err == nil {
		_, id, err := readStreamHeader(quicvarint.NewReader(q))
		if err == nil && int64(id) == s.id.Load() {
			select {
			case s.bidi <- s.newStream(q, nil):
				return
			default: // the application accepts none
			}
		}
	}
	q.CancelRead(codeBufferedStreamRejected)
	q.CancelWrite(codeBufferedStreamRejected)
}

// incomingUni takes a stream the server opened, if it is of this session or of
// HTTP/3.
func (s *Session) incomingUni(q *quic.ReceiveStream) {
	typ, err := quicvarint.Peek(q)
	switch {
	case err != nil:
	case typ == streamControl && s.controlSeen.CompareAndSwap(false, true):
		r := quicvarint.NewReader(q)
		_, _ = quicvarint.Read(r) // the type
		s.readControl(r)
		return
	case typ == streamControl:
		s.breach(violation(http3.ErrCodeStreamCreationError, "a second control stream"))
		return
	case typ == streamUni:
		_, id, err := readStreamHeader(quicvarint.NewReader(q))
		if err == nil && int64(id) == s.id.Load() {
			select {
			case s.uni <- s.newReceiveStream(q):
				return
			default: // the application accepts none
			}
		}
	default:
		s.h3.HandleUnidirectionalStream(q)
		return
	}
	q.CancelRead(codeBufferedStreamRejected)
}
