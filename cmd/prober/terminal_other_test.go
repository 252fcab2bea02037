//go:build !linux

package main

import (
	"os"
	"testing"
)

func openTerminal(t *testing.T) (master, slave *os.File) {
	t.Helper()
	t.Skip("how to open a pseudo-terminal is known for Linux only")
	return nil, nil
}
