package link

import (
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// timerFile rings by a timer file descriptor, with the precision of the kernel's
// own timers: Go's poller wakes up for it as it does for a packet, while its own
// timers are as coarse as its time limit of whole milliseconds.
type timerFile struct {
	fd   int
	file *os.File
	tick [8]byte
}

func newAlarm() (alarm, error) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("creating a timer: %w", err)
	}
	return &timerFile{fd: fd, file: os.NewFile(uintptr(fd), "timer")}, nil
}

// set must not be called after close.
func (a *timerFile) set(t time.Time) {
	wait := max(time.Until(t), 1) // 0 would disarm it
	spec := unix.ItimerSpec{Value: unix.NsecToTimespec(int64(wait))}
	_ = unix.TimerfdSettime(a.fd, 0, &spec, nil) // fails for a bad argument only
}

func (a *timerFile) wait() bool {
	_, err := a.file.Read(a.tick[:])
	return err == nil
}

func (a *timerFile) close() { _ = a.file.Close() }
