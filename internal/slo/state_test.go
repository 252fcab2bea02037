package slo

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/internal/config"
)

func twoObjectives() []Objective {
	media := joinAvailability()
	media.Name, media.SLI, media.Threshold, media.Target = "join-time-to-media", config.TimeToMedia, 2*time.Second, 0.95
	return []Objective{joinAvailability(), media}
}

func joinRun(outcome flows.Outcome) flows.Run {
	media := time.Second
	run := flows.Run{Probe: "join", Outcome: outcome}
	if outcome == flows.Success {
		run.TimeToMedia = &media
	}
	return run
}

func TestABookCountsARunForEveryObjectiveOfItsProbe(t *testing.T) {
	other := joinAvailability()
	other.Name, other.Probe = "media-availability", "media"
	b := NewBook(append(twoObjectives(), other))
	var counted []string
	for _, c := range b.Record(monday, joinRun(flows.Failed)) {
		counted = append(counted, c.Objective.Name)
		if c.Events != 1 || c.Bad != 1 {
			t.Errorf("%s: %d events, %d bad", c.Objective.Name, c.Events, c.Bad)
		}
	}
	if !slices.Equal(counted, []string{"join-availability", "join-time-to-media"}) {
		t.Errorf("counted for %v", counted)
	}
	if c := b.RecordInherited(monday, joinRun(flows.Failed), 4); len(c) != 2 || c[0].Events != 4 {
		t.Errorf("inherited %+v", c)
	}
	if c := b.Record(monday, joinRun(flows.Inconclusive)); len(c) != 0 {
		t.Errorf("an inconclusive run counts: %+v", c)
	}
	report := b.Report(monday)
	if len(report) != 3 || report[0].Events != 5 || report[0].Bad != 5 || report[2].Events != 0 || report[2].SLI != nil {
		t.Errorf("%+v", report)
	}
}

func TestAnObjectiveThatMeansTheSameKeepsItsLedgerOverAReload(t *testing.T) {
	b := NewBook(twoObjectives())
	b.Record(monday, joinRun(flows.Success))
	changed := twoObjectives()
	changed[0].Role = config.Warn          // another reaction, the same events
	changed[1].Threshold = 3 * time.Second // other events
	b.Apply(changed)
	r := b.Report(monday)
	if r[0].Events != 1 || r[0].Objective.Role != config.Warn || r[1].Events != 0 {
		t.Errorf("%d and %d events, role %s", r[0].Events, r[1].Events, r[0].Objective.Role)
	}
	b.Apply(changed[:1])
	if r := b.Report(monday); len(r) != 1 {
		t.Errorf("%d budgets of one objective", len(r))
	}
}

func TestABudgetSurvivesARestart(t *testing.T) {
	b := NewBook(twoObjectives())
	for i := range 3000 {
		outcome := flows.Success
		if i%100 == 0 {
			outcome = flows.Failed
		}
		b.Record(monday.Add(time.Duration(i)*15*time.Second), joinRun(outcome))
	}
	now := monday.Add(2999 * 15 * time.Second)
	document, err := b.Marshal(now)
	if err != nil {
		t.Fatal(err)
	}
	state, err := ParseState(document)
	if err != nil {
		t.Fatal(err)
	}
	again := NewBook(twoObjectives())
	if anew := again.Restore(now, state); len(anew) != 0 {
		t.Errorf("began anew: %v", anew)
	}
	if !reflect.DeepEqual(again.Report(now), b.Report(now)) {
		t.Errorf("restored\n%+v\nwas\n%+v", again.Report(now), b.Report(now))
	}
	twice, err := again.Marshal(now)
	if err != nil || string(twice) != string(document) {
		t.Errorf("written again it is another document (error %v)", err)
	}
	if len(document) > 32<<10 {
		t.Errorf("%d bytes for two objectives and half a day", len(document))
	}

	changed := twoObjectives()
	changed[1].Target = 0.9
	third := NewBook(changed[1:])
	if anew := third.Restore(now, state); !slices.Equal(anew, []string{"join-time-to-media"}) {
		t.Errorf("began anew: %v", anew)
	}
	if r := third.Report(now); r[0].Events != 0 {
		t.Errorf("%d events of another target are kept", r[0].Events)
	}
}

func TestEachPartOfAnObjectivesMeaningIsInItsFingerprint(t *testing.T) {
	base := joinAvailability()
	seen := map[string]string{base.Fingerprint(): "unchanged"}
	for what, change := range map[string]func(*Objective){
		"probe": func(o *Objective) { o.Probe = "x" }, "SLI": func(o *Objective) { o.SLI = "x" }, "target": func(o *Objective) { o.Target = 0.99 },
		"threshold": func(o *Objective) { o.Threshold = 1 }, "window": func(o *Objective) { o.Window = 1 }, "interval": func(o *Objective) { o.Interval = 1 },
	} {
		o := base
		change(&o)
		if other, twice := seen[o.Fingerprint()]; twice {
			t.Errorf("another %s has the fingerprint of %s", what, other)
		}
		seen[o.Fingerprint()] = what
	}
	o := base
	o.Role, o.Gate, o.Name = config.Page, &config.Gate{}, "other"
	if o.Fingerprint() != base.Fingerprint() {
		t.Error("what changes no event changes the fingerprint")
	}
}

