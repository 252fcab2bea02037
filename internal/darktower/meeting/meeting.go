// Package meeting is a person's dealings with GC: to create a meeting and to ask
// to join one (platform contract, AC/GC 5.1 and 5.2).
//
// It knows what GC answers and what its refusals mean. It must not know MC, MH,
// lanes or why somebody joins.
package meeting

import (
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
	MeetingName string         // not shown: people name their meetings
	MCID        string         // changes at each start of a pod
	MCURL       string         // https://host:port, exactly as GC gave it
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

// CodeLen is the length of a meeting's code in base62 characters.
const CodeLen = 12

// IsCode reports whether s can be a meeting's code (platform contract, AC/GC 5.1).
func IsCode(s string) bool {
	for _, b := range []byte(s) {
		if (b < 'a' || b > 'z') && (b < 'A' || b > 'Z') && (b < '0' || b > '9') {
			return false
		}
	}
	return len(s) == CodeLen
}

// ErrBadCode is returned by Join for a code that no meeting can have.
var ErrBadCode = errors.New("a meeting code is 12 characters of 0-9, A-Z and a-z")

// codeLimitReached counts against the organisation's cap (platform contract, AC/GC 5.1).
const codeLimitReached = "ORGANIZATION_MEETING_LIMIT_EXCEEDED"

// LimitReached reports whether err says that the organisation may have no more
// meetings. Only an operator with access to the database can change that.
func LimitReached(err error) bool {
	var status *httpapi.StatusError
	return errors.As(err, &status) && status.Code == codeLimitReached
}

// NotFound reports whether err says that no meeting with that code can be joined.
func NotFound(err error) bool {
	var status *httpapi.StatusError
	return errors.As(err, &status) && status.Status == http.StatusNotFound && status.Envelope
}
