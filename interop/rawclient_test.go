package interop

import (
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"testing"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
	"github.com/quic-go/quic-go/quicvarint"
)

// HTTP/3 frame types, and the capsule that closes a session.
const (
	dataFrame     = 0x0
	headersFrame  = 0x1
	settingsFrame = 0x4
	goawayFrame   = 0x7
	closeCapsule  = 0x2843
)

// rawClient is a WebTransport session written byte by byte, to do what our client
// never does.
type rawClient struct {
	t       testing.TB
	conn    *quic.Conn
	control *quic.SendStream
	connect *quic.Stream
}

// dialRaw opens a session in the older dialect.
func dialRaw(s *server, steps ...string) *rawClient {
	t := s.t
	t.Helper()
	ctx := testContext(t)
	conn, err := quic.DialAddr(ctx, s.addr, &tls.Config{RootCAs: s.cfg.RootCAs, NextProtos: []string{http3.NextProtoH3}},
		&quic.Config{EnableDatagrams: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.CloseWithError(0, "") })
	c := &rawClient{t: t, conn: conn}
	c.control, err = conn.OpenUniStreamSync(ctx)
	c.must(err)
	c.write(c.control, []byte{0x0}, h3Frame(settingsFrame, []byte{0x33, 1}))
	c.connect, err = conn.OpenStreamSync(ctx)
	c.must(err)
	path := s.url(steps...)[len("https://")+len(s.addr):]
	c.write(c.connect, h3Frame(headersFrame, fields(
		":method", "CONNECT", ":protocol", "webtransport", ":scheme", "https", ":authority", s.addr, ":path", path,
	)))
	typ, payload := c.read()
	// QPACK for :status, and 200 in Huffman's code.
	if typ != headersFrame || !bytes.Equal(payload, []byte{0, 0, 0x5f, 0x09, 0x82, 0x10, 0x01}) {
		t.Fatalf("CONNECT was answered with a frame of type %#x: %x", typ, payload)
	}
	return c
}

func (c *rawClient) must(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
}

// write writes all parts at once.
func (c *rawClient) write(to io.Writer, parts ...[]byte) {
	c.t.Helper()
	var all []byte
	for _, p := range parts {
		all = append(all, p...)
	}
	_, err := to.Write(all)
	c.must(err)
}

// read reads one frame of the CONNECT stream.
func (c *rawClient) read() (typ uint64, payload []byte) {
	c.t.Helper()
	r := quicvarint.NewReader(c.connect)
	typ, err := quicvarint.Read(r)
	c.must(err)
	length, err := quicvarint.Read(r)
	c.must(err)
	payload = make([]byte, length)
	_, err = io.ReadFull(r, payload)
	c.must(err)
	return typ, payload
}

// closedWith waits until the server closed the connection.
func (c *rawClient) closedWith(code quic.ApplicationErrorCode) {
	c.t.Helper()
	select {
	case <-c.conn.Context().Done():
	case <-testContext(c.t).Done():
		c.t.Fatal("the server did not close the connection")
	}
	var ae *quic.ApplicationError
	_, err := c.conn.AcceptStream(testContext(c.t))
	if !errors.As(err, &ae) || !ae.Remote || ae.ErrorCode != code || ae.ErrorMessage != "" {
		c.t.Errorf("the server closed with %v, want %#x", err, uint64(code))
	}
}

// h3Frame is a frame of HTTP/3.
func h3Frame(typ uint64, payload []byte) []byte {
	b := quicvarint.Append(quicvarint.Append(nil, typ), uint64(len(payload)))
	return append(b, payload...)
}

// capsule is a close of the session.
func capsule(code uint32, reason string) []byte {
	b := quicvarint.Append(quicvarint.Append(nil, closeCapsule), uint64(4+len(reason)))
	return append(binary.BigEndian.AppendUint32(b, code), reason...)
}

// fields encodes header fields in QPACK without its tables: every name and value is
// a literal (RFC 9204, section 4.5.6).
func fields(pairs ...string) []byte {
	b := []byte{0, 0}
	for i := 0; i < len(pairs); i += 2 {
		b = append(prefixed(b, 0x20, 3, len(pairs[i])), pairs[i]...)
		b = append(prefixed(b, 0, 7, len(pairs[i+1])), pairs[i+1]...)
	}
	return b
}

// prefixed appends an integer with a prefix of so many bits (RFC 7541, section 5.1).
func prefixed(b []byte, first byte, bits, n int) []byte {
	limit := 1<<bits - 1
	if n < limit {
		return append(b, first|byte(n))
	}
	b = append(b, first|byte(limit))
	for n -= limit; n >= 0x80; n >>= 7 {
		b = append(b, byte(n)|0x80)
	}
	return append(b, byte(n))
}
