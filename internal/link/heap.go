package link

import (
	"container/heap"
	"time"
)

// transit is a packet under way.
type transit struct {
	Packet
	order uint64 // among packets due at the same moment
	data  []byte
	from  *flow
	index int // in the heap
}

// schedule is a heap of packets by due time.
type schedule []*transit

// Len implements heap.Interface.
func (s schedule) Len() int { return len(s) }

// Less implements heap.Interface.
func (s schedule) Less(i, j int) bool {
	if !s[i].Due.Equal(s[j].Due) {
		return s[i].Due.Before(s[j].Due)
	}
	return s[i].order < s[j].order
}

// Swap implements heap.Interface.
func (s schedule) Swap(i, j int) {
	s[i], s[j] = s[j], s[i]
	s[i].index, s[j].index = i, j
}

// Push implements heap.Interface.
func (s *schedule) Push(x any) {
	t := x.(*transit)
	t.index = len(*s)
	*s = append(*s, t)
}

// Pop implements heap.Interface.
func (s *schedule) Pop() any {
	old := *s
	t := old[len(old)-1]
	old[len(old)-1] = nil
	*s = old[:len(old)-1]
	return t
}

func (s *schedule) add(t *transit)    { heap.Push(s, t) }
func (s *schedule) take() *transit    { return heap.Pop(s).(*transit) }
func (s *schedule) moved(t *transit)  { heap.Fix(s, t.index) }
func (s schedule) nextDue() time.Time { return s[0].Due }
