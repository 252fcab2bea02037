package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// numbers is a flag of numbers that are separated by commas.
type numbers []int

func (n *numbers) String() string {
	var text []string
	for _, v := range *n {
		text = append(text, strconv.Itoa(v))
	}
	return strings.Join(text, ",")
}

// Set parses text.
func (n *numbers) Set(text string) error {
	*n = nil
	for part := range strings.SplitSeq(text, ",") {
		v, err := strconv.Atoi(part)
		if err != nil || v < 2 || v%2 != 0 {
			return fmt.Errorf("%q is not an even number of people", part)
		}
		*n = append(*n, v)
	}
	return nil
}

// figures are samples of one thing.
type figures []time.Duration

// at is the sample below which a share q of all lie.
func (f figures) at(q float64) time.Duration {
	if len(f) == 0 {
		return 0
	}
	s := slices.Sorted(slices.Values(f))
	return s[min(int(q*float64(len(s))), len(s)-1)]
}

func (f figures) median() time.Duration { return f.at(0.5) }

// micros prints a duration in microseconds.
func micros(d time.Duration) string {
	if d < 100*time.Microsecond {
		return fmt.Sprintf("%.1f", float64(d)/float64(time.Microsecond))
	}
	return fmt.Sprintf("%.0f", float64(d)/float64(time.Microsecond))
}

// millis prints a duration in milliseconds.
func millis(d time.Duration) string { return fmt.Sprintf("%.2f", float64(d)/float64(time.Millisecond)) }

func ratio(a, b time.Duration) float64 {
	if b == 0 {
		return 0
	}
	return float64(a) / float64(b)
}
