//go:build !linux

package link

func newAlarm() (alarm, error) { return newTimerAlarm(), nil }
