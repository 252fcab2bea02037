package check_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/dark-tower/prober/internal/canary/spy"
)

func TestMain(m *testing.M) {
	spy.WatchKeys(&cages.Secrets)
	goleak.VerifyTestMain(m)
}
