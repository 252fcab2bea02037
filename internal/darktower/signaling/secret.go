package signaling

import (
	"fmt"
	"io"
	"log/slog"
)

const redacted = "[redacted]"

// A Secret is text that no print, log or encoding shows: a display name or a
// token. The zero value is empty. The value sits behind a pointer to a string,
// because fmt prints what is in unexported fields without asking any method, and
// of such a pointer it shows no more than the address.
type Secret struct{ value *string }

func newSecret(s string) Secret {
	if s == "" {
		return Secret{}
	}
	return Secret{value: &s}
}

// Reveal returns the text itself. It must not reach a log, an error or a report.
func (s Secret) Reveal() string {
	if s.value == nil {
		return ""
	}
	return *s.value
}

// Empty reports whether there is no text.
func (s Secret) Empty() bool { return s.value == nil }

// String says only whether there is something.
func (s Secret) String() string {
	if s.Empty() {
		return ""
	}
	return redacted
}

// Format prints String for every verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// LogValue logs String.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText encodes String.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// KeyLen is the length of a meeting key in bytes (AES-256).
const KeyLen = 32

// A Key is a meeting key. No print, log or encoding shows it. It is kept in the
// way a Secret is.
type Key struct{ value *string }

func newKey(b [KeyLen]byte) Key {
	s := string(b[:])
	return Key{value: &s}
}

// Bytes returns a copy of the key: KeyLen bytes, or nil for the zero Key.
func (k Key) Bytes() []byte {
	if k.value == nil {
		return nil
	}
	return []byte(*k.value)
}

func (k Key) equal(other Key) bool { return *k.value == *other.value }

// String says nothing about the key.
func (k Key) String() string { return redacted }

// Format prints String for every verb.
func (k Key) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue logs String.
func (k Key) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText encodes String.
func (k Key) MarshalText() ([]byte, error) { return []byte(redacted), nil }
