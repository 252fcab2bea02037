package link

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// DefaultQueue is the queue of a direction with a rate and no queue of its own.
const DefaultQueue = 100 * time.Millisecond

// Direction is one way of a link.
type Direction int

const (
	// Up is from clients to the server.
	Up Direction = iota
	// Down is from the server to clients.
	Down
)

// String names the direction as a spec does.
func (d Direction) String() string {
	if d == Down {
		return "down"
	}
	return "up"
}

// Conditions are what one direction does to packets. The zero value does nothing.
type Conditions struct {
	// Delay is how long a packet is under way, one way, from the moment it came in.
	Delay time.Duration
	// Jitter varies the delay of each packet by up to this much, either way and
	// evenly. It does not reorder: a packet never overtakes an earlier one of its
	// client, unless Reorder says so.
	Jitter time.Duration
	// Loss is the share of packets that are lost, 0..1, each by itself.
	Loss float64
	// Reorder is the share of packets, 0..1, that leave only behind their client's
	// next one, or 100 ms late when there is none.
	Reorder float64
	// Duplicate is the share of packets, 0..1, that leave twice. A packet that is
	// reordered is not duplicated.
	Duplicate float64
	// Rate is how many bits of UDP payload leave in a second, of all clients
	// together; 0: as many as come.
	Rate int64
	// Queue is how long a packet may wait for its turn at Rate; beyond, it is
	// lost. 0 means DefaultQueue.
	Queue time.Duration
	// BlackHole swallows everything.
	BlackHole bool
}

// Spec are the conditions of both directions. Its text form is what [Parse]
// reads. *Spec is a flag value.
type Spec struct{ Up, Down Conditions }

// Of returns the conditions of a direction.
func (s Spec) Of(d Direction) Conditions {
	if d == Down {
		return s.Down
	}
	return s.Up
}

// String gives the text that Parse reads as s.
func (s Spec) String() string {
	if s.Up == s.Down {
		return strings.Join(s.Up.fields(""), " ")
	}
	return strings.Join(append(s.Up.fields("up."), s.Down.fields("down.")...), " ")
}

// Set parses text into s, as a command line flag does.
func (s *Spec) Set(text string) error {
	parsed, err := Parse(text)
	if err == nil {
		*s = parsed
	}
	return err
}

// Type is what a command's help calls the value of such a flag.
func (*Spec) Type() string { return "conditions" }

func (c Conditions) fields(prefix string) []string {
	var out []string
	add := func(key, value string) { out = append(out, prefix+key+"="+value) }
	for _, d := range []struct {
		key   string
		value time.Duration
	}{{"delay", c.Delay}, {"jitter", c.Jitter}, {"queue", c.Queue}} {
		if d.value != 0 {
			add(d.key, d.value.String())
		}
	}
	for _, p := range []struct {
		key   string
		value float64
	}{{"loss", c.Loss}, {"reorder", c.Reorder}, {"dup", c.Duplicate}} {
		if p.value != 0 {
			add(p.key, percent(p.value))
		}
	}
	if c.Rate != 0 {
		add("rate", bitrate(c.Rate))
	}
	if c.BlackHole {
		add("blackhole", "on")
	}
	return out
}

// shareDigits is the precision of a share's text: seven decimals of a percent.
const shareDigits = 1e7

func percent(share float64) string {
	text := strconv.FormatFloat(share*100, 'f', 7, 64)
	return strings.TrimSuffix(strings.TrimRight(text, "0"), ".") + "%"
}

func bitrate(bits int64) string {
	for _, u := range []unit{{"gbit", 1e9}, {"mbit", 1e6}, {"kbit", 1e3}} {
		if bits%u.bits == 0 {
			return strconv.FormatInt(bits/u.bits, 10) + u.name
		}
	}
	return strconv.FormatInt(bits, 10) + "bit"
}

type unit struct {
	name string
	bits int64
}

// Bounds of what a link can be asked for.
const (
	maxDelay = time.Minute
	minRate  = 1e3   // bit/s
	maxRate  = 100e9 // bit/s
)

// Check reports the first thing that no link can do.
func (s Spec) Check() error {
	for _, d := range []Direction{Up, Down} {
		if problem := s.Of(d).check(); problem != nil {
			problem.Field = d.String() + "." + problem.Field
			return problem
		}
	}
	return nil
}

// check returns the first problem of one direction, whose field is a key without
// its direction.
func (c Conditions) check() *SpecError {
	for _, d := range []struct {
		key   string
		value time.Duration
	}{{"delay", c.Delay}, {"jitter", c.Jitter}, {"queue", c.Queue}} {
		if d.value < 0 || d.value > maxDelay {
			return &SpecError{Field: d.key, Problem: fmt.Sprintf("%v is not a time that a packet can take", d.value), Mend: "give 0s to 1m, like 40ms"}
		}
	}
	for _, p := range []struct {
		key   string
		value float64
	}{{"loss", c.Loss}, {"reorder", c.Reorder}, {"dup", c.Duplicate}} {
		if math.IsNaN(p.value) || p.value < 0 || p.value > 1 {
			return &SpecError{Field: p.key, Problem: "it is not a share of all packets", Mend: "give 0% to 100%, like 1.5%"}
		}
	}
	switch {
	case c.Rate != 0 && (c.Rate < minRate || c.Rate > maxRate):
		return &SpecError{Field: "rate", Problem: fmt.Sprintf("%s is not a rate that a link can have", bitrate(c.Rate)), Mend: "give 1kbit to 100gbit, like 5mbit, or leave it out for no limit"}
	case c.Jitter > c.Delay:
		return &SpecError{Field: "jitter", Problem: fmt.Sprintf("%v is more than the delay of %v, and no packet can leave before it came", c.Jitter, c.Delay), Mend: "make the delay at least as long as the jitter"}
	}
	return nil
}
