package tracing

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// sink is an exporter that takes what it is told to take.
type sink struct {
	mu      sync.Mutex // protects all following fields
	batches []int
	err     error
	hang    bool
	shut    int
}

func (s *sink) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	s.mu.Lock()
	hang, err := s.hang, s.err
	if err == nil && !hang {
		s.batches = append(s.batches, len(spans))
	}
	s.mu.Unlock()
	if hang {
		<-ctx.Done()
		return ctx.Err()
	}
	return err
}

func (s *sink) Shutdown(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shut++
	return nil
}

func (s *sink) set(err error, hang bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err, s.hang = err, hang
}

func (s *sink) taken() []int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]int(nil), s.batches...)
}

func spansOf(id byte, n int) []sdktrace.ReadOnlySpan {
	out := make([]sdktrace.ReadOnlySpan, n)
	for i := range out {
		out[i] = span(id, i)
	}
	return out
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func TestWhatIsPutTogetherIsExportedTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &sink{}
		q := newQueue(s, quiet())
		for _, n := range []int{300, 200, 100, 600, 10} {
			if !q.put(spansOf(1, n)) {
				t.Errorf("no room for %d", n)
			}
		}
		time.Sleep(time.Second)
		if got := s.taken(); len(got) != 4 || got[0] != 500 || got[1] != 100 || got[2] != 600 || got[3] != 10 {
			t.Errorf("batches %v", got)
		}
		q.put(spansOf(2, 7))
		if err := q.shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		if got := s.taken(); got[len(got)-1] != 7 {
			t.Errorf("batches %v: what was there at the end is missing", got)
		}
		if err := q.shutdown(t.Context()); err != nil || s.shut != 1 {
			t.Errorf("a second shutdown: %v; the exporter was shut down %d times", err, s.shut)
		}
		if q.put(spansOf(3, 1)) || q.lost.Load() != 1 {
			t.Error("a queue that is shut down takes spans")
		}
	})
}

func TestAQueueIsBoundedWhileTheCollectorHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &sink{hang: true}
		q := newQueue(s, quiet())
		q.put(spansOf(1, 1))
		synctest.Wait()
		time.Sleep(2 * linger) // the export is under way
		for range 100 {
			began := time.Now()
			q.put(spansOf(1, 1000))
			if time.Since(began) > 0 {
				t.Fatal("putting took time")
			}
		}
		if fits := queueSpans / 1000 * 1000; q.spans != fits || q.lost.Load() != uint64(100000-fits) {
			t.Errorf("%d spans wait, %d are lost", q.spans, q.lost.Load())
		}
		began := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := q.shutdown(ctx); err != nil {
			t.Error(err)
		}
		if took := time.Since(began); took != time.Second {
			t.Errorf("shutting down took %v", took)
		}
		if n := q.lost.Load(); n != 100001 {
			t.Errorf("%d spans are counted as lost, not 100001", n)
		}
	})
}

func TestAtTheEndACollectorThatRefusesIsAskedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &sink{err: errors.New("refused")}
		q := newQueue(s, quiet())
		for range 10 {
			q.put(spansOf(1, 500))
		}
		if err := q.shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		if n := q.lost.Load(); n != 5000 {
			t.Errorf("%d spans are counted as lost, not 5000", n)
		}
	})
}

func TestACollectorThatIsAwayIsMentionedRarely(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		s := &sink{err: errors.New("refused")}
		q := newQueue(s, slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		}})))
		for range 25 * 60 { // 25 minutes
			q.put(spansOf(1, 1))
			time.Sleep(time.Second)
		}
		s.set(nil, false)
		for range 10 {
			q.put(spansOf(1, 1))
			time.Sleep(time.Second)
		}
		if err := q.shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		want := strings.Join([]string{
			`level=WARN msg="traces cannot be exported" error=refused spans_lost=1`,
			`level=WARN msg="traces cannot be exported" error=refused spans_lost=601`,
			`level=WARN msg="traces cannot be exported" error=refused spans_lost=1201`,
			`level=INFO msg="traces are exported again" spans_lost=1500`,
		}, "\n") + "\n"
		if out.String() != want {
			t.Errorf("log:\n%s\nwant:\n%s", out.String(), want)
		}
	})
}
