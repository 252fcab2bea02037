package pagetest

import (
	"time"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/internal/history"
	"github.com/dark-tower/prober/internal/page"
)

const ms = time.Millisecond

func windows(rates ...float64) []page.Burn {
	spans := []time.Duration{5 * time.Minute, 30 * time.Minute, time.Hour, 6 * time.Hour, 72 * time.Hour}
	out := make([]page.Burn, len(spans))
	for i, w := range spans {
		out[i].Window = w
		if i < len(rates) {
			out[i].Rate = new(rates[i])
		}
	}
	return out
}

func objective(probe, indicator, role string, target float64, threshold time.Duration, good, consumed float64, rates ...float64) page.ObjectiveStatus {
	return page.ObjectiveStatus{Name: probe + "-" + indicator, Indicator: indicator, Role: role, Target: target, Threshold: threshold, Window: 30 * 24 * time.Hour,
		SLI: &good, Consumed: &consumed, Remaining: new(1 - consumed), Burn: windows(rates...), Coverage: "3.2 d of 30 d measured"}
}

func unknown(o page.ObjectiveStatus) page.ObjectiveStatus {
	o.SLI, o.Consumed, o.Remaining, o.Burn, o.Coverage = nil, nil, nil, windows(), "0 min of 30 d measured"
	return o
}

// statuses are the probes of all worlds, as they are when everything is well.
func statuses() []page.ProbeStatus {
	return []page.ProbeStatus{
		{Name: "join", Flow: flows.Join, Interval: 15 * time.Second, NextDue: Now.Add(4 * time.Second), Objectives: []page.ObjectiveStatus{
			objective("join", "availability", "page", 0.999, 0, 0.99986, 0.14, 0, 0, 0, 0.3, 0.2),
			objective("join", "time_to_media", "warn", 0.95, 2*time.Second, 0.9991, 0.02, 0, 0, 0, 0.1, 0.1),
			objective("join", "gc_join", "warn", 0.99, 500*ms, 0.9995, 0.05, 0, 0, 0, 0, 0.1)}},
		{Name: "media", Flow: flows.Media, Interval: 30 * time.Second, RunningSince: Now.Add(-7 * time.Second), NextDue: Now.Add(23 * time.Second), Objectives: []page.ObjectiveStatus{
			objective("media", "availability", "page", 0.995, 0, 1, 0, 0, 0, 0, 0, 0),
			objective("media", "one_way_latency", "warn", 0.99, 150*ms, 0.99997, 0.01, 0, 0, 0, 0, 0),
			objective("media", "delivery_ratio", "warn", 0.995, 0, 0.9998, 0.04, 0.02, 0.05, 0.04, 0.1, 0.1)}},
		{Name: "reconnect-clean", Flow: flows.Reconnect, Interval: time.Minute, NextDue: Now.Add(31 * time.Second),
			Resting: []page.LaneRest{{Lane: "reconnect-clean", Until: Now.Add(6 * time.Second)}}, Objectives: []page.ObjectiveStatus{
				objective("reconnect-clean", "availability", "page", 0.99, 0, 1, 0, 0, 0, 0, 0, 0),
				objective("reconnect-clean", "time_to_restore", "warn", 0.95, 5*time.Second, 1, 0, 0, 0, 0, 0, 0)}},
		{Name: "sign-in", Flow: flows.SignIn, Interval: 150 * time.Second, NextDue: Now.Add(80 * time.Second), Objectives: []page.ObjectiveStatus{
			objective("sign-in", "sign_in", "inform", 0.99, 350*ms, 0.998, 0.2, 0, 0, 0, 0.4, 0.3)}},
		{Name: "reconnect-abrupt", Flow: flows.Reconnect, Informational: true, Interval: 3 * time.Minute, NextDue: Now.Add(100 * time.Second), Objectives: []page.ObjectiveStatus{
			objective("reconnect-abrupt", "time_to_restore", "inform", 0.95, 5*time.Second, 0, 20, 20, 20, 20, 20, 20)}},
	}
}

// Empty is a prober that has just been started.
func Empty() World {
	w := World{Now: Now, Status: statuses()}
	for i := range w.Status {
		s := &w.Status[i]
		s.RunningSince, s.Resting, s.NextDue = time.Time{}, nil, Now.Add(15*time.Second)
		for n := range s.Objectives {
			s.Objectives[n] = unknown(s.Objectives[n])
		}
	}
	return w
}

// Healthy is a platform that does what it should, with one blip long ago.
func Healthy() World {
	w := World{Now: Now, Status: statuses()}
	for n := range 60 {
		r := join(n)
		if n == 12 {
			r = joinFails(r)
		}
		w.add(r)
		if n%2 == 0 {
			w.add(talk(n, 0))
		}
		if n%4 == 0 {
			w.add(reconnect(n, "reconnect-clean", flows.CutClean))
		}
		if n%10 == 0 {
			w.add(signIn(n))
		}
		if n%12 == 0 {
			w.add(reconnect(n, "reconnect-abrupt", flows.CutAbrupt))
		}
	}
	return w
}

// Failing is a platform whose MC refuses joins, whose handlers lose frames, and a
// prober that finds somebody in a lane.
func Failing() World {
	w := World{Now: Now, Status: statuses()}
	for n := range 60 {
		r := join(n)
		if n >= 49 {
			r = joinFails(r)
		}
		w.add(r)
		if n%2 == 0 {
			lost := 0
			if n > 30 {
				lost = 14
			}
			w.add(talk(n, lost))
		}
		if n%4 == 0 {
			r := reconnect(n, "reconnect-clean", flows.CutClean)
			if n >= 44 {
				r = laneTaken(r)
			}
			w.add(r)
		}
		if n == 0 {
			w.add(signIn(n))
		}
		if n%12 == 0 {
			w.add(reconnect(n, "reconnect-abrupt", flows.CutAbrupt))
		}
	}
	s := w.Status
	s[0].BackoffUntil, s[0].Interval, s[0].NextDue = Now.Add(40*time.Second), time.Minute, Now.Add(40*time.Second)
	s[0].Skipped = "unavailable"
	s[0].Objectives[0] = objective("join", "availability", "page", 0.999, 0, 0.9988, 1.24, 1000, 92, 46, 7.6, 1.1)
	s[1].Objectives[2] = objective("media", "delivery_ratio", "warn", 0.995, 0, 0.9942, 0.83, 5.6, 5.6, 3.1, 1.2, 0.9)
	s[3].NextDue = Now.Add(-13 * time.Minute)
	return w
}

func (w *World) add(r flows.Run) {
	w.Runs = append(w.Runs, history.Finished{Run: r, Log: logOf(r), Kept: r.Failure != nil})
}
