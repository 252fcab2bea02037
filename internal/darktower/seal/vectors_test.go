package seal

import (
	"bytes"
	"crypto/ed25519"
	"encoding/binary"
	"slices"
	"strconv"
	"testing"

	"github.com/dark-tower/prober/internal/darktower/frame"
)

func TestVectorConstants(t *testing.T) {
	f := readVectors(t)
	for _, c := range []struct {
		what        string
		ours, wants int
	}{
		{"header version", frame.Version, f.HeaderVersion},
		{"cipher suite", int(suite[0])<<8 | int(suite[1]), f.CipherSuite},
		{"payload limit", frame.MaxPayloadLen, f.MaxPayload},
		{"flags", frame.FlagIndependent | frame.FlagDiscardable | frame.FlagKeyBearing, f.Constants.LegalFlags},
		{"signature", frame.SignatureLen, f.Constants.Signature},
		{"tag", frame.TagLen, f.Constants.Tag},
		{"key id", frame.KeyIDLen, f.Constants.KeyID},
		{"relay region", frame.RelayLen, f.Constants.Relay},
		{"fixed prefix", frame.FixedPrefixLen, f.Constants.FixedPrefix},
		{"wrap", frame.WrapLen, f.Constants.Wrap},
		{"KEK generation", kekGenerationLen, f.Constants.KEKGeneration},
		{"transmit key", KeyLen, f.Constants.Transmit},
		{"extensions", frame.MaxExtLen, f.Constants.MaxExt},
	} {
		if c.ours != c.wants {
			t.Errorf("%s: %d, want %d", c.what, c.ours, c.wants)
		}
	}
	var tokens []frame.Reason
	for _, r := range f.Reasons {
		tokens = append(tokens, r.Token)
		if r.Token.Drops() != r.Drops {
			t.Errorf("%s: drops is %v", r.Token, r.Token.Drops())
		}
	}
	if !slices.Equal(tokens, frame.Reasons()) {
		t.Errorf("reasons %q, want %q", frame.Reasons(), tokens)
	}
}

// craft describes the well-formed frame that a vector is, or was made from.
func (v vector) craft(t *testing.T) crafted {
	t.Helper()
	c := crafted{
		sender: v.Decoded.Parts.Sender, stream: v.Decoded.Parts.Stream, sequence: v.Decoded.Sequence,
		identity: &Identity{private: ed25519.NewKeyFromSeed(v.Crypto.Seed)},
		transmit: Key(v.Crypto.Transmit), wrapped: v.Decoded.Flags.KeyBearing, kek: Key(v.Crypto.KEK), kekGen: v.Decoded.KEKGeneration,
		streamID: v.Decoded.StreamID, hop: v.Decoded.Hop, plaintext: v.Crypto.Plaintext,
	}
	generation, err := strconv.ParseUint(v.Decoded.Parts.Generation, 16, 64)
	if err != nil {
		t.Fatal(err)
	}
	c.generation = generation
	if v.Decoded.Flags.Independent {
		c.flags |= frame.FlagIndependent
	}
	if v.Decoded.Flags.Discardable {
		c.flags |= frame.FlagDiscardable
	}
	for _, e := range v.Decoded.Extensions {
		c.salience = &e.Value[0]
	}
	if v.Derived.WrapAAD != nil {
		id := KeyID(v.Derived.WrapAAD)
		c.wrapFor = &id
	}
	if v.Name == "tamper_publisher_region" {
		c.sequence ^= 1 << 24 // the row is described as it is after the change
	}
	return c
}

// mutate does to a well-formed frame what the vector names.
func (v vector) mutate(t *testing.T, b []byte) []byte {
	t.Helper()
	b = bytes.Clone(b)
	switch v.Expected.Mutation {
	case "":
	case "frame[VERSION_OFFSET] = 1":
		b[0] = 1
	case "frame[FLAGS_OFFSET] |= 0x80":
		b[1] |= 0x80
	case "frame[PAYLOAD_LENGTH_OFFSET..+4] = 0xFFFFFFFF":
		binary.BigEndian.PutUint32(b[2:], 1<<32-1)
	case "frame[PAYLOAD_LENGTH_OFFSET..+4] = payload_length + 1":
		binary.BigEndian.PutUint32(b[2:], binary.BigEndian.Uint32(b[2:])+1)
	case "frame[..relay_region_offset + 1]":
		b = b[:v.Offsets.Relay+1]
	case "frame[ext_length_field_range] = 0xFFFF":
		copy(b[60:], []byte{0xff, 0xff})
	case "frame || 0x00":
		b = append(b, 0)
	case "salience value byte = 101 (accepted max is 100)":
		b[v.Offsets.Publisher-1] = 101
	case "frame[STREAM_SEQUENCE_OFFSET] ^= 0x01":
		b[6] ^= 1
	case "frame[signature_offset] ^= 0x01":
		b[v.Offsets.Signature] ^= 1
	default:
		t.Fatalf("no way known to apply %q", v.Expected.Mutation)
	}
	return b
}

