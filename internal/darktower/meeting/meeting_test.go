package meeting

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/dark-tower/prober/internal/darktower/httpapi"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	userToken = httpapi.Secret("user.token.sign")
	code      = httpapi.Secret("Abc123Def456")
	id        = "0b7ff5b4-5c1e-4d0c-9f5e-0123456789ab"
)

func serve(t *testing.T, handler http.HandlerFunc) *Client {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	now := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	c, err := NewClient(Config{BaseURL: server.URL, Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

const joined = `{"token":"meet.token.sign","expiresIn":900,"meetingId":"` + id + `","meetingName":"Probe lane join",
	"mcAssignment":{"mcId":"mc-0-1a2b3c4d","webtransportEndpoint":"https://127.0.0.1:4433","grpcEndpoint":"http://10.0.0.1:50052"}}`

func TestJoinAsksForTheMeetingByItsCode(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if r.Method != "GET" || r.URL.Path != "/api/v1/meetings/"+code.Reveal() || r.URL.RawQuery != "" || len(body) > 0 ||
			r.Header.Get("Authorization") != "Bearer user.token.sign" || r.Header.Get("Origin") != "" {
			t.Errorf("%s %s %v %s", r.Method, r.URL, r.Header, body)
		}
		fmt.Fprint(w, joined)
	})
	got, err := c.Join(t.Context(), userToken, code)
	want := Ticket{
		Token: "meet.token.sign", ExpiresAt: time.Date(2030, 1, 1, 0, 15, 0, 0, time.UTC),
		MeetingID: id, MeetingName: "Probe lane join", MCID: "mc-0-1a2b3c4d", MCURL: "https://127.0.0.1:4433",
	}
	if err != nil || got != want {
		t.Errorf("got %v, error %v", got, err)
	}
}

func TestJoinWithoutAnEndpointIsAnErrorOfItsOwn(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"token":"t","expiresIn":900,"meetingId":%q,"mcAssignment":{"mcId":"mc-0","grpcEndpoint":"x"}}`, id)
	})
	ticket, err := c.Join(t.Context(), userToken, code)
	if !errors.Is(err, ErrNoEndpoint) || ticket.MCID != "mc-0" {
		t.Errorf("ticket %v, error %v", ticket, err)
	}
}

func TestTwoJoinersSentToDifferentMCs(t *testing.T) {
	a, b := Ticket{MCID: "mc-0-1"}, Ticket{MCID: "mc-1-2"}
	if err := CheckSameMC(a, a); err != nil {
		t.Error(err)
	}
	var split *SplitMeetingError
	if err := CheckSameMC(a, b); !errors.As(err, &split) || split.First != "mc-0-1" || split.Second != "mc-1-2" {
		t.Errorf("error %v", err)
	}
}

func TestCodesThatNoMeetingCanHaveAreNotSent(t *testing.T) {
	c := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("a request was sent") })
	for _, bad := range []httpapi.Secret{"", "short", "Abc123Def4567", "Abc123Def45/", "../../health", "Abc123Def45é"} {
		_, err := c.Join(t.Context(), userToken, bad)
		if !errors.Is(err, ErrBadCode) || bad != "" && strings.Contains(err.Error(), bad.Reveal()) {
			t.Errorf("%q: error %v", bad.Reveal(), err)
		}
	}
}

func TestRefusalsOfGC(t *testing.T) {
	for _, tc := range []struct {
		name     string
		status   int
		code     string
		text     string
		notFound bool
		limit    bool
	}{
		{"an expired token", 401, "INVALID_TOKEN", "The access token is invalid or expired", false, false},
		{"another organisation", 403, "FORBIDDEN", "External participants are not allowed in this meeting", false, false},
		{"the organisation's cap", 403, "ORGANIZATION_MEETING_LIMIT_EXCEEDED", "limit", false, true},
		{"an inactive organisation", 403, "ORGANIZATION_INACTIVE", "inactive", false, false},
		{"no such meeting", 404, "NOT_FOUND", "Meeting not found", true, false},
		{"a meeting that has ended", 404, "NOT_FOUND", "Meeting not found or has ended", true, false},
		{"a body it does not like", 400, "BAD_REQUEST", "Invalid request body", false, false},
		{"AC, MC or MH down", 503, "SERVICE_UNAVAILABLE", "Service temporarily unavailable", false, false},
		{"a user that AC does not know", 500, "INTERNAL_ERROR", "An internal error occurred", false, false},
		{"no row for the organisation", 500, "ORGANIZATION_NOT_PROVISIONED", "m", false, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := serve(t, func(w http.ResponseWriter, r *http.Request) {
				w.WriteHeader(tc.status)
				fmt.Fprintf(w, `{"error":{"code":%q,"message":%q}}`, tc.code, tc.text+" "+r.URL.Path)
			})
			_, joinErr := c.Join(t.Context(), userToken, code)
			_, createErr := c.Create(t.Context(), userToken, CreateRequest{DisplayName: "lane"})
			for _, err := range []error{joinErr, createErr} {
				var got *httpapi.StatusError
				if !errors.As(err, &got) || got.Status != tc.status || got.Code != tc.code || got.Service != httpapi.GC || !got.Envelope {
					t.Fatalf("error %v", err)
				}
				if NotFound(err) != tc.notFound || LimitReached(err) != tc.limit {
					t.Errorf("not found %v, limit %v: %v", NotFound(err), LimitReached(err), err)
				}
				if strings.Contains(err.Error(), code.Reveal()) || strings.Contains(err.Error(), userToken.Reveal()) {
					t.Errorf("a secret is in %q", err)
				}
			}
		})
	}
}

func TestAnUnknownRouteIsNotAnUnknownMeeting(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(404) })
	if _, err := c.Join(t.Context(), userToken, code); err == nil || NotFound(err) {
		t.Errorf("error %v", err)
	}
}

func TestAResetOfAJoinShowsNoCode(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_ = conn.(*net.TCPConn).SetLinger(0)
		conn.Close()
	})
	_, err := c.Join(t.Context(), userToken, code)
	var got *httpapi.TransportError
	if !errors.As(err, &got) || got.Kind != httpapi.KindReset || strings.Contains(err.Error(), code.Reveal()) {
		t.Errorf("error %v", err)
	}
}

func TestHostileJoinAnswers(t *testing.T) {
	with := func(old, replacement string) string { return strings.Replace(joined, old, replacement, 1) }
	for _, tc := range []struct{ name, body, problem string }{
		{"no token", with(`"token":"meet.token.sign",`, ""), "token is missing"},
		{"a token that is too long", with("meet.token.sign", strings.Repeat("a", 8193)), "token is not"},
		{"a token with a line break", with("meet.token.sign", `a\nb`), "token is not"},
		{"no lifetime", with(`"expiresIn":900,`, ""), "expiresIn is not"},
		{"a lifetime beyond reason", with("900", "9000000000"), "expiresIn is not"},
		{"a meeting id that is none", with(id, "not-a-uuid"), "meetingId is not"},
		{"a meeting id in braces", with(id, "{"+id+"}"), "meetingId is not"},
		{"a name without end", with("Probe lane join", strings.Repeat("n", 1025)), "meetingName is longer"},
		{"no assignment", `{"token":"t","expiresIn":900,"meetingId":"` + id + `"}`, "mcAssignment is missing"},
		{"no MC id", with("mc-0-1a2b3c4d", ""), "mcAssignment.mcId is not"},
		{"an MC id with a line break", with("mc-0-1a2b3c4d", `mc\n0`), "mcAssignment.mcId is not"},
		{"an endpoint of another scheme", with("https://127.0.0.1:4433", "http://127.0.0.1:4433"), "webtransportEndpoint is not"},
		{"an endpoint that is no URL", with("https://127.0.0.1:4433", "https://[::1"), "webtransportEndpoint is not"},
		{"an endpoint without a host", with("https://127.0.0.1:4433", "https://"), "webtransportEndpoint is not"},
		{"an endpoint with a password", with("https://127.0.0.1:4433", "https://u:p@h:1"), "webtransportEndpoint is not"},
		{"an endpoint without end", with("https://127.0.0.1:4433", "https://"+strings.Repeat("h", 2048)), "webtransportEndpoint is not"},
		{"a list", `[1]`, "not a JSON object"},
		{"null", `null`, "token is missing"},
		{"a body over 1 MiB", with("Probe lane join", strings.Repeat("n", httpapi.MaxBody)), "larger than 1 MiB"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := serve(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, tc.body) })
			_, err := c.Join(t.Context(), userToken, code)
			var got *httpapi.AnswerError
			if !errors.As(err, &got) || !strings.Contains(got.Problem, tc.problem) {
				t.Errorf("error %.200v, want problem %q", err, tc.problem)
			}
		})
	}
}

const created = `{"meetingId":"` + id + `","meetingCode":"Abc123Def456","displayName":"lane","status":"scheduled","maxParticipants":100,
	"enableE2eEncryption":true,"requireAuth":true,"recordingEnabled":false,"allowGuests":false,"allowExternalParticipants":false,
	"waitingRoomEnabled":true,"createdAt":"2030-01-01T00:00:00.123456Z"}`

func TestCreateSendsOnlyWhatWasAskedFor(t *testing.T) {
	no, yes := false, true
	for _, tc := range []struct {
		name    string
		request CreateRequest
		body    string
	}{
		{"the least", CreateRequest{DisplayName: " lane "}, `{"displayName":"lane"}`},
		{"everything", CreateRequest{
			DisplayName: "lane", MaxParticipants: 2, ScheduledStartTime: time.Date(2030, 1, 1, 1, 0, 0, 0, time.FixedZone("", 3600)),
			EnableE2EEncryption: &no, RequireAuth: &no, RecordingEnabled: &yes, AllowGuests: &yes,
			AllowExternalParticipants: &yes, WaitingRoomEnabled: &no,
		}, `{"displayName":"lane","maxParticipants":2,"scheduledStartTime":"2030-01-01T00:00:00Z","enableE2eEncryption":false,` +
			`"requireAuth":false,"recordingEnabled":true,"allowGuests":true,"allowExternalParticipants":true,"waitingRoomEnabled":false}`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := serve(t, func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				if r.Method != "POST" || r.URL.Path != "/api/v1/meetings" || string(body) != tc.body {
					t.Errorf("%s %s\n%s\n%s", r.Method, r.URL, body, tc.body)
				}
				w.WriteHeader(201)
				fmt.Fprint(w, created)
			})
			got, err := c.Create(t.Context(), userToken, tc.request)
			want := Meeting{ID: id, Code: code, Status: "scheduled", MaxParticipants: 100, CreatedAt: time.Date(2030, 1, 1, 0, 0, 0, 123456000, time.UTC)}
			if err != nil || got != want {
				t.Errorf("got %+v, error %v", got, err)
			}
		})
	}
}

func TestCreateRequestsThatGCWouldRefuseAreNotSent(t *testing.T) {
	c := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("a request was sent") })
	for _, bad := range []CreateRequest{{}, {DisplayName: "  "}, {DisplayName: strings.Repeat("n", 256)}, {DisplayName: "n", MaxParticipants: 1}} {
		if _, err := c.Create(t.Context(), userToken, bad); err == nil {
			t.Errorf("accepted %+v", bad)
		}
	}
}

func TestHostileCreateAnswers(t *testing.T) {
	for _, tc := range []struct {
		name, old, replacement, problem string
		status                          int
	}{
		{"a code that is too short", "Abc123Def456", "Abc", "meetingCode is not", 201},
		{"a code that is a path", "Abc123Def456", "../../health", "meetingCode is not", 201},
		{"an id that is none", id, "1", "meetingId is not", 201},
		{"a meeting that has ended", "scheduled", "ended", "status is neither", 201},
		{"a negative size", "100", "-1", "maxParticipants is negative", 201},
		{"a size beyond an int", "100", "99999999999999999999", "maxParticipants has the wrong type", 201},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(tc.status)
				fmt.Fprint(w, strings.Replace(created, tc.old, tc.replacement, 1))
			})
			_, err := c.Create(t.Context(), userToken, CreateRequest{DisplayName: "lane"})
			var got *httpapi.AnswerError
			if !errors.As(err, &got) || !strings.Contains(got.Problem, tc.problem) {
				t.Errorf("error %v", err)
			}
		})
	}
}

func TestA200IsNoAnswerToACreate(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, created) })
	_, err := c.Create(t.Context(), userToken, CreateRequest{DisplayName: "lane"})
	var got *httpapi.StatusError
	if !errors.As(err, &got) || got.Status != 200 {
		t.Errorf("error %v", err)
	}
}

func TestTicketsAndMeetingsShowNoSecret(t *testing.T) {
	ticket := Ticket{Token: "meet.token.sign", MeetingID: id, MeetingName: "Board of Ada", MCID: "mc-0", MCURL: "https://h:1"}
	m := Meeting{ID: id, Code: code}
	encoded, err := json.Marshal([]any{ticket, m})
	if err != nil {
		t.Fatal(err)
	}
	shown := fmt.Sprintf("%v %+v %#v %s %v %+v %#v", ticket, ticket, ticket, ticket.LogValue(), m, m, m) + string(encoded)
	for _, secret := range []string{"meet.token.sign", "Abc123Def456"} {
		if strings.Contains(shown, secret) {
			t.Errorf("%q is shown: %s", secret, shown)
		}
	}
	if text := fmt.Sprintf("%+v", ticket); strings.Contains(text, "Ada") || !strings.Contains(text, "mc-0") {
		t.Errorf("shown as %q", text)
	}
}

func FuzzJoinAnswer(f *testing.F) {
	f.Add([]byte(joined))
	f.Add([]byte(`{"mcAssignment":{}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		var a joinAnswer
		if json.Unmarshal(body, &a) != nil || a.check() != "" {
			return
		}
		url := a.MCAssignment.WebTransportEndpoint
		if !httpapi.IsToken(a.Token) || len(a.MeetingID) != 36 || len(a.MCAssignment.MCID) > maxMCID || url != "" && !strings.HasPrefix(strings.ToLower(url), "https://") {
			t.Errorf("accepted %+v", a)
		}
	})
}

func FuzzCreateAnswer(f *testing.F) {
	f.Add([]byte(created))
	f.Fuzz(func(t *testing.T, body []byte) {
		var a createAnswer
		if json.Unmarshal(body, &a) == nil && a.check() == "" && (!IsCode(a.MeetingCode) || len(a.MeetingID) != 36) {
			t.Errorf("accepted %+v", a)
		}
	})
}
