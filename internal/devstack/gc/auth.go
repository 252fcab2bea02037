package gc

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/dark-tower/prober/internal/devstack/rest"
	"github.com/dark-tower/prober/internal/devstack/token"
)

// caller is the user of a request.
type caller struct {
	id    uuid.UUID
	org   uuid.UUID
	roles []string
}

func (c caller) mayCreate() bool {
	return slices.ContainsFunc(c.roles, func(role string) bool {
		return role == "user" || role == "admin" || role == "org_admin"
	})
}

// forUsers makes an endpoint that only user tokens open, in a span of its own
// below that of the check.
func (s *Server) forUsers(span string, h func(http.ResponseWriter, *http.Request, caller)) http.Handler {
	return s.endpoint("gc.middleware.user_auth", func(w http.ResponseWriter, r *http.Request) {
		raw, problem := rest.Bearer(r)
		if problem != "" {
			fail(w, http.StatusUnauthorized, "INVALID_TOKEN", problem)
			return
		}
		claims, err := s.verifier.User(r.Context(), raw)
		if errors.Is(err, token.ErrJWKSUnavailable) {
			s.log.WarnContext(r.Context(), "checking a user token", "error", err)
			unavailable(w)
			return
		}
		id, idErr := uuid.Parse(claims.Subject)
		org, orgErr := uuid.Parse(claims.OrgID)
		if err != nil || idErr != nil || orgErr != nil {
			fail(w, http.StatusUnauthorized, "INVALID_TOKEN", rest.TextInvalidToken)
			return
		}
		c := caller{id: id, org: org, roles: claims.Roles}
		known := func(w http.ResponseWriter, r *http.Request) { h(w, r, c) }
		rest.Span(s.tracer, span, http.HandlerFunc(known)).ServeHTTP(w, r)
	})
}

// me answers GET /api/v1/me, for service tokens only (platform contract, AC/GC
// 5.5).
func (s *Server) me(w http.ResponseWriter, r *http.Request) {
	raw, problem := rest.Bearer(r)
	if problem != "" {
		fail(w, http.StatusUnauthorized, "INVALID_TOKEN", problem)
		return
	}
	claims, err := s.verifier.Service(r.Context(), raw)
	switch {
	case errors.Is(err, token.ErrJWKSUnavailable):
		unavailable(w)
		return
	case err != nil:
		fail(w, http.StatusUnauthorized, "INVALID_TOKEN", rest.TextInvalidToken)
		return
	}
	rest.Write(w, http.StatusOK, struct {
		Subject     string   `json:"sub"`
		Scopes      []string `json:"scopes"`
		ServiceType string   `json:"serviceType,omitempty"`
		ExpiresAt   int64    `json:"exp"`
		IssuedAt    int64    `json:"iat"`
	}{claims.Subject, claims.Scopes(), claims.ServiceType, claims.ExpiresAt.Unix(), claims.IssuedAt.Unix()})
}

// registryRule is who may call GC over gRPC.
func registryRule(fullMethod string) (serviceType, scope string) {
	if strings.HasPrefix(fullMethod, "/dark_tower.internal.v1.MediaHandlerRegistryService/") {
		return token.MediaHandler, token.ScopeWriteGC
	}
	return token.MeetingController, token.ScopeWriteGC
}
