package history_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/internal/history"
)

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func run(probe, id string, outcome flows.Outcome) flows.Run {
	r := flows.Run{ID: id, Probe: probe, Flow: flows.Join, Outcome: outcome, Started: start, Duration: time.Second}
	if outcome != flows.Success {
		r.Failure = &flows.Failure{Step: flows.StepMCJoin, Hop: flows.MC, Reason: flows.Timeout, Detail: "why", Err: errors.New("why")}
	}
	return r
}

func add(s *history.Store, runs ...flows.Run) {
	for _, r := range runs {
		s.Add(history.Finished{Run: r})
	}
}

func ids(entries []history.Entry) string {
	var out []string
	for _, e := range entries {
		out = append(out, e.Run.ID)
	}
	return strings.Join(out, " ")
}

func TestTheLatestRunsOfAllProbesAreKeptNewestFirst(t *testing.T) {
	s := history.New(3)
	add(s, run("a", "1", flows.Success), run("a", "2", flows.Success), run("b", "3", flows.Success), run("a", "4", flows.Success), run("a", "5", flows.Success))
	for _, c := range []struct {
		name string
		q    history.Query
		want string
	}{
		{"everything", history.Query{}, "5 4 3"},
		{"of a probe", history.Query{Probe: "a"}, "5 4"},
		{"no more than asked for", history.Query{Limit: 2}, "5 4"},
		{"by outcome", history.Query{Outcome: flows.Failed}, ""},
		{"of a probe that there is not", history.Query{Probe: "c"}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := ids(s.Recent(c.q)); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
	if _, ok := s.Get("1"); ok || s.Len() != 3 {
		t.Errorf("%d runs are kept, run 1 among them: %v", s.Len(), ok)
	}
}

func TestFailuresOutliveSuccesses(t *testing.T) {
	s := history.New(2)
	add(s, run("a", "bad", flows.Failed), run("a", "unclear", flows.Inconclusive), run("a", "stopped", flows.Aborted))
	for i := range 10 {
		add(s, run("a", fmt.Sprint(i), flows.Success))
	}
	if got := ids(s.Recent(history.Query{})); got != "9 8 unclear bad" {
		t.Errorf("kept %q", got)
	}
	if got := ids(s.Recent(history.Query{Outcome: flows.Failed, Limit: 1})); got != "bad" {
		t.Errorf("failures: %q", got)
	}
	if e, ok := s.Get("bad"); !ok || e.Run.Failure == nil {
		t.Errorf("the failure is not found by its id")
	}
}

func TestFailuresAreBoundedForEachProbe(t *testing.T) {
	s := history.New(1)
	for i := range 3 * history.FailuresKept {
		add(s, run("a", fmt.Sprint("a", i), flows.Failed))
		add(s, run("b", fmt.Sprint("b", i), flows.Inconclusive))
	}
	if n := len(s.Recent(history.Query{Probe: "a"})); n != history.FailuresKept {
		t.Errorf("%d failures of a are kept", n)
	}
	if s.Len() != 2*history.FailuresKept {
		t.Errorf("%d runs are kept", s.Len())
	}
}

func TestTheLastRunOfAProbeStaysHoweverManyRunsOthersHave(t *testing.T) {
	s := history.New(2)
	add(s, run("rare", "r", flows.Success))
	for i := range 10 {
		add(s, run("a", fmt.Sprint(i), flows.Success))
	}
	if e, ok := s.Last("rare"); !ok || e.Run.ID != "r" {
		t.Fatal("the rare probe's last run is gone")
	}
	if got := ids(s.Recent(history.Query{})); got != "9 8 r" {
		t.Errorf("kept %q", got)
	}
	if _, ok := s.Last("never"); ok {
		t.Error("a probe without runs has a last one")
	}
	add(s, run("rare", "r2", flows.Failed))
	if _, ok := s.Get("r"); ok {
		t.Error("the run before the last stays")
	}
}

func TestAStripHasTheLastSixtyOutcomesOldestFirst(t *testing.T) {
	s := history.New(1)
	for i := range history.MarksKept + 5 {
		add(s, run("a", fmt.Sprint(i), flows.Success))
	}
	marks := s.Marks("a")
	if len(marks) != history.MarksKept || marks[0].ID != "5" || marks[len(marks)-1].ID != "64" {
		t.Errorf("%d marks, from %s to %s", len(marks), marks[0].ID, marks[len(marks)-1].ID)
	}
	if s.Marks("b") != nil {
		t.Error("a probe without runs has marks")
	}
}

func TestAProbeThatIsRemovedTakesItsRunsAlong(t *testing.T) {
	s := history.New(10)
	add(s, run("a", "1", flows.Failed), run("b", "2", flows.Success))
	s.Retain([]string{"b", "c"})
	if _, ok := s.Get("1"); ok || s.Marks("a") != nil || ids(s.Recent(history.Query{})) != "2" || s.Len() != 1 {
		t.Error("runs of the removed probe are still there")
	}
	if _, ok := s.Last("a"); ok {
		t.Error("its last run is still there")
	}
	add(s, run("a", "3", flows.Failed))
	if got := ids(s.Recent(history.Query{})); got != "3 2" {
		t.Errorf("after it has come back: %q", got)
	}
}

func TestARunIsKeptSmallAndUnchanged(t *testing.T) {
	r := run("a", "1", flows.Failed)
	r.Failure.Detail = strings.Repeat("ä", history.DetailBytes)
	r.Steps = []flows.StepResult{{Step: flows.StepMCJoin, Failure: r.Failure}}
	r.Pairs = []flows.Pair{{From: "x", To: "y", Samples: []flows.Sample{{Latency: 2}, {Latency: 1}}}}
	s := history.New(1)
	s.Add(history.Finished{Run: r, Log: []string{"a line"}, Kept: true})

	if r.Pairs[0].Samples == nil || r.Failure.Err == nil || r.Steps[0].Failure.Err == nil {
		t.Error("the run that was handed in has been changed")
	}
	e, _ := s.Get("1")
	if e.Run.Pairs[0].Samples != nil || e.Run.Failure.Err != nil || e.Run.Steps[0].Failure.Err != nil {
		t.Error("samples or errors are kept")
	}
	if n := len(e.Run.Failure.Detail); n > history.DetailBytes+len("…") || !strings.HasSuffix(e.Run.Failure.Detail, "ä…") {
		t.Errorf("a detail of %d bytes is kept", n)
	}
	if len(e.Series) != 1 || e.Series[0].Frames != 2 || !e.Kept || !slices.Equal(e.Log, []string{"a line"}) {
		t.Errorf("entry: %+v", e)
	}
	if !e.Ended().Equal(start.Add(time.Second)) {
		t.Errorf("ended %v", e.Ended())
	}
}

func TestALongLogKeepsItsBeginningAndItsEnd(t *testing.T) {
	var lines []string
	for i := range 2000 {
		lines = append(lines, fmt.Sprintf("line %04d %s", i, strings.Repeat(".", 40)))
	}
	s := history.New(1)
	s.Add(history.Finished{Run: run("a", "1", flows.Success), Log: lines})
	e, _ := s.Get("1")
	size := len(strings.Join(e.Log, "\n"))
	if size > history.LogBytes+100 || size < history.LogBytes-200 {
		t.Errorf("%d bytes are kept", size)
	}
	if e.Log[0] != lines[0] || e.Log[len(e.Log)-1] != lines[1999] {
		t.Errorf("from %q to %q", e.Log[0], e.Log[len(e.Log)-1])
	}
	middle := slices.IndexFunc(e.Log, func(l string) bool { return strings.Contains(l, "left out") })
	if middle < 0 || e.Log[middle] != fmt.Sprintf("… %d lines left out …", 2000-len(e.Log)+1) {
		t.Errorf("what is left out is not said: %d", middle)
	}
}

func TestOneLineLongerThanTheBoundIsLeftOut(t *testing.T) {
	s := history.New(1)
	s.Add(history.Finished{Run: run("a", "1", flows.Success), Log: []string{strings.Repeat("x", 2*history.LogBytes)}})
	if e, _ := s.Get("1"); !slices.Equal(e.Log, []string{"… 1 lines left out …"}) {
		t.Errorf("%d lines", len(e.Log))
	}
}

func TestTheStoreMayBeUsedFromEverywhereAtOnce(t *testing.T) {
	s := history.New(10)
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := range 200 {
				add(s, run(fmt.Sprint("p", w%2), fmt.Sprint(w, "-", i), flows.Outcomes()[i%3]))
				s.Recent(history.Query{Limit: 5})
				s.Marks("p0")
				s.Get(fmt.Sprint(w, "-", i))
				if i%50 == 49 {
					s.Retain([]string{"p0"})
				}
			}
		})
	}
	wg.Wait()
	if n := s.Len(); n > 10+2*history.FailuresKept+2 {
		t.Errorf("%d runs are kept", n)
	}
}
