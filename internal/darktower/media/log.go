package media

// log is an append-only record of bounded length. Entries never move, so that a
// pointer to one stays good and growing never copies what is there: a copy of
// megabytes would show in the latencies being recorded.
type log[T any] struct {
	chunks  [][]T
	n       int
	limit   int
	dropped int // entries that came when the log was full
}

const chunkLen = 1024

// add appends v and returns where it lies, or nil when the log is full.
func (l *log[T]) add(v T) *T {
	if l.n >= l.limit {
		l.dropped++
		return nil
	}
	if l.n%chunkLen == 0 {
		l.chunks = append(l.chunks, make([]T, 0, chunkLen))
	}
	last := &l.chunks[len(l.chunks)-1]
	*last = append(*last, v)
	l.n++
	return &(*last)[len(*last)-1]
}

// at returns entry i.
func (l *log[T]) at(i int) *T { return &l.chunks[i/chunkLen][i%chunkLen] }

// chunk appends the entries from index i on to dst, up to the end of a chunk.
func (l *log[T]) chunk(dst []T, i int) []T {
	if i >= l.n {
		return dst
	}
	return append(dst, l.chunks[i/chunkLen][i%chunkLen:]...)
}

// from appends the entries from index i on to dst.
func (l *log[T]) from(dst []T, i int) []T {
	for n := len(dst); i < l.n; n = len(dst) {
		dst = l.chunk(dst, i)
		i += len(dst) - n
	}
	return dst
}
