// Package account is a person's dealings with AC: to register, to sign in, and to
// keep the token until it is about to expire (platform contract, AC/GC 2-4).
//
// It knows how AC finds the organisation (by Host header) and what its refusals
// mean. It must not know meetings, flows or why somebody signs in.
package account

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"github.com/dark-tower/prober/internal/darktower/httpapi"
)

// Credentials is one account of the organisation. It prints as nothing but "****".
type Credentials struct {
	Email       string // 1..254 bytes
	Password    string // 8..128 bytes
	DisplayName string // 1..64 bytes after trimming
}

// String returns httpapi.Redacted.
func (Credentials) String() string { return httpapi.Redacted }

// Format keeps every verb from showing a field.
func (Credentials) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, httpapi.Redacted) }

// LogValue returns httpapi.Redacted.
func (Credentials) LogValue() slog.Value { return slog.StringValue(httpapi.Redacted) }

// MarshalText returns httpapi.Redacted.
func (Credentials) MarshalText() ([]byte, error) { return []byte(httpapi.Redacted), nil }

// A FieldError is what is wrong with one field of Credentials. It shows no value.
type FieldError struct {
	Field  string // "email", "password" or "display_name"
	Detail string
}

func (e *FieldError) Error() string { return e.Detail }

// Validate checks what AC would refuse, or the reference client would not send
// (platform contract, AC/GC 3.2 and client 1.3). The error joins Problems.
func (c Credentials) Validate() error {
	var errs []error
	for _, p := range c.Problems() {
		errs = append(errs, p)
	}
	return errors.Join(errs...)
}

// Problems are what is wrong with each field.
func (c Credentials) Problems() []*FieldError {
	var problems []*FieldError
	local, domain, ok := strings.Cut(c.Email, "@")
	switch {
	case c.Email == "" || len(c.Email) > 254:
		problems = append(problems, &FieldError{"email", "the email must have 1 to 254 bytes"})
	case !ok || local == "" || strings.Contains(domain, "@") || !dotted(domain):
		problems = append(problems, &FieldError{"email", "the email must look like name@host.domain"})
	}
	if len(c.Password) < 8 || len(c.Password) > 128 {
		problems = append(problems, &FieldError{"password", "the password must have 8 to 128 bytes"})
	}
	if name := strings.TrimSpace(c.DisplayName); name == "" || len(name) > 64 {
		problems = append(problems, &FieldError{"display_name", "the display name must have 1 to 64 bytes"})
	}
	return problems
}

func dotted(domain string) bool {
	parts := strings.Split(domain, ".")
	for _, part := range parts {
		if part == "" {
			return false
		}
	}
	return len(parts) >= 2
}

// Token is a user token.
type Token struct {
	Value     httpapi.Secret
	ExpiresAt time.Time // when AC says it expires, counted from before the request was sent
}
