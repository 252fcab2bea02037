package rest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"
)

func serve(t *testing.T, h http.Handler) *Server {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := Serve(t.Context(), ln, h, slog.New(slog.DiscardHandler))
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// client keeps no connection, so that nothing is left behind.
func client() *http.Client {
	return &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}
}

func do(t *testing.T, method, url, body string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(b)
}

func TestAMissHasNoBody(t *testing.T) {
	var router Router
	router.Handle("GET /a/{x}/b", http.HandlerFunc(Health))
	s := serve(t, &router)
	tests := []struct {
		method, path string
		status       int
		body         string
	}{
		{"GET", "/a/1/b", 200, "OK"},
		{"POST", "/a/1/b", 405, ""},
		{"GET", "/a/1", 404, ""},
		{"GET", "/", 404, ""},
		{"GET", "/a//b", 404, ""},
		{"GET", "/a/1/b/", 404, ""},
		{"GET", "/a/../a/1/b", 404, ""},
	}
	for _, tt := range tests {
		t.Run(tt.method+" "+tt.path, func(t *testing.T) {
			resp, body := do(t, tt.method, s.URL()+tt.path, "")
			if resp.StatusCode != tt.status || body != tt.body {
				t.Errorf("got %d %q, want %d %q", resp.StatusCode, body, tt.status, tt.body)
			}
		})
	}
}

func TestALateAnswerIsARequestTimeoutWithoutABody(t *testing.T) {
	s := serve(t, Timed(20*time.Millisecond, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Late", "yes")
		<-r.Context().Done()
		Fail(w, http.StatusServiceUnavailable, Envelope{Code: "TOO_LATE"})
	})))
	resp, body := do(t, "GET", s.URL(), "")
	if resp.StatusCode != http.StatusRequestTimeout || body != "" || resp.Header.Get("X-Late") != "" {
		t.Errorf("got %d %q %v", resp.StatusCode, body, resp.Header)
	}
}

func TestABodyThatNeverComesIsARequestTimeout(t *testing.T) {
	s := serve(t, Timed(20*time.Millisecond, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var name string
		if rejection := ReadJSON(w, r, Need("name", &name)); rejection != nil {
			rejection.Answer(w)
			return
		}
		w.WriteHeader(http.StatusOK)
	})))
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.URL(), "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := fmt.Fprintf(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 20\r\n\r\n{"); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusRequestTimeout {
		t.Errorf("got %d", resp.StatusCode)
	}
}

func TestAnAnswerInTimeIsPassedOnWhole(t *testing.T) {
	s := serve(t, Timed(time.Minute, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		RetryAfter(w, 1500*time.Millisecond)
		Fail(w, http.StatusTooManyRequests, Envelope{Code: "C", Message: "<m>"})
	})))
	resp, body := do(t, "GET", s.URL(), "")
	if resp.StatusCode != 429 || resp.Header.Get("Retry-After") != "2" || resp.Header.Get("Content-Type") != "application/json" {
		t.Errorf("got %d %v", resp.StatusCode, resp.Header)
	}
	if body != `{"error":{"code":"C","message":"<m>"}}` {
		t.Errorf("got %s", body)
	}
}

func TestCloseReleasesRequestsThatHang(t *testing.T) {
	entered := make(chan struct{})
	s := serve(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(entered)
		Hang(r)
	}))
	result := make(chan error, 1)
	go func() {
		resp, err := client().Get(s.URL())
		if err == nil {
			resp.Body.Close()
		}
		result <- err
	}()
	<-entered
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := <-result; err == nil {
		t.Error("the request was answered")
	}
}

func TestAHangingRequestEndsWithItsClient(t *testing.T) {
	entered, left := make(chan struct{}), make(chan struct{})
	s := serve(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(entered)
		defer close(left)
		Hang(r)
	}))
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-entered
		cancel()
	}()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if resp, err := client().Do(req); !errors.Is(err, context.Canceled) {
		if err == nil {
			resp.Body.Close()
		}
		t.Errorf("got %v", err)
	}
	<-left
}

func TestResetIsATCPReset(t *testing.T) {
	s := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { Reset(w) }))
	resp, err := client().Get(s.URL())
	if err == nil {
		resp.Body.Close()
	}
	if !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("got %v, want a connection reset", err)
	}
}

func TestTheTokenIsWhatFollowsTheExactPrefix(t *testing.T) {
	tests := []struct{ header, raw, problem string }{
		{"", "", TextMissingToken},
		{"Bearer abc", "abc", ""},
		{"Bearer ", "", ""},
		{"bearer abc", "", TextMalformedToken},
		{"Bearer\tabc", "", TextMalformedToken},
		{"Basic abc", "", TextMalformedToken},
	}
	for _, tt := range tests {
		r := &http.Request{Header: http.Header{}}
		if tt.header != "" {
			r.Header.Set("Authorization", tt.header)
		}
		if raw, problem := Bearer(r); raw != tt.raw || problem != tt.problem {
			t.Errorf("%q: got %q, %q", tt.header, raw, problem)
		}
	}
}
