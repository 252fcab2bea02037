package flows

import "slices"

// Legal reports whether a failure of step at hop for reason can happen at all.
// Series, tables and tests are made from it, so that no impossible row exists.
// What the person on call would do nothing different about is one row: the detail
// tells the rest.
func Legal(s Step, h Hop, r Reason) bool { return slices.Contains(reasonsOf(s, h), r) }

func overHTTP(s Step) bool { return s == StepSignIn || s == StepGCAssign || s == StepGCJoin }

// dials reports a step that opens connections of its own, over names.
func dials(s Step) bool { return overHTTP(s) || s == StepMCConnect || s == StepMHConnect }

// reasonsOf lists why a step can fail at a hop.
//
// Until there is a session, a closed port, a refusal to connect and a connection
// that goes away without an answer are one: nobody took the request (unavailable).
// Only what stood can be closed. After the join every request of ours is one that
// the contract allows, and so is every CONNECT: to refuse it is against protocol.
func reasonsOf(s Step, h Hop) []Reason {
	switch {
	case h == Prober:
		return []Reason{Self}
	case h == Network && dials(s): // a name that does not exist, or UDP that is silent
		return []Reason{Unreachable}
	case h == Network && s != "": // UDP that has fallen silent
		return []Reason{Timeout}
	case overHTTP(s) && h == s.Owner():
		return []Reason{Timeout, TLS, Protocol, Rejected, Unavailable, Throttled}
	case s == StepMCConnect && h == MC, s == StepMHConnect && h == MH:
		return []Reason{Timeout, TLS, Protocol, Unavailable}
	case s == StepMCJoin && h == MC:
		return []Reason{Timeout, Protocol, Rejected, Unavailable}
	case s == StepMHConnect && h == MC: // no handler offered, or the session ended meanwhile
		return []Reason{Protocol, Closed}
	case s == StepSubscribe && h == MH:
		return []Reason{Closed}
	case s == StepSubscribe && h == MC, inTalk(s) && h == MC:
		return []Reason{Timeout, Protocol, Closed}
	case inTalk(s) && h == MH:
		return []Reason{NoMedia, Protocol, Closed}
	}
	return nil
}

// inTalk reports a step in which people hear each other, or should.
func inTalk(s Step) bool { return s == StepFirstMedia || s == StepTalk || s == StepRestore }

// row gives the failure the reason that its step and hop distinguish: its own, or
// the nearest one that is legal. What is left then is a hop that the step has
// nothing to do with, and that is a defect of the prober's.
func (f *Failure) row() *Failure {
	near := map[Reason][]Reason{
		Unreachable: {Unavailable, Timeout, Closed},
		Timeout:     {Unreachable, NoMedia, Closed},
		TLS:         {Protocol, Closed},
		Protocol:    {Closed},
		Rejected:    {Protocol, Closed},
		Unavailable: {Closed},
		Throttled:   {Unavailable, Closed},
		Closed:      {Unavailable, Timeout},
		NoMedia:     {Timeout},
	}
	if f.Step == "" || Legal(f.Step, f.Hop, f.Reason) {
		return f
	}
	for _, r := range near[f.Reason] {
		if Legal(f.Step, f.Hop, r) {
			f.Reason = r
			return f
		}
	}
	return f.self(CauseConfig)
}
