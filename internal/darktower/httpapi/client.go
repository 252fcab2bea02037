package httpapi

import (
	"context"
	"crypto/tls"
	"errors"
	"net/http"
	"time"
)

// Limits on what is accepted from a server.
const (
	MaxBody   = 1 << 20  // bytes of an answer's body
	MaxHeader = 64 << 10 // bytes of an answer's header
	MaxToken  = 8192     // bytes of a token (platform contract, AC/GC 4)
)

// Config describes one service.
type Config struct {
	Service string        // AC or GC
	BaseURL string        // http://host:port or https://host:port, no path
	Host    string        // Host header; empty: the host of BaseURL
	Timeout time.Duration // whole request, default 35 s: the services give up at 30 s
	TLS     *tls.Config   // for https; nil: the system's roots
	Reuse   bool          // keep connections between requests; false: each request dials its own
	HTTP    *http.Client  // overrides Reuse and TLS; for tests and special transports
}

// Client talks to one service. It is safe for concurrent use.
type Client struct{}

// New checks cfg and returns a Client; nothing is dialed.
func New(cfg Config) (*Client, error) { return nil, errors.New("not implemented") }

// Request is one call.
type Request struct {
	Operation string   // in errors: "<service> refused to <operation>"
	Method    string   // GET or POST
	Path      string   // begins with a slash
	Bearer    Secret   // sent as Authorization when not empty
	Body      any      // encoded as JSON when not nil
	Want      int      // the only status that is success
	Sensitive []string // values that must not come back in an error
}

// Do makes one call and decodes the success body into out. Errors are *StatusError,
// *TransportError or *AnswerError.
func (c *Client) Do(ctx context.Context, r Request, out any) error { return errors.New("not implemented") }

// CloseIdleConnections closes what Reuse has kept.
func (c *Client) CloseIdleConnections() {}