// stateOf is a document with one ledger.
func stateOf(t *testing.T, hours, fine [][3]uint64) State {
	t.Helper()
	s := State{Version: StateVersion, Saved: monday, Ledgers: map[string]LedgerState{
		"join-availability": {Fingerprint: joinAvailability().Fingerprint(), Since: monday.Add(-day), Hours: hours, Fine: fine},
	}}
	document, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := ParseState(document)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

func TestAStateOfTheFutureOrOfLongAgoIsLeftOut(t *testing.T) {
	this := uint64(monday.Unix() / 3600)
	s := stateOf(t, [][3]uint64{{this - 24*90, 7, 7}, {this - 1, 240, 1}, {this + 1, 9, 9}, {this + 1_000_000, 9, 9}}, nil)
	b := NewBook(twoObjectives())
	b.Restore(monday, s)
	if r := b.Report(monday); r[0].Events != 240 || r[0].Bad != 1 {
		t.Errorf("%d events, %d bad", r[0].Events, r[0].Bad)
	}
	if r := b.Report(monday.Add(3 * time.Hour)); r[0].Bad != 1 {
		t.Errorf("the future comes to pass: %d bad", r[0].Bad)
	}
	// An empty state changes nothing.
	if anew := b.Restore(monday, State{}); len(anew) != 0 {
		t.Errorf("began anew: %v", anew)
	}
}

// hostile are documents that Book.Marshal cannot have written.
func hostile() map[string]string {
	ledger := func(body string) string {
		return `{"version":1,"saved":"2024-04-01T00:00:00Z","ledgers":{"a":{"fingerprint":"x","since":"2024-04-01T00:00:00Z",` + body + `}}}`
	}
	return map[string]string{
		"not a JSON document":                   "\x00",
		"version 0 of the document":             "{}",
		"version 2 of the document":             `{"version":2}`,
		"unknown field":                         `{"version":1,"extra":1}`,
		"cannot unmarshal number -1":            ledger(`"hours":[[1,-1,0]]`),
		"bucket 0 has 1 events and 2 of them":   ledger(`"hours":[[1,1,2]]`),
		"bucket 1 is out of order":              ledger(`"hours":[[2,1,0],[1,1,0]]`),
		"bucket 2 is out of order":              ledger(`"fine":[[1,1,0],[2,1,0],[2,1,0]]`),
		"bucket 0 has 18446744073709551615":     ledger(`"hours":[[1,18446744073709551615,0]]`),
		"bucket 0 has 0 events":                 ledger(`"hours":[[1,0,0]]`),
		"bucket 0 is of no time":                ledger(`"hours":[[18446744073709551615,1,0]]`),
		"buckets, more than":                    ledger(`"fine":[` + strings.Repeat("[1,1,0],", 300) + `[1,1,0]]`),
		"after top-level value":                 `{"version":1} {}`,
		"cannot unmarshal string":               ledger(`"hours":"all"`),
		"parsing time":                          `{"version":1,"saved":"yesterday"}`,
		"unexpected end of JSON input":          `{"version":1`,
		"larger than 32 MiB":                    strings.Repeat(" ", maxState+1),
		"it has 1025 ledgers, more than 1024":   `{"version":1,"ledgers":{` + strings.TrimSuffix(manyLedgers(maxLedgers+1), ",") + `}}`,
		"cannot unmarshal array into Go struct": `{"version":1,"ledgers":[]}`,
	}
}

func manyLedgers(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(`"` + strings.Repeat("x", i+1) + `":{},`)
	}
	return b.String()
}

func TestADamagedStateIsRefusedWithAReason(t *testing.T) {
	for want, document := range hostile() {
		t.Run(want, func(t *testing.T) {
			_, err := ParseState([]byte(document))
			if err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "reading the error budgets: ") {
				t.Errorf("error %v", err)
			}
		})
	}
}

// FuzzParseState: whatever is accepted can be restored, reported and written again.
func FuzzParseState(f *testing.F) {
	for _, document := range hostile() {
		if len(document) < 1<<16 {
			f.Add([]byte(document))
		}
	}
	b := NewBook(twoObjectives())
	b.Record(monday, joinRun(flows.Failed))
	good, err := b.Marshal(monday)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Fuzz(func(t *testing.T, document []byte) {
		s, err := ParseState(document)
		if err != nil {
			return
		}
		b := NewBook(twoObjectives())
		b.Restore(monday, s)
		b.Record(monday, joinRun(flows.Success))
		for _, r := range b.Report(monday) {
			if r.Bad > r.Events || r.SLI == nil || *r.SLI < 0 || *r.SLI > 1 || r.Coverage < 0 || r.Coverage > 1 {
				t.Errorf("%+v", r)
			}
		}
		again, err := b.Marshal(monday)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ParseState(again); err != nil {
			t.Errorf("what was written is refused: %v", err)
		}
	})
}
