package provision

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/dark-tower/prober/internal/darktower/account"
	"github.com/dark-tower/prober/internal/darktower/meeting"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// platform is an AC and a GC that remember what was made on them.
type platform struct {
	t   *testing.T
	url string

	mu       sync.Mutex        // protects all following fields
	users    map[string]string // email -> password
	meetings []string          // codes, in the order of creation
	calls    []string

	throttle   int    // answer this many sign-ins and registrations with 429 first
	retryAfter string // their Retry-After
	createWith int    // answer creates with this status, if not 0
	createLost bool   // create and then drop the connection
	noEndpoint bool   // join without an address
	gone       bool   // no meeting can be joined any more
}

func newPlatform(t *testing.T) *platform {
	p := &platform{t: t, users: make(map[string]string)}
	server := httptest.NewServer(p)
	t.Cleanup(server.Close)
	p.url = server.URL
	return p
}

func refuse(w http.ResponseWriter, status int, code string) {
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"error":{"code":%q,"message":"no"}}`, code)
}

func (p *platform) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calls = append(p.calls, r.Method+" "+strings.TrimPrefix(r.URL.Path, "/api/v1/"))
	auth := strings.HasPrefix(r.URL.Path, "/api/v1/auth/")
	if auth && p.throttle > 0 {
		p.throttle--
		w.Header().Set("Retry-After", p.retryAfter)
		refuse(w, 429, "TOO_MANY_REQUESTS")
		return
	}
	switch {
	case auth:
		p.authenticate(w, r)
	case r.Method == "POST":
		p.create(w)
	default:
		p.join(w, strings.TrimPrefix(r.URL.Path, "/api/v1/meetings/"))
	}
}

func (p *platform) authenticate(w http.ResponseWriter, r *http.Request) {
	var body struct{ Email, Password string }
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		p.t.Error(err)
	}
	password, exists := p.users[body.Email]
	register := strings.HasSuffix(r.URL.Path, "/register")
	switch {
	case register && exists:
		refuse(w, 409, "CONFLICT")
		return
	case !register && (!exists || password != body.Password):
		refuse(w, 401, "INVALID_CREDENTIALS")
		return
	case register:
		p.users[body.Email] = body.Password
	}
	fmt.Fprint(w, `{"accessToken":"user.token.sign","tokenType":"Bearer","expiresIn":3600}`)
}

func (p *platform) create(w http.ResponseWriter) {
	if p.createWith != 0 {
		refuse(w, p.createWith, "ORGANIZATION_MEETING_LIMIT_EXCEEDED")
		return
	}
	code := fmt.Sprintf("Code%08d", len(p.meetings))
	p.meetings = append(p.meetings, code)
	if p.createLost {
		panic(http.ErrAbortHandler)
	}
	w.WriteHeader(201)
	fmt.Fprintf(w, `{"meetingId":"0b7ff5b4-5c1e-4d0c-9f5e-0123456789ab","meetingCode":%q,"status":"scheduled","maxParticipants":100}`, code)
}

func (p *platform) join(w http.ResponseWriter, code string) {
	for _, known := range p.meetings {
		if known == code && !p.gone {
			endpoint := `"webtransportEndpoint":"https://127.0.0.1:4433",`
			if p.noEndpoint {
				endpoint = ""
			}
			fmt.Fprintf(w, `{"token":"meet.token.sign","expiresIn":900,"meetingId":"0b7ff5b4-5c1e-4d0c-9f5e-0123456789ab","meetingName":"n",
				"mcAssignment":{"mcId":"mc-0",%s"grpcEndpoint":"g"}}`, endpoint)
			return
		}
	}
	refuse(w, 404, "NOT_FOUND")
}

// did returns the calls since it was last asked, registrations, sign-ins, creates and
// joins in one letter each.
func (p *platform) did() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var b strings.Builder
	for _, call := range p.calls {
		switch {
		case strings.HasSuffix(call, "register"):
			b.WriteByte('r')
		case strings.HasSuffix(call, "token"):
			b.WriteByte('s')
		case call == "POST meetings":
			b.WriteByte('c')
		default:
			b.WriteByte('j')
		}
	}
	p.calls = nil
	return b.String()
}

// set changes the platform between two runs.
func (p *platform) set(change func(*platform)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change(p)
}

func credentials(lane string, n int) account.Credentials {
	return account.Credentials{Email: fmt.Sprintf("%s-%d@probe.test", lane, n), Password: "correct horse", DisplayName: "Probe"}
}

// start is noon of the first day of every test.
var start = time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC)

// job returns what to do for these lanes of two accounts each.
func (p *platform) job(lanes ...string) (Config, *[]string) {
	p.t.Helper()
	accounts, err := account.NewClient(account.Config{BaseURL: p.url, Organisation: "devtest"})
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(accounts.Close)
	meetings, err := meeting.NewClient(meeting.Config{BaseURL: p.url})
	if err != nil {
		p.t.Fatal(err)
	}
	var told []string
	cfg := Config{
		Accounts: accounts, Meetings: meetings,
		Platform: Identity{GCURL: "http://gc.test", Organisation: "devtest"},
		Path:     filepath.Join(p.t.TempDir(), "lanes.json"),
		Progress: func(e Event) { told = append(told, e.String()) },
		Now:      func() time.Time { return start },
		Sleep:    func(ctx context.Context, _ time.Duration) error { return ctx.Err() },
	}
	for _, name := range lanes {
		cfg.Lanes = append(cfg.Lanes, Lane{Name: name, Accounts: []account.Credentials{credentials(name, 1), credentials(name, 2)}})
	}
	return cfg, &told
}
