package media

import "slices"

// resetBack is how far a hop number may jump back before it is a new count
// rather than reordering (platform contract, media F).
const resetBack = 64

// The numbers are not authenticated. A relay that writes nonsense into them must
// cost nothing but attribution: beyond so many repairs of one stretch they are not
// believed.
const (
	maxResets = 64
	maxMerges = 1024
)

// A run is a stretch of copies, in order of sequence, that arrived at one spot
// under one count of the relay.
type run struct {
	at     spot
	copies []numbered
	fresh  bool // the first one ever seen of this lane and slot: its count began at 0
	absurd bool // its numbers make no sense and close nothing
}

type numbered struct {
	pos int
	hop int64 // with wraps taken out
}

// A unit is the smallest stretch within which missing frames and missing hop
// numbers can be compared: a gap between two received frames, or a stretch that
// the network reordered before the relay.
type unit struct {
	from, to int       // positions, exclusive: of what lies around or within
	missing  []*flight // handed over in this lane, never arrived
	gaps     int       // missing hop numbers
	open     bool      // frames with another explanation may be among the missing
}

// attribute puts each lost frame of the window on a leg.
func (e *PairEvidence) attribute(st *stream, p Pair) {
	runs := st.runs()
	prev := -1 // position of the last copy of the run before
	var before *run
	for i := range runs {
		r := &runs[i]
		head := st.head(before, r, prev, e)
		units := append(head, r.units(st, e)...)
		for _, u := range settleExcess(units) {
			e.decide(st, u, p, r.at.url)
		}
		prev = max(prev, r.copies[len(r.copies)-1].pos)
		before = r
	}
	for _, f := range st.flights[prev+1:] {
		if f.lost() {
			e.Unattributed++
		}
	}
}

// lost reports whether the leg of the frame is asked for: it counts, was handed
// to some transport, and never arrived.
func (f *flight) lost() bool {
	if !f.counted || len(f.arrivals) > 0 {
		return false
	}
	_, handed := f.Handed()
	return handed
}

// missingIn reports whether the frame went out in l and never arrived anywhere.
func (f *flight) missingIn(l lane) bool {
	to := f.target(l.url)
	return len(f.arrivals) == 0 && to != nil && to.ConnEpoch == l.epoch && !to.Handed.IsZero()
}

// runs cuts the copies of a stream where the spot changes or the count restarts.
func (st *stream) runs() []run {
	var out []run
	for lo := 0; lo < len(st.copies); {
		hi := lo + 1
		for hi < len(st.copies) && st.copies[hi].at == st.copies[lo].at {
			hi++
		}
		budget := maxResets
		out = append(out, cutResets(unwrap(st.copies[lo:hi]), &budget)...)
		lo = hi
	}
	type edge struct {
		lane
		slot uint16
	}
	seen := map[edge]bool{}
	for i := range out {
		k := edge{out[i].at.lane, out[i].at.slot}
		out[i].fresh = !seen[k]
		seen[k] = true
	}
	return out
}

func unwrap(copies []hopCopy) run {
	r := run{at: copies[0].at, copies: make([]numbered, len(copies))}
	last := int64(copies[0].hop)
	for i, c := range copies {
		last += int64(int32(c.hop - uint32(last)))
		r.copies[i] = numbered{c.pos, last}
	}
	return r
}

// cutResets cuts a run where its count must have started anew: where it jumps
// back further than reordering does, and, when one number stands on two frames,
// where it falls deepest.
func cutResets(r run, budget *int) []run {
	split := func(i int) []run {
		if *budget == 0 {
			r.absurd = true
			return []run{r}
		}
		*budget--
		a, b := r, r
		a.copies, b.copies = r.copies[:i], r.copies[i:]
		return append(cutResets(a, budget), cutResets(b, budget)...)
	}
	byHop := make(map[int64]int, len(r.copies))
	top := r.copies[0].hop
	deepest, depth, collision := 0, int64(1), false
	for i, c := range r.copies {
		if c.hop < top-resetBack {
			return split(i)
		}
		top = max(top, c.hop)
		if pos, ok := byHop[c.hop]; ok && pos != c.pos {
			collision = true
		}
		byHop[c.hop] = c.pos
		if i > 0 {
			if step := c.hop - r.copies[i-1].hop; step < depth && c.pos != r.copies[i-1].pos {
				deepest, depth = i, step
			}
		}
	}
	if collision && deepest > 0 {
		return split(deepest)
	}
	return []run{r}
}

// head deals with what is missing between the run before and r. It returns the
// unit that r's own count closes, if it closes any, and counts the rest at once.
//
// The count began at 0 with the first frame that was forwarded here, so its lowest
// number is how many were forwarded before. A number that is too high for that
// belongs to a count that began before this record did, and closes nothing.
func (st *stream) head(before, r *run, prev int, e *PairEvidence) []unit {
	first := r.copies[0].pos
	between := st.flights[min(prev+1, first):first]
	lowest := r.copies[0].hop
	for _, c := range r.copies {
		lowest = min(lowest, c.hop)
	}
	if !r.fresh || r.absurd || before != nil && before.at.url != r.at.url || lowest > int64(len(between)+resetBack) {
		for _, f := range between {
			if f.lost() {
				e.Unattributed++
			}
		}
		return nil
	}
	// In a slot the sender has moved into, some may have been lost on the way to
	// the slot before.
	u := unit{from: prev, to: first, gaps: int(lowest), open: before != nil && before.at.lane == r.at.lane}
	e.sort(&u, between, r.at.lane)
	return []unit{u}
}

