package people

import (
	"errors"
	"fmt"
	"testing"

	"github.com/dark-tower/prober/internal/webtransport"
)

func TestAnIdleTimeoutIsSilenceAndACloseIsNot(t *testing.T) {
	for via, want := range map[webtransport.Via]bool{
		webtransport.ViaIdleTimeout: true, webtransport.ViaConnectionClose: false, webtransport.ViaLocal: false,
	} {
		if got := Faded(fmt.Errorf("in session: %w", &webtransport.SessionError{Via: via})); got != want {
			t.Errorf("%s: %v", via, got)
		}
	}
	if Faded(nil) || Faded(errors.New("odd")) {
		t.Error("any error is taken for silence")
	}
}
