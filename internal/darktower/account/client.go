package account

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/dark-tower/prober/internal/darktower/httpapi"
)

// DefaultTokenMargin is how long before its end a token is renewed. It covers the
// longest run that could begin with it.
const DefaultTokenMargin = time.Minute

// maxLifetime bounds what AC can say about a token; the contract says one hour.
const maxLifetime = 7 * 24 * time.Hour

// Config describes AC.
type Config struct {
	BaseURL      string        // http(s)://host:port
	Organisation string        // subdomain: a-z 0-9 and inner hyphens, 1..63
	Host         string        // explicit Host header instead of <organisation>.<host of BaseURL>
	Timeout      time.Duration // one request, default httpapi.DefaultTimeout
	TokenMargin  time.Duration // a cached token is renewed this long before it expires, default DefaultTokenMargin
	TLS          *tls.Config   // for https
	Reuse        bool          // keep connections; false: each request is cold
	HTTP         *http.Client  // overrides TLS and Reuse
	Now          func() time.Time
}

// Client is safe for concurrent use.
type Client struct {
	api    *httpapi.Client
	margin time.Duration
	now    func() time.Time

	running sync.WaitGroup  // the shared sign-ins; they belong to the Client, not to a caller
	stopped context.Context // ends them
	stop    context.CancelFunc

	mu      sync.Mutex // protects all following fields
	closed  bool
	tokens  map[Credentials]kept
	flights map[Credentials]*flight
	seen    map[Credentials]bool // accepted by AC at least once
}

// kept is a remembered token.
type kept struct {
	token Token
	renew time.Time
}

// NewClient checks cfg and returns a Client; nothing is dialed.
func NewClient(cfg Config) (*Client, error) {
	base, err := httpapi.ParseBaseURL(cfg.BaseURL)
	if err != nil {
		return nil, fmt.Errorf("AC base URL: %w", err)
	}
	host := cfg.Host
	if host == "" {
		if err := CheckOrganisation(cfg.Organisation); err != nil {
			return nil, err
		}
		host = organisationHost(cfg.Organisation, base.Hostname(), base.Port())
	}
	api, err := httpapi.New(httpapi.Config{
		Service: httpapi.AC, BaseURL: cfg.BaseURL, Host: host,
		Timeout: cfg.Timeout, TLS: cfg.TLS, Reuse: cfg.Reuse, HTTP: cfg.HTTP,
	})
	if err != nil {
		return nil, err
	}
	c := &Client{
		api: api, margin: cfg.TokenMargin, now: cfg.Now,
		tokens:  make(map[Credentials]kept),
		flights: make(map[Credentials]*flight),
		seen:    make(map[Credentials]bool),
	}
	if c.margin <= 0 {
		c.margin = DefaultTokenMargin
	}
	if c.now == nil {
		c.now = time.Now
	}
	c.stopped, c.stop = context.WithCancel(context.Background())
	return c, nil
}

// CheckOrganisation refuses what AC cannot find by Host (platform contract, AC/GC 2).
func CheckOrganisation(name string) error {
	bad := name == "" || len(name) > 63 || name[0] == '-' || name[len(name)-1] == '-'
	for _, b := range []byte(name) {
		bad = bad || (b < 'a' || b > 'z') && (b < '0' || b > '9') && b != '-'
	}
	if bad {
		return errors.New("an organisation is 1 to 63 characters of a-z, 0-9 and inner hyphens")
	}
	return nil
}

// organisationHost is the Host header by which AC finds the organisation: its first
// label counts, any tail is accepted (platform contract, AC/GC 2).
func organisationHost(organisation, host, port string) string {
	if strings.Contains(host, ":") {
		host = "localhost" // AC cuts at the first colon, which an IPv6 address has early
	}
	name := organisation + "." + host
	if port == "" {
		return name
	}
	return net.JoinHostPort(name, port)
}

// Register creates the account and signs it in. An account that exists already is
// a *httpapi.StatusError with status 409.
func (c *Client) Register(ctx context.Context, cred Credentials) (Token, error) {
	return c.obtain(ctx, cred, httpapi.Request{
		Operation: "register", Path: "/api/v1/auth/register", Template: "/api/v1/auth/register",
		Body: struct {
			Email       string `json:"email"`
			Password    string `json:"password"`
			DisplayName string `json:"displayName"`
		}{cred.Email, cred.Password, cred.DisplayName},
	})
}

// SignIn asks AC for a new token, always, and remembers it for Token.
func (c *Client) SignIn(ctx context.Context, cred Credentials) (Token, error) {
	return c.obtain(ctx, cred, httpapi.Request{
		Operation: "sign in", Path: "/api/v1/auth/user/token", Template: "/api/v1/auth/user/token",
		Body: struct {
			Email    string `json:"email"`
			Password string `json:"password"`
		}{cred.Email, cred.Password},
	})
}

// Ensure registers the account, or signs it in when it exists.
func (c *Client) Ensure(ctx context.Context, cred Credentials) (Token, error) {
	token, err := c.Register(ctx, cred)
	if status := (*httpapi.StatusError)(nil); errors.As(err, &status) && status.Status == http.StatusConflict {
		return c.SignIn(ctx, cred)
	}
	return token, err
}

// answer is what both endpoints have in common.
type answer struct {
	AccessToken string `json:"accessToken"`
	TokenType   string `json:"tokenType"`
	ExpiresIn   int64  `json:"expiresIn"` // seconds
}

// check returns what is wrong with a, or "".
func (a answer) check() string {
	switch {
	case a.AccessToken == "":
		return "accessToken is missing"
	case !httpapi.IsToken(a.AccessToken):
		return "accessToken is not 1 to 8192 characters of token68"
	case a.TokenType != "" && !strings.EqualFold(a.TokenType, "Bearer"):
		return "tokenType is not Bearer"
	case a.ExpiresIn <= 0 || a.ExpiresIn > int64(maxLifetime/time.Second):
		return "expiresIn is not between 1 second and 7 days"
	}
	return ""
}

func (c *Client) obtain(ctx context.Context, cred Credentials, r httpapi.Request) (Token, error) {
	r.Method, r.Want = http.MethodPost, http.StatusOK // register answers 200 as well, not 201
	r.Sensitive = []string{cred.Email, cred.Password, cred.DisplayName}
	asked := c.now()
	var a answer
	if err := c.api.Do(ctx, r, &a); err != nil {
		return Token{}, err
	}
	if problem := a.check(); problem != "" {
		return Token{}, c.api.Broken(r.Operation, problem)
	}
	lifetime := time.Duration(a.ExpiresIn) * time.Second
	token := Token{Value: httpapi.Secret(a.AccessToken), ExpiresAt: asked.Add(lifetime)}
	// A token that lives shorter than twice the margin is still used for half its life:
	// signing in before every request would hurt AC.
	renew := token.ExpiresAt.Add(-min(c.margin, lifetime/2))
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tokens[cred] = kept{token: token, renew: renew}
	c.seen[cred] = true
	return token, nil
}

// Forget drops the remembered token, as after a 401 from GC.
func (c *Client) Forget(cred Credentials) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.tokens, cred)
}

// SignedInBefore reports whether AC has ever accepted these credentials from this
// Client. It tells a wrong setup from an AC that has lost its users.
func (c *Client) SignedInBefore(cred Credentials) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.seen[cred]
}

// CloseIdleConnections closes what Reuse has kept.
func (c *Client) CloseIdleConnections() { c.api.CloseIdleConnections() }
