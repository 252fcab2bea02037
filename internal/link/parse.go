package link

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// A SpecError says what is wrong with conditions, where, and how to mend it.
type SpecError struct {
	Column  int    // in bytes, from 1; 0: the conditions were not read from text
	Field   string // as it was given, shortened
	Problem string
	Mend    string
}

// Error is one line.
func (e *SpecError) Error() string {
	where := ""
	if e.Column > 0 {
		where = fmt.Sprintf(" at column %d", e.Column)
	}
	return fmt.Sprintf("link conditions%s: %q: %s; %s", where, e.Field, e.Problem, e.Mend)
}

// maxSpec bounds the text of a spec in bytes: every field in each direction, with
// room to spare.
const maxSpec = 1024

const allKeys = "delay, jitter, loss, reorder, dup, rate, queue, blackhole"

// Parse reads conditions such as
//
//	delay=40ms jitter=5ms loss=1% reorder=2% dup=1% rate=5mbit queue=100ms blackhole=on
//
// in any order, separated by blanks or commas. A field counts for both directions;
// with "up." (clients to server) or "down." (server to clients) before it, for one,
// and wins there. Delays are one way: delay=40ms adds 80 ms to a round trip. Empty
// text is a link that does nothing. Errors are *[SpecError].
func Parse(text string) (Spec, error) {
	var s Spec
	if len(text) > maxSpec {
		return s, &SpecError{Column: maxSpec + 1, Field: short(text), Problem: "the text goes on and on", Mend: fmt.Sprintf("use at most %d characters", maxSpec)}
	}
	fields := split(text)
	seen := make(map[string]bool)
	for _, f := range fields {
		if seen[f.direction+f.key] {
			return Spec{}, f.error("it is given twice", "keep one of them")
		}
		seen[f.direction+f.key] = true
	}
	// What counts for one direction wins, wherever it stands.
	for _, both := range []bool{true, false} {
		for _, f := range fields {
			if (f.direction == "") != both {
				continue
			}
			for _, c := range f.of(&s) {
				if err := f.apply(c); err != nil {
					return Spec{}, err
				}
			}
		}
	}
	for _, d := range []Direction{Up, Down} {
		if problem := s.Of(d).check(); problem != nil {
			f := last(fields, d, problem.Field)
			return Spec{}, f.error(problem.Problem, problem.Mend)
		}
	}
	return s, nil
}

// field is one key=value of a spec.
type field struct {
	column                int
	text                  string
	direction, key, value string
	assigned              bool // there is a "="
}

func split(text string) []field {
	var out []field
	separator := func(r rune) bool { return r == ',' || unicode.IsSpace(r) }
	for at := 0; at < len(text); {
		rest := text[at:]
		if n := len(rest) - len(strings.TrimLeftFunc(rest, separator)); n > 0 {
			at += n
			continue
		}
		word := rest
		if end := strings.IndexFunc(rest, separator); end >= 0 {
			word = rest[:end]
		}
		f := field{column: at + 1, text: word}
		f.key, f.value, f.assigned = strings.Cut(word, "=")
		if d, key, ok := strings.Cut(f.key, "."); ok {
			f.direction, f.key = d, key
		}
		out = append(out, f)
		at += len(word)
	}
	return out
}

// last finds the field that gave a direction its value of key.
func last(fields []field, d Direction, key string) field {
	var found field
	for _, f := range fields {
		if f.key == key && (f.direction == d.String() || f.direction == "" && found.direction == "") {
			found = f
		}
	}
	return found
}

func (f field) error(problem, mend string) *SpecError {
	return &SpecError{Column: f.column, Field: short(f.text), Problem: problem, Mend: mend}
}

// short keeps what is quoted in an error to a length that can be read.
func short(s string) string {
	const most = 40
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "..."
}

// of lists the conditions that the field is about.
func (f field) of(s *Spec) []*Conditions {
	switch f.direction {
	case "up":
		return []*Conditions{&s.Up}
	case "down":
		return []*Conditions{&s.Down}
	}
	return []*Conditions{&s.Up, &s.Down}
}

func (f field) apply(c *Conditions) error {
	if f.direction != "" && f.direction != "up" && f.direction != "down" {
		return f.error(fmt.Sprintf("there is no direction %q", short(f.direction)), `use "up." for clients to server, "down." for server to clients, or neither for both`)
	}
	if !f.assigned {
		return f.error("it has no value", "write key=value, like delay=40ms")
	}
	switch f.key {
	case "delay":
		return f.duration(&c.Delay)
	case "jitter":
		return f.duration(&c.Jitter)
	case "queue":
		return f.duration(&c.Queue)
	case "loss":
		return f.share(&c.Loss)
	case "reorder":
		return f.share(&c.Reorder)
	case "dup":
		return f.share(&c.Duplicate)
	case "rate":
		return f.rate(&c.Rate)
	case "blackhole":
		switch f.value {
		case "on":
			c.BlackHole = true
		case "off":
			c.BlackHole = false
		default:
			return f.error("it is neither on nor off", "write blackhole=on, or leave it out")
		}
		return nil
	}
	return f.error("there is no such condition", "use one of "+allKeys)
}

func (f field) duration(to *time.Duration) error {
	d, err := time.ParseDuration(f.value)
	if err != nil {
		return f.error("that is not a duration", "write it with its unit, like 40ms, 1.5s or 250us")
	}
	*to = d
	return nil
}

func (f field) share(to *float64) error {
	number, ok := strings.CutSuffix(f.value, "%")
	if !ok {
		return f.error("a share of all packets needs its percent sign", "write it like "+f.key+"=1%")
	}
	v, err := strconv.ParseFloat(number, 64)
	if err != nil {
		return f.error("that is not a number of percent", "write it like "+f.key+"=1.5%")
	}
	*to = math.Round(v*shareDigits) / (100 * shareDigits)
	return nil
}

func (f field) rate(to *int64) error {
	const mend = "write bits per second with their unit, like 800kbit, 5mbit or 1gbit"
	for _, u := range []unit{{"gbit", 1e9}, {"mbit", 1e6}, {"kbit", 1e3}, {"bit", 1}} {
		number, ok := strings.CutSuffix(f.value, u.name)
		if !ok {
			continue
		}
		v, err := strconv.ParseFloat(number, 64)
		if err != nil {
			return f.error("that is not a number of bits", mend)
		}
		bits := v * float64(u.bits)
		if !(bits >= minRate && bits <= maxRate) {
			return f.error("that is not a rate that a link can have", "give 1kbit to 100gbit, like 5mbit, or leave it out for no limit")
		}
		*to = int64(bits)
		return nil
	}
	return f.error("that is not a rate", mend)
}
