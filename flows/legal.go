package flows

import "slices"

// Legal reports whether a failure of step at hop for reason can happen at all.
// Series, tables and tests are made from it, so that no impossible row exists.
func Legal(s Step, h Hop, r Reason) bool {
	switch h {
	case Prober:
		return r == Self
	case Network: // a name that does not exist, or UDP that is silent
		dials := s == StepMCConnect || s == StepMHConnect
		return r == Unreachable && (dials || overHTTP(s)) || r == Timeout && !overHTTP(s)
	}
	return slices.Contains(reasonsOf(s, h), r)
}

func overHTTP(s Step) bool { return s == StepSignIn || s == StepGCAssign || s == StepGCJoin }

// reasonsOf lists why a step can fail at a service.
func reasonsOf(s Step, h Hop) []Reason {
	dialed := []Reason{Unreachable, Timeout, TLS, Protocol, Rejected, Unavailable, Closed}
	switch {
	case overHTTP(s):
		if h == s.Owner() {
			return append(dialed, Throttled)
		}
	case h == MC:
		switch s {
		case StepMCConnect:
			return dialed
		case StepMCJoin:
			return []Reason{Timeout, Protocol, Rejected, Unavailable, Closed}
		case StepSubscribe:
			return []Reason{Timeout, Protocol, Rejected, Closed}
		default:
			return []Reason{Timeout, Protocol, Closed}
		}
	case h == MH:
		switch s {
		case StepMHConnect:
			return dialed
		case StepSubscribe:
			return []Reason{Closed}
		case StepFirstMedia, StepTalk, StepRestore:
			return []Reason{NoMedia, Protocol, Closed}
		}
	}
	return nil
}
