package page_test

import (
	"strings"
	"testing"
	"time"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/internal/digest"
	"github.com/dark-tower/prober/internal/page"
	"github.com/dark-tower/prober/internal/page/pagetest"
)

var refused = &flows.Failure{Step: flows.StepMCJoin, Hop: flows.MC, Reason: flows.Timeout}

// past writes outcomes as letters, oldest first, one every 15 s up to now: s
// success, f failure, i inconclusive, a aborted.
func past(letters string) []digest.Mark {
	var out []digest.Mark
	for i, l := range letters {
		m := digest.Mark{Started: pagetest.Now.Add(time.Duration(i-len(letters)) * 15 * time.Second), Duration: time.Second,
			Outcome: map[rune]flows.Outcome{'s': flows.Success, 'f': flows.Failed, 'i': flows.Inconclusive, 'a': flows.Aborted}[l]}
		switch l {
		case 's':
			m.Headline = new(48 * time.Millisecond)
		case 'f':
			m.Failure = refused
		case 'i':
			m.Failure = &flows.Failure{Step: flows.StepMCJoin, Hop: flows.Prober, Reason: flows.Self, Cause: flows.CauseLane}
		}
		out = append(out, m)
	}
	return out
}

func burn(role string, five, hour float64) page.ObjectiveStatus {
	return page.ObjectiveStatus{Name: "x", Indicator: "time_to_media", Threshold: 2 * time.Second, Role: role, Burn: []page.Burn{
		{Window: 5 * time.Minute, Rate: &five}, {Window: 30 * time.Minute}, {Window: time.Hour, Rate: &hour}}}
}

func TestAProbeIsJudgedByItsLatestRuns(t *testing.T) {
	unmeasured := burn("page", 5, 5)
	unmeasured.Burn[0].Rate = nil
	for _, c := range []struct {
		name   string
		marks  []digest.Mark
		change func(*page.ProbeStatus)
		want   page.State
		why    string
		since  time.Duration // before now
	}{
		{name: "no run is no evidence", want: page.NoEvidence, why: "no run has finished"},
		{name: "aborted runs are no evidence", marks: past("aaa"), want: page.NoEvidence},
		{name: "successes are good", marks: past("ssss"), want: page.Good, why: "time to media 48.0 ms"},
		{name: "one success is good", marks: past("s"), want: page.Good},
		{name: "a blip among many is good", marks: past("sssfssss"), want: page.Good},
		{name: "an aborted run changes nothing", marks: past("ssssa"), want: page.Good},
		{name: "the last one failed", marks: past("sssssf"), want: page.Degraded, why: "1 of the last 6 runs failed, at last MC does not answer at mc_join", since: 15 * time.Second},
		{name: "two of the last ten failed", marks: past("ffssssssfsssfs"), want: page.Degraded, why: "2 of the last 10 runs", since: 90 * time.Second},
		{name: "two that are longer ago do not count", marks: past("ffssssssssss"), want: page.Good},
		{name: "three in a row are an outage", marks: past("ssfff"), want: page.Failing, why: "MC does not answer at mc_join", since: 45 * time.Second},
		{name: "nothing has ever worked", marks: past("f"), want: page.Failing, since: 15 * time.Second},
		{name: "an aborted run does not end an outage", marks: past("sfaff"), want: page.Failing, since: 60 * time.Second},
		{name: "inconclusive runs do not end an outage", marks: past("sfffi"), want: page.Failing, since: 60 * time.Second},
		{name: "nothing but inconclusive runs", marks: past("ii"), want: page.Unjudged, why: "the last 2 runs without a result, somebody was in the lane's meeting (the prober's own trouble at mc_join)", since: 30 * time.Second},
		{name: "three inconclusive runs hide what was good", marks: past("sssiii"), want: page.Unjudged, since: 45 * time.Second},
		{name: "two do not", marks: past("sssii"), want: page.Good},
		{name: "old successes are stale", marks: past("ssss" + strings.Repeat("a", 10)), want: page.Stale, why: "the last run was good"},
		{name: "an old outage is stale, too", marks: past("fff" + strings.Repeat("a", 10)), want: page.Stale, why: "was bad"},
		{name: "a slower probe may be older", marks: past("ssss" + strings.Repeat("a", 10)), change: func(s *page.ProbeStatus) { s.Interval = time.Minute }, want: page.Good},
		{name: "paused", marks: past("fff"), change: func(s *page.ProbeStatus) { s.Paused = true }, want: page.Paused},
		{name: "too large ever to run", marks: past("s"), change: func(s *page.ProbeStatus) { s.Oversized = true }, want: page.NoEvidence, why: "budget"},
		{name: "a budget that is spent too fast", marks: past("ssss"), change: with(burn("warn", 5, 3)), want: page.Degraded, why: "time to media over 2 s too often; the budget of x is spent 3.0× as fast"},
		{name: "only over a short window", marks: past("ssss"), change: with(burn("page", 20, 0.5)), want: page.Good},
		{name: "no longer over the short window", marks: past("ssss"), change: with(burn("page", 0, 20)), want: page.Good},
		{name: "unknown over the short window", marks: past("ssss"), change: with(unmeasured), want: page.Good},
		{name: "an objective that nobody is told of", marks: past("ssss"), change: with(burn("inform", 5, 3)), want: page.Good},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := page.Probe{Status: page.ProbeStatus{Name: "join", Flow: flows.Join, Interval: 15 * time.Second}, Marks: c.marks}
			if c.change != nil {
				c.change(&p.Status)
			}
			j := page.Judge(p, pagetest.Now)
			if j.State != c.want || !strings.Contains(j.Why, c.why) {
				t.Errorf("got %q: %q, want %q: %q", j.State, j.Why, c.want, c.why)
			}
			if c.since != 0 && !j.Since.Equal(pagetest.Now.Add(-c.since)) {
				t.Errorf("since %v before now, want %v", pagetest.Now.Sub(j.Since), c.since)
			}
		})
	}
}

