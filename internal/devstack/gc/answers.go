package gc

import (
	"net/http"
	"time"

	"github.com/dark-tower/prober/internal/devstack/rest"
)

// Error texts that are used more than once.
const (
	textNotFound    = "Meeting not found"
	textUnavailable = "Service temporarily unavailable"
	textInternal    = "An internal error occurred"
	textMeetingCap  = "Organization meeting limit exceeded"
)

func fail(w http.ResponseWriter, status int, code, message string) {
	if status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", rest.Challenge)
	}
	rest.Fail(w, status, rest.Envelope{Code: code, Message: message})
}

func badRequest(w http.ResponseWriter, message string) {
	fail(w, http.StatusBadRequest, "BAD_REQUEST", message)
}

func forbidden(w http.ResponseWriter, message string) {
	fail(w, http.StatusForbidden, "FORBIDDEN", message)
}

func notFound(w http.ResponseWriter, message string) {
	fail(w, http.StatusNotFound, "NOT_FOUND", message)
}

// unavailable never says what is.
func unavailable(w http.ResponseWriter) {
	fail(w, http.StatusServiceUnavailable, "SERVICE_UNAVAILABLE", textUnavailable)
}

func internalError(w http.ResponseWriter) {
	fail(w, http.StatusInternalServerError, "INTERNAL_ERROR", textInternal)
}

// forced answers with a status that a fault asks for. A status that GC itself
// never gives has no body, as from a proxy in between.
func forced(w http.ResponseWriter, status int, retryAfter time.Duration) {
	if status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable {
		rest.RetryAfter(w, retryAfter)
	}
	switch status {
	case http.StatusBadRequest:
		badRequest(w, "Invalid request body")
	case http.StatusUnauthorized:
		fail(w, status, "INVALID_TOKEN", rest.TextInvalidToken)
	case http.StatusForbidden:
		forbidden(w, "External participants are not allowed in this meeting")
	case http.StatusNotFound:
		notFound(w, textNotFound)
	case http.StatusConflict:
		fail(w, status, "CONFLICT", "Conflict")
	case http.StatusTooManyRequests:
		fail(w, status, "RATE_LIMIT_EXCEEDED", "Too many requests. Please try again later.")
	case http.StatusInternalServerError:
		internalError(w)
	case http.StatusBadGateway:
		fail(w, status, "BAD_GATEWAY", "Bad gateway")
	case http.StatusServiceUnavailable:
		unavailable(w)
	default:
		w.WriteHeader(status)
	}
}
