package selfwatch

import (
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestLagIsCountedForTheSpanItOverlaps(t *testing.T) {
	s := &Sampler{}
	base := time.Unix(1000, 0)
	at := func(ms int) time.Time { return base.Add(time.Duration(ms) * time.Millisecond) }
	s.note(at(10), at(12)) // 2 ms: not late
	s.note(at(20), at(40)) // 20 ms
	s.note(at(60), at(66)) // 6 ms

	for _, c := range []struct {
		name     string
		from, to int
		want     time.Duration
	}{
		{"before every lag", 0, 20, 0},
		{"a small lateness is not a lag", 10, 13, 0},
		{"inside a lag", 25, 30, 5 * time.Millisecond},
		{"across the start of a lag", 15, 25, 5 * time.Millisecond},
		{"across the end of a lag", 35, 50, 5 * time.Millisecond},
		{"across two lags", 0, 100, 26 * time.Millisecond},
		{"between two lags", 41, 60, 0},
		{"after every lag", 70, 90, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := s.LagDuring(at(c.from), at(c.to)); got != c.want {
				t.Errorf("lag during %d..%d ms = %v, want %v", c.from, c.to, got, c.want)
			}
			if got := s.LateDuring(at(c.from), at(c.to)); got != (c.want > 0) {
				t.Errorf("late during %d..%d ms = %v", c.from, c.to, got)
			}
		})
	}
	for to, want := range map[int]time.Duration{15: 0, 25: 20 * time.Millisecond, 100: 20 * time.Millisecond} {
		if got := s.WorstDuring(at(0), at(to)); got != want {
			t.Errorf("worst until %d ms = %v, want %v", to, got, want)
		}
	}
	if got := s.WorstDuring(at(50), at(100)); got != 6*time.Millisecond {
		t.Errorf("worst of the second lag alone = %v", got)
	}
}

func TestAFullRecordVouchesForNothing(t *testing.T) {
	s := &Sampler{}
	base := time.Unix(1000, 0)
	for i := range capacity + 1 {
		due := base.Add(time.Duration(i) * time.Second)
		s.note(due, due.Add(10*time.Millisecond))
	}
	far := base.Add(365 * 24 * time.Hour)
	if !s.LateDuring(far, far.Add(time.Millisecond)) {
		t.Error("a full record must count every moment as late")
	}
}

func TestASamplerThatIsWokenInTimeSeesNoLag(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := Start()
		start := time.Now()
		time.Sleep(time.Second)
		s.Stop()
		s.Stop() // stopping twice is harmless
		if got := s.WorstDuring(start, time.Now()); got != 0 {
			t.Errorf("worst = %v on a clock that is never late", got)
		}
	})
}
