package tracing

import (
	"errors"
	"regexp"
	"strconv"
)

// partially is how both exporters say that the collector took an export and had
// something to say about it. Their type for it is internal to each of them; what stands
// behind it is another error, and then the export failed.
var partially = regexp.MustCompile(`(?s)OTLP partial success: .* \((\d+) spans rejected\)\z`)

// partialError is an export of which the collector rejected some spans, or none, with a
// word of warning.
type partialError struct {
	rejected int
	err      error
}

func (e *partialError) Error() string { return e.err.Error() }

// Unwrap returns what the exporter said.
func (e *partialError) Unwrap() error { return e.err }

// asPartial makes an exporter's error of an export of so many spans a *partialError, if
// it is one.
func asPartial(err error, spans int) error {
	if err == nil {
		return nil
	}
	found := partially.FindStringSubmatch(err.Error())
	if found == nil {
		return err
	}
	n, _ := strconv.ParseUint(found[1], 10, 31) // more than that is all of them
	if n == 0 && found[1] != "0" {
		n = uint64(spans)
	}
	return &partialError{rejected: min(int(n), spans), err: err}
}

// lostOf is how many of the spans of an export are lost.
func lostOf(err error, spans int) int {
	if partial, ok := errors.AsType[*partialError](err); ok {
		return partial.rejected
	}
	if err != nil {
		return spans
	}
	return 0
}
