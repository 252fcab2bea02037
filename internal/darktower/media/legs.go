package media

import (
	"slices"
	"time"

	"github.com/dark-tower/prober/internal/darktower/frame"
)

// Legs joins what one participant sent with what another received and says what
// became of each frame of the window.
//
// The legs of lost frames follow from the relay's hop numbers (platform contract,
// media F). The relay numbers the frames of one edge as it forwards them; so of
// the M frames that were handed over between two received ones and are missing,
// the G numbers that are missing too were lost after the relay and M - G before it.
// Where that leaves a choice, as for missing frames on both sides of the window's
// edge, frames are Unattributed: Legs never guesses.
func Legs(p Pair) PairEvidence {
	j := join(p)
	e := PairEvidence{Refused: map[frame.Reason]int{}}
	for _, st := range j.streams {
		for i, f := range st.flights {
			switch {
			case p.measures(f.Due):
				e.count(f, p)
			case Span{p.From, p.To}.contains(f.Due):
				e.Excepted++
			}
			if i > 0 && f.Missed > 0 {
				e.Missed += p.missed(st.flights[i-1].Due, f)
			}
		}
		e.attribute(st, p)
	}
	e.Jitter = jitter(j)
	e.Reordered = reordered(j)
	e.LongestSilence = longestSilence(j, p)
	return e
}

// measures reports whether a frame due at t counts.
func (p Pair) measures(t time.Time) bool {
	return Span{p.From, p.To}.contains(t) && !slices.ContainsFunc(p.Except, func(s Span) bool { return s.contains(t) })
}

// missed counts the due times of the window that passed unused between the frame
// due at prev and f, those included where nothing is expected: the lateness is the
// sender's own.
func (p Pair) missed(prev time.Time, f *flight) int {
	n, interval := 0, f.Due.Sub(prev)/time.Duration(f.Missed+1)
	for i := 1; i <= f.Missed; i++ {
		if (Span{p.From, p.To}).contains(prev.Add(time.Duration(i) * interval)) {
			n++
		}
	}
	return n
}

// count notes the fate of a frame of the window, all but the leg of a lost one.
func (e *PairEvidence) count(f *flight, p Pair) {
	handed, ok := f.lastHanded()
	if len(f.arrivals) == 0 && !p.Until.IsZero() && handed.Add(p.Settle).After(p.Until) {
		e.Unsettled++
		return
	}
	f.counted = true
	e.Sent++
	if first, ok := f.Handed(); ok {
		e.SendLateness = append(e.SendLateness, first.Sub(f.Due))
	} else {
		e.SendLateness = append(e.SendLateness, f.Built.Sub(f.Due))
	}
	switch {
	case f.accepted != nil:
		e.Duplicate += len(f.arrivals) - 1
		e.deliver(f, p.Settle)
	case len(f.arrivals) > 0:
		e.Duplicate += len(f.arrivals) - 1
		e.Refused[f.arrivals[0].Reject]++
	case !ok:
		e.LostSender++
	}
}

// deliver notes an accepted frame.
func (e *PairEvidence) deliver(f *flight, settle time.Duration) {
	r := f.accepted
	handed, started, known := f.began(r)
	latency := r.At.Sub(started)
	if latency > settle {
		e.Late++
	} else {
		e.Delivered++
	}
	if known {
		e.LeaveLateness = append(e.LeaveLateness, started.Sub(handed))
		e.ReadLateness = append(e.ReadLateness, r.ReadLateness)
		e.Latency = append(e.Latency, LatencySample{
			Epoch: f.Epoch, Sequence: f.Sequence,
			HandedAt: handed, StartedAt: started, ArrivedAt: r.At, Latency: latency, HandlerURL: r.HandlerURL,
		})
	}
}

// began returns when the connection to r's handler took the frame, and when the
// frame's way began. When the record does not say, both are when it was built, and
// known is false.
func (f *flight) began(r *Received) (handed, started time.Time, known bool) {
	to := f.target(r.HandlerURL)
	switch {
	case to == nil || to.Handed.IsZero():
		return f.Built, f.Built, false
	case to.Start().After(r.At):
		return to.Handed, to.Handed, true
	}
	return to.Handed, to.Start(), true
}

// lastHanded returns the last moment at which a transport took the frame. When
// none did, it returns when the frame was built, and false.
func (f *flight) lastHanded() (time.Time, bool) {
	last, ok := f.Built, false
	for i := range f.Targets {
		if h := f.Targets[i].Handed; !h.IsZero() && (!ok || h.After(last)) {
			last, ok = h, true
		}
	}
	return last, ok
}
