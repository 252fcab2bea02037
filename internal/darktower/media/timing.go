package media

import "time"

// jitter is the interarrival jitter of RFC 3550 6.4.1 over the accepted frames of
// the window, in order of arrival.
func jitter(j *joined) time.Duration {
	var estimate float64
	var last time.Duration
	first := true
	for _, f := range j.order {
		_, started, known := f.began(f.accepted)
		if !f.counted || !known {
			continue
		}
		transit := f.accepted.At.Sub(started)
		if !first {
			estimate += (float64((transit - last).Abs()) - estimate) / 16
		}
		first, last = false, transit
	}
	return time.Duration(estimate)
}

// reordered counts the accepted frames of the window that arrived after one with
// a higher sequence of the same identity (RFC 4737 3.3).
func reordered(j *joined) int {
	highest := map[streamKey]uint32{}
	n := 0
	for _, f := range j.order {
		key := streamKey{f.Epoch, f.Stream}
		top, seen := highest[key]
		switch {
		case !seen || int32(f.Sequence-top) > 0:
			highest[key] = f.Sequence
		case f.counted:
			n++
		}
	}
	return n
}

// longestSilence is the longest span between From and To in which no frame was
// accepted. A window that was cut short by Until ends there.
func longestSilence(j *joined, p Pair) time.Duration {
	end := p.To
	if !p.Until.IsZero() && p.Until.Before(end) {
		end = p.Until
	}
	if !p.From.Before(end) {
		return 0
	}
	last, longest := p.From, time.Duration(0)
	for _, f := range j.order {
		at := f.accepted.At
		if at.Before(p.From) {
			continue
		}
		if !at.Before(end) {
			break
		}
		longest = max(longest, at.Sub(last))
		last = at
	}
	return max(longest, end.Sub(last))
}
