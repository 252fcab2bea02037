package httpapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// maxMessage bounds a server's text in an error, in bytes.
const maxMessage = 200

// maxRetryAfter bounds what a server can ask for.
const maxRetryAfter = 24 * time.Hour

// envelope is the error body of both services (platform contract, AC/GC 1).
type envelope struct {
	Code       string
	Message    string
	RetryAfter time.Duration
}

// parseEnvelope reads an error envelope; ok is false when body is not one.
func parseEnvelope(body []byte) (e envelope, ok bool) {
	var raw struct {
		Error *struct {
			Code              *string         `json:"code"`
			Message           string          `json:"message"`
			RetryAfterSeconds json.RawMessage `json:"retryAfterSeconds"`
		} `json:"error"`
	}
	if json.Unmarshal(body, &raw) != nil || raw.Error == nil || raw.Error.Code == nil || !isCode(*raw.Error.Code) {
		return envelope{}, false
	}
	return envelope{
		Code:       *raw.Error.Code,
		Message:    raw.Error.Message,
		RetryAfter: parseSeconds(string(raw.Error.RetryAfterSeconds)),
	}, true
}

// isCode accepts what a code of the platform can look like, so that a hostile one
// cannot carry anything else into a log.
func isCode(s string) bool {
	if s == "" || len(s) > 64 {
		return false
	}
	for _, b := range []byte(s) {
		if (b < 'A' || b > 'Z') && (b < '0' || b > '9') && b != '_' {
			return false
		}
	}
	return true
}

func parseSeconds(s string) time.Duration {
	n, err := strconv.ParseInt(strings.TrimSpace(s), 10, 64)
	if err != nil || n <= 0 {
		return 0
	}
	if n > int64(maxRetryAfter/time.Second) {
		return maxRetryAfter
	}
	return time.Duration(n) * time.Second
}

// parseRetryAfter reads the header in either of its forms.
func parseRetryAfter(header string, now time.Time) time.Duration {
	if at, err := http.ParseTime(header); err == nil {
		// Round up: a Retry-After is never too short because of a fraction.
		wait := (at.Sub(now) + time.Second - 1).Truncate(time.Second)
		return min(max(wait, 0), maxRetryAfter)
	}
	return parseSeconds(header)
}

func (c *Client) statusError(r Request, resp *http.Response, body []byte) error {
	sensitive := r.Sensitive
	if r.Bearer != "" {
		sensitive = append([]string{r.Bearer.Reveal()}, sensitive...)
	}
	e := &StatusError{
		Service: c.service, Operation: r.Operation, Status: resp.StatusCode,
		RetryAfter: parseRetryAfter(resp.Header.Get("Retry-After"), time.Now()),
	}
	if parsed, ok := parseEnvelope(body); ok {
		e.Envelope, e.Code = true, parsed.Code
		e.Message = clean(parsed.Message, sensitive)
		if e.RetryAfter == 0 {
			e.RetryAfter = parsed.RetryAfter
		}
		return e
	}
	// The web framework answers what it refuses by itself in plain text. Other types
	// are pages of a proxy, of which the status says enough.
	if kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")); kind == "text/plain" && len(body) <= MaxBody {
		e.Message = clean(string(body), sensitive)
	}
	return e
}

// clean makes a server's text fit for a log: one line, printable, short, and without
// the values that were sent, anything that looks like an address of a person, and
// anything long enough to be a token or an identifier.
func clean(text string, sensitive []string) string {
	for _, secret := range sensitive {
		if secret != "" {
			text = strings.ReplaceAll(text, secret, Redacted)
		}
	}
	var b strings.Builder
	words := strings.FieldsFunc(text, func(r rune) bool {
		return unicode.IsSpace(r) || !unicode.IsPrint(r) || r == utf8.RuneError
	})
	for _, word := range words {
		if strings.ContainsRune(word, '@') || len(word) >= 32 {
			word = Redacted
		}
		if b.Len()+len(word) >= maxMessage {
			b.WriteString("...")
			break
		}
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(word)
	}
	return b.String()
}

// decode reads a success body; its errors name fields and never values.
func decode(body []byte, out any) error {
	err := json.Unmarshal(body, out)
	var wrongType *json.UnmarshalTypeError
	switch {
	case err == nil:
		return nil
	case len(body) == 0:
		return errors.New("empty")
	case errors.As(err, &wrongType) && wrongType.Field != "":
		return fmt.Errorf("field %s has the wrong type", wrongType.Field)
	case errors.As(err, &wrongType):
		return errors.New("not a JSON object")
	}
	return errors.New("not JSON")
}
