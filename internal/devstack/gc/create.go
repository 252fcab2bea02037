package gc

import (
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/dark-tower/prober/internal/devstack/rest"
)

const maxDisplayName = 255 // bytes

type created struct {
	MeetingID                 string    `json:"meetingId"`
	MeetingCode               string    `json:"meetingCode"`
	DisplayName               string    `json:"displayName"`
	Status                    string    `json:"status"`
	MaxParticipants           int32     `json:"maxParticipants"`
	EnableE2EEncryption       bool      `json:"enableE2eEncryption"`
	RequireAuth               bool      `json:"requireAuth"`
	RecordingEnabled          bool      `json:"recordingEnabled"`
	AllowGuests               bool      `json:"allowGuests"`
	AllowExternalParticipants bool      `json:"allowExternalParticipants"`
	WaitingRoomEnabled        bool      `json:"waitingRoomEnabled"`
	CreatedAt                 time.Time `json:"createdAt"`
}

// create answers POST /api/v1/meetings (platform contract, AC/GC 5.1).
func (s *Server) create(w http.ResponseWriter, r *http.Request, c caller) {
	if f := s.faults.Get().GC; f.CreateStatus == http.StatusForbidden {
		fail(w, http.StatusForbidden, "ORGANIZATION_MEETING_LIMIT_EXCEEDED", textMeetingCap)
		return
	} else if f.CreateStatus != 0 {
		forced(w, f.CreateStatus, f.RetryAfter)
		return
	}
	if !c.mayCreate() {
		forbidden(w, "Insufficient permissions to create meetings")
		return
	}
	now := time.Now().UTC()
	m := meeting{
		id: uuid.New(), org: c.org, creator: c.id, code: newCode(), status: statusScheduled,
		maxParticipants: 100, e2ee: true, requireAuth: true, waitingRoom: true,
		createdAt: now, updatedAt: now,
	}
	var scheduled time.Time // stored by the platform and used by nobody
	rejection := rest.ReadJSON(w, r,
		rest.Need("displayName", &m.displayName),
		rest.May("maxParticipants", &m.maxParticipants),
		rest.May("scheduledStartTime", &scheduled),
		rest.May("enableE2eEncryption", &m.e2ee),
		rest.May("requireAuth", &m.requireAuth),
		rest.May("recordingEnabled", &m.recording),
		rest.May("allowGuests", &m.allowGuests),
		rest.May("allowExternalParticipants", &m.allowExternal),
		rest.May("waitingRoomEnabled", &m.waitingRoom),
	)
	m.displayName = strings.TrimSpace(m.displayName)
	switch {
	case rejection != nil && (rejection.Status == http.StatusRequestEntityTooLarge || rejection.Status == http.StatusRequestTimeout):
		rejection.Answer(w)
		return
	case rejection != nil: // parsed by hand on the platform: no framework text
		badRequest(w, "Invalid request body")
		return
	case m.displayName == "":
		badRequest(w, "Display name is required")
		return
	case len(m.displayName) > maxDisplayName:
		badRequest(w, "Display name must be at most 255 characters")
		return
	case m.maxParticipants < 2:
		badRequest(w, "Maximum participants must be at least 2")
		return
	}
	o, ok := s.organisations[c.org]
	switch {
	case !ok:
		fail(w, http.StatusInternalServerError, "ORGANIZATION_NOT_PROVISIONED", textInternal)
		return
	case o.Inactive:
		fail(w, http.StatusForbidden, "ORGANIZATION_INACTIVE", "Organization is inactive")
		return
	}
	m.maxParticipants = min(m.maxParticipants, int32(o.MaxParticipants))
	_, span := s.tracer.Start(r.Context(), "gc.repo.create_meeting")
	ok = s.meetings.create(m, o.MaxMeetings)
	span.End()
	if !ok {
		fail(w, http.StatusForbidden, "ORGANIZATION_MEETING_LIMIT_EXCEEDED", textMeetingCap)
		return
	}
	rest.Write(w, http.StatusCreated, created{
		MeetingID: m.id.String(), MeetingCode: m.code, DisplayName: m.displayName, Status: m.status,
		MaxParticipants: m.maxParticipants, EnableE2EEncryption: m.e2ee, RequireAuth: m.requireAuth,
		RecordingEnabled: m.recording, AllowGuests: m.allowGuests, AllowExternalParticipants: m.allowExternal,
		WaitingRoomEnabled: m.waitingRoom, CreatedAt: m.createdAt,
	})
}

type settings struct {
	MeetingID                 string    `json:"meetingId"`
	DisplayName               string    `json:"displayName"`
	MeetingCode               string    `json:"meetingCode"`
	Status                    string    `json:"status"`
	AllowGuests               bool      `json:"allowGuests"`
	AllowExternalParticipants bool      `json:"allowExternalParticipants"`
	WaitingRoomEnabled        bool      `json:"waitingRoomEnabled"`
	UpdatedAt                 time.Time `json:"updatedAt"`
}

// updateSettings answers PATCH /api/v1/meetings/{id}/settings (platform
// contract, AC/GC 5.4).
func (s *Server) updateSettings(w http.ResponseWriter, r *http.Request, c caller) {
	id, err := uuid.Parse(r.PathValue("id"))
	if err != nil {
		rest.Text(w, http.StatusBadRequest, "Invalid URL: cannot parse the meeting id")
		return
	}
	var guests, external, waiting *bool
	if rejection := rest.ReadJSON(w, r,
		rest.May("allowGuests", &guests), rest.May("allowExternalParticipants", &external), rest.May("waitingRoomEnabled", &waiting),
	); rejection != nil {
		rejection.Answer(w)
		return
	}
	if guests == nil && external == nil && waiting == nil {
		badRequest(w, "No changes provided")
		return
	}
	m, ok := s.meetings.get(id)
	switch {
	case !ok:
		notFound(w, textNotFound)
		return
	case m.creator != c.id:
		forbidden(w, "Only the meeting host can update settings")
		return
	}
	m = s.meetings.update(id, func(m *meeting) {
		set(&m.allowGuests, guests)
		set(&m.allowExternal, external)
		set(&m.waitingRoom, waiting)
	})
	rest.Write(w, http.StatusOK, settings{
		MeetingID: m.id.String(), DisplayName: m.displayName, MeetingCode: m.code, Status: m.status,
		AllowGuests: m.allowGuests, AllowExternalParticipants: m.allowExternal, WaitingRoomEnabled: m.waitingRoom,
		UpdatedAt: m.updatedAt.UTC(),
	})
}

func set(field *bool, to *bool) {
	if to != nil {
		*field = *to
	}
}
