package daemon_test

import (
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dark-tower/prober/internal/daemon"
	"github.com/dark-tower/prober/internal/devstack/fault"
)

// again has the configuration read again and waits until it is in force.
func (r *running) again() {
	r.t.Helper()
	before := strings.Count(r.log.String(), "was read again")
	r.reload <- struct{}{}
	r.until("the configuration is read again", func() bool { return strings.Count(r.log.String(), "was read again") > before })
}

// ofRun is a part of a run as the API shows it.
func failureOf(run map[string]any) (step, cause, reason string) {
	f, _ := run["failure"].(map[string]any)
	text := func(key string) string { s, _ := f[key].(string); return s }
	return text("step"), text("cause"), text("reason")
}

func TestRotatedSecretsAreTakenWithoutBeingAsked(t *testing.T) {
	t.Setenv("DAEMON_TEST_EMAIL", "{account}@daemon.test")
	p := emptyPlace(t)
	password := filepath.Join(t.TempDir(), "password")
	write(t, password, "a-password-for-all\n")
	p.furnish(t, strings.Replace(fmt.Sprintf(head, p.ACURL, p.GCURL, p.ca), "{env: DAEMON_TEST_PASSWORD}", "{file: "+password+"}", 1), p.CAPEM, probes, "")
	write(t, password, "the-password-of-yesterday\n")
	d := p.start(t, func(o *daemon.Options) { o.LookAgain = 50 * time.Millisecond })
	d.until("the wrong password is refused", func() bool {
		runs := d.runs("probe=sign-in&outcome=inconclusive&limit=1")
		if len(runs) == 0 {
			return false
		}
		step, cause, _ := failureOf(runs[0])
		return step == "sign_in" && cause == "setup"
	})
	write(t, password, "a-password-for-all\n")
	d.until("the right one is taken", func() bool { return len(d.runs("probe=sign-in&outcome=success&limit=1")) > 0 })
	if n := strings.Count(d.log.String(), "was read again"); n != 1 {
		t.Errorf("read again %d times", n)
	}
}

func TestOtherAuthoritiesAreTrustedFromAReloadOn(t *testing.T) {
	p := newPlace(t, probes)
	d := p.start(t)
	d.atLeast(joinsGood, 1)
	others := emptyPlace(t)
	write(t, p.ca, string(others.CAPEM))
	d.again()
	d.until("MC's certificate is refused", func() bool {
		runs := d.runs("probe=join&outcome=failure&limit=1")
		if len(runs) == 0 {
			return false
		}
		step, _, reason := failureOf(runs[0])
		return step == "mc_connect" && reason == "tls"
	})
	write(t, p.ca, string(p.CAPEM))
	d.again()
	good, _ := d.sample(joinsGood)
	d.atLeast(joinsGood, good+1)
}

func TestAReloadSaysWhatItChanged(t *testing.T) {
	p := newPlace(t, probes)
	d := p.start(t)
	for _, c := range []struct{ probes, says string }{
		{probes, `"probes":4}`},
		{strings.NewReplacer("timeout: 3s", "timeout: 2s", "name: sign-in", "name: who").Replace(probes), `"probes":4,"added":"who","changed":"join","removed":"sign-in"}`},
		{strings.NewReplacer("timeout: 7s", "timeout: 6s", "name: sign-in", "name: who").Replace(probes), `"probes":4,"changed":"join, media"}`},
	} {
		p.configure(t, c.probes, "")
		d.again()
		if !strings.Contains(d.log.String(), `"message":"the configuration was read again",`+c.says) {
			t.Errorf("the log does not say %s\n%s", c.says, d.log)
		}
	}
}

