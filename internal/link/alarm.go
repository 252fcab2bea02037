package link

import "time"

// An alarm wakes the sender of one direction. set may be called while wait waits.
type alarm interface {
	// set makes the alarm ring at t, or at once when t has passed. A later call
	// takes the place of an earlier one.
	set(t time.Time)
	// wait returns true when the alarm rings, false when it was closed. It may ring
	// early.
	wait() bool
	close()
}

// timerAlarm rings by a Go timer: early by nothing, late by up to 1 ms on systems
// whose poller counts in milliseconds.
type timerAlarm struct {
	timer  *time.Timer
	closed chan struct{}
}

func newTimerAlarm() *timerAlarm {
	t := time.NewTimer(time.Hour)
	t.Stop()
	return &timerAlarm{timer: t, closed: make(chan struct{})}
}

func (a *timerAlarm) set(t time.Time) { a.timer.Reset(time.Until(t)) }

func (a *timerAlarm) wait() bool {
	select {
	case <-a.closed:
		return false
	case <-a.timer.C:
		return true
	}
}

func (a *timerAlarm) close() {
	a.timer.Stop()
	close(a.closed)
}
