package seal

import (
	"fmt"
	"io"
	"log/slog"
)

// Every type that holds key material prints as its name, under every verb of
// fmt, in slog and when marshalled. The methods are written out for each type,
// because fmt does not look for them in unexported fields of the outer one.

func redacted(s fmt.State, what string) { _, _ = io.WriteString(s, what+"(redacted)") }

const (
	keyName      = "seal.Key"
	kekName      = "seal.KEK"
	identityName = "seal.Identity"
	keyringName  = "seal.Keyring"
	sealerName   = "seal.Sealer"
	openerName   = "seal.Opener"
)

// Format prints no key material.
func (Key) Format(s fmt.State, _ rune) { redacted(s, keyName) }

// LogValue logs no key material.
func (Key) LogValue() slog.Value { return slog.StringValue(keyName + "(redacted)") }

// MarshalText writes no key material.
func (Key) MarshalText() ([]byte, error) { return []byte(keyName + "(redacted)"), nil }

// Format prints the generation and no key material.
func (k KEK) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, k.describe()) }

// LogValue logs the generation and no key material.
func (k KEK) LogValue() slog.Value { return slog.StringValue(k.describe()) }

// MarshalText writes the generation and no key material.
func (k KEK) MarshalText() ([]byte, error) { return []byte(k.describe()), nil }

func (k KEK) describe() string {
	return fmt.Sprintf("%s(generation %d, redacted)", kekName, k.Generation)
}

// Format prints no key material.
func (Identity) Format(s fmt.State, _ rune) { redacted(s, identityName) }

// LogValue logs no key material.
func (Identity) LogValue() slog.Value { return slog.StringValue(identityName + "(redacted)") }

// MarshalText writes no key material.
func (Identity) MarshalText() ([]byte, error) { return []byte(identityName + "(redacted)"), nil }

// Format prints no key material.
func (*Keyring) Format(s fmt.State, _ rune) { redacted(s, keyringName) }

// LogValue logs no key material.
func (*Keyring) LogValue() slog.Value { return slog.StringValue(keyringName + "(redacted)") }

// MarshalText writes no key material.
func (*Keyring) MarshalText() ([]byte, error) { return []byte(keyringName + "(redacted)"), nil }

// Format prints no key material.
func (*Sealer) Format(s fmt.State, _ rune) { redacted(s, sealerName) }

// LogValue logs no key material.
func (*Sealer) LogValue() slog.Value { return slog.StringValue(sealerName + "(redacted)") }

// MarshalText writes no key material.
func (*Sealer) MarshalText() ([]byte, error) { return []byte(sealerName + "(redacted)"), nil }

// Format prints no key material.
func (*Opener) Format(s fmt.State, _ rune) { redacted(s, openerName) }

// LogValue logs no key material.
func (*Opener) LogValue() slog.Value { return slog.StringValue(openerName + "(redacted)") }

// MarshalText writes no key material.
func (*Opener) MarshalText() ([]byte, error) { return []byte(openerName + "(redacted)"), nil }
