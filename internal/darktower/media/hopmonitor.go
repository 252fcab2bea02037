package media

// HopStats are what one connection's hop numbers say as frames arrive (platform
// contract, media F). They are the client's own running estimate: Legs knows more.
type HopStats struct {
	Gaps      int // missing numbers, counted in frames
	Reordered int // frames at or below the highest number; a duplicate is one too
	Resets    int // counts that began anew: another sender in the slot, or a jump back
}

// Lost is the estimate of frames lost on the downlink.
func (s HopStats) Lost() int { return max(0, s.Gaps-s.Reordered) }

// hopMonitor follows the relay's count in each declared slot of one connection.
// It never refuses a frame.
type hopMonitor struct {
	slots map[uint16]*hopState
	stats HopStats
}

type hopState struct {
	sender uint16
	mark   uint32 // highest number seen
}

func (m *hopMonitor) see(slot, sender uint16, hop uint32) {
	s := m.slots[slot]
	if s == nil {
		m.slots[slot] = &hopState{sender: sender, mark: hop}
		return
	}
	ahead := int32(hop - s.mark) // serial arithmetic: the number wraps
	switch {
	case s.sender != sender || ahead < -resetBack:
		m.stats.Resets++
		s.sender, s.mark = sender, hop
	case ahead > 0:
		m.stats.Gaps += int(ahead) - 1
		s.mark = hop
	default:
		m.stats.Reordered++
	}
}
