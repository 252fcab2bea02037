package web

import (
	"crypto/sha256"
	"crypto/subtle"
	"net"
	"net/http"
	"net/netip"
	"strings"

	"github.com/dark-tower/prober/internal/page"
)

const plainText = "text/plain; charset=utf-8"

// guard decides who may see and do what, before anything looks at the path:
//
//   - metrics, health and readiness are everybody's;
//   - on loopback the rest is, too, for whoever asks for this machine by one of its
//     own names: a page elsewhere that has its name point here does not;
//   - bound wider, the rest is for whoever shows the token, as Bearer or, from a
//     browser, as the password of basic authentication. What changes something
//     wants it as Bearer, which no page elsewhere can make a browser send;
//   - nothing is changed for a page of another origin, and profiles are local.
func (s *Server) guard(next http.Handler) http.Handler {
	foreign := http.NewCrossOriginProtection()
	csp := page.ContentSecurityPolicy()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", csp)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		if s.o.Loopback && !localName(r.Host) {
			refuse(w, r, http.StatusMisdirectedRequest, "this port answers to localhost, 127.0.0.1 and [::1] only: it is bound to loopback")
			return
		}
		if r.URL.Path == "/metrics" || r.URL.Path == "/health" || r.URL.Path == "/ready" {
			next.ServeHTTP(w, r)
			return
		}
		if !s.o.Loopback && !s.admit(w, r) {
			return
		}
		if foreign.Check(r) != nil {
			refuse(w, r, http.StatusForbidden, "a page of another origin may not do this")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// admit checks a request from a wider network, and refuses it where it must.
func (s *Server) admit(w http.ResponseWriter, r *http.Request) bool {
	if strings.HasPrefix(r.URL.Path, "/debug/") {
		refuse(w, r, http.StatusForbidden, "profiles are served on loopback only; bind the port there, or forward it")
		return false
	}
	if s.o.Token == "" {
		refuse(w, r, http.StatusForbidden, "page and API are off: the port is bound wider than loopback and no token is configured; set daemon.token, or bind daemon.listen to 127.0.0.1")
		return false
	}
	changes := r.Method != http.MethodGet && r.Method != http.MethodHead
	if token, ok := bearer(r); ok && s.isToken(token) {
		return true
	}
	if _, password, ok := r.BasicAuth(); ok && !changes && s.isToken(password) {
		return true
	}
	w.Header().Add("WWW-Authenticate", `Bearer realm="prober"`)
	text := "show the token as Authorization: Bearer"
	if !changes {
		w.Header().Add("WWW-Authenticate", `Basic realm="prober: any name, and the token as password", charset="UTF-8"`)
		text += ", or as the password of basic authentication"
	}
	refuse(w, r, http.StatusUnauthorized, text)
	return false
}

func bearer(r *http.Request) (string, bool) {
	scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	return token, ok && strings.EqualFold(scheme, "bearer")
}

// isToken takes as long for a wrong token as for the right one, whatever its length.
func (s *Server) isToken(shown string) bool {
	a, b := sha256.Sum256([]byte(shown)), sha256.Sum256([]byte(s.o.Token.Reveal()))
	return subtle.ConstantTimeCompare(a[:], b[:]) == 1
}

// localName reports whether a Host header names this machine itself.
func localName(host string) bool {
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	} else {
		name = strings.TrimSuffix(strings.TrimPrefix(name, "["), "]")
	}
	if strings.EqualFold(name, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(name)
	return err == nil && ip.IsLoopback()
}

// refuse says no in the form in which the caller reads.
func refuse(w http.ResponseWriter, r *http.Request, status int, why string) {
	if strings.HasPrefix(r.URL.Path, "/api/") {
		writeJSON(w, status, apiError{Error: why})
		return
	}
	w.Header().Set("Content-Type", plainText)
	w.WriteHeader(status)
	_, _ = w.Write([]byte(why + "\n"))
}
