package ac

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
)

// The platform's own texts.
var (
	//lint:ignore ST1005 it is what the platform answers
	errNoHost = errors.New("Missing or invalid Host header")
	//lint:ignore ST1005 it is what the platform answers
	errNoSubdomain = errors.New("Invalid subdomain")
)

// subdomain returns the organisation that a Host header names (platform
// contract, AC/GC 2). Any domain tail will do; case is not folded.
func subdomain(host string) (string, error) {
	if host == "" || strings.ContainsFunc(host, func(r rune) bool { return r < 0x20 || r > 0x7e }) {
		return "", errNoHost
	}
	host, _, _ = strings.Cut(host, ":")
	labels := strings.Split(host, ".")
	if len(labels) < 2 || allOctets(labels) || !isSubdomain(labels[0]) {
		return "", errNoSubdomain
	}
	return labels[0], nil
}

func allOctets(labels []string) bool {
	for _, l := range labels {
		if _, err := strconv.ParseUint(l, 10, 8); err != nil {
			return false
		}
	}
	return true
}

func isSubdomain(s string) bool {
	if s == "" || s[0] == '-' || s[len(s)-1] == '-' {
		return false
	}
	for _, c := range []byte(s) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return true
}

// inOrganisation resolves the organisation before anything else is looked at.
func (s *Server) inOrganisation(h func(http.ResponseWriter, *http.Request, Organisation)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		name, err := subdomain(r.Host)
		if err != nil {
			invalidToken(w, err.Error())
			return
		}
		o, ok := s.organisations[name]
		if !ok || o.Inactive {
			notFound(w, "Organization not found")
			return
		}
		h(w, r, o)
	}
}
