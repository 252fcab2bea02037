package frame

// Reason is why a receiver refused a frame, or what it found odd about one: the
// platform's own shared vocabulary, spelled as on its metrics (platform
// contract, media A.4).
type Reason string

// The closed set of reasons. Decode gives the first eight only.
const (
	UnknownVersion                Reason = "unknown_version"
	ReservedFlagBitSet            Reason = "reserved_flag_bit_set"
	PayloadLengthExceedsMax       Reason = "payload_length_exceeds_max"
	PayloadLengthExceedsAvailable Reason = "payload_length_exceeds_available"
	Truncated                     Reason = "truncated"
	ExtensionsTooLarge            Reason = "extensions_too_large"
	ExtensionsMalformed           Reason = "extensions_malformed"
	TrailingBytes                 Reason = "trailing_bytes"
	NoTransmitKey                 Reason = "no_transmit_key"
	SignatureInvalid              Reason = "signature_invalid"
	DecryptFailed                 Reason = "decrypt_failed"
	UnwrapFailed                  Reason = "unwrap_failed"
	ReplayDetected                Reason = "replay_detected"
	WrapKeyIDMismatch             Reason = "wrap_key_id_mismatch" // an outcome on an accepted frame; never drops one
	NoKEKForGeneration            Reason = "no_kek_for_generation"
	NoRosterEntry                 Reason = "no_roster_entry"
	KEKGenerationStale            Reason = "kek_generation_stale"
	SenderNotAssigned             Reason = "sender_not_assigned"
)

// Reasons returns the closed set, in the order of the contract.
func Reasons() []Reason {
	all := make([]Reason, len(rejections))
	for i, r := range rejections {
		all[i] = r.Reason
	}
	return all
}

// Drops reports whether a frame with this reason is dropped.
func (r Reason) Drops() bool { return r != WrapKeyIDMismatch }

// RejectError says that a frame was refused, and why. It is the same value for
// every frame refused for one reason, so that refusing costs no memory: compare
// it, read it, never change it.
type RejectError struct{ Reason Reason }

// Error names the reason.
func (e *RejectError) Error() string { return "frame refused: " + string(e.Reason) }

// Is reports whether target is a refusal for the same reason.
func (e *RejectError) Is(target error) bool {
	other, ok := target.(*RejectError)
	return ok && other.Reason == e.Reason
}

// Reject returns the refusal for a reason, without allocating when the reason is
// one of the closed set.
func Reject(reason Reason) *RejectError {
	for _, r := range rejections {
		if r.Reason == reason {
			return r
		}
	}
	return &RejectError{Reason: reason}
}

var rejections = [...]*RejectError{
	{UnknownVersion},
	{ReservedFlagBitSet},
	{PayloadLengthExceedsMax},
	{PayloadLengthExceedsAvailable},
	{Truncated},
	{ExtensionsTooLarge},
	{ExtensionsMalformed},
	{TrailingBytes},
	{NoTransmitKey},
	{SignatureInvalid},
	{DecryptFailed},
	{UnwrapFailed},
	{ReplayDetected},
	{WrapKeyIDMismatch},
	{NoKEKForGeneration},
	{NoRosterEntry},
	{KEKGenerationStale},
	{SenderNotAssigned},
}