// The news of a meeting's end may be under way still when a reload stages its lane anew.
func TestALaneThatWasOnlyJustLeftIsKnownAfterAReload(t *testing.T) {
	once := strings.NewReplacer("interval: 2s", "interval: 1h", "interval: 8s", "interval: 1h", "interval: 10s", "interval: 1h").Replace(probes)
	p := newPlace(t, once)
	d := p.start(t)
	if a := <-d.byHand("reconnect"); a.err != nil || !strings.Contains(a.body, `"outcome": "success"`) {
		t.Fatalf("the run before the reload: %+v", a)
	}
	p.Faults().Set(fault.Faults{MC: fault.MC{JoinError: 4}})
	p.configure(t, strings.Replace(once, "timeout: 8s", "timeout: 7s", 1), "")
	d.again()
	var a answer
	d.until("the lane has rested", func() bool { a = <-d.byHand("reconnect"); return a.status != http.StatusConflict })
	if a.err != nil || a.status != http.StatusOK || !strings.Contains(a.body, `"outcome": "inconclusive"`) || !strings.Contains(a.body, `"cause": "lane"`) {
		t.Errorf("the run after the reload: %+v", a)
	}
}

func TestALaneMayBeTakenAwayWhileItsRunGoes(t *testing.T) {
	slow := strings.NewReplacer("interval: 8s", "interval: 1h", "lanes: [talk]", "lanes: [talk, clean]", "lanes: [clean]", "lanes: [spare]").Replace(longTalks())
	p := newPlace(t, probes)
	p.furnish(t, strings.Replace(p.head, "  - {name: who,", "  - {name: spare, pool: pool, use: run, rest: 100ms}\n  - {name: who,", 1), p.CAPEM, slow, "")
	d := p.start(t)
	media := d.byHand("media")
	d.talking()
	p.configure(t, strings.NewReplacer("lanes: [talk, clean]", "lanes: [clean]", "lanes: [spare]", "lanes: [spare, talk]").Replace(slow), "")
	d.again()
	if a := <-media; a.err != nil || a.status != http.StatusOK || !strings.Contains(a.body, `"outcome": "success"`) || !strings.Contains(a.body, `"lane": "talk"`) {
		t.Errorf("the run on the lane that is gone: %+v", a)
	}
	if v, _ := d.sample(`dt_synthetic_runs_total{flow="media",outcome="success",probe="media",trigger="check"}`); v != 1 {
		t.Errorf("it counts %v times", v)
	}
	if a := <-d.byHand("media"); a.err != nil || !strings.Contains(a.body, `"lane": "clean"`) {
		t.Errorf("the next run: %+v", a)
	}
	d.until("the other probe uses the lane", func() bool {
		for _, run := range d.runs("probe=reconnect&outcome=success") {
			if run["lane"] == "talk" {
				return true
			}
		}
		return false
	})
}

func TestAResidentAnchorStaysOverReloadsThatAreNotAboutIt(t *testing.T) {
	resident := strings.Replace(strings.NewReplacer("lanes: [a, b]", "lanes: [a]", "interval: 2s\n    timeout: 3s", "interval: 1h\n    timeout: 3s\n    join: {anchor: resident}").Replace(probes),
		"interval: 8s\n    timeout: 7s", "interval: 1h\n    timeout: 7s", 1)
	resident = strings.NewReplacer("interval: 10s", "interval: 1h", "lanes: [clean]", "lanes: [clean, b]").Replace(resident)
	p := newPlace(t, probes)
	p.configure(t, resident, "")
	d := p.start(t)
	brought := func() bool {
		t.Helper()
		a := <-d.byHand("join")
		if a.err != nil || !strings.Contains(a.body, `"outcome": "success"`) {
			t.Fatalf("a join: %+v", a)
		}
		return strings.Contains(a.body, "gc_assign")
	}
	if !brought() {
		t.Error("nobody brought the anchor in")
	}
	for n, other := range []string{
		strings.Replace(resident, "timeout: 8s", "timeout: 9s", 1), // of another probe
		strings.Replace(resident, "{sli: availability, target: 90%}", "{sli: availability, target: 91%}", 1),
		resident,
	} {
		p.configure(t, other, fmt.Sprintf(", logs: {level: %s}", []string{"debug", "info", "warn"}[n%2]))
		d.again()
		if p.ActiveMeetings() == 0 {
			t.Fatalf("the anchor has left at reload %d", n+1)
		}
		d.until("the lane has rested", func() bool { _, body := d.get("/api/v1/probes"); return !strings.Contains(body, `"lane": "a"`) })
		if brought() {
			t.Errorf("after reload %d the anchor had to be brought in anew", n+1)
		}
	}
	p.configure(t, strings.Replace(resident, "timeout: 3s", "timeout: 4s", 1), "") // of its own probe
	d.again()
	d.nobodyIsLeft(p)
	d.until("the lane has rested", func() bool { _, body := d.get("/api/v1/probes"); return !strings.Contains(body, `"lane": "a"`) })
	if !brought() {
		t.Error("another probe has the anchor of the one before")
	}
	without := strings.Replace(resident[strings.Index(resident, "  - name: media"):], "lanes: [clean, b]", "lanes: [clean, b, a]", 1)
	p.configure(t, "probes:\n"+without, "")
	d.again()
	d.nobodyIsLeft(p)
	if strings.Contains(d.log.String(), "unclean_leaves") {
		t.Error("somebody did not leave cleanly")
	}
}