func with(o page.ObjectiveStatus) func(*page.ProbeStatus) {
	return func(s *page.ProbeStatus) { s.Objectives = append(s.Objectives, o) }
}

func TestLostFramesAreDescribedByTheirLegAndHandler(t *testing.T) {
	for _, tc := range []struct {
		name string
		at   [2]int // the handlers that the two runs name
		want string
	}{
		{"no handler", [2]int{0, 0}, "downlink loss, 2 % of the frames"},
		{"one handler", [2]int{2, 2}, "downlink loss at handler 2, 2 % of the frames"},
		{"runs that do not agree", [2]int{1, 2}, "downlink loss, 2 % of the frames"},
		{"a run that does not know", [2]int{0, 2}, "downlink loss, 2 % of the frames"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			marks := past("ss")
			for i := range marks {
				marks[i].Sent, marks[i].Delivered, marks[i].Lost, marks[i].LostAt = 1000, 980, digest.Downlink, tc.at[i]
			}
			o := burn("page", 5, 5)
			o.Indicator, o.Threshold = "delivery_ratio", 0
			p := page.Probe{Status: page.ProbeStatus{Interval: 15 * time.Second, Objectives: []page.ObjectiveStatus{o}}, Marks: marks}
			if j := page.Judge(p, pagetest.Now); !strings.HasPrefix(j.Why, tc.want) {
				t.Errorf("%q, want %q", j.Why, tc.want)
			}
		})
	}
}

func TestABudgetBurnsSinceTheFirstOfTheBadRuns(t *testing.T) {
	const good, bad = 'g', 'b'
	for _, tc := range []struct {
		name, runs string
		want       int // the run that began it; -1: the runs do not show it
	}{
		{"the last two", "ggggggggggggbb", 12},
		{"with good ones between", "gggggggggggbgb", 11},
		{"after an earlier trouble that was over", "bbggggggggggbb", 12},
		{"all of them", "bbb", 0},
		{"none", "ggg", -1},
	} {
		for indicator, mark := range map[string]func(*digest.Mark){
			"delivery_ratio":  func(m *digest.Mark) { m.Delivered = 980 },
			"one_way_latency": func(m *digest.Mark) { m.Headline = new(time.Second) },
		} {
			t.Run(tc.name+", "+indicator, func(t *testing.T) {
				marks := past(strings.Repeat("s", len(tc.runs)))
				for i, r := range tc.runs {
					marks[i].Sent, marks[i].Delivered, marks[i].Headline = 1000, 1000, new(time.Millisecond)
					if r == bad {
						mark(&marks[i])
					} else if r != good {
						t.Fatalf("%c is no run", r)
					}
				}
				o := burn("page", 5, 5)
				o.Indicator, o.Target, o.Threshold = indicator, 0.995, 150*time.Millisecond
				j := page.Judge(page.Probe{Status: page.ProbeStatus{Flow: flows.Media, Interval: 15 * time.Second, Objectives: []page.ObjectiveStatus{o}}, Marks: marks}, pagetest.Now)
				var want time.Time
				if tc.want >= 0 {
					want = marks[tc.want].Started
				}
				if !j.Since.Equal(want) || j.State != page.Degraded {
					t.Errorf("%s since %v, want %v", j.State, j.Since, want)
				}
			})
		}
	}
}

