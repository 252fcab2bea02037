package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/dark-tower/prober/internal/report"
)

var update = flag.Bool("update", false, "write the golden files")

// patience bounds what must happen and may take its time on a busy machine.
const patience = 60 * time.Second

// prober is the path of the program under test.
var prober string

// stubborn makes this test binary a command that does not end by itself.
const stubborn = "PROBER_TEST_STUBBORN"

func TestMain(m *testing.M) {
	if os.Getenv(stubborn) != "" {
		doNotEnd()
	}
	dir, err := os.MkdirTemp("", "prober-test-")
	if err != nil {
		panic(err)
	}
	prober = filepath.Join(dir, "prober")
	if out, err := exec.Command("go", "build", "-o", prober, ".").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "building the prober: %v\n%s", err, out)
		os.Exit(1)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		_ = os.RemoveAll(dir)
		os.Exit(code)
	}))
}

// doNotEnd is a command that is deaf to the end of its context.
func doNotEnd() {
	ctx, _ := interruptible(context.Background(), func() { os.Exit(report.ExitInterrupted) })
	fmt.Println("working")
	<-ctx.Done()
	fmt.Println("interrupted, and working on")
	time.Sleep(patience)
	os.Exit(0)
}
