// Package token is what the embedded platform's services know of JSON Web
// Tokens: AC's signing key and its JWKS document, the claims of each kind of
// token, the check that every service runs on what it is shown, and the service
// tokens that the services show each other (platform contract, AC/GC 3.4, 4).
//
// It knows nothing of users, meetings or sessions.
package token

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
)

// Values of the token_type, participant_type and role claims.
const (
	TypeMeeting = "meeting"
	TypeGuest   = "guest"

	ParticipantMember   = "member"
	ParticipantExternal = "external"
	ParticipantGuest    = "guest"

	RoleHost        = "host"
	RoleParticipant = "participant"
	RoleGuest       = "guest"
)

// Service types, a closed set at AC.
const (
	GlobalController  = "global-controller"
	MeetingController = "meeting-controller"
	MediaHandler      = "media-handler"
)

// Scopes of service tokens.
const (
	ScopeWriteGC      = "service.write.gc"
	ScopeWriteMC      = "service.write.mc"
	ScopeWriteMH      = "service.write.mh"
	ScopeMeetingToken = "internal:meeting-token"
)

// UserClaims are the claims of a user token. It has no token_type.
type UserClaims struct {
	jwt.RegisteredClaims
	OrgID string   `json:"org_id"`
	Email string   `json:"email"`
	Roles []string `json:"roles"`
}

// ServiceClaims are the claims of a service token; Subject is the client id.
type ServiceClaims struct {
	jwt.RegisteredClaims
	Scope       string `json:"scope"` // separated by spaces
	ServiceType string `json:"service_type,omitempty"`
}

// MeetingClaims are the claims of a meeting token, which MC and every MH
// accept; Subject is the user's id.
type MeetingClaims struct {
	jwt.RegisteredClaims
	TokenType       string   `json:"token_type"`
	MeetingID       string   `json:"meeting_id"`
	HomeOrgID       string   `json:"home_org_id,omitempty"`
	MeetingOrgID    string   `json:"meeting_org_id"`
	ParticipantType string   `json:"participant_type"`
	Role            string   `json:"role"`
	Capabilities    []string `json:"capabilities"`
	DisplayName     string   `json:"display_name"`
}

// GuestClaims are the claims of a guest token, which GC hands out and MC
// refuses today.
type GuestClaims struct {
	jwt.RegisteredClaims
	TokenType       string   `json:"token_type"`
	MeetingID       string   `json:"meeting_id"`
	MeetingOrgID    string   `json:"meeting_org_id"`
	ParticipantType string   `json:"participant_type"`
	Role            string   `json:"role"`
	DisplayName     string   `json:"display_name"`
	WaitingRoom     bool     `json:"waiting_room"`
	Capabilities    []string `json:"capabilities"`
}

// Stamp returns the claims that all tokens share: subject, issue and expiry
// time in whole seconds, and a fresh jti.
func Stamp(subject string, now time.Time, lifetime time.Duration) jwt.RegisteredClaims {
	return jwt.RegisteredClaims{
		Subject:   subject,
		IssuedAt:  jwt.NewNumericDate(now),
		ExpiresAt: jwt.NewNumericDate(now.Add(lifetime)),
		ID:        uuid.NewString(),
	}
}

// String leaves out everything personal.
func (c UserClaims) String() string {
	return fmt.Sprintf("user token of organisation %s", c.OrgID)
}

// GoString leaves out everything personal.
func (c UserClaims) GoString() string { return c.String() }

// LogValue leaves out everything personal.
func (c UserClaims) LogValue() slog.Value { return slog.StringValue(c.String()) }

// String names the service; a client id is no secret.
func (c ServiceClaims) String() string {
	return fmt.Sprintf("service token of %s (%s)", c.Subject, c.ServiceType)
}

// GoString is String.
func (c ServiceClaims) GoString() string { return c.String() }

// LogValue is String.
func (c ServiceClaims) LogValue() slog.Value { return slog.StringValue(c.String()) }

// String leaves out everything personal.
func (c MeetingClaims) String() string {
	return fmt.Sprintf("meeting token for %s as %s", c.MeetingID, c.Role)
}

// GoString leaves out everything personal.
func (c MeetingClaims) GoString() string { return c.String() }

// LogValue leaves out everything personal.
func (c MeetingClaims) LogValue() slog.Value { return slog.StringValue(c.String()) }

// String leaves out everything personal.
func (c GuestClaims) String() string {
	return fmt.Sprintf("guest token for %s", c.MeetingID)
}

// GoString leaves out everything personal.
func (c GuestClaims) GoString() string { return c.String() }

// LogValue leaves out everything personal.
func (c GuestClaims) LogValue() slog.Value { return slog.StringValue(c.String()) }
