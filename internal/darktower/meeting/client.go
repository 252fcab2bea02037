package meeting

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/dark-tower/prober/internal/darktower/httpapi"
)

// Bounds on what GC can say.
const (
	maxTicketLife = 24 * time.Hour // the contract says 900 s at most
	maxName       = 1024           // bytes of a meeting's name; the platform allows 255
	maxMCID       = 256            // bytes; normally mc-<hostname>-<8 hex>
	maxURL        = 2048           // bytes
)

// Config describes GC.
type Config struct {
	BaseURL string        // http(s)://host:port
	Host    string        // explicit Host header; GC does not look at it, a proxy may
	Timeout time.Duration // one request, default httpapi.DefaultTimeout: GC gives up at 30 s
	TLS     *tls.Config   // for https
	Reuse   bool          // keep connections; false: each request is cold
	HTTP    *http.Client  // overrides TLS and Reuse
	Now     func() time.Time
}

// Client is safe for concurrent use.
type Client struct {
	api *httpapi.Client
	now func() time.Time
}

// NewClient checks cfg and returns a Client; nothing is dialed.
func NewClient(cfg Config) (*Client, error) {
	api, err := httpapi.New(httpapi.Config{
		Service: httpapi.GC, BaseURL: cfg.BaseURL, Host: cfg.Host,
		Timeout: cfg.Timeout, TLS: cfg.TLS, Reuse: cfg.Reuse, HTTP: cfg.HTTP,
	})
	if err != nil {
		return nil, err
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Client{api: api, now: cfg.Now}, nil
}

// CloseIdleConnections closes what Reuse has kept.
func (c *Client) CloseIdleConnections() { c.api.CloseIdleConnections() }

// createBody is CreateRequest on the wire. GC refuses fields that it does not know
// and lets absent ones take its defaults.
type createBody struct {
	DisplayName               string     `json:"displayName"`
	MaxParticipants           int        `json:"maxParticipants,omitempty"`
	ScheduledStartTime        *time.Time `json:"scheduledStartTime,omitempty"`
	EnableE2EEncryption       *bool      `json:"enableE2eEncryption,omitempty"`
	RequireAuth               *bool      `json:"requireAuth,omitempty"`
	RecordingEnabled          *bool      `json:"recordingEnabled,omitempty"`
	AllowGuests               *bool      `json:"allowGuests,omitempty"`
	AllowExternalParticipants *bool      `json:"allowExternalParticipants,omitempty"`
	WaitingRoomEnabled        *bool      `json:"waitingRoomEnabled,omitempty"`
}

// createAnswer is the part of the 201 that anybody here uses.
type createAnswer struct {
	MeetingID       string `json:"meetingId"`
	MeetingCode     string `json:"meetingCode"`
	Status          string `json:"status"`
	MaxParticipants int    `json:"maxParticipants"`
	CreatedAt       string `json:"createdAt"`
}

func (a createAnswer) check() string {
	switch {
	case !isUUID(a.MeetingID):
		return "meetingId is not a UUID"
	case !IsCode(a.MeetingCode):
		return "meetingCode is not 12 base62 characters"
	case a.Status != "scheduled" && a.Status != "active":
		return "status is neither scheduled nor active"
	case a.MaxParticipants < 0:
		return "maxParticipants is negative"
	}
	return ""
}

// Create creates a meeting. It lasts for ever and counts against the organisation's
// cap for ever: see LimitReached.
func (c *Client) Create(ctx context.Context, userToken httpapi.Secret, r CreateRequest) (Meeting, error) {
	name := strings.TrimSpace(r.DisplayName)
	switch {
	case name == "" || len(name) > 255:
		return Meeting{}, errors.New("creating a meeting: its name must have 1 to 255 bytes")
	case r.MaxParticipants != 0 && r.MaxParticipants < 2:
		return Meeting{}, errors.New("creating a meeting: it must have room for at least 2 participants")
	}
	body := createBody{
		DisplayName: name, MaxParticipants: r.MaxParticipants,
		EnableE2EEncryption: r.EnableE2EEncryption, RequireAuth: r.RequireAuth,
		RecordingEnabled: r.RecordingEnabled, AllowGuests: r.AllowGuests,
		AllowExternalParticipants: r.AllowExternalParticipants, WaitingRoomEnabled: r.WaitingRoomEnabled,
	}
	if !r.ScheduledStartTime.IsZero() {
		at := r.ScheduledStartTime.UTC()
		body.ScheduledStartTime = &at
	}
	request := httpapi.Request{
		Operation: "create a meeting", Method: http.MethodPost, Path: "/api/v1/meetings", Template: "/api/v1/meetings",
		Bearer: userToken, Body: body, Want: http.StatusCreated, Sensitive: []string{name},
	}
	var a createAnswer
	if err := c.api.Do(ctx, request, &a); err != nil {
		return Meeting{}, err
	}
	if problem := a.check(); problem != "" {
		return Meeting{}, c.api.Broken(request.Operation, problem)
	}
	m := Meeting{ID: a.MeetingID, Code: httpapi.Secret(a.MeetingCode), Status: a.Status, MaxParticipants: a.MaxParticipants}
	if at, err := time.Parse(time.RFC3339Nano, a.CreatedAt); err == nil {
		m.CreatedAt = at
	}
	return m, nil
}

// joinAnswer is the 200 of a join.
type joinAnswer struct {
	Token        string `json:"token"`
	ExpiresIn    int64  `json:"expiresIn"` // seconds
	MeetingID    string `json:"meetingId"`
	MeetingName  string `json:"meetingName"`
	MCAssignment *struct {
		MCID                 string `json:"mcId"`
		WebTransportEndpoint string `json:"webtransportEndpoint"` // left out when the MC registered none
	} `json:"mcAssignment"` // grpcEndpoint is not for clients
}

func (a joinAnswer) check() string {
	switch {
	case a.Token == "":
		return "token is missing"
	case !httpapi.IsToken(a.Token):
		return "token is not 1 to 8192 characters of token68"
	case a.ExpiresIn <= 0 || a.ExpiresIn > int64(maxTicketLife/time.Second):
		return "expiresIn is not between 1 second and 24 hours"
	case !isUUID(a.MeetingID):
		return "meetingId is not a UUID"
	case len(a.MeetingName) > maxName:
		return "meetingName is longer than 1024 bytes"
	case a.MCAssignment == nil:
		return "mcAssignment is missing"
	case !isMCID(a.MCAssignment.MCID):
		return "mcAssignment.mcId is not 1 to 256 printable characters"
	}
	if endpoint := a.MCAssignment.WebTransportEndpoint; endpoint != "" && !isEndpoint(endpoint) {
		return "mcAssignment.webtransportEndpoint is not https://host:port"
	}
	return ""
}

// Join asks to join the meeting with this code. It is a GET, and GC assigns an MC
// when the meeting has none (platform contract, AC/GC 5.2 and 7). When GC names no
// address for the MC, the Ticket is complete but for MCURL and the error wraps
// ErrNoEndpoint.
func (c *Client) Join(ctx context.Context, userToken, code httpapi.Secret) (Ticket, error) {
	if !IsCode(code.Reveal()) {
		return Ticket{}, fmt.Errorf("asking GC to join: %w", ErrBadCode)
	}
	request := httpapi.Request{
		Operation: "join a meeting", Method: http.MethodGet, Path: "/api/v1/meetings/" + code.Reveal(), Template: "/api/v1/meetings/{code}",
		Bearer: userToken, Want: http.StatusOK, Sensitive: []string{code.Reveal()},
	}
	asked := c.now()
	var a joinAnswer
	if err := c.api.Do(ctx, request, &a); err != nil {
		return Ticket{}, err
	}
	if problem := a.check(); problem != "" {
		return Ticket{}, c.api.Broken(request.Operation, problem)
	}
	t := Ticket{
		Token: httpapi.Secret(a.Token), ExpiresAt: asked.Add(time.Duration(a.ExpiresIn) * time.Second),
		MeetingID: a.MeetingID, MeetingName: a.MeetingName,
		MCID: a.MCAssignment.MCID, MCURL: a.MCAssignment.WebTransportEndpoint,
	}
	if t.MCURL == "" {
		return t, fmt.Errorf("joining at GC: %w: %s", ErrNoEndpoint, t.MCID)
	}
	return t, nil
}

func isUUID(s string) bool { return len(s) == 36 && uuid.Validate(s) == nil }

func isMCID(s string) bool {
	for _, b := range []byte(s) {
		if b <= ' ' || b > '~' {
			return false
		}
	}
	return s != "" && len(s) <= maxMCID
}

// isEndpoint accepts what can be dialed: https, a host, perhaps a port and a path.
func isEndpoint(s string) bool {
	if len(s) > maxURL {
		return false
	}
	u, err := url.Parse(s)
	return err == nil && u.Scheme == "https" && u.Hostname() != "" && u.User == nil && u.Fragment == ""
}
