package token

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// Bounds of the check (platform contract, AC/GC 4).
const (
	MaxSize          = 8192              // bytes of a token, checked before anything else
	ExpiryLeeway     = 60 * time.Second  // how long after exp a token still passes
	DefaultClockSkew = 300 * time.Second // how far in the future iat may be, at GC and MH
	DefaultJWKSTTL   = 300 * time.Second // how long fetched keys are kept

	fetchTimeout = 10 * time.Second
	maxDocument  = 64 << 10
)

// What can be wrong with a token. Errors of a Verifier wrap exactly one.
var (
	ErrTooLarge        = errors.New("the token is larger than 8192 bytes")
	ErrMalformed       = errors.New("the token is not a compact JWS with the expected claims")
	ErrNoKeyID         = errors.New("the token's header names no key")
	ErrUnknownKey      = errors.New("the token is signed with a key that the JWKS does not list")
	ErrSignature       = errors.New("the token's signature does not verify")
	ErrExpired         = errors.New("the token has expired")
	ErrIssuedInFuture  = errors.New("the token was issued in the future")
	ErrWrongType       = errors.New("the token is of another type")
	ErrJWKSUnavailable = errors.New("the JWKS cannot be fetched")
)

// Verifier checks tokens against the keys of a JWKS endpoint. It fetches the
// keys when it first needs them and keeps them for TTL; meanwhile a token with
// an unknown kid is refused without another fetch, and afterwards an AC that
// does not answer makes every token ErrJWKSUnavailable. It is safe for
// concurrent use and keeps no connection open.
type Verifier struct {
	// TTL of the fetched keys and the clock; zero values mean DefaultJWKSTTL and
	// time.Now. To be set before the first use.
	TTL time.Duration
	Now func() time.Time

	url    string
	client *http.Client

	turn    chan struct{} // holds one token; whoever has it may touch the fields below
	keys    map[string]ed25519.PublicKey
	fetched time.Time
}

// NewVerifier returns a verifier for the JWKS document at jwksURL. Nothing is
// fetched yet.
func NewVerifier(jwksURL string) *Verifier {
	return &Verifier{
		url:    jwksURL,
		client: &http.Client{Timeout: fetchTimeout, Transport: oneShotTransport()},
		turn:   make(chan struct{}, 1),
	}
}

// NewLocalVerifier returns a verifier that knows its keys, as AC does: nothing
// is ever fetched.
func NewLocalVerifier(set JWKS) (*Verifier, error) {
	b, err := json.Marshal(set)
	if err != nil {
		return nil, fmt.Errorf("making a verifier: %w", err)
	}
	keys, err := parseJWKS(b)
	if err != nil {
		return nil, fmt.Errorf("making a verifier: %w", err)
	}
	v := &Verifier{turn: make(chan struct{}, 1), keys: keys}
	return v, nil
}

// oneShotTransport opens a connection per request: a fetch every few minutes
// is not worth a goroutine that waits in between.
func oneShotTransport() *http.Transport {
	return &http.Transport{DisableKeepAlives: true, ResponseHeaderTimeout: fetchTimeout}
}

// User checks a user token.
func (v *Verifier) User(ctx context.Context, raw string) (UserClaims, error) {
	var c UserClaims
	if err := v.check(ctx, raw, &c, &c.RegisteredClaims, DefaultClockSkew); err != nil {
		return UserClaims{}, fmt.Errorf("checking a user token: %w", err)
	}
	if c.OrgID == "" || c.Roles == nil {
		return UserClaims{}, fmt.Errorf("checking a user token: %w", ErrWrongType)
	}
	return c, nil
}

