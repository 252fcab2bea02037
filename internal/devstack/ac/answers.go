package ac

import (
	"fmt"
	"net/http"
	"time"

	"github.com/dark-tower/prober/internal/devstack/rest"
)

// Error texts that are used more than once.
const (
	textInvalidCredentials = "Invalid client credentials"
	textInternal           = "An internal error occurred"
	textTooManyRequests    = "Too many requests. Please try again later."
	textTooManySignIns     = "Too many failed login attempts. Please try again later."
	textTooManyRegisters   = "Too many registration attempts. Please try again later."
)

func fail(w http.ResponseWriter, status int, code, message string) {
	if status == http.StatusUnauthorized || status == http.StatusForbidden {
		w.Header().Set("WWW-Authenticate", rest.Challenge)
	}
	rest.Fail(w, status, rest.Envelope{Code: code, Message: message})
}

func invalidRequest(w http.ResponseWriter, message string) {
	fail(w, http.StatusBadRequest, "INVALID_REQUEST", message)
}

func invalidToken(w http.ResponseWriter, message string) {
	fail(w, http.StatusUnauthorized, "INVALID_TOKEN", message)
}

func invalidCredentials(w http.ResponseWriter) {
	fail(w, http.StatusUnauthorized, "INVALID_CREDENTIALS", textInvalidCredentials)
}

func notFound(w http.ResponseWriter, message string) {
	fail(w, http.StatusNotFound, "NOT_FOUND", message)
}

func internalError(w http.ResponseWriter) {
	fail(w, http.StatusInternalServerError, "INTERNAL_ERROR", textInternal)
}

// tooMany is the 429 that says when to come back, in a header and in the body.
func tooMany(w http.ResponseWriter, message string, retryAfter time.Duration) {
	rest.Fail(w, http.StatusTooManyRequests, rest.Envelope{
		Code: "TOO_MANY_REQUESTS", Message: message, RetryAfterSeconds: rest.RetryAfter(w, retryAfter),
	})
}

func insufficientScope(w http.ResponseWriter, required string, provided []string) {
	w.Header().Set("WWW-Authenticate", fmt.Sprintf(
		`Bearer realm="dark-tower-api", error="insufficient_scope", error_description="Requires scope: %s"`, required))
	rest.Fail(w, http.StatusForbidden, rest.Envelope{
		Code: "INSUFFICIENT_SCOPE", Message: "Requires scope: " + required, RequiredScope: required, ProvidedScopes: provided,
	})
}

// forced answers with a status that a fault asks for. A status that AC itself
// never gives has no body, as from a proxy in between.
func forced(w http.ResponseWriter, status int, retryAfter, limitWindow time.Duration, tooManyText string) {
	if status == http.StatusServiceUnavailable {
		rest.RetryAfter(w, retryAfter)
	}
	switch status {
	case http.StatusBadRequest:
		invalidRequest(w, "Invalid request")
	case http.StatusUnauthorized:
		invalidCredentials(w)
	case http.StatusForbidden:
		fail(w, status, "INSUFFICIENT_SCOPE", "Insufficient scope")
	case http.StatusNotFound:
		notFound(w, "Organization not found")
	case http.StatusConflict:
		fail(w, status, "CONFLICT", "An account with this email already exists")
	case http.StatusTooManyRequests:
		if retryAfter <= 0 {
			retryAfter = limitWindow
		}
		tooMany(w, tooManyText, retryAfter)
	case http.StatusInternalServerError:
		internalError(w)
	default:
		w.WriteHeader(status)
	}
}
