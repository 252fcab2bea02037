package httpapi

import (
	"fmt"
	"io"
	"log/slog"
)

// Redacted is what every secret prints as.
const Redacted = "****"

// Secret is a string that must not be shown: a token, a password, a meeting code.
// Every way of printing or encoding it gives Redacted. The empty Secret prints as
// nothing, so that "missing" and "hidden" can be told apart.
type Secret string

// Reveal returns the value. It is the only way to it, so that uses can be searched for.
func (s Secret) Reveal() string { return string(s) }

// String returns Redacted, or nothing for the empty Secret.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return Redacted
}

// Format keeps every verb, %q and %x included, from showing the value.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// GoString returns Redacted.
func (s Secret) GoString() string { return s.String() }

// LogValue returns Redacted.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText returns Redacted; it serves encoding/json and YAML alike.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