func TestVectorsAreCreatedAgainByteForByte(t *testing.T) {
	for _, v := range readVectors(t).Vectors {
		t.Run(v.Name, func(t *testing.T) {
			equal := func(what string, got, want []byte) {
				t.Helper()
				if !bytes.Equal(got, want) {
					t.Errorf("%s is\n%x, want\n%x", what, got, want)
				}
			}
			c := v.craft(t)
			id := keyID(t, c.sender, c.stream, c.generation)
			equal("key id", id[:], v.Decoded.KeyID)
			equal("identity", c.identity.Public(), v.Crypto.Public)
			key, salt, err := DeriveSFrame(c.transmit, id)
			if err != nil {
				t.Fatal(err)
			}
			nonce := Nonce(salt, v.Decoded.Sequence)
			equal("key", key[:], v.Derived.Key)
			equal("salt", salt[:], v.Derived.Salt)
			equal("nonce", nonce[:], v.Derived.Nonce)
			if c.wrapFor != nil {
				nonce := wrapNonce(*c.wrapFor)
				equal("wrap nonce", nonce[:], v.Derived.WrapNonce)
			}

			base := c.bytes(t)
			equal("frame", v.mutate(t, base), v.Frame)

			// On rows that do not decode the spans describe the frame before its mutation.
			b := []byte(v.Frame)
			if v.Expected.Describes == "base_frame_before_mutation" {
				b = base
			}
			view := decode(t, b)
			p := len(view.Publisher())
			if p != v.Offsets.Publisher || p != v.Offsets.Relay || p+frame.RelayLen != v.Offsets.Payload ||
				v.Offsets.Payload+view.PayloadLen() != v.Offsets.Signature || view.PayloadLen() != v.Decoded.PayloadLength ||
				view.StreamID() != v.Decoded.StreamID || view.HopSequence() != v.Decoded.Hop || view.StreamSequence() != v.Decoded.Sequence {
				t.Errorf("offsets or fields differ: publisher %d, payload %d", p, view.PayloadLen())
			}
			signed := slices.Concat(view.Publisher(), view.Payload())
			equal("associated data", view.Publisher(), v.Derived.AAD)
			equal("signed input", signed, v.Derived.Signed)
			equal("tag", view.Payload()[frame.KeyIDLen:sealedHead], v.Derived.Tag)
			equal("ciphertext", view.Payload()[sealedHead:], v.Derived.Ciphertext)
			equal("signature", view.Signature(), v.Derived.Signature)
			equal("naive span", b[:v.Offsets.Signature], v.Derived.Naive)
			if bytes.Equal(signed, v.Derived.Naive) {
				t.Error("what is signed is the whole frame up to the signature")
			}
			if v.Expected.Mutation == "" && ed25519.Verify(ed25519.PublicKey(v.Crypto.Public), v.Derived.Naive, view.Signature()) {
				t.Error("the signature covers the relay region")
			}
		})
	}
}

// receiver is an opener that is ready for a vector.
func (v vector) receiver(t *testing.T) *Opener {
	t.Helper()
	kek, public := v.Crypto.KEK, v.Crypto.Public
	if v.Expected.UseKEK != nil {
		kek = v.Expected.UseKEK
	}
	if v.Expected.VerifyAgainst != nil {
		public = v.Expected.VerifyAgainst
	}
	ring := NewKeyring()
	if _, err := ring.Install(kek, 1, 0, epoch); err != nil {
		t.Fatal(err)
	}
	o := NewOpener(ring)
	o.SetRoster(v.Decoded.Parts.Sender, public)
	o.SetAssigned([]uint16{v.Decoded.Parts.Sender})
	if !v.Decoded.Flags.KeyBearing {
		prime(t, o, KeyID(v.Decoded.KeyID), Key(v.Crypto.Transmit), 1, nil)
	}
	if v.Expected.UseTransmit != nil {
		prime(t, o, KeyID(v.Decoded.KeyID), Key(v.Expected.UseTransmit), 1, decode(t, v.Frame).Wrap()[kekGenerationLen:])
	}
	return o
}

