package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// pinProcess keeps every thread of this process on one core. Threads that are
// made later inherit it.
func pinProcess(core int) error {
	if core >= runtime.NumCPU() {
		return fmt.Errorf("there is no core %d", core)
	}
	var set unix.CPUSet
	set.Set(core)
	return eachThread(func(id int) error { return unix.SchedSetaffinity(id, &set) })
}

// prefer has the kernel prefer this process, or the reverse: a nice value. Where
// the kernel groups by session, the whole session has to be preferred.
func prefer(nice int) error {
	if err := os.WriteFile("/proc/self/autogroup", []byte(strconv.Itoa(nice)), 0); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return eachThread(func(id int) error { return unix.Setpriority(unix.PRIO_PROCESS, id, nice) })
}

func unpinProcess() error {
	var set unix.CPUSet
	for core := range runtime.NumCPU() {
		set.Set(core)
	}
	return eachThread(func(id int) error { return unix.SchedSetaffinity(id, &set) })
}

func eachThread(do func(id int) error) error {
	// Twice: a thread that was made meanwhile has inherited what its maker had.
	for range 2 {
		threads, err := os.ReadDir("/proc/self/task")
		if err != nil {
			return err
		}
		for _, t := range threads {
			id, err := strconv.Atoi(t.Name())
			if err != nil {
				continue
			}
			if err := do(id); err != nil && !errors.Is(err, unix.ESRCH) {
				return err
			}
		}
	}
	return nil
}

// cpuTime is what all threads of this process have used.
func cpuTime() time.Duration { return clock(unix.CLOCK_PROCESS_CPUTIME_ID) }

// threadTime is what this thread has used.
func threadTime() time.Duration { return clock(unix.CLOCK_THREAD_CPUTIME_ID) }

// clock is to the nanosecond; getrusage(2) is behind by what a thread has used since
// it was last looked at.
func clock(which int32) time.Duration {
	var t unix.Timespec
	if unix.ClockGettime(which, &t) != nil {
		return 0
	}
	return time.Duration(t.Nano())
}

const tick = time.Second / 100 // USER_HZ

// cpuTimeOf is what another process has used.
func cpuTimeOf(pid int) time.Duration {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	const user, system = 11, 12 // after the name
	return sumTicks(fields, user, system)
}

// coreTime is how long a core was busy, with whatever.
func coreTime(core int) time.Duration {
	b, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(b)) {
		fields := strings.Fields(line)
		if fields[0] == fmt.Sprintf("cpu%d", core) {
			return sumTicks(fields, 1, 2, 3, 6, 7, 8) // all but idle and iowait
		}
	}
	return 0
}

func sumTicks(fields []string, which ...int) time.Duration {
	var sum int64
	for _, i := range which {
		if i >= len(fields) {
			return 0
		}
		n, _ := strconv.ParseInt(fields[i], 10, 64)
		sum += n
	}
	return time.Duration(sum) * tick
}

func loadAverage() string {
	b, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	return strings.Fields(string(b))[0]
}

// resident is the memory of this process, in KiB: all of it, and without what the
// kernel can read again from the program's file.
func resident() (all, anonymous int) {
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, 0
	}
	for line := range strings.Lines(string(b)) {
		name, value, _ := strings.Cut(line, ":")
		n, _ := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(value), " kB"))
		switch name {
		case "VmRSS":
			all = n
		case "RssAnon":
			anonymous = n
		}
	}
	return all, anonymous
}

func openFiles() int {
	files, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 0
	}
	return len(files) - 1 // the folder itself
}

// ownGroup keeps an interrupt of the terminal from the child: its parent ends it.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
