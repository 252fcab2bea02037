package httpapi

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"time"

	"github.com/dark-tower/prober/internal/darktower/tracecontext"
)

// Limits on what is accepted from a server.
const (
	MaxBody   = 1 << 20  // bytes of an answer's body
	MaxHeader = 64 << 10 // bytes of an answer's header
	MaxToken  = 8192     // bytes of a token (platform contract, AC/GC 4)
)

// DefaultTimeout outlasts the 30 s after which both services answer 408, so that it
// is they who say that they were slow.
const DefaultTimeout = 35 * time.Second

// Config describes one service.
type Config struct {
	Service string        // AC or GC
	BaseURL string        // http://host:port or https://host:port, no path
	Host    string        // Host header; empty: the host of BaseURL
	Timeout time.Duration // whole request, default DefaultTimeout
	TLS     *tls.Config   // for https; nil: the system's roots
	Reuse   bool          // keep connections between requests (net/http repeats a GET on one that the server had just closed); false: each request dials its own
	HTTP    *http.Client  // overrides Reuse and TLS; for tests and special transports
}

// Client talks to one service. It is safe for concurrent use.
type Client struct {
	service string
	base    *url.URL
	host    string
	timeout time.Duration
	tls     *tls.Config
	kept    *http.Client // nil: a transport per request
}

// New checks cfg and returns a Client; nothing is dialed.
func New(cfg Config) (*Client, error) {
	base, err := ParseBaseURL(cfg.BaseURL)
	if err != nil {
		return nil, fmt.Errorf("%s base URL: %w", cfg.Service, err)
	}
	c := &Client{service: cfg.Service, base: base, host: cfg.Host, timeout: cfg.Timeout, tls: cfg.TLS}
	if c.timeout <= 0 {
		c.timeout = DefaultTimeout
	}
	switch {
	case cfg.HTTP != nil:
		kept := *cfg.HTTP
		kept.CheckRedirect = stay
		c.kept = &kept
	case cfg.Reuse:
		c.kept = &http.Client{Transport: newTransport(cfg.TLS), CheckRedirect: stay}
	}
	return c, nil
}

// ParseBaseURL accepts http(s)://host[:port] and nothing behind it but a slash.
func ParseBaseURL(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		return nil, errors.New("not a URL")
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, errors.New("must begin with http:// or https://")
	case u.Hostname() == "":
		return nil, errors.New("names no host")
	case u.User != nil:
		return nil, errors.New("must not hold a user name or password")
	case u.RawQuery != "" || u.Fragment != "" || (u.Path != "" && u.Path != "/"):
		return nil, errors.New("must end after host and port")
	}
	u.Path, u.RawPath = "", ""
	return u, nil
}

func stay(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// newTransport speaks HTTP/1.1 only: how AC reads the organisation over HTTP/2 is
// unknown (platform contract, AC/GC 2). It takes no proxy from the environment,
// because a measurement through a proxy measures the proxy.
func newTransport(conf *tls.Config) *http.Transport {
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	if conf != nil {
		conf = conf.Clone()
		conf.NextProtos = nil
	}
	return &http.Transport{
		DialContext:            (&net.Dialer{}).DialContext,
		TLSClientConfig:        conf,
		Protocols:              &protocols,
		DisableCompression:     true,
		MaxResponseHeaderBytes: MaxHeader,
		MaxIdleConnsPerHost:    2,
		IdleConnTimeout:        90 * time.Second,
	}
}

// Request is one call.
type Request struct {
	Operation string   // in errors: "<service> refused to <operation>"
	Method    string   // GET or POST
	Path      string   // begins with a slash
	Template  string   // the path with {names} for what varies, for traces; empty: not shown
	Bearer    Secret   // sent as Authorization when not empty
	Body      any      // encoded as JSON when not nil
	Want      int      // the only status that is success
	Sensitive []string // values that must not come back in an error
}

// Do makes one call and decodes the success body into out. Errors are *StatusError,
// *TransportError or *AnswerError.
func (c *Client) Do(ctx context.Context, r Request, out any) (err error) {
	ctx, span := c.startSpan(ctx, r)
	reqCtx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	rec := newRecorder(c.service, r.Operation)
	defer func() {
		phases := rec.finish()
		endSpan(span, phases, r.Want, err)
		Report(ctx, phases)
	}()

	req, err := c.newRequest(httptrace.WithClientTrace(reqCtx, rec.trace()), r)
	if err != nil {
		return fmt.Errorf("asking %s to %s: %w", c.service, r.Operation, err)
	}
	client := c.kept
	if client == nil {
		transport := newTransport(c.tls)
		defer transport.CloseIdleConnections()
		client = &http.Client{Transport: transport, CheckRedirect: stay}
	}
	resp, err := client.Do(req)
	if err != nil {
		return c.transportError(ctx, reqCtx, r, rec, err)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, MaxBody+1))
	_ = resp.Body.Close()
	if resp.StatusCode != r.Want {
		// A status is an answer, whatever became of its body.
		return c.statusError(r, resp, body)
	}
	if err != nil {
		return c.transportError(ctx, reqCtx, r, rec, err)
	}
	if len(body) > MaxBody {
		return c.Broken(r.Operation, "larger than 1 MiB")
	}
	if err := decode(body, out); err != nil {
		return c.Broken(r.Operation, err.Error())
	}
	return nil
}

// Broken returns the *AnswerError for a success body with this problem.
func (c *Client) Broken(operation, problem string) error {
	return &AnswerError{Service: c.service, Operation: operation, Problem: problem}
}

// CloseIdleConnections closes what Reuse has kept.
func (c *Client) CloseIdleConnections() {
	if c.kept != nil {
		c.kept.CloseIdleConnections()
	}
}

func (c *Client) newRequest(ctx context.Context, r Request) (*http.Request, error) {
	var body io.Reader
	if r.Body != nil {
		encoded, err := json.Marshal(r.Body)
		if err != nil {
			return nil, fmt.Errorf("encoding the request: %w", err)
		}
		body = bytes.NewReader(encoded)
	}
	req, err := http.NewRequestWithContext(ctx, r.Method, c.base.String()+r.Path, body)
	if err != nil {
		return nil, errors.New("the request cannot be built") // the cause would quote the path
	}
	if c.host != "" {
		req.Host = c.host
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "dark-tower-prober")
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if r.Bearer != "" {
		if !IsToken(r.Bearer.Reveal()) {
			return nil, errors.New("the token is not one (1..8192 characters of token68)")
		}
		req.Header.Set("Authorization", "Bearer "+r.Bearer.Reveal())
	}
	parent, state := tracecontext.Inject(ctx)
	if parent != "" {
		req.Header.Set("traceparent", parent)
		// AC and GC ignore a tracestate over 512 bytes together with its parent.
		if state != "" && len(state) <= 512 {
			req.Header.Set("tracestate", state)
		}
	}
	return req, nil
}

// IsToken reports whether s can travel as a bearer token: 1..8192 characters of the
// token68 alphabet (RFC 7235; platform contract, AC/GC 4).
func IsToken(s string) bool {
	if s == "" || len(s) > MaxToken {
		return false
	}
	end := len(s)
	for end > 0 && s[end-1] == '=' {
		end--
	}
	for i := range end {
		switch b := s[i]; {
		case b >= 'a' && b <= 'z', b >= 'A' && b <= 'Z', b >= '0' && b <= '9':
		case b == '-', b == '.', b == '_', b == '~', b == '+', b == '/':
		default:
			return false
		}
	}
	return end > 0
}
