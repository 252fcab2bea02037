package ac

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"
	"go.uber.org/goleak"

	"github.com/dark-tower/prober/internal/devstack/token"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	orgA = uuid.MustParse("aaaaaaaa-0000-4000-8000-000000000001")
	orgB = uuid.MustParse("bbbbbbbb-0000-4000-8000-000000000002")
)

func startAC(t *testing.T, cfg Config) *Server {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	cfg.Listener = ln
	cfg.Organisations = []Organisation{
		{Subdomain: "devtest", ID: orgA}, {Subdomain: "demo", ID: orgB}, {Subdomain: "gone", ID: uuid.New(), Inactive: true},
	}
	s, err := Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// request is one HTTP request; zero fields mean a JSON POST for devtest.
type request struct {
	method, path, host, contentType, body string
	header                                http.Header
}

type answer struct {
	status int
	header http.Header
	body   string
	err    struct { // of the envelope
		Code              string
		Message           string
		RequiredScope     *string
		ProvidedScopes    []string
		RetryAfterSeconds *int
	}
}

func (s *Server) ask(ctx context.Context, r request) (answer, error) {
	if r.method == "" {
		r.method = http.MethodPost
	}
	req, err := http.NewRequestWithContext(ctx, r.method, s.URL()+r.path, strings.NewReader(r.body))
	if err != nil {
		return answer{}, err
	}
	for k, v := range r.header {
		req.Header[k] = v
	}
	switch r.contentType {
	case "":
		req.Header.Set("Content-Type", "application/json")
	case "none":
	default:
		req.Header.Set("Content-Type", r.contentType)
	}
	req.Host = "devtest.probe.test:8082"
	if r.host != "" {
		req.Host = r.host
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return answer{}, err
	}
	a := answer{status: resp.StatusCode, header: resp.Header, body: string(b)}
	var envelope struct{ Error *json.RawMessage }
	if json.Unmarshal(b, &envelope) == nil && envelope.Error != nil {
		if err := json.Unmarshal(*envelope.Error, &a.err); err != nil {
			return answer{}, err
		}
	}
	return a, nil
}

func ask(t *testing.T, s *Server, r request) answer {
	t.Helper()
	a, err := s.ask(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func register(t *testing.T, s *Server, email string) {
	t.Helper()
	if a := ask(t, s, registration(email, "password-1", "Ada")); a.status != 200 {
		t.Fatalf("register answered %d %s", a.status, a.body)
	}
}

func registration(email, password, name string) request {
	return request{path: "/api/v1/auth/register", body: object("email", email, "password", password, "displayName", name)}
}

func signIn(email, password string) request {
	return request{path: "/api/v1/auth/user/token", body: object("email", email, "password", password)}
}

// object returns a JSON object of strings.
func object(pairs ...string) string {
	m := make(map[string]string)
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i]] = pairs[i+1]
	}
	b, err := json.Marshal(m)
	if err != nil {
		panic(err)
	}
	return string(b)
}

func decode[T any](t *testing.T, a answer) T {
	t.Helper()
	var v T
	if err := json.Unmarshal([]byte(a.body), &v); err != nil {
		t.Fatalf("status %d: %v", a.status, err)
	}
	return v
}

// keys returns the keys of a JSON object.
func keys(t *testing.T, a answer) map[string]any {
	t.Helper()
	return decode[map[string]any](t, a)
}

func userOf(t *testing.T, s *Server, raw string) token.UserClaims {
	t.Helper()
	c, err := token.NewVerifier(s.JWKSURL()).User(t.Context(), raw)
	if err != nil {
		t.Fatal(err)
	}
	return c
}
