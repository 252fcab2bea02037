package gc

import (
	"net/http"
	"slices"
)

// cors answers preflights from an allowlist; a denied one is 403 with an empty
// body (platform contract, AC/GC 6.1).
func cors(origins []string, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		origin := r.Header.Get("Origin")
		allowed := slices.Contains(origins, origin)
		if allowed {
			w.Header().Set("Access-Control-Allow-Origin", origin)
			w.Header().Set("Vary", "Origin")
		}
		preflight := r.Method == http.MethodOptions && origin != "" && r.Header.Get("Access-Control-Request-Method") != ""
		switch {
		case !preflight:
			h.ServeHTTP(w, r)
		case !allowed:
			w.WriteHeader(http.StatusForbidden)
		default:
			w.Header().Set("Access-Control-Allow-Methods", "GET,POST,PATCH,OPTIONS")
			w.Header().Set("Access-Control-Allow-Headers", "authorization,content-type,traceparent,tracestate")
			w.Header().Set("Access-Control-Max-Age", "600")
			w.WriteHeader(http.StatusOK)
		}
	})
}
