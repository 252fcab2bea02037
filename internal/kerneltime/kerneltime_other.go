//go:build !linux

package kerneltime

import "syscall"

// Enable does nothing: receive times are known on Linux only.
func Enable(syscall.Conn) bool { return false }

// Parse finds nothing: see [Enable].
func Parse([]byte) Control { return Control{} }
