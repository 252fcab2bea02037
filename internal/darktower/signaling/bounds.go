package signaling

import (
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"
)

// What this client accepts from an MC, however long the session.
const (
	// MaxRoster is MC's own limit of participants (platform contract, MC I).
	MaxRoster = 10_000
	// MaxHandlers is how many handlers MC tracks per participant (platform
	// contract, MC B.9).
	MaxHandlers = 16
	// MaxSlots is the highest slot cap MC can be configured to (platform
	// contract, MC D.4).
	MaxSlots = 64
	// MaxStreams and MaxTargets bound a directive: streams, and targets of each.
	MaxStreams = 16
	MaxTargets = MaxHandlers
	// MaxKept is how many refusals, departures and unmute requests a View keeps.
	MaxKept = 64

	// maxText bounds names, messages and what is sent about handlers, in bytes:
	// MC cuts at the same length (platform contract, MC B.9 and C.8).
	maxText = 256
	// maxID bounds identifiers and maxURL addresses, in bytes.
	maxID  = 128
	maxURL = 1024
	// maxToken bounds the token at join and binding tokens, in bytes (platform
	// contract, MC C.2).
	maxToken = 8192
	// maxTraceParent and maxTraceState bound trace context in both directions:
	// beyond them MC ignores all of it (platform contract, MC F).
	maxTraceParent  = 55
	maxTraceState   = 512
	maxTraceMembers = 32
)

// cut shortens s to at most limit bytes without splitting a character, and
// replaces what is not UTF-8, which proto3 would refuse to carry.
func cut(s string, limit int) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) <= limit {
		return s
	}
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return s[:limit]
}

// plain makes foreign text fit for an error or a log: short, and nothing in it
// that moves a cursor, breaks a line or changes direction.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, cut(s, maxText))
}

// validID reports whether s can name a participant.
func validID(s string) bool { return s != "" && len(s) <= maxID }

// validURL reports whether s has the shape of a handler's address.
func validURL(s string) bool {
	if s == "" || len(s) > maxURL {
		return false
	}
	u, err := url.Parse(s)
	return err == nil && u.Scheme == "https" && u.Hostname() != "" && u.User == nil && u.Opaque == ""
}

// validSender reports whether id is a sender id (platform contract, MC D.2).
func validSender(id uint32) bool { return id >= 1 && id <= 65535 }

// validTraceParent reports whether s can be a W3C traceparent.
func validTraceParent(s string) bool {
	return len(s) == maxTraceParent && strings.Trim(s, "0123456789abcdef-") == ""
}
