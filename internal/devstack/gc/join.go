package gc

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/dark-tower/prober/internal/devstack/rest"
	"github.com/dark-tower/prober/internal/devstack/token"
)

// joined is the answer of a join, for users and for guests.
type joined struct {
	Token        string       `json:"token"`
	ExpiresIn    int          `json:"expiresIn"` // seconds
	MeetingID    string       `json:"meetingId"`
	MeetingName  string       `json:"meetingName"`
	MCAssignment mcAssignment `json:"mcAssignment"`
}

type mcAssignment struct {
	MCID                 string `json:"mcId"`
	WebTransportEndpoint string `json:"webtransportEndpoint,omitempty"`
	GRPCEndpoint         string `json:"grpcEndpoint"`
}

// unlessBroken keeps joins waiting for ever, or resets their connections, while
// such a fault is set. Both are outside of GC's own deadline.
func (s *Server) unlessBroken(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch f := s.faults.Get().GC; {
		case f.JoinNever:
			rest.Hang(r)
		case f.JoinReset:
			rest.Reset(w)
		default:
			h.ServeHTTP(w, r)
		}
	})
}

// join answers GET /api/v1/meetings/{code} (platform contract, AC/GC 5.2).
func (s *Server) join(w http.ResponseWriter, r *http.Request, c caller) {
	f := s.faults.Get().GC
	if rest.Sleep(r.Context(), f.JoinDelay) != nil {
		return
	}
	switch {
	case f.JoinStatus != 0 && s.faults.Every("gc.join", max(1, f.JoinEvery)):
		forced(w, f.JoinStatus, f.RetryAfter)
		return
	case f.MeetingNotFound:
		notFound(w, textNotFound)
		return
	}
	m, ok := s.openMeeting(w, r)
	if !ok {
		return
	}
	kind := token.ParticipantMember
	if c.org != m.org {
		kind = token.ParticipantExternal
		if !m.allowExternal {
			forbidden(w, "External participants are not allowed in this meeting")
			return
		}
	}
	role := token.RoleParticipant
	if c.id == m.creator {
		role = token.RoleHost
	}
	s.admit(w, r, m, "meeting-token", meetingTokenRequest{
		Subject:         c.id.String(),
		MeetingID:       m.id.String(),
		MeetingOrgID:    m.org.String(),
		HomeOrgID:       c.org.String(),
		ParticipantType: kind,
		Role:            role,
		Capabilities:    []string{"audio", "video", "screen_share", "chat"},
		TTLSeconds:      int(s.times.MeetingToken / time.Second),
	})
}

// guestToken answers POST /api/v1/meetings/{code}/guest-token, without any
// authentication (platform contract, AC/GC 5.3). The captcha is not checked.
func (s *Server) guestToken(w http.ResponseWriter, r *http.Request) {
	var displayName, captcha string
	if rejection := rest.ReadJSON(w, r, rest.Need("displayName", &displayName), rest.Need("captchaToken", &captcha)); rejection != nil {
		rejection.Answer(w)
		return
	}
	displayName = strings.TrimSpace(displayName)
	switch {
	case len(displayName) < 2:
		badRequest(w, "Display name must be at least 2 characters")
		return
	case len(displayName) > 100:
		badRequest(w, "Display name must be at most 100 characters")
		return
	case captcha == "":
		badRequest(w, "Captcha token is required")
		return
	}
	m, ok := s.openMeeting(w, r)
	if !ok {
		return
	}
	if !m.allowGuests {
		forbidden(w, "Guest access is not allowed in this meeting")
		return
	}
	s.admit(w, r, m, "guest-token", guestTokenRequest{
		GuestID:      uuid.NewString(),
		DisplayName:  displayName,
		MeetingID:    m.id.String(),
		MeetingOrgID: m.org.String(),
		WaitingRoom:  m.waitingRoom,
		TTLSeconds:   int(s.times.MeetingToken / time.Second),
	})
}

// openMeeting returns the meeting that the path names, or answers 404.
func (s *Server) openMeeting(w http.ResponseWriter, r *http.Request) (meeting, bool) {
	m, ok := s.meetings.find(r.PathValue("code"))
	switch {
	case !ok:
		notFound(w, textNotFound)
	case !m.joinable():
		notFound(w, "Meeting not found or has ended")
		ok = false
	}
	return m, ok
}

// admit places the meeting, gets the token and answers.
func (s *Server) admit(w http.ResponseWriter, r *http.Request, m meeting, endpoint string, request any) {
	mc, err := s.assign(r.Context(), m)
	if err != nil {
		s.log.WarnContext(r.Context(), "joining a meeting", "error", err)
		unavailable(w)
		return
	}
	f := s.faults.Get().GC
	if f.SplitMeeting && s.faults.Every("gc.split", 2) {
		mc = s.another(r.Context(), m, mc)
	}
	if f.OmitEndpoint {
		mc.webTransport = ""
	}
	issued, err := s.ac.issue(r.Context(), endpoint, request)
	if err != nil {
		s.log.WarnContext(r.Context(), "joining a meeting", "error", err)
		refusedByAC(w, err)
		return
	}
	rest.Write(w, http.StatusOK, joined{
		Token:        issued.Token,
		ExpiresIn:    issued.ExpiresIn,
		MeetingID:    m.id.String(),
		MeetingName:  m.displayName,
		MCAssignment: mcAssignment{MCID: mc.id, WebTransportEndpoint: mc.webTransport, GRPCEndpoint: mc.grpcEndpoint},
	})
}

// refusedByAC translates what AC has said (platform contract, AC/GC 7).
func refusedByAC(w http.ResponseWriter, err error) {
	var refused *acError
	switch {
	case !errors.As(err, &refused) || refused.Status == 0 || refused.Status >= http.StatusInternalServerError:
		unavailable(w)
	case refused.Status == http.StatusForbidden:
		forbidden(w, "Access denied")
	case refused.Status == http.StatusBadRequest:
		badRequest(w, "Invalid request")
	default:
		internalError(w)
	}
}
