package simulate

import (
	"fmt"
	"math"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/dark-tower/prober/internal/config"
	"github.com/dark-tower/prober/internal/slo/rules"
)

func sd(p float64, games int) float64 { return math.Sqrt(p * (1 - p) / float64(games)) }

// TestAlarmsAreAsRareAsPromised holds the rules to the figures they were chosen for:
// how often in 30 days, and in which order of magnitude.
func TestAlarmsAreAsRareAsPromised(t *testing.T) {
	if testing.Short() {
		t.Skip("plays years")
	}
	q := Qualities()
	healthy, half, atBudget, bursts := q[0], q[1], q[2], q[3]
	const often = math.MaxFloat64
	for _, tc := range []struct {
		target             float64
		interval           time.Duration
		quality            Quality
		pages              [2]float64 // least and most in 30 days
		uncounted, ticket3 [2]float64
	}{
		{0.999, 15 * time.Second, healthy, [2]float64{0, 0}, [2]float64{0, 0.1}, [2]float64{0, 0}},
		{0.999, 15 * time.Second, half, [2]float64{0, 0.05}, [2]float64{0, 0.3}, [2]float64{0, 0.05}},
		{0.999, 15 * time.Second, atBudget, [2]float64{0, 0.1}, [2]float64{0, 1}, [2]float64{0, 0.1}},
		{0.999, 15 * time.Second, bursts, [2]float64{9, 18}, [2]float64{15, 30}, [2]float64{0, often}},
		{0.999, 30 * time.Second, healthy, [2]float64{0, 0}, [2]float64{0, 0.5}, [2]float64{0, 0}},
		{0.999, 30 * time.Second, atBudget, [2]float64{0, 0.1}, [2]float64{5, 13}, [2]float64{0, 0.6}},
		{0.999, time.Minute, healthy, [2]float64{0, 0}, [2]float64{2, 6}, [2]float64{0, 0}},
		{0.999, time.Minute, atBudget, [2]float64{0, 0.1}, [2]float64{36, 48}, [2]float64{0, 2.4}},
		{0.999, time.Minute, bursts, [2]float64{2, 6}, [2]float64{10, 20}, [2]float64{0, often}},
		{0.995, 30 * time.Second, atBudget, [2]float64{0, 0}, [2]float64{0, 0.1}, [2]float64{0, 0.1}},
		{0.995, 30 * time.Second, bursts, [2]float64{6, 13}, [2]float64{7, 15}, [2]float64{0, often}},
		{0.99, time.Minute, atBudget, [2]float64{0, 0}, [2]float64{0, 0.1}, [2]float64{0, 0}},
		{0.95, 15 * time.Second, atBudget, [2]float64{0, 0}, [2]float64{0, 0.1}, [2]float64{0, 0}},
	} {
		row := Play(tc.target, tc.interval, tc.quality, Alarms{Months: 5, Seed: 1})
		within := func(what string, got float64, want [2]float64) {
			if got < want[0] || got > want[1] {
				t.Errorf("%v every %v, %s: %s %v in 30 days, want %v to %v", tc.target, tc.interval, tc.quality.Name, what, got, want[0], want[1])
			}
		}
		within("pages", row.Urgent, tc.pages)
		within("pages without counting", row.Uncounted, tc.uncounted)
		within("tickets at 3x", row.Burn3, tc.ticket3)
	}
}

// outage lets runs fail from begin on and returns how long after it each alarm fires.
func outage(target float64, interval time.Duration, share func(n int) bool) map[int]time.Duration {
	w := newWatch(target, interval)
	const begin = 4 * day
	out := make(map[int]time.Duration)
	var next time.Duration
	n := 0
	for now := time.Duration(0); now < begin+day; now += evaluation {
		for ; next <= now; next += interval {
			bad := next > begin
			if bad {
				n++
				bad = share(n)
			}
			w.run(bad)
		}
		w.evaluate(now, true)
		for i := range w.alarms {
			if _, seen := out[i]; !seen && w.alarms[i].firing {
				out[i] = now - begin
			}
		}
	}
	return out
}

// TestATotalOutageIsFound compares with how many bad runs in a row each rule needs,
// plus half a minute for which its condition has to hold and as much for the next
// evaluation.
func TestATotalOutageIsFound(t *testing.T) {
	const page14, page6, mostlyBad, ticket3, down = 0, 1, 2, 3, 5
	for _, tc := range []struct {
		target   float64
		interval time.Duration
		alarm    int
		after    time.Duration
	}{
		{0.999, 15 * time.Second, page14, 75 * time.Second}, {0.999, 15 * time.Second, page6, 135 * time.Second}, {0.999, 15 * time.Second, ticket3, 270*time.Second + 4*time.Minute + 30*time.Second},
		{0.999, time.Minute, page14, 5 * time.Minute}, {0.99, time.Minute, page14, 9 * time.Minute}, {0.99, time.Minute, page6, 22 * time.Minute},
		{0.995, 30 * time.Second, page14, 270 * time.Second}, {0.999, 15 * time.Second, down, 45 * time.Second}, {0.99, time.Minute, down, 3 * time.Minute},
		{0.95, 15 * time.Second, mostlyBad, 7*time.Minute + 45*time.Second}, {0.95, time.Minute, mostlyBad, 8 * time.Minute},
	} {
		got, fires := outage(tc.target, tc.interval, func(int) bool { return true })[tc.alarm]
		if !fires || got < tc.after || got > tc.after+2*evaluation {
			t.Errorf("%v every %v: alarm %d after %v (%t), want %v", tc.target, tc.interval, tc.alarm, got, fires, tc.after)
		}
	}
}

