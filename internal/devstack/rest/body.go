package rest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"
)

// maxBody is the web framework's default limit, in bytes.
const maxBody = 2 << 20

// Field is one key of a JSON body and where its value goes: a pointer as for
// json.Unmarshal. An optional field may be absent or null; its value is then
// left alone.
type Field struct {
	Name     string
	Into     any
	Optional bool
}

// Need is a field that must be there.
func Need(name string, into any) Field { return Field{Name: name, Into: into} }

// May is a field that may be absent.
func May(name string, into any) Field { return Field{Name: name, Into: into, Optional: true} }

// Rejection says why a body was not taken.
type Rejection struct {
	Status int // 400, 408, 413, 415 or 422
	Text   string
}

func (e *Rejection) Error() string { return e.Text }

// Answer writes the rejection as the web framework does: plain text, no
// envelope.
func (e *Rejection) Answer(w http.ResponseWriter) {
	if e.Status == http.StatusRequestTimeout {
		w.WriteHeader(e.Status)
		return
	}
	Text(w, e.Status, e.Text)
}

// ReadJSON reads the body of r into fields. Field names are exact, and unknown
// and repeated ones are refused.
func ReadJSON(w http.ResponseWriter, r *http.Request, fields ...Field) *Rejection {
	if !isJSON(r.Header.Get("Content-Type")) {
		return &Rejection{http.StatusUnsupportedMediaType, "Expected request with `Content-Type: application/json`"}
	}
	b, rejection := readBody(w, r)
	if rejection != nil {
		return rejection
	}
	return ParseObject(b, fields...)
}

func isJSON(contentType string) bool {
	media, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		return false
	}
	return media == "application/json" || strings.HasPrefix(media, "application/") && strings.HasSuffix(media, "+json")
}

func readBody(w http.ResponseWriter, r *http.Request) ([]byte, *Rejection) {
	// The handler's deadline binds a client that is slow with its body, too. It
	// stays when the body has not come: the server reads on to drain it.
	control := http.NewResponseController(w)
	if deadline, ok := r.Context().Deadline(); ok {
		_ = control.SetReadDeadline(deadline) // unsupported only where there is no connection
	}
	b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, &Rejection{http.StatusRequestEntityTooLarge, "Failed to buffer the request body: length limit exceeded"}
	case isTimeout(err):
		return nil, &Rejection{http.StatusRequestTimeout, "The request body did not come in time"}
	case err != nil:
		return nil, &Rejection{http.StatusBadRequest, "Failed to buffer the request body"}
	}
	_ = control.SetReadDeadline(time.Time{}) // or the watch for the client's departure would end with it
	return b, nil
}

// ParseObject reads one JSON object into fields. Malformed JSON is 400, JSON of
// another shape 422.
func ParseObject(b []byte, fields ...Field) *Rejection {
	if !utf8.Valid(b) || !json.Valid(b) {
		return &Rejection{http.StatusBadRequest, "Failed to parse the request body as JSON"}
	}
	if err := fill(b, fields); err != nil {
		return &Rejection{http.StatusUnprocessableEntity, "Failed to deserialize the JSON body into the target type: " + err.Error()}
	}
	return nil
}

// fill walks one valid JSON value by hand: encoding/json alone would take keys
// of any case, repeated keys and null for everything. Errors name fields of
// ours, never what the client sent.
func fill(b []byte, fields []Field) error {
	dec := json.NewDecoder(bytes.NewReader(b))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return errors.New("expected an object")
	}
	seen := make(map[string]bool, len(fields))
	for dec.More() {
		t, err := dec.Token()
		if err != nil {
			return errors.New("expected a key")
		}
		var raw json.RawMessage
		if err := dec.Decode(&raw); err != nil {
			return errors.New("expected a value")
		}
		f := find(fields, t)
		if f == nil {
			return errors.New("unknown field")
		}
		if seen[f.Name] {
			return fmt.Errorf("duplicate field `%s`", f.Name)
		}
		seen[f.Name] = true
		if string(raw) == "null" {
			if f.Optional {
				continue
			}
			return fmt.Errorf("%s: invalid type: null", f.Name)
		}
		if err := json.Unmarshal(raw, f.Into); err != nil {
			return fmt.Errorf("%s: invalid type", f.Name)
		}
	}
	for _, f := range fields {
		if !f.Optional && !seen[f.Name] {
			return fmt.Errorf("missing field `%s`", f.Name)
		}
	}
	return nil
}

func find(fields []Field, key json.Token) *Field {
	for i := range fields {
		if key == json.Token(fields[i].Name) {
			return &fields[i]
		}
	}
	return nil
}
