package ac

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/dark-tower/prober/internal/devstack/rest"
	"github.com/dark-tower/prober/internal/devstack/token"
)

// serviceToken answers POST /api/v1/auth/service/token, whose request is in
// snake_case and whose answer is not (platform contract, AC/GC 3.4).
func (s *Server) serviceToken(w http.ResponseWriter, r *http.Request) {
	var grant, id, secret string
	var scope *string
	if rejection := rest.ReadJSON(w, r,
		rest.Need("grant_type", &grant), rest.May("client_id", &id), rest.May("client_secret", &secret), rest.May("scope", &scope),
	); rejection != nil {
		rejection.Answer(w)
		return
	}
	if basicID, basicSecret, ok := r.BasicAuth(); ok {
		id, secret = basicID, basicSecret
	}
	if grant != "client_credentials" {
		invalidCredentials(w)
		return
	}
	c, found := s.credentials[id]
	if found && s.failedClients.full(id, time.Now()) {
		rest.Fail(w, http.StatusTooManyRequests, rest.Envelope{Code: "RATE_LIMIT_EXCEEDED", Message: textTooManyRequests})
		return
	}
	if !sameSecret(c.Secret, secret) || !found {
		if found {
			s.failedClients.add(id, time.Now())
		}
		invalidCredentials(w)
		return
	}
	granted := c.Scopes
	if scope != nil {
		granted = strings.Fields(*scope)
		for _, want := range granted {
			if !slices.Contains(c.Scopes, want) {
				insufficientScope(w, want, c.Scopes)
				return
			}
		}
	}
	claims := token.ServiceClaims{
		RegisteredClaims: token.Stamp(id, time.Now(), s.times.ServiceToken),
		Scope:            strings.Join(granted, " "),
		ServiceType:      c.ServiceType,
	}
	claims.ID = "" // service tokens carry no jti
	raw, err := s.signer.Sign(claims)
	if err != nil {
		s.log.ErrorContext(r.Context(), "issuing a service token", "error", err)
		internalError(w)
		return
	}
	rest.Write(w, http.StatusOK, struct {
		tokenAnswer
		Scope string `json:"scope"`
	}{bearerAnswer(raw, s.times.ServiceToken), claims.Scope})
}

func sameSecret(a, b string) bool {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1
}

// forService lets only services with the scope for meeting tokens in.
func (s *Server) forService(h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		raw, problem := rest.Bearer(r)
		if problem != "" {
			invalidToken(w, problem)
			return
		}
		claims, err := s.verifier.Service(r.Context(), raw)
		if err != nil {
			invalidToken(w, rest.TextInvalidToken)
			return
		}
		if !claims.HasScope(token.ScopeMeetingToken) {
			insufficientScope(w, token.ScopeMeetingToken, claims.Scopes())
			return
		}
		h(w, r)
	}
}

// issued is the answer of the internal endpoints, in snake_case.
type issued struct {
	Token     string `json:"token"`
	ExpiresIn int    `json:"expires_in"` // seconds
}

// meetingToken answers POST /api/v1/auth/internal/meeting-token (platform
// contract, AC/GC 3.5).
func (s *Server) meetingToken(w http.ResponseWriter, r *http.Request) {
	var subject, meeting, meetingOrg, homeOrg uuid.UUID
	kind, role := token.ParticipantMember, token.RoleParticipant
	capabilities := []string{}
	ttl := s.maxTTL()
	rejection := rest.ReadJSON(w, r,
		rest.Need("subject_user_id", &subject), rest.Need("meeting_id", &meeting),
		rest.Need("meeting_org_id", &meetingOrg), rest.Need("home_org_id", &homeOrg),
		rest.May("participant_type", &kind), rest.May("role", &role),
		rest.May("capabilities", &capabilities), rest.May("ttl_seconds", &ttl),
	)
	if rejection == nil && (!slices.Contains([]string{token.ParticipantMember, token.ParticipantExternal, token.ParticipantGuest}, kind) ||
		!slices.Contains([]string{token.RoleHost, token.RoleParticipant, token.RoleGuest}, role)) {
		rejection = &rest.Rejection{Status: http.StatusUnprocessableEntity, Text: "Failed to deserialize the JSON body into the target type: unknown variant"}
	}
	if rejection != nil {
		rejection.Answer(w)
		return
	}
	u, ok := s.users.get(subject)
	if !ok {
		notFound(w, "User not found")
		return
	}
	lifetime := s.lifetime(ttl)
	raw, err := s.clientSigner().Sign(token.MeetingClaims{
		RegisteredClaims: token.Stamp(u.id.String(), s.issuedAt(lifetime), lifetime),
		TokenType:        token.TypeMeeting,
		MeetingID:        meeting.String(),
		HomeOrgID:        homeOrg.String(),
		MeetingOrgID:     meetingOrg.String(),
		ParticipantType:  kind,
		Role:             role,
		Capabilities:     capabilities,
		DisplayName:      u.displayName,
	})
	s.answerIssued(w, r, raw, lifetime, err)
}

// guestToken answers POST /api/v1/auth/internal/guest-token (platform
// contract, AC/GC 3.5).
func (s *Server) guestToken(w http.ResponseWriter, r *http.Request) {
	var guest, meeting, meetingOrg uuid.UUID
	var displayName string
	waitingRoom := true
	ttl := s.maxTTL()
	if rejection := rest.ReadJSON(w, r,
		rest.Need("guest_id", &guest), rest.Need("display_name", &displayName),
		rest.Need("meeting_id", &meeting), rest.Need("meeting_org_id", &meetingOrg),
		rest.May("waiting_room", &waitingRoom), rest.May("ttl_seconds", &ttl),
	); rejection != nil {
		rejection.Answer(w)
		return
	}
	lifetime := s.lifetime(ttl)
	raw, err := s.clientSigner().Sign(token.GuestClaims{
		RegisteredClaims: token.Stamp(guest.String(), s.issuedAt(lifetime), lifetime),
		TokenType:        token.TypeGuest,
		MeetingID:        meeting.String(),
		MeetingOrgID:     meetingOrg.String(),
		ParticipantType:  token.ParticipantGuest,
		Role:             token.RoleGuest,
		DisplayName:      displayName,
		WaitingRoom:      waitingRoom,
		Capabilities:     []string{"video", "audio"},
	})
	s.answerIssued(w, r, raw, lifetime, err)
}

func (s *Server) answerIssued(w http.ResponseWriter, r *http.Request, raw string, lifetime time.Duration, err error) {
	if err != nil {
		s.log.ErrorContext(r.Context(), "issuing a meeting token", "error", err)
		internalError(w)
		return
	}
	rest.Write(w, http.StatusOK, issued{Token: raw, ExpiresIn: int(lifetime / time.Second)})
}

func (s *Server) maxTTL() uint32 { return uint32(s.times.MeetingToken / time.Second) }

func (s *Server) lifetime(ttl uint32) time.Duration {
	return time.Duration(min(ttl, s.maxTTL())) * time.Second
}

// issuedAt is now, or under fault.GC.ExpiredToken so long ago that a token of
// this lifetime has expired beyond every leeway.
func (s *Server) issuedAt(lifetime time.Duration) time.Time {
	now := time.Now()
	if s.faults.Get().GC.ExpiredToken {
		return now.Add(-lifetime - 10*time.Minute)
	}
	return now
}
