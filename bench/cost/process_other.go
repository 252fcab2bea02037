//go:build !linux

package main

import (
	"errors"
	"syscall"
	"time"
)

// Only Linux tells what is measured here; elsewhere the program runs and says 0.

func pinProcess(int) error { return errors.New("only Linux is told how") }

func unpinProcess() error { return nil }

func prefer(int) error { return errors.New("only Linux is told how") }

func cpuTime() time.Duration { return 0 }

func threadTime() time.Duration { return 0 }

func cpuTimeOf(int) time.Duration { return 0 }

func coreTime(int) time.Duration { return 0 }

func loadAverage() string { return "unknown" }

func resident() (all, anonymous int) { return 0, 0 }

func openFiles() int { return 0 }

func ownGroup() *syscall.SysProcAttr { return nil }
