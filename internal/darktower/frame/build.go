package frame

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Errors of a header that must not be built.
var (
	ErrFlags      = errors.New("frame: undefined flag bit")
	ErrWrap       = errors.New("frame: flags and wrapped key disagree")
	ErrPayloadLen = errors.New("frame: payload length out of range")
	ErrSalience   = errors.New("frame: salience out of range")
)

// Header is what a publisher writes at the head of a frame.
type Header struct {
	Flags    byte
	Sequence uint32
	Wrap     []byte // nil, or WrapLen bytes with FlagKeyBearing
	Salience *uint8 // nil for none; 0..MaxSalience
}

// Len is the length of the publisher region in bytes.
func (h Header) Len() int {
	n := FixedPrefixLen + len(h.Wrap) + extLenLen
	if h.Salience != nil {
		n += extHeadLen + extSalienceLen
	}
	return n
}

// AppendPublisher appends the publisher region of a frame whose payload will be
// payloadLen bytes long. The length is final: the region is authenticated. A
// header that no receiver would accept is refused, and dst returned unchanged.
func AppendPublisher(dst []byte, h Header, payloadLen int) ([]byte, error) {
	switch {
	case h.Flags&^legalFlags != 0:
		return dst, fmt.Errorf("%w: flags %#02x", ErrFlags, h.Flags)
	case payloadLen < 0 || payloadLen > MaxPayloadLen:
		return dst, fmt.Errorf("%w: %d bytes, limit %d", ErrPayloadLen, payloadLen, MaxPayloadLen)
	case h.Flags&FlagKeyBearing != 0 && len(h.Wrap) != WrapLen, h.Flags&FlagKeyBearing == 0 && len(h.Wrap) != 0:
		return dst, fmt.Errorf("%w: flags %#02x with a block of %d bytes", ErrWrap, h.Flags, len(h.Wrap))
	case h.Salience != nil && *h.Salience > MaxSalience:
		return dst, fmt.Errorf("%w: %d, limit %d", ErrSalience, *h.Salience, MaxSalience)
	}
	dst = append(dst, Version, h.Flags)
	dst = binary.BigEndian.AppendUint32(dst, uint32(payloadLen))
	dst = binary.BigEndian.AppendUint32(dst, h.Sequence)
	dst = append(dst, h.Wrap...)
	if h.Salience == nil {
		return append(dst, 0, 0), nil
	}
	dst = binary.BigEndian.AppendUint16(dst, extHeadLen+extSalienceLen)
	return append(dst, extSalience, extSalienceLen, *h.Salience), nil
}

// AppendRelay appends the relay region.
func AppendRelay(dst []byte, streamID uint16, hop uint32) []byte {
	dst = binary.BigEndian.AppendUint16(dst, streamID)
	return binary.BigEndian.AppendUint32(dst, hop)
}
