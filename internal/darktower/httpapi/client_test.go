package httpapi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/trace"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is far beyond what anything here takes.
const patience = 30 * time.Second

type greeting struct {
	Hello string `json:"hello"`
}

func serve(t *testing.T, handler http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server.URL
}

func newClient(t *testing.T, cfg Config) *Client {
	t.Helper()
	if cfg.Service == "" {
		cfg.Service = AC
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = patience
	}
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.CloseIdleConnections)
	return c
}

func get(t *testing.T, cfg Config) (greeting, error) {
	t.Helper()
	var out greeting
	err := newClient(t, cfg).Do(t.Context(), Request{Operation: "greet", Method: "GET", Path: "/hello", Want: 200}, &out)
	return out, err
}

func TestARequestCarriesWhatItShould(t *testing.T) {
	var got *http.Request
	var body string
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		got, body = r, string(raw)
		w.WriteHeader(http.StatusCreated)
		fmt.Fprint(w, `{"hello":"world","unknown":[1,2]}`)
	})
	span := trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}, TraceFlags: trace.FlagsSampled})
	ctx := trace.ContextWithSpanContext(t.Context(), span)
	var out greeting
	err := newClient(t, Config{BaseURL: url + "/", Host: "devtest.localhost:8443"}).Do(ctx, Request{
		Operation: "greet", Method: "POST", Path: "/hello", Bearer: "abc.def", Want: 201,
		Body: map[string]string{"a": "b"},
	}, &out)
	if err != nil {
		t.Fatal(err)
	}
	if out.Hello != "world" {
		t.Errorf("decoded %+v", out)
	}
	for what, pair := range map[string][2]string{
		"protocol":      {got.Proto, "HTTP/1.1"},
		"host":          {got.Host, "devtest.localhost:8443"},
		"path":          {got.URL.Path, "/hello"},
		"authorization": {got.Header.Get("Authorization"), "Bearer abc.def"},
		"content type":  {got.Header.Get("Content-Type"), "application/json"},
		"traceparent":   {got.Header.Get("traceparent"), "00-01000000000000000000000000000000-0200000000000000-01"},
		"body":          {body, `{"a":"b"}`},
		"connection":    {got.Header.Get("Connection"), ""},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s is %q, want %q", what, pair[0], pair[1])
		}
	}
}

func TestABearerThatIsNoTokenIsNotSent(t *testing.T) {
	url := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("a request was sent") })
	for _, token := range []string{"a b", "a\nb", strings.Repeat("a", MaxToken+1), "=", "a=b"} {
		err := newClient(t, Config{BaseURL: url}).Do(t.Context(), Request{Operation: "greet", Method: "GET", Path: "/", Bearer: Secret(token), Want: 200}, nil)
		if err == nil || strings.Contains(err.Error(), token) && token != "=" {
			t.Errorf("token %.10q: error %v", token, err)
		}
	}
}

