// Package account is a person's dealings with AC: to register, to sign in, and to
// keep the token until it is about to expire (platform contract, AC/GC 2-4).
//
// It knows how AC finds the organisation (by Host header) and what its refusals
// mean. It must not know meetings, flows or why somebody signs in.
package account

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
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

// Token is a user token.
type Token struct {
	Value     httpapi.Secret
	ExpiresAt time.Time // when AC says it expires, counted from before the request was sent
}

// Config describes AC.
type Config struct {
	BaseURL      string        // http(s)://host:port
	Organisation string        // subdomain: a-z 0-9 and inner hyphens, 1..63
	Host         string        // explicit Host header instead of <organisation>.<host of BaseURL>
	Timeout      time.Duration // one request, default 35 s
	TokenMargin  time.Duration // a cached token is renewed this long before it expires, default 60 s
	TLS          *tls.Config   // for https
	Reuse        bool          // keep connections; false: each request is cold
	HTTP         *http.Client  // overrides TLS and Reuse
	Now          func() time.Time
}

// Client is safe for concurrent use.
type Client struct{}

// NewClient checks cfg and returns a Client; nothing is dialed.
func NewClient(cfg Config) (*Client, error) { return nil, errors.New("not implemented") }

// Register creates the account and signs it in. An account that exists already is
// a *httpapi.StatusError with status 409.
func (c *Client) Register(ctx context.Context, cred Credentials) (Token, error) {
	return Token{}, errors.New("not implemented")
}

// SignIn asks AC for a new token, always, and remembers it for Token.
func (c *Client) SignIn(ctx context.Context, cred Credentials) (Token, error) {
	return Token{}, errors.New("not implemented")
}

// Ensure registers the account, or signs it in when it exists.
func (c *Client) Ensure(ctx context.Context, cred Credentials) (Token, error) {
	return Token{}, errors.New("not implemented")
}

// Token returns the remembered token, or signs in when there is none or it is about
// to expire. Callers that ask at the same time share one sign-in; one that gives up
// does not take it from the others.
func (c *Client) Token(ctx context.Context, cred Credentials) (Token, error) {
	return Token{}, errors.New("not implemented")
}

// Forget drops the remembered token, as after a 401 from GC.
func (c *Client) Forget(cred Credentials) {}

// SignedInBefore reports whether AC has ever accepted these credentials from this
// Client. It tells a wrong setup from an AC that has lost its users.
func (c *Client) SignedInBefore(cred Credentials) bool { return false }

// CloseIdleConnections closes what Reuse has kept.
func (c *Client) CloseIdleConnections() {}

// Close ends shared sign-ins that are under way and waits for them.
func (c *Client) Close() {}