// Service checks a service token.
func (v *Verifier) Service(ctx context.Context, raw string) (ServiceClaims, error) {
	var c struct {
		ServiceClaims
		Scope *string `json:"scope"` // present even when empty
	}
	if err := v.check(ctx, raw, &c, &c.RegisteredClaims, DefaultClockSkew); err != nil {
		return ServiceClaims{}, fmt.Errorf("checking a service token: %w", err)
	}
	if c.Scope == nil {
		return ServiceClaims{}, fmt.Errorf("checking a service token: %w", ErrWrongType)
	}
	c.ServiceClaims.Scope = *c.Scope
	return c.ServiceClaims, nil
}

// Meeting checks a meeting token; skew is how far in the future its iat may
// be (MC: 5 s, MH: 300 s). A guest token is ErrWrongType.
func (v *Verifier) Meeting(ctx context.Context, raw string, skew time.Duration) (MeetingClaims, error) {
	var c MeetingClaims
	if err := v.check(ctx, raw, &c, &c.RegisteredClaims, skew); err != nil {
		return MeetingClaims{}, fmt.Errorf("checking a meeting token: %w", err)
	}
	if c.TokenType != TypeMeeting || c.MeetingID == "" {
		return MeetingClaims{}, fmt.Errorf("checking a meeting token: %w", ErrWrongType)
	}
	return c, nil
}

// check verifies raw and fills claims, of which std is the shared part.
func (v *Verifier) check(ctx context.Context, raw string, claims jwt.Claims, std *jwt.RegisteredClaims, skew time.Duration) error {
	if len(raw) > MaxSize {
		return ErrTooLarge
	}
	// The library's own errors are not passed on: they may quote the token.
	parser := jwt.NewParser(jwt.WithValidMethods([]string{jwt.SigningMethodEdDSA.Alg()}), jwt.WithoutClaimsValidation())
	cause := ErrMalformed
	_, err := parser.ParseWithClaims(raw, claims, func(t *jwt.Token) (any, error) {
		kid, _ := t.Header["kid"].(string)
		if kid == "" {
			cause = ErrNoKeyID
			return nil, cause
		}
		key, err := v.key(ctx, kid)
		if err != nil {
			cause = err
			return nil, err
		}
		cause = ErrSignature
		return key, nil
	})
	if err != nil {
		return cause
	}
	if std.ExpiresAt == nil || std.IssuedAt == nil || std.Subject == "" {
		return ErrMalformed
	}
	now := v.now()
	if now.After(std.ExpiresAt.Add(ExpiryLeeway)) {
		return ErrExpired
	}
	if std.IssuedAt.After(now.Add(skew)) {
		return ErrIssuedInFuture
	}
	return nil
}

// key returns the key named kid from the cache, which it fills when it is
// empty or too old.
func (v *Verifier) key(ctx context.Context, kid string) (ed25519.PublicKey, error) {
	select {
	case v.turn <- struct{}{}:
		defer func() { <-v.turn }()
	case <-ctx.Done():
		return nil, fmt.Errorf("%w: %w", ErrJWKSUnavailable, ctx.Err())
	}
	if v.client != nil && (v.keys == nil || v.now().Sub(v.fetched) >= v.ttl()) {
		keys, err := v.fetch(ctx)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrJWKSUnavailable, err)
		}
		v.keys, v.fetched = keys, v.now()
	}
	key, ok := v.keys[kid]
	if !ok {
		return nil, ErrUnknownKey
	}
	return key, nil
}

func (v *Verifier) fetch(ctx context.Context) (map[string]ed25519.PublicKey, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, v.url, nil)
	if err != nil {
		return nil, err
	}
	resp, err := v.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("AC answered %s", resp.Status)
	}
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxDocument+1))
	if err != nil {
		return nil, err
	}
	if len(b) > maxDocument {
		return nil, fmt.Errorf("the JWKS document is larger than %d bytes", maxDocument)
	}
	return parseJWKS(b)
}

func (v *Verifier) ttl() time.Duration {
	if v.TTL > 0 {
		return v.TTL
	}
	return DefaultJWKSTTL
}

func (v *Verifier) now() time.Time {
	if v.Now != nil {
		return v.Now()
	}
	return time.Now()
}