func TestAnswersThatAreNotTheWantedStatus(t *testing.T) {
	text := "text/plain; charset=utf-8"
	for _, tc := range []struct {
		name   string
		status int
		header map[string]string
		body   string
		want   StatusError
	}{
		{"an AC envelope", 401, nil, `{"error":{"code":"INVALID_CREDENTIALS","message":"Invalid client credentials"}}`,
			StatusError{Code: "INVALID_CREDENTIALS", Message: "Invalid client credentials", Envelope: true}},
		{"an AC envelope with scopes", 403, nil, `{"error":{"code":"INSUFFICIENT_SCOPE","message":"m","requiredScope":"a","providedScopes":["b"]}}`,
			StatusError{Code: "INSUFFICIENT_SCOPE", Message: "m", Envelope: true}},
		{"a GC envelope", 503, nil, `{"error":{"code":"SERVICE_UNAVAILABLE","message":"Service temporarily unavailable"}}`,
			StatusError{Code: "SERVICE_UNAVAILABLE", Message: "Service temporarily unavailable", Envelope: true}},
		{"429 with both times", 429, map[string]string{"Retry-After": "60"}, `{"error":{"code":"TOO_MANY_REQUESTS","message":"m","retryAfterSeconds":61}}`,
			StatusError{Code: "TOO_MANY_REQUESTS", Message: "m", Envelope: true, RetryAfter: time.Minute}},
		{"429 with a time in the body only", 429, nil, `{"error":{"code":"TOO_MANY_REQUESTS","message":"m","retryAfterSeconds":61}}`,
			StatusError{Code: "TOO_MANY_REQUESTS", Message: "m", Envelope: true, RetryAfter: 61 * time.Second}},
		{"429 without a time", 429, nil, `{"error":{"code":"RATE_LIMIT_EXCEEDED","message":"m"}}`,
			StatusError{Code: "RATE_LIMIT_EXCEEDED", Message: "m", Envelope: true}},
		{"503 with a time", 503, map[string]string{"Retry-After": "5"}, "", StatusError{RetryAfter: 5 * time.Second}},
		{"a time beyond reason", 503, map[string]string{"Retry-After": "99999999999"}, "", StatusError{RetryAfter: 24 * time.Hour}},
		{"a negative time", 503, map[string]string{"Retry-After": "-1"}, "", StatusError{}},
		{"415 of the framework", 415, map[string]string{"Content-Type": text}, "Expected request with `Content-Type: application/json`",
			StatusError{Message: "Expected request with `Content-Type: application/json`"}},
		{"422 of the framework", 422, map[string]string{"Content-Type": text}, "missing field `password`\nat line 1",
			StatusError{Message: "missing field `password` at line 1"}},
		{"an empty 408", 408, nil, "", StatusError{}},
		{"an empty 404 of an unknown route", 404, nil, "", StatusError{}},
		{"a proxy's page", 502, map[string]string{"Content-Type": "text/html"}, "<h1>Bad Gateway</h1>", StatusError{}},
		{"a redirect, which is not followed", 302, map[string]string{"Location": "/elsewhere"}, "", StatusError{}},
		{"a success of another kind", 204, nil, "", StatusError{}},
		{"an envelope without a code", 500, nil, `{"error":{"message":"m"}}`, StatusError{}},
		{"an envelope with a hostile code", 500, nil, `{"error":{"code":"x\ny","message":"m"}}`, StatusError{}},
		{"an envelope of the wrong type", 500, nil, `{"error":"no"}`, StatusError{}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			url := serve(t, func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path != "/hello" {
					t.Errorf("followed a redirect to %s", r.URL.Path)
				}
				w.Header().Set("Content-Type", "application/json")
				for k, v := range tc.header {
					w.Header().Set(k, v)
				}
				w.WriteHeader(tc.status)
				fmt.Fprint(w, tc.body)
			})
			_, err := get(t, Config{BaseURL: url})
			var got *StatusError
			if !errors.As(err, &got) {
				t.Fatalf("error %v", err)
			}
			want := tc.want
			want.Service, want.Operation, want.Status = AC, "greet", tc.status
			if *got != want {
				t.Errorf("got  %+v\nwant %+v", *got, want)
			}
			if got.Throttled() != (tc.status == 429) || got.Unavailable() != (tc.status >= 500) || got.TimedOut() != (tc.status == 408) {
				t.Error("the wrong class")
			}
			if !strings.HasPrefix(got.Error(), "AC refused to greet: ") {
				t.Errorf("worded %q", got)
			}
		})
	}
}

func TestRetryAfterAsADate(t *testing.T) {
	now := time.Date(2030, 1, 2, 3, 4, 5, 500e6, time.UTC)
	if got := parseRetryAfter("Wed, 02 Jan 2030 03:04:10 GMT", now); got != 5*time.Second {
		t.Errorf("waits %v, want 5 s: never less than asked for", got)
	}
	if got := parseRetryAfter("Wed, 02 Jan 2030 03:04:00 GMT", now); got != 0 {
		t.Errorf("waits %v for a time that has passed", got)
	}
}

func TestNothingThatWasSentComesBackInAnError(t *testing.T) {
	secrets := []string{"probe@example.test", "correct horse", "Ada Lovelace", "Abc123Abc123", "head.body.sign"}
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(400)
		fmt.Fprintf(w, `{"error":{"code":"INVALID_REQUEST","message":%q}}`,
			"bad "+strings.Join(secrets, " and ")+" and somebody@else.test and "+strings.Repeat("e", 40)+" in "+r.URL.Path)
	})
	err := newClient(t, Config{BaseURL: url}).Do(t.Context(), Request{
		Operation: "greet", Method: "POST", Path: "/meetings/Abc123Abc123", Bearer: "head.body.sign",
		Want: 200, Sensitive: secrets[:4],
	}, nil)
	for _, form := range []string{fmt.Sprint(err), fmt.Sprintf("%+v", err), fmt.Sprintf("%#v", err)} {
		for _, secret := range append(secrets, "else.test", "eeee") {
			if strings.Contains(form, secret) {
				t.Errorf("%q is in %q", secret, form)
			}
		}
	}
}

