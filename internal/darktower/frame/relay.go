package frame

import "encoding/binary"

// RewriteRelay writes both fields of the relay region of the frame b, in place,
// and touches no other byte: what a relay does for each frame and each receiver
// (platform contract, media A.6). If b is not exactly one frame it is left as it
// is and the error is Decode's.
func RewriteRelay(b []byte, streamID uint16, hop uint32) error {
	v, err := Decode(b)
	if err != nil {
		return err
	}
	binary.BigEndian.PutUint16(b[v.publisher:], streamID)
	binary.BigEndian.PutUint32(b[v.publisher+2:], hop)
	return nil
}

// RewriteHop writes only the hop sequence of the frame b, in place: what a sender
// does for each connection it hands the same frame to. The error is Decode's.
func RewriteHop(b []byte, hop uint32) error {
	v, err := Decode(b)
	if err != nil {
		return err
	}
	binary.BigEndian.PutUint32(b[v.publisher+2:], hop)
	return nil
}
