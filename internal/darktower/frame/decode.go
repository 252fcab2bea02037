package frame

import "encoding/binary"

// View is one decoded frame. It borrows the buffer it was decoded from: every
// slice it hands out is part of that buffer, cut to its own length. The zero
// View is no frame; only Bytes and KeyIDBytes may be asked of it.
type View struct {
	b         []byte
	publisher int // length of the publisher region
	payload   int // length of the payload
}

// Decode checks that b is exactly one frame and returns a view of it. It checks
// in the order of the relays (platform contract, media A.4, the datagram entry
// point), so that a frame with several faults is refused for the same reason
// everywhere. The error is a *RejectError.
//
// A payload too short to hold a key id and a tag is legal here, as it is for a
// relay; KeyIDBytes is the receiver's check of it.
func Decode(b []byte) (View, error) {
	if len(b) == 0 {
		return View{}, Reject(Truncated)
	}
	if b[offVersion] != Version {
		return View{}, Reject(UnknownVersion)
	}
	if len(b) < FixedPrefixLen {
		return View{}, Reject(Truncated)
	}
	flags := b[offFlags]
	if flags&^legalFlags != 0 {
		return View{}, Reject(ReservedFlagBitSet)
	}
	declared := binary.BigEndian.Uint32(b[offPayloadLen:])
	if declared > MaxPayloadLen {
		return View{}, Reject(PayloadLengthExceedsMax)
	}

	at := FixedPrefixLen
	if flags&FlagKeyBearing != 0 {
		if len(b)-at < WrapLen {
			return View{}, Reject(Truncated)
		}
		at += WrapLen
	}
	if len(b)-at < extLenLen {
		return View{}, Reject(Truncated)
	}
	extLen := int(binary.BigEndian.Uint16(b[at:]))
	at += extLenLen
	if extLen > MaxExtLen {
		return View{}, Reject(ExtensionsTooLarge)
	}
	if len(b)-at < extLen {
		return View{}, Reject(Truncated)
	}
	if !validExtensions(b[at : at+extLen]) {
		return View{}, Reject(ExtensionsMalformed)
	}
	at += extLen

	publisher := at
	if len(b)-at < RelayLen {
		return View{}, Reject(Truncated)
	}
	at += RelayLen
	if len(b)-at < SignatureLen {
		return View{}, Reject(Truncated)
	}
	payload, available := int(declared), len(b)-at-SignatureLen
	if payload > available {
		return View{}, Reject(PayloadLengthExceedsAvailable)
	}
	if payload < available {
		return View{}, Reject(TrailingBytes)
	}
	return View{b: b, publisher: publisher, payload: payload}, nil
}

// Bytes is the whole frame; nil for the zero View.
func (v View) Bytes() []byte { return v.b }

// Flags are the frame's flags.
func (v View) Flags() byte { return v.b[offFlags] }

// KeyBearing reports whether the frame carries a wrapped transmit key.
func (v View) KeyBearing() bool { return v.Flags()&FlagKeyBearing != 0 }

// StreamSequence counts the frames that the sender built for this stream. It is
// authenticated end to end.
func (v View) StreamSequence() uint32 { return binary.BigEndian.Uint32(v.b[offStreamSequence:]) }

// PayloadLen is the length of the payload in bytes.
func (v View) PayloadLen() int { return v.payload }

// Wrap is the block of WrapLen bytes with the wrapped transmit key: two bytes of
// KEK generation, the wrapped key, the tag. It is nil if there is none.
func (v View) Wrap() []byte {
	if !v.KeyBearing() {
		return nil
	}
	return v.b[FixedPrefixLen : FixedPrefixLen+WrapLen : FixedPrefixLen+WrapLen]
}

// Salience is the publisher's claim of how much the frame matters, 0..100, and
// whether it made one.
func (v View) Salience() (uint8, bool) {
	at := FixedPrefixLen + extLenLen
	if v.KeyBearing() {
		at += WrapLen
	}
	return salience(v.b[at:v.publisher])
}

// Publisher is the publisher region: the associated data of the payload, and the
// first part of what the signature covers (platform contract, media A.5).
func (v View) Publisher() []byte { return v.b[:v.publisher:v.publisher] }

// StreamID is the slot of the receiver that the frame is for, as the relay wrote
// it. It is not authenticated.
func (v View) StreamID() uint16 { return binary.BigEndian.Uint16(v.b[v.publisher:]) }

// HopSequence counts the frames that the relay forwarded on this edge. It is not
// authenticated.
func (v View) HopSequence() uint32 { return binary.BigEndian.Uint32(v.b[v.publisher+2:]) }

// Payload is the sealed payload, the second part of what the signature covers:
// key id, tag, ciphertext.
func (v View) Payload() []byte {
	start, end := v.publisher+RelayLen, v.publisher+RelayLen+v.payload
	return v.b[start:end:end]
}

// Signature is the sender's Ed25519 signature over Publisher followed by Payload.
func (v View) Signature() []byte { return v.b[len(v.b)-SignatureLen : len(v.b) : len(v.b)] }

// KeyIDBytes is the key id at the head of the payload. A payload that cannot hold
// a key id and a tag is refused as Truncated: the receiver's own check, which a
// relay does not make (platform contract, media A.4).
func (v View) KeyIDBytes() ([]byte, error) {
	if v.payload < KeyIDLen+TagLen {
		return nil, Reject(Truncated)
	}
	return v.Payload()[:KeyIDLen:KeyIDLen], nil
}