// TestFiftyReloadsLeaveNothingBehind changes everything fifty times while runs and
// scrapes go on.
func TestFiftyReloadsLeaveNothingBehind(t *testing.T) {
	p := newPlace(t, probes)
	texts := []string{strings.Replace(probes, "lanes: [a, b]", "lanes: [a, b]\n    join: {anchor: resident}", 1), probes}
	d := p.start(t)
	var goroutines, files float64
	for n := range 50 {
		p.head = strings.Replace(p.head, fmt.Sprintf("gc: %ds", 5+n%2), fmt.Sprintf("gc: %ds", 5+(n+1)%2), 1) // of the platform: every probe is another one
		p.configure(t, texts[n%2], "")
		if n%10 == 0 {
			d.atLeast(joinsGood, 1) // some reloads find runs, tokens and connections
			good, _ := d.sample(joinsGood)
			d.atLeast(joinsGood, good+1)
		}
		d.again()
		if n == 9 {
			d.until("it is quiet", func() bool { return len(d.busy()) == 0 })
			goroutines, _ = d.sample("go_goroutines")
			files, _ = d.sample("process_open_fds")
		}
	}
	d.until("it is quiet", func() bool { return len(d.busy()) == 0 })
	d.until("goroutines and files are as they were", func() bool {
		g, _ := d.sample("go_goroutines")
		f, _ := d.sample("process_open_fds")
		return g <= goroutines+10 && f <= files+5
	})
	if bad := d.runs("outcome=failure"); len(bad) > 0 {
		t.Errorf("%d failures, such as %v", len(bad), bad[0]["failure"])
	}
}

func TestHangupsAndRunsByHandAtTheSameTime(t *testing.T) {
	p := newPlace(t, probes)
	d := p.start(t)
	var together sync.WaitGroup
	statuses := make(chan int, 1000)
	for range 4 {
		together.Go(func() {
			for range 12 {
				status, body, err := d.ask(http.MethodPost, "/api/v1/probes/join/run")
				if err != nil || status == http.StatusOK && !strings.Contains(body, `"outcome": "success"`) && !strings.Contains(body, `"outcome": "aborted"`) {
					t.Errorf("status %d, %v: %s", status, err, body)
				}
				statuses <- status
			}
		})
	}
	together.Go(func() {
		for n := range 10 {
			p.configure(t, strings.Replace(probes, "timeout: 3s", []string{"timeout: 2s", "timeout: 3s"}[n%2], 1), "")
			d.again()
		}
	})
	together.Wait()
	close(statuses)
	seen := make(map[int]int)
	for s := range statuses {
		seen[s]++
	}
	if seen[http.StatusOK] == 0 || seen[http.StatusOK]+seen[http.StatusConflict] != 48 {
		t.Errorf("answers by status: %v", seen)
	}
	if status, _ := d.get("/health"); status != http.StatusOK {
		t.Errorf("health is %d", status)
	}
}