// sort puts those of flights that went missing in l into u, and counts the other
// lost ones at once: dropped by the sender on the way to the handler that counts,
// or not meant for it.
func (e *PairEvidence) sort(u *unit, flights []*flight, l lane) {
	for _, f := range flights {
		switch to := f.target(l.url); {
		case f.missingIn(l):
			u.missing = append(u.missing, f)
		case !f.lost():
		case to != nil && to.Handed.IsZero():
			e.LostSender++
		default:
			e.Unattributed++
		}
	}
}

// units cuts r into units, in order. Two neighbours part where everything before
// has lower numbers than everything after.
func (r *run) units(st *stream, e *PairEvidence) []unit {
	n := len(r.copies)
	if r.absurd {
		for _, f := range st.flights[r.copies[0].pos:r.copies[n-1].pos] {
			if f.lost() {
				e.Unattributed++
			}
		}
		return nil
	}
	lowestFrom := make([]int64, n+1) // lowest number from i on
	lowestFrom[n] = 1 << 62
	for i := n - 1; i >= 0; i-- {
		lowestFrom[i] = min(lowestFrom[i+1], r.copies[i].hop)
	}
	var out []unit
	add := func(i, k, gaps int) { // copies i..k
		u := unit{from: r.copies[i].pos, to: r.copies[k].pos, gaps: gaps}
		e.sort(&u, st.flights[u.from+1:max(u.to, u.from+1)], r.at.lane)
		if u.gaps > 0 || len(u.missing) > 0 {
			out = append(out, u)
		}
	}
	top := int64(-1 << 62)
	for lo := 0; lo < n; {
		hi := lo
		for top = max(top, r.copies[hi].hop); lowestFrom[hi+1] <= top; top = max(top, r.copies[hi].hop) {
			hi++
		}
		if hi > lo {
			add(lo, hi, missingNumbers(r.copies[lo:hi+1]))
		}
		if hi+1 < n {
			add(hi, hi+1, int(lowestFrom[hi+1]-top-1))
		}
		lo = hi + 1
	}
	return out
}

// missingNumbers counts the numbers between the lowest and the highest that are
// on none of the copies.
func missingNumbers(copies []numbered) int {
	hops := make([]int64, len(copies))
	for i, c := range copies {
		hops[i] = c.hop
	}
	slices.Sort(hops)
	hops = slices.Compact(hops)
	return int(hops[len(hops)-1]-hops[0]+1) - len(hops)
}

// settleExcess merges units with more missing numbers than missing frames with
// what lies between them and the nearest units that have frames to spare: a frame
// was overtaken before the relay, and its number lies in another gap. Frames
// further apart than resetBack did not overtake each other, and an excess that
// cannot be settled within that reach is left alone.
func settleExcess(units []unit) []unit {
	spare := func(u unit) int { return len(u.missing) - u.gaps }
	merges := 0
	for i := 0; i < len(units) && merges < maxMerges; i++ {
		if spare(units[i]) >= 0 {
			continue
		}
		lo, hi, sum := i, i, spare(units[i])
		for sum < 0 {
			left := lo > 0 && distance(units[lo-1], units[i]) <= resetBack
			right := hi+1 < len(units) && distance(units[hi+1], units[i]) <= resetBack
			if !left && !right {
				break
			}
			if right && (!left || distance(units[hi+1], units[i]) < distance(units[lo-1], units[i])) {
				hi++
				sum += spare(units[hi])
			} else {
				lo--
				sum += spare(units[lo])
			}
		}
		if sum < 0 {
			continue
		}
		merged := units[lo]
		for _, u := range units[lo+1 : hi+1] {
			merged.missing = append(slices.Clip(merged.missing), u.missing...)
			merged.gaps += u.gaps
			merged.to = max(merged.to, u.to)
			merged.open = merged.open || u.open
		}
		units = slices.Concat(units[:lo], []unit{merged}, units[hi+1:])
		i = lo
		merges++
	}
	return units
}

// distance is the number of frames between two units.
func distance(a, b unit) int { return max(0, a.from-b.to, b.from-a.to) }

// decide counts the missing frames of a unit that belong to the window; url is of
// the handler that numbered what is around them.
func (e *PairEvidence) decide(st *stream, u unit, p Pair, url string) {
	missing, counted := len(u.missing), 0
	for _, f := range u.missing {
		if f.lost() {
			counted++
		}
	}
	switch {
	case u.gaps > missing:
		if st.touches(u, p) {
			e.UnexplainedHops += u.gaps - missing
		}
		e.Unattributed += counted
	case u.gaps == missing:
		e.lost(url, 0, counted)
	case u.open && counted == missing:
		e.lost(url, 0, u.gaps)
		e.Unattributed += missing - u.gaps
	case u.open:
		e.Unattributed += counted
	case u.gaps == 0:
		e.lost(url, counted, 0)
	case counted == missing:
		e.lost(url, missing-u.gaps, u.gaps)
	default:
		e.Unattributed += counted
	}
}

// touches reports whether any frame around or within u was due in the window.
func (st *stream) touches(u unit, p Pair) bool {
	for _, f := range st.flights[max(u.from, 0) : u.to+1] {
		if p.measures(f.Due) {
			return true
		}
	}
	return false
}
