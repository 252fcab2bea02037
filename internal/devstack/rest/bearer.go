package rest

import (
	"net/http"
	"strings"
)

// Texts of a 401 about a token.
const (
	TextMissingToken   = "Missing Authorization header"
	TextMalformedToken = "Invalid Authorization header format"
	TextInvalidToken   = "The access token is invalid or expired"
)

// Bearer returns the token of the Authorization header, or the text that says
// why there is none. The prefix is exactly "Bearer ".
func Bearer(r *http.Request) (raw, problem string) {
	h := r.Header.Get("Authorization")
	if h == "" {
		return "", TextMissingToken
	}
	raw, ok := strings.CutPrefix(h, "Bearer ")
	if !ok {
		return "", TextMalformedToken
	}
	return raw, ""
}
