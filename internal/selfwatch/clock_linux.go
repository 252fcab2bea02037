package selfwatch

import (
	"time"

	"golang.org/x/sys/unix"
)

// suspended is how far the clock that goes on during suspension is ahead of the
// one that does not; 0 when the kernel does not say.
func suspended() time.Duration {
	var running, all unix.Timespec
	if unix.ClockGettime(unix.CLOCK_MONOTONIC, &running) != nil || unix.ClockGettime(unix.CLOCK_BOOTTIME, &all) != nil {
		return 0
	}
	return time.Duration(all.Nano() - running.Nano())
}