func TestVectorsAreReceivedAsTheyAskFor(t *testing.T) {
	f := readVectors(t)
	opens := func(t *testing.T, o *Opener, v vector, b []byte, outcome WrapOutcome) {
		t.Helper()
		opened, got := receive(t, o, b, epoch)
		if got != string(outcome) || !bytes.Equal(opened.Plaintext, v.Crypto.Plaintext) {
			t.Fatalf("got %s and plaintext %q, want %s and %q", got, opened.Plaintext, outcome, v.Crypto.Plaintext)
		}
	}
	kinds := make(map[string]int)
	for _, v := range f.Vectors {
		kinds[v.Kind]++
		t.Run(v.Name, func(t *testing.T) {
			o := v.receiver(t)
			switch v.Kind {
			case "roundtrip", "full_frame":
				outcome := WrapNone
				if v.Decoded.Flags.KeyBearing {
					outcome = WrapCached
				}
				opens(t, o, v, v.Frame, outcome)
				relayed := bytes.Clone(v.Frame)
				if err := frame.RewriteRelay(relayed, 0xffff, 0xdeadbeef); err != nil {
					t.Fatal(err)
				}
				opens(t, v.receiver(t), v, relayed, outcome)
			case "wrap_binding":
				from := f.named(t, v.Expected.Precondition.PrimedBy)
				block := decode(t, from.Frame).Wrap()[kekGenerationLen:]
				id := KeyID(v.Decoded.KeyID)
				transmit, err := UnwrapKey(Key(from.Crypto.KEK), id, block)
				if err != nil {
					t.Fatalf("the row cannot be prepared: %v", err)
				}
				prime(t, o, id, transmit, 1, block)
				opens(t, o, v, v.Frame, WrapKeyIDMismatch)
				if o.senders[id.Sender()].find(KeyID(v.Derived.WrapAAD)) != nil {
					t.Error("the key was bound to the id it was wrapped for")
				}
			case "replay_reject":
				first := f.named(t, v.Expected.ReplayOf)
				opens(t, o, first, first.Frame, WrapCached)
				expect(t, o, v.Frame, epoch, string(v.Reason))
			case "verify_reject":
				expect(t, o, v.Frame, epoch, string(v.Reason))
				if v.Expected.WouldDecrypt {
					v.opensUnverified(t)
				}
			case "decode_reject", "decrypt_reject":
				expect(t, o, v.Frame, epoch, string(v.Reason))
			default:
				t.Fatalf("unknown kind %q", v.Kind)
			}
		})
	}
	want := map[string]int{"roundtrip": 7, "wrap_binding": 1, "verify_reject": 3, "decode_reject": 8, "full_frame": 1, "decrypt_reject": 2, "replay_reject": 1}
	for kind, n := range want {
		if kinds[kind] != n {
			t.Errorf("%d vectors of kind %s, want %d", kinds[kind], kind, n)
		}
	}
}

// opensUnverified proves that the signature alone stands between the receiver and
// the plaintext.
func (v vector) opensUnverified(t *testing.T) {
	t.Helper()
	view, id := decode(t, v.Frame), KeyID(v.Decoded.KeyID)
	transmit, err := UnwrapKey(Key(v.Crypto.KEK), id, view.Wrap()[kekGenerationLen:])
	if err != nil {
		t.Fatal(err)
	}
	key, err := newStreamKey(transmit, id)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := key.open(nil, view.Publisher(), view.Payload(), view.StreamSequence(), new([NonceLen]byte))
	if err != nil || !bytes.Equal(plain, v.Crypto.Plaintext) {
		t.Errorf("it does not open: %q, %v", plain, err)
	}
}

func TestVectorsOfOneTransmitKeyCarryTheSameWrap(t *testing.T) {
	f := readVectors(t)
	a, b := decode(t, f.named(t, "wrap_determinism_seq_lo").Frame), decode(t, f.named(t, "wrap_determinism_seq_hi").Frame)
	if !bytes.Equal(a.Wrap(), b.Wrap()) || a.StreamSequence() == b.StreamSequence() {
		t.Error("the wraps differ, or the sequences do not")
	}
}
