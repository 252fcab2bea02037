package web

import "time"

// Hurry makes the limits of a server short enough for a test.
func (s *Server) Hurry(response, shutdown time.Duration) {
	s.limits.header, s.limits.request, s.limits.response, s.limits.shutdown = response, response, response, shutdown
}
