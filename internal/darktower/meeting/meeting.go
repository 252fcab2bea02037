// Package meeting is a person's dealings with GC: to create a meeting and to ask
// to join one (platform contract, AC/GC 5.1 and 5.2).
//
// It knows what GC answers and what its refusals mean. It must not know MC, MH,
// lanes or why somebody joins.
package meeting

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

// CreateRequest is what a meeting is created with. Fields left nil or 0 take the
// platform's defaults.
type CreateRequest struct {
	DisplayName               string // 1..255 bytes after trimming
	MaxParticipants           int    // 0: 100; else at least 2
	ScheduledStartTime        time.Time
	EnableE2EEncryption       *bool // true
	RequireAuth               *bool // true
	RecordingEnabled          *bool // false
	AllowGuests               *bool // false
	AllowExternalParticipants *bool // false
	WaitingRoomEnabled        *bool // true
}

// Meeting is a meeting that was created. There is no way to end it.
type Meeting struct {
	ID              string         // UUID
	Code            httpapi.Secret // 12 base62 characters; whoever has it can join
	Status          string         // "scheduled"
	MaxParticipants int            // may be lower than asked for
	CreatedAt       time.Time      // zero when GC did not say
}

// Ticket is the right to join a meeting at MC and its MHs.
type Ticket struct {
	Token       httpapi.Secret // meeting token
	ExpiresAt   time.Time      // counted from before the request was sent
	MeetingID   string         // UUID
	MeetingName string
	MCID        string // changes at each start of a pod
	MCURL       string // https://host:port, exactly as GC gave it
}

// String names the MC and nothing secret.
func (t Ticket) String() string { return fmt.Sprintf("ticket for %s at %s", t.MCID, t.MCURL) }

// Format keeps every verb from showing the token.
func (t Ticket) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, t.String()) }

// LogValue returns the same as String.
func (t Ticket) LogValue() slog.Value { return slog.StringValue(t.String()) }

// ErrNoEndpoint is the cause when GC names an MC without the address to dial.
var ErrNoEndpoint = errors.New("GC assigned an MC that advertises no WebTransport endpoint")

// SplitMeetingError says that two people of one meeting were sent to two MCs.
type SplitMeetingError struct {
	First, Second string // MC ids
}

// Error names both MCs.
func (e *SplitMeetingError) Error() string {
	return fmt.Sprintf("the meeting is split: GC sent one person to %s and another to %s", e.First, e.Second)
}

// CheckSameMC returns a *SplitMeetingError when a and b were sent to different MCs.
func CheckSameMC(a, b Ticket) error {
	if a.MCID != b.MCID {
		return &SplitMeetingError{First: a.MCID, Second: b.MCID}
	}
	return nil
}

// Config describes GC.
type Config struct {
	BaseURL string        // http(s)://host:port
	Host    string        // explicit Host header; GC does not look at it, a proxy may
	Timeout time.Duration // one request, default 35 s: GC gives up at 30 s
	TLS     *tls.Config   // for https
	Reuse   bool          // keep connections; false: each request is cold
	HTTP    *http.Client  // overrides TLS and Reuse
	Now     func() time.Time
}

// Client is safe for concurrent use.
type Client struct{}

// NewClient checks cfg and returns a Client; nothing is dialed.
func NewClient(cfg Config) (*Client, error) { return nil, errors.New("not implemented") }

// Create creates a meeting. It lasts for ever and counts against the organisation's
// cap for ever: see LimitReached.
func (c *Client) Create(ctx context.Context, userToken httpapi.Secret, r CreateRequest) (Meeting, error) {
	return Meeting{}, errors.New("not implemented")
}

// Join asks to join the meeting with this code. GC assigns an MC when the meeting
// has none (platform contract, AC/GC 7).
func (c *Client) Join(ctx context.Context, userToken, code httpapi.Secret) (Ticket, error) {
	return Ticket{}, errors.New("not implemented")
}

// CloseIdleConnections closes what Reuse has kept.
func (c *Client) CloseIdleConnections() {}
