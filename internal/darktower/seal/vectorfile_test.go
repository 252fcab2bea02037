package seal

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"slices"
	"testing"

	"github.com/dark-tower/prober/internal/darktower/frame"
)

// The platform publishes frame vectors. They are not ours to ship: name a copy of
// the file in this variable to hold the packages against them.
const vectorsVariable = "DARKTOWER_FRAME_VECTORS"

type hexBytes []byte

func (h *hexBytes) UnmarshalText(text []byte) error {
	b, err := hex.DecodeString(string(text))
	*h = b
	return err
}

type vectorFile struct {
	HeaderVersion int `json:"header_version"`
	CipherSuite   int `json:"cipher_suite_id"`
	MaxPayload    int `json:"max_payload_bytes"`
	Constants     struct {
		LegalFlags    int `json:"legal_flag_mask"`
		Signature     int `json:"signature_bytes"`
		Tag           int `json:"aead_tag_bytes"`
		KeyID         int `json:"key_id_bytes"`
		Relay         int `json:"relay_region_bytes"`
		FixedPrefix   int `json:"publisher_fixed_prefix_bytes"`
		Wrap          int `json:"wrapped_transmit_key_bytes"`
		KEKGeneration int `json:"kek_generation_field_bytes"`
		Transmit      int `json:"wrapped_transmit_key_material_bytes"`
		MaxExt        int `json:"max_ext_bytes"`
	} `json:"wire_constants"`
	Reasons []struct {
		Token frame.Reason
		Drops bool `json:"drops_frame"`
	} `json:"reject_reasons"`
	Vectors []vector
}

type vector struct {
	Name, Kind string
	Frame      hexBytes `json:"frame_hex"`
	Offsets    struct {
		Publisher int `json:"publisher_region_len"`
		Relay     int `json:"relay_region_offset"`
		Payload   int `json:"payload_offset"`
		Signature int `json:"signature_offset"`
	}
	Decoded struct {
		Flags struct {
			Independent bool `json:"independently_decodable"`
			Discardable bool
			KeyBearing  bool `json:"key_bearing"`
		}
		PayloadLength int    `json:"payload_length"`
		Sequence      uint32 `json:"stream_sequence"`
		KEKGeneration uint16 `json:"kek_generation"`
		StreamID      uint16 `json:"stream_id"`
		Hop           uint32 `json:"hop_sequence"`
		Extensions    []struct {
			Type  uint8    `json:"ext_type"`
			Value hexBytes `json:"value_hex"`
		}
		KeyID hexBytes `json:"key_id"`
		Parts struct {
			Sender     uint16 `json:"sender_id"`
			Stream     uint8
			Generation string // hexadecimal
		} `json:"key_id_decomposed"`
	}
	Derived struct {
		Signed     hexBytes `json:"signed_input_hex"`
		AAD        hexBytes `json:"aead_aad_hex"`
		Naive      hexBytes `json:"naive_contiguous_signed_input_hex"`
		Nonce      hexBytes `json:"sframe_nonce_hex"`
		Key        hexBytes `json:"sframe_key_hex"`
		Salt       hexBytes `json:"sframe_salt_hex"`
		Tag        hexBytes `json:"payload_tag_hex"`
		Ciphertext hexBytes `json:"payload_ciphertext_hex"`
		Signature  hexBytes `json:"signature_hex"`
		WrapNonce  hexBytes `json:"wrap_nonce_hex"`
		WrapAAD    hexBytes `json:"wrap_aad_hex"`
	}
	Crypto struct {
		Public    hexBytes `json:"identity_public_hex"`
		Seed      hexBytes `json:"identity_private_seed_hex"`
		KEK       hexBytes `json:"kek_hex"`
		Transmit  hexBytes `json:"transmit_key_hex"`
		Plaintext hexBytes `json:"plaintext_hex"`
	}
	Reason   frame.Reason `json:"reject_reason"`
	Expected struct {
		Describes     string   `json:"derived_describes"`
		Mutation      string   `json:"mutation"`
		VerifyAgainst hexBytes `json:"verify_against_public_hex"`
		UseTransmit   hexBytes `json:"use_transmit_key_hex"`
		UseKEK        hexBytes `json:"use_kek_hex"`
		WouldDecrypt  bool     `json:"would_decrypt_if_verification_skipped"`
		ReplayOf      string   `json:"replay_of"`
		Precondition  struct {
			PrimedBy string `json:"primed_by"`
		} `json:"receiver_precondition"`
	}
}

func readVectors(t *testing.T) vectorFile {
	t.Helper()
	path := os.Getenv(vectorsVariable)
	if path == "" {
		t.Skipf("the platform's frame vectors are not part of this repository; set %s to the path of frame-v2.vectors.json", vectorsVariable)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var f vectorFile
	if err := json.Unmarshal(text, &f); err != nil {
		t.Fatalf("reading the frame vectors: %v", err)
	}
	if len(f.Vectors) != 23 {
		t.Fatalf("%d vectors, want 23", len(f.Vectors))
	}
	return f
}

func (f vectorFile) named(t *testing.T, name string) vector {
	t.Helper()
	i := slices.IndexFunc(f.Vectors, func(v vector) bool { return v.Name == name })
	if i < 0 {
		t.Fatalf("no vector is called %q", name)
	}
	return f.Vectors[i]
}
