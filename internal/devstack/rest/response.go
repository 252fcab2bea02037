package rest

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"
	"time"
)

// Envelope is the body of an error. GC uses the first two fields only.
type Envelope struct {
	Code              string   `json:"code"`
	Message           string   `json:"message"`
	RequiredScope     string   `json:"requiredScope,omitempty"`
	ProvidedScopes    []string `json:"providedScopes,omitempty"`
	RetryAfterSeconds int      `json:"retryAfterSeconds,omitempty"`
}

// Challenge is the WWW-Authenticate value of 401s.
const Challenge = `Bearer realm="dark-tower-api", error="invalid_token"`

// Write answers with v as JSON.
func Write(w http.ResponseWriter, status int, v any) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil { // only for values that no handler makes
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(bytes.TrimSuffix(b.Bytes(), []byte("\n"))) // a client that has gone is no fault
}

// Fail answers with an error envelope.
func Fail(w http.ResponseWriter, status int, e Envelope) {
	Write(w, status, struct {
		Error Envelope `json:"error"`
	}{e})
}

// Text answers with plain text, as the web framework does.
func Text(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text))
}

// RetryAfter sets the Retry-After header to d rounded up to seconds and
// returns that number; nothing is set when d is zero.
func RetryAfter(w http.ResponseWriter, d time.Duration) int {
	if d <= 0 {
		return 0
	}
	n := int((d + time.Second - 1) / time.Second)
	w.Header().Set("Retry-After", strconv.Itoa(n))
	return n
}

// Health answers GET /health: alive, and nothing more is said.
func Health(w http.ResponseWriter, _ *http.Request) { Text(w, http.StatusOK, "OK") }
