package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

// The child process of a test is the test's own program.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == childArgument {
		if err := run(context.Background(), os.Args[1:], os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

func TestEverySectionRunsToItsEnd(t *testing.T) {
	for _, s := range sections() {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			var out strings.Builder
			if err := run(t.Context(), []string{"-short", s.name}, strings.NewReader(""), &out); err != nil {
				t.Fatalf("%v\n%s", err, &out)
			}
			if !strings.Contains(out.String(), "\n"+s.name+": ") || !strings.Contains(out.String(), "took ") {
				t.Errorf("printed:\n%s", &out)
			}
		})
	}
}

func TestASectionThatDoesNotExistIsRefusedWithThoseThatDo(t *testing.T) {
	err := run(t.Context(), []string{"-short", "dail"}, strings.NewReader(""), &strings.Builder{})
	if err == nil || !strings.Contains(err.Error(), `"dail"`) || !strings.Contains(err.Error(), "dial, seal, talk, join, idle") {
		t.Errorf("error %v", err)
	}
}