func TestSuccessBodiesThatBreakTheContract(t *testing.T) {
	for _, tc := range []struct{ name, body, problem string }{
		{"empty", "", "empty"},
		{"not JSON", "<html>", "not JSON"},
		{"cut off", `{"hello":"wor`, "not JSON"},
		{"something behind it", `{"hello":"a"}{"hello":"b"}`, "not JSON"},
		{"a list", `[]`, "not a JSON object"},
		{"a field of the wrong type", `{"hello":123456}`, "field hello has the wrong type"},
		{"too large", `{"hello":"` + strings.Repeat("x", MaxBody) + `"}`, "larger than 1 MiB"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			url := serve(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, tc.body) })
			_, err := get(t, Config{BaseURL: url})
			var got *AnswerError
			if !errors.As(err, &got) || got.Problem != tc.problem {
				t.Errorf("error %v, want problem %q", err, tc.problem)
			}
		})
	}
}

func TestBaseURLsThatAreRefused(t *testing.T) {
	for _, raw := range []string{"", "host:1", "ftp://host", "http://", "http://u:p@host", "http://host/path", "http://host?q", "http://host#f", "http://ho st", "http://[::1"} {
		if _, err := New(Config{Service: AC, BaseURL: raw}); err == nil || strings.Contains(err.Error(), "u:p") {
			t.Errorf("%q: error %v", raw, err)
		}
	}
}

func TestSecretsShowNothing(t *testing.T) {
	s := Secret("hunter2")
	text, _ := s.MarshalText()
	for _, form := range []string{
		s.String(), s.GoString(), s.LogValue().String(), string(text),
		fmt.Sprintf("%v %s %q %x %X %d %+v %#v", s, s, s, s, s, s, s, s),
		fmt.Sprintf("%v %+v %#v", struct{ S Secret }{s}, &struct{ S Secret }{s}, []Secret{s}),
	} {
		if strings.Contains(form, "hunter2") || strings.Contains(form, "68756e746572") || !strings.Contains(form, Redacted) {
			t.Errorf("shows %q", form)
		}
	}
	if Secret("").String() != "" || s.Reveal() != "hunter2" {
		t.Error("empty or revealed value is wrong")
	}
}

func TestGaveUpSaysWhy(t *testing.T) {
	c := newClient(t, Config{BaseURL: "http://127.0.0.1:1"})
	canceled, cancel := context.WithCancelCause(t.Context())
	cause := errors.New("shutting down")
	cancel(cause)
	var got *TransportError
	if err := c.GaveUp(canceled, "greet"); !errors.As(err, &got) || got.Kind != KindCanceled || !errors.Is(err, cause) {
		t.Errorf("error %v", err)
	}
	late, cancelLate := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancelLate()
	if err := c.GaveUp(late, "greet"); !errors.As(err, &got) || !got.Timeout() {
		t.Errorf("error %v", err)
	}
}

func FuzzErrorBody(f *testing.F) {
	f.Add([]byte(`{"error":{"code":"NOT_FOUND","message":"m","retryAfterSeconds":3}}`), "secret")
	f.Add([]byte("plain text"), "a")
	f.Add([]byte(`{"error":{"code":"A","message":"a@b \u0000\ud800"}}`), "")
	f.Fuzz(func(t *testing.T, body []byte, secret string) {
		e, ok := parseEnvelope(body)
		if ok && !isCode(e.Code) || e.RetryAfter < 0 || e.RetryAfter > maxRetryAfter {
			t.Errorf("accepted %+v", e)
		}
		text := clean(string(body), []string{secret})
		if len(text) > maxMessage+3 || strings.ContainsAny(text, "\n\r\x00\x1b@") {
			t.Errorf("cleaned to %q", text)
		}
		if len(secret) > len(Redacted) && !strings.ContainsAny(secret, " .*") && strings.Contains(text, secret) {
			t.Errorf("%q is left in %q", secret, text)
		}
	})
}

func FuzzSuccessBody(f *testing.F) {
	f.Add([]byte(`{"hello":"world"}`))
	f.Add([]byte(`{"hello":1}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		var out greeting
		if err := decode(body, &out); err != nil && strings.Contains(err.Error(), "\n") {
			t.Errorf("worded %q", err)
		}
	})
}
