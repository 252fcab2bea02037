package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// holding is what a process holds, in MiB.
type holding struct {
	rss       float64
	file      float64 // pages of files: code, tables, constants
	anonymous float64 // everything that is nobody else's
}

const mebibyte = 1 << 20

func holdingOf(pid int) (holding, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return holding{}, err
	}
	var h holding
	for field, into := range map[string]*float64{"VmRSS": &h.rss, "RssFile": &h.file, "RssAnon": &h.anonymous} {
		if *into, err = kibibytes(string(text), field); err != nil {
			return holding{}, err
		}
	}
	return h, nil
}

// forget makes the kernel forget which pages a process has touched.
func forget(pid int) error {
	return os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", pid), []byte("1"), 0)
}

// touched is how much of its files a process has touched since forget, in MiB: what
// is mapped besides came along with a neighbour.
func touched(pid int) (float64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps", pid))
	if err != nil {
		return 0, err
	}
	sum, counts := 0.0, false
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if !strings.HasSuffix(fields[0], ":") { // a mapping begins
			// What is written to is a copy of its own, and no longer the file's.
			counts = len(fields) > 5 && strings.HasPrefix(fields[5], "/") && !strings.Contains(fields[1], "w")
		} else if counts && fields[0] == "Referenced:" {
			here, err := kibibytes(line, "Referenced")
			if err != nil {
				return 0, err
			}
			sum += here
		}
	}
	return sum, nil
}

// kibibytes finds "name: 123 kB" and gives it in MiB.
func kibibytes(text, name string) (float64, error) {
	for line := range strings.Lines(text) {
		if value, ok := strings.CutPrefix(line, name+":"); ok {
			n, err := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 64)
			return n / 1024, err
		}
	}
	return 0, fmt.Errorf("the kernel says nothing of %s", name)
}

func loadAverage() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	return strings.Fields(string(text))[0]
}
