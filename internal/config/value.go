package config

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Duration is a time.Duration that is written as a Go duration, with "d" for days.
type Duration time.Duration

// D returns the time.Duration.
func (d Duration) D() time.Duration { return time.Duration(d) }

// String writes whole days as days.
func (d Duration) String() string {
	const day = 24 * time.Hour
	t := time.Duration(d)
	if t >= day && t%day == 0 {
		return strconv.FormatInt(int64(t/day), 10) + "d"
	}
	s := t.String()
	// time.Duration writes 1h0m0s for what everybody calls 1h.
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// MarshalYAML writes what ParseDuration reads.
func (d Duration) MarshalYAML() (any, error) { return d.String(), nil }

// IsZero lets an unset duration be left out of a listing.
func (d Duration) IsZero() bool { return d == 0 }

// ParseDuration reads 300ms, 15s, 1h30m, 30d, 1d12h. It accepts no negative values.
func ParseDuration(s string) (Duration, error) {
	const maxDays = 3650
	var days float64
	rest := s
	if before, after, ok := strings.Cut(s, "d"); ok {
		n, err := strconv.ParseFloat(before, 64)
		if err != nil || !(n >= 0 && n <= maxDays) { // also refuses NaN
			return 0, errors.New("not a duration")
		}
		days, rest = n, after
	}
	total := time.Duration(math.Round(days * 24 * float64(time.Hour)))
	if rest != "" {
		t, err := time.ParseDuration(rest)
		if err != nil || t < 0 || t > maxDays*24*time.Hour {
			return 0, errors.New("not a duration")
		}
		total += t
	} else if s == "" {
		return 0, errors.New("not a duration")
	}
	return Duration(total), nil
}

// Ratio is a share between 0 and 1 that is written in percent.
type Ratio float64

// String writes percent.
func (r Ratio) String() string {
	return strconv.FormatFloat(math.Round(float64(r)*1e10)/1e8, 'f', -1, 64) + "%"
}

// MarshalYAML writes what ParseRatio reads.
func (r Ratio) MarshalYAML() (any, error) { return r.String(), nil }

// IsZero lets an unset ratio be left out of a listing.
func (r Ratio) IsZero() bool { return r == 0 }

// ParseRatio reads 99.5% or 0.995; both ends of 0 to 1 are excluded.
func ParseRatio(s string) (Ratio, error) {
	number, percent := strings.CutSuffix(s, "%")
	f, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	if err != nil {
		return 0, errors.New("not a share")
	}
	if percent {
		f = math.Round(f*1e8) / 1e10 // 99.9 % is the ratio nearest to 0.999, not 99.9/100
	}
	if !(f > 0 && f < 1) {
		return 0, errors.New("not between 0% and 100%")
	}
	return Ratio(f), nil
}

// Source is where a secret value comes from: exactly one of the three.
type Source struct {
	Env   string // name of an environment variable
	File  string // path of a file; one newline at its end does not count
	Value string // the value itself
}

// IsZero reports whether nothing was given.
func (s Source) IsZero() bool { return s == Source{} }

// String names the source and shows no value.
func (s Source) String() string {
	switch {
	case s.Env != "":
		return "env " + s.Env
	case s.File != "":
		return "file " + s.File
	case s.Value != "":
		return "inline value"
	}
	return "nothing"
}

// Format keeps every verb from showing the value.
func (s Source) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(s.String())) }

// GoString shows no value.
func (s Source) GoString() string { return s.String() }

// MarshalJSON shows no value.
func (s Source) MarshalJSON() ([]byte, error) { return []byte(strconv.Quote(s.String())), nil }

// MarshalYAML shows the source and no value.
func (s Source) MarshalYAML() (any, error) {
	switch {
	case s.Env != "":
		return map[string]string{"env": s.Env}, nil
	case s.File != "":
		return map[string]string{"file": s.File}, nil
	}
	return map[string]string{"value": redacted}, nil
}

const redacted = "****"

// Path is a file, named directly or by an environment variable that holds its path.
type Path struct {
	Path string
	Env  string
}

// IsZero reports whether nothing was given.
func (p Path) IsZero() bool { return p == Path{} }

// MarshalYAML writes what the file said.
func (p Path) MarshalYAML() (any, error) {
	if p.Env != "" {
		return map[string]string{"env": p.Env}, nil
	}
	return p.Path, nil
}