func TestTwoFailuresWakeNobody(t *testing.T) {
	const uncounted = 7 // what would be without counting
	for _, interval := range []time.Duration{15 * time.Second, time.Minute} {
		for i, at := range outage(0.999, interval, func(n int) bool { return n <= 2 }) {
			if i != uncounted {
				t.Errorf("every %v: alarm %d fires after %v", interval, i, at)
			}
		}
	}
}

// TestBadRunsFarApartAreNoOutageThatGoesOn: five in an hour, but never three in five
// minutes.
func TestBadRunsFarApartAreNoOutageThatGoesOn(t *testing.T) {
	const burn14, uncounted = 0, 7
	fires := outage(0.999, time.Minute, func(n int) bool { return n%11 == 0 })
	if at, is := fires[burn14]; is {
		t.Errorf("it fires after %v", at)
	}
	if _, is := fires[uncounted]; !is {
		t.Error("without counting it would not fire either: this test shows nothing")
	}
}

func TestAnAlarmHoldsAndIsKept(t *testing.T) {
	a := alarm{hold: time.Minute, keep: 10 * time.Minute, since: -1}
	for i, step := range []struct {
		at        time.Duration
		condition bool
		firing    bool
		fired     int
	}{
		{0, true, false, 0}, {30 * time.Second, false, false, 0}, {time.Minute, true, false, 0}, {2 * time.Minute, true, true, 1},
		{3 * time.Minute, false, true, 1}, {4 * time.Minute, true, true, 1}, {13 * time.Minute, false, true, 1}, {14 * time.Minute, false, false, 1},
		{15 * time.Minute, true, false, 1}, {16 * time.Minute, true, true, 2},
	} {
		if a.evaluate(step.at, step.condition, true); a.firing != step.firing || a.fired != step.fired {
			t.Errorf("step %d: firing %t, fired %d; want %t, %d", i, a.firing, a.fired, step.firing, step.fired)
		}
	}
}

func TestTheTableHasEveryKindOfShippedAlert(t *testing.T) {
	rows := AlarmTable(shipped(t), Alarms{Months: 1, Seed: 1})
	named := make(map[string]bool)
	for _, r := range rows {
		for _, n := range r.Names {
			named[n] = true
		}
		if r.Quality.Name == "healthy" && r.Urgent+r.Burn3+r.Burn1+r.Down > 0 {
			t.Errorf("a healthy platform alerts: %+v", r)
		}
	}
	seen := make(map[[2]string]bool)
	for _, r := range rows {
		key := [2]string{fmt.Sprint(r.Target, r.Interval), r.Quality.Name}
		if seen[key] {
			t.Errorf("%v comes twice", key)
		}
		seen[key] = true
	}
	if !named["join-availability"] || !named["media-delivery"] || named["mh-routing"] || named["reconnect-abrupt-time-to-restore"] {
		t.Errorf("rows for %v", named)
	}
	if len(rows)%len(Qualities()) != 0 {
		t.Errorf("%d rows", len(rows))
	}
}

// TestTheConditionsAreThoseThatAreShipped reads them in the rules.
func TestTheConditionsAreThoseThatAreShipped(t *testing.T) {
	cfg, err := config.Load("../../../probes.yaml")
	if err != nil {
		t.Fatal(err)
	}
	file, err := rules.Generate(cfg, rules.Options{})
	if err != nil {
		t.Fatal(err)
	}
	text := string(file)
	for _, want := range []string{
		`ratio_rate1h{slo="join-availability"} > 14.4`, `ratio_rate5m{slo="join-availability"} > 14.4`,
		`ratio_rate6h{slo="join-availability"} > 6`, `ratio_rate30m{slo="join-availability"} > 6`,
		`increase1h{slo="join-availability"} >= 4.5`, `increase5m{slo="join-availability"} >= 2.5`, // 5 and 3
		`ratio_rate15m{slo="join-time-to-media"} > 0.5`, `ratio_rate5m{slo="join-time-to-media"} > 0.5`, `increase15m{slo="join-time-to-media"} >= 2.5`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the rules do not have %s", want)
		}
	}
	for _, want := range []string{`ratio_rate1d\S* > 3\n`, `ratio_rate2h\S* > 3\n`, `ratio_rate3d\S* > 1\n`, `consecutive_failures\S*\) >= 3\n`} {
		if !regexp.MustCompile(want).MatchString(text) {
			t.Errorf("the rules do not have %s", want)
		}
	}
}

func BenchmarkMonthOfRuns(b *testing.B) {
	for b.Loop() {
		Play(0.999, 15*time.Second, Qualities()[2], Alarms{Months: 1, Seed: 1})
	}
}
