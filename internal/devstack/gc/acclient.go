package gc

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"

	"github.com/dark-tower/prober/internal/devstack/rest"
	"github.com/dark-tower/prober/internal/devstack/token"
)

// maxACAnswer bounds what is read of AC's answer, in bytes.
const maxACAnswer = 64 << 10

// acClient asks AC for meeting and guest tokens.
type acClient struct {
	base    string
	service *token.ServiceSource
	http    *http.Client
}

// acError is an answer of AC other than 200. Status 0 means that none came.
type acError struct {
	Status int
	Err    error
}

func (e *acError) Error() string {
	if e.Err != nil {
		return "asking AC for a token: " + e.Err.Error()
	}
	return fmt.Sprintf("asking AC for a token: it answered %d", e.Status)
}

func (e *acError) Unwrap() error { return e.Err }

func newACClient(base string, service *token.ServiceSource, times Times) *acClient {
	dialer := &net.Dialer{Timeout: times.Connect}
	return &acClient{
		base:    strings.TrimSuffix(base, "/"),
		service: service,
		http: &http.Client{
			Timeout:   times.AC,
			Transport: &http.Transport{DialContext: dialer.DialContext, MaxIdleConnsPerHost: 8},
		},
	}
}

func (c *acClient) close() { c.http.CloseIdleConnections() }

type meetingTokenRequest struct {
	Subject         string   `json:"subject_user_id"`
	MeetingID       string   `json:"meeting_id"`
	MeetingOrgID    string   `json:"meeting_org_id"`
	HomeOrgID       string   `json:"home_org_id"`
	ParticipantType string   `json:"participant_type"`
	Role            string   `json:"role"`
	Capabilities    []string `json:"capabilities"`
	TTLSeconds      int      `json:"ttl_seconds"`
}

type guestTokenRequest struct {
	GuestID      string `json:"guest_id"`
	DisplayName  string `json:"display_name"`
	MeetingID    string `json:"meeting_id"`
	MeetingOrgID string `json:"meeting_org_id"`
	WaitingRoom  bool   `json:"waiting_room"`
	TTLSeconds   int    `json:"ttl_seconds"`
}

type issuedToken struct {
	Token     string `json:"token"`
	ExpiresIn int    `json:"expires_in"` // seconds
}

// issue posts one of the requests above to AC's internal endpoint of that
// name. Errors are *acError.
func (c *acClient) issue(ctx context.Context, endpoint string, request any) (issuedToken, error) {
	raw, err := c.service.Token(ctx)
	if err != nil {
		return issuedToken{}, &acError{Err: err}
	}
	body, err := json.Marshal(request)
	if err != nil {
		return issuedToken{}, &acError{Err: err}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base+"/api/v1/auth/internal/"+endpoint, bytes.NewReader(body))
	if err != nil {
		return issuedToken{}, &acError{Err: err}
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+raw)
	rest.Inject(ctx, req.Header)
	resp, err := c.http.Do(req)
	if err != nil {
		return issuedToken{}, &acError{Err: err}
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxACAnswer))
	if err != nil {
		return issuedToken{}, &acError{Err: err}
	}
	if resp.StatusCode != http.StatusOK {
		return issuedToken{}, &acError{Status: resp.StatusCode}
	}
	var answer issuedToken
	if json.Unmarshal(b, &answer) != nil || answer.Token == "" {
		return issuedToken{}, &acError{Status: resp.StatusCode}
	}
	return answer, nil
}
