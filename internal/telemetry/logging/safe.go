package logging

import (
	"encoding"
	"fmt"
	"log/slog"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"time"
)

// masked is what a secret looks like in a log.
const masked = "****"

// What keys are made of says what their values are. A word is a part of a key between
// underscores, dots and dashes.
var (
	secretWords = []string{"token", "jwt", "password", "passwd", "secret", "authorization", "bearer", "cookie", "kek", "email", "phone", "username", "agent"}
	secretKeys  = []string{"name", "display_name", "participant_name", "meeting_code", "identity_key", "private_key"}
	idWords     = []string{"id", "ip", "address", "addr", "remote", "peer"}
	idKeys      = []string{"user", "participant", "meeting", "session", "host", "client"}
)

// plainKeys are safe as long as their values look as they must.
var plainKeys = map[string]*regexp.Regexp{
	"trace_id": regexp.MustCompile(`^[0-9a-f]{32}$`), "span_id": regexp.MustCompile(`^[0-9a-f]{16}$`),
	"run": regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`), "token_type": regexp.MustCompile(`^[a-z_]{1,16}$`),
}

// cleaner makes values safe to be logged.
type cleaner struct{ key []byte }

func (c cleaner) attrs(in []slog.Attr) []slog.Attr {
	var out []slog.Attr
	for _, a := range in {
		a.Value = a.Value.Resolve()
		if a.Value.Kind() == slog.KindGroup {
			inner := c.attrs(a.Value.Group())
			switch {
			case len(inner) == 0:
			case a.Key == "": // inlined, as slog has it
				out = append(out, inner...)
			default:
				out = append(out, slog.Attr{Key: a.Key, Value: slog.GroupValue(inner...)})
			}
			continue
		}
		if a.Key != "" {
			out = append(out, slog.Attr{Key: a.Key, Value: c.value(strings.ToLower(a.Key), a.Value)})
		}
	}
	return out
}

func (c cleaner) value(key string, v slog.Value) slog.Value {
	words := strings.FieldsFunc(key, func(r rune) bool { return r == '_' || r == '.' || r == '-' })
	has := func(list []string) bool {
		return slices.ContainsFunc(words, func(w string) bool { return slices.Contains(list, w) })
	}
	switch {
	case plainKeys[key] != nil && plainKeys[key].MatchString(v.String()):
		return v
	case has(secretWords), slices.Contains(secretKeys, key):
		return slog.StringValue(masked)
	case has(idWords), slices.Contains(idKeys, key):
		return slog.StringValue(c.hash(textOf(v)))
	}
	switch v.Kind() {
	case slog.KindBool, slog.KindInt64, slog.KindUint64, slog.KindFloat64:
		return v
	case slog.KindTime:
		return slog.StringValue(v.Time().UTC().Format(time.RFC3339Nano))
	}
	return slog.StringValue(c.text(textOf(v)))
}

// textOf is a value as text, as it says itself that it may be seen.
func textOf(v slog.Value) string {
	switch x := v.Any().(type) {
	case error:
		return x.Error()
	case encoding.TextMarshaler:
		if b, err := x.MarshalText(); err == nil {
			return string(b)
		}
	case fmt.Stringer:
		return x.String()
	}
	return v.String()
}

func (c cleaner) hash(id string) string {
	if id == "" {
		return ""
	}
	return Hash(c.key, id)
}

// Patterns of what can be in a text.
var (
	jwt     = regexp.MustCompile(`eyJ[A-Za-z0-9_-]{4,}\.[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]*)?`)
	bearer  = regexp.MustCompile(`(?i)\b(bearer|basic) [A-Za-z0-9._~+/=-]{8,}`)
	login   = regexp.MustCompile(`://[^\s/?#@"']+@`)
	email   = regexp.MustCompile(`[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}`)
	link    = regexp.MustCompile(`\b([a-z][a-z0-9+.-]*://[^\s/"'?#]+)[/?#][^\s"']*`)
	uuid    = regexp.MustCompile(`\b[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b`)
	numbers = regexp.MustCompile(`[0-9A-Fa-f:.]{2,}`)
)

// text takes out of a text what must not be seen: tokens, emails and logins are masked, UUIDs
// and IP addresses hashed, and URLs end after the host. Most texts cannot have any of
// them, which is cheap to see: steps are logged while a run goes.
func (c cleaner) text(s string) string {
	if isWord(s) {
		return s
	}
	if strings.Contains(s, "eyJ") {
		s = jwt.ReplaceAllString(s, masked)
	}
	if strings.Contains(s, " ") {
		s = bearer.ReplaceAllString(s, "$1 "+masked)
	}
	if strings.Contains(s, "@") {
		s = login.ReplaceAllString(s, "://"+masked+"@")
		s = email.ReplaceAllString(s, masked)
	}
	if strings.Contains(s, "://") {
		s = link.ReplaceAllString(s, "$1/"+masked)
	}
	if strings.Count(s, "-") >= 4 {
		s = uuid.ReplaceAllStringFunc(s, c.hash)
	}
	if mayHoldAddress(s) {
		s = numbers.ReplaceAllStringFunc(s, c.addresses)
	}
	return s
}

// isWord reports letters and underscores alone, as the closed vocabulary has them:
// most of what is logged.
func isWord(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool {
		return r != '_' && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	}) < 0
}

// mayHoldAddress is false for most texts without a look at each of their substrings: an IPv6
// address has two colons, an IPv4 address three dots.
func mayHoldAddress(s string) bool {
	return strings.Count(s, ":") >= 2 || strings.Count(s, ".") >= 3
}

// addresses hashes every IP address in a run of hexadecimal digits, colons and dots, whatever
// else stands in the run: a port, a time, the punctuation of the sentence.
func (c cleaner) addresses(run string) string {
	if !mayHoldAddress(run) {
		return run
	}
	var out strings.Builder
	for run != "" {
		n := addressLength(run)
		if n > 0 {
			out.WriteString(c.hash(run[:n]))
		} else {
			n = 1
			out.WriteByte(run[0])
		}
		run = run[n:]
	}
	return out.String()
}

// addressLength is the length in bytes of the longest IP address that s begins with, 0 without one.
func addressLength(s string) int {
	const longest = len("0000:0000:0000:0000:0000:ffff:255.255.255.255")
	for n := min(len(s), longest); n > 1; n-- {
		if _, err := netip.ParseAddr(s[:n]); err == nil {
			return n
		}
	}
	return 0
}
