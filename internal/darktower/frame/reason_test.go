package frame_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/dark-tower/prober/internal/darktower/frame"
)

func TestTheReasonsAreTheEighteenTokensOfTheContract(t *testing.T) {
	const tokens = `unknown_version reserved_flag_bit_set payload_length_exceeds_max payload_length_exceeds_available truncated
		extensions_too_large extensions_malformed trailing_bytes no_transmit_key
		signature_invalid decrypt_failed unwrap_failed replay_detected wrap_key_id_mismatch
		no_kek_for_generation no_roster_entry kek_generation_stale sender_not_assigned`
	var want []frame.Reason
	for _, token := range strings.Fields(tokens) {
		want = append(want, frame.Reason(token))
	}
	if got := frame.Reasons(); len(want) != 18 || !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	for _, r := range want {
		if r.Drops() == (r == frame.WrapKeyIDMismatch) {
			t.Errorf("%s: drops is %v", r, r.Drops())
		}
	}
}

func TestARefusalIsRecognisedThroughWrapping(t *testing.T) {
	err := fmt.Errorf("reading: %w", frame.Reject(frame.ReplayDetected))
	wantReason(t, err, frame.ReplayDetected)
	if !errors.Is(err, frame.Reject(frame.ReplayDetected)) || !errors.Is(err, &frame.RejectError{Reason: frame.ReplayDetected}) {
		t.Error("it is not equal to a refusal for the same reason")
	}
	if errors.Is(err, frame.Reject(frame.DecryptFailed)) {
		t.Error("it is equal to a refusal for another reason")
	}
	if got := err.Error(); got != "reading: frame refused: replay_detected" {
		t.Errorf("it reads %q", got)
	}
	wantReason(t, frame.Reject("of_the_future"), "of_the_future")
}
