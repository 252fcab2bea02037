// Package schedule decides when probes run. It knows time, lanes and a budget; of a
// run it looks at nothing but its outcome, at how people left, and at whether a
// service asked to be left alone. It must not know networks, metrics, objectives or
// the configuration's file, and it does no I/O.
//
// # Due times
//
// A probe has slots, numbered from 0. Slot i is due at
//
//	start + FirstRun + splay + i*interval
//
// which is computed each time and never added up, on the monotonic clock: a schedule
// cannot drift, whatever runs take. The splay is at least 0 and less than the
// interval and comes from a hash of the instance and the probe's name, so that probes
// do not start together, replicas neither, and a restart finds the same pattern. A
// probe that is new or changed at a reload enters the same due times at the first
// one that is FirstRun away.
//
// # What becomes of a slot
//
// Each slot is either run or skipped, and every skip has one reason; runs and skips
// add up to slots. Nothing is queued: a skipped slot is gone. The reasons are looked
// at in this order:
//
//	paused       the configuration says so
//	overlap      the probe's last run, scheduled or by hand, still goes
//	unavailable  backing off after a failure with which a service asked for it (503)
//	throttled    backing off after a service refused for load (429)
//	late         the prober woke up so late that the next slot is due already
//	resting      no lane of the probe has rested
//	saturated    the budget has no room for the run
//
// An outage makes runs long, makes services ask for a pause and leaves ghosts behind.
// If the slots lost to it were merely missing, the outage would thin out its own
// samples. So slots that are skipped as overlap or unavailable inherit the outcome of
// the run that caused it, and those skipped as resting do when every lane rests
// because its last run failed and left somebody behind. All others only lower the
// coverage: they say nothing of the platform. A reload that changes a probe cuts the
// line: its slots inherit nothing from runs of before.
//
// # Lanes and budget
//
// A lane takes one run at a time, rests after it, and is given out in turns. The
// budget bounds the participants, and the datagrams per second, of all runs at a
// time. A run that would take more is skipped; a smaller budget ends no run.
//
// # Back-off
//
// When a run ends with a service asking to be left alone, the next is two intervals
// after it, and four once two in a row have asked; but never so many that they are
// more than five minutes: a probe with an interval above two and a half minutes is
// slow enough as it is. A Retry-After is kept to besides, up to five minutes from the
// end of the run; the run after it is at the first slot that is due then. The first
// scheduled run that does not ask ends the back-off.
//
// A run by hand changes the back-off only when it was throttled. It is refused while
// the probe backs off as throttled, and within a Retry-After; a 503 without one does
// not keep a person from looking.
//
// # What is late
//
// The scheduler sets runs no deadline; that is for flows.Execute. A run that does not
// end keeps its lane and its share of the budget, its probe's slots are skipped as
// overlap, and the Status says since when. The loop goes on.
package schedule