func TestEveryLegalFailureIsSaidInWords(t *testing.T) {
	for _, f := range flows.Flows() {
		for _, step := range flows.StepsOf(f) {
			for _, hop := range flows.Hops() {
				for _, reason := range flows.Reasons() {
					if !flows.Legal(step, hop, reason) {
						continue
					}
					for _, cause := range append(flows.Causes(), flows.CauseUnspecified) {
						marks := past("f")
						marks[0].Failure = &flows.Failure{Step: step, Hop: hop, Reason: reason, Cause: cause}
						why := page.Judge(page.Probe{Status: page.ProbeStatus{Flow: f, Interval: time.Minute}, Marks: marks}, pagetest.Now).Why
						if strings.Contains(why, "  ") || strings.HasPrefix(why, " ") || !strings.Contains(why, string(step)) || len(why) < 20 {
							t.Errorf("%s %s %s %s: %q", step, hop, reason, cause, why)
						}
					}
				}
			}
		}
	}
}

func headline(t *testing.T, o page.Overview) string {
	t.Helper()
	text := string(render(t, overview(o)))
	_, after, _ := strings.Cut(text, "<h1>")
	before, _, _ := strings.Cut(after, "</h1>")
	return plain(before)
}

func TestTheVerdictIsNeverGreenWithoutEvidence(t *testing.T) {
	good := page.Probe{Status: page.ProbeStatus{Name: "a", Flow: flows.Join, Interval: 15 * time.Second}, Marks: past("sss")}
	bad := page.Probe{Status: page.ProbeStatus{Name: "b", Flow: flows.Join, Interval: 15 * time.Second}, Marks: past("sfff")}
	worse := page.Probe{Status: page.ProbeStatus{Name: "f", Flow: flows.Join, Interval: 15 * time.Second}, Marks: past("sffff")}
	never := page.Probe{Status: page.ProbeStatus{Name: "c", Flow: flows.Join, Interval: 15 * time.Second}}
	paused := page.Probe{Status: page.ProbeStatus{Name: "d", Flow: flows.Join, Paused: true}, Marks: past("sss")}
	informational := page.Probe{Status: page.ProbeStatus{Name: "e", Flow: flows.Join, Informational: true, Interval: 15 * time.Second}, Marks: past("sss")}
	for _, c := range []struct {
		name   string
		probes []page.Probe
		want   string
		green  bool
	}{
		{"nothing is configured", nil, "No evidence: no probe is configured that judges the platform", false},
		{"nothing has run", []page.Probe{never, never}, "No evidence yet: no run has finished", false},
		{"everything is paused", []page.Probe{paused}, "No evidence: every probe is paused", false},
		{"informational probes alone", []page.Probe{informational}, "No evidence: no probe is configured that judges the platform", false},
		{"all good", []page.Probe{good, paused}, "Good: a", true},
		{"one has never run", []page.Probe{good, never}, "c no evidence: no run has finished yet", false},
		{"the same trouble is said once", []page.Probe{bad, good, worse}, "b, f failing: MC does not answer at mc_join since 14:13:05 (1 min)", false},
		{"the worst comes first", []page.Probe{good, never, bad}, "b failing: MC does not answer at mc_join since 14:13:20 (45 s)", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := page.Overview{Now: pagetest.Now, Probes: c.probes}
			if got := headline(t, o); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
			if green := strings.Contains(string(render(t, overview(o))), `class="verdict good"`); green != c.green {
				t.Errorf("green: %v", green)
			}
		})
	}
}
