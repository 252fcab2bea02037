package provision

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/dark-tower/prober/internal/darktower/meeting"
)

func TestLanesAreProvidedForOnce(t *testing.T) {
	p := newPlatform(t)
	cfg, told := p.job("join", "media")
	first, err := Run(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if did := p.did(); did != "rrcrrc" {
		t.Errorf("the first time did %s", did)
	}
	want := []string{
		"lane join account 1: registered", "lane join account 2: registered", "lane join: created",
		"lane media account 1: registered", "lane media account 2: registered", "lane media: created",
	}
	if !reflect.DeepEqual(*told, want) {
		t.Errorf("told %q", *told)
	}
	if first.Registered != 4 || first.Created != 2 || first.SignedIn != 0 || first.Verified != 0 {
		t.Errorf("result %+v", first)
	}
	again, err := Run(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if did := p.did(); did != "ssjssj" {
		t.Errorf("the second time did %s", did)
	}
	if again.Registered != 0 || again.Created != 0 || again.SignedIn != 4 || again.Verified != 2 {
		t.Errorf("result %+v", again)
	}
	lanes, err := LoadLanes(cfg.Path)
	if err != nil {
		t.Fatal(err)
	}
	for i, name := range []string{"join", "media"} {
		code, ok := lanes.Code(name)
		if at, _ := lanes.CreatedAt(name); !ok || code.Reveal() != fmt.Sprintf("Code%08d", i) || !at.Equal(start) {
			t.Errorf("lane %s: known %v, created at %v", name, ok, at)
		}
	}
	if err := lanes.Check(Identity{GCURL: "http://gc.test/", Organisation: "devtest"}); err != nil {
		t.Error(err)
	}
	info, err := os.Stat(cfg.Path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, error %v", info.Mode(), err)
	}
	leftovers, err := filepath.Glob(filepath.Join(filepath.Dir(cfg.Path), ".lanes.json.*"))
	if err != nil || len(leftovers) != 1 { // the lock
		t.Errorf("left behind %v, error %v", leftovers, err)
	}
}

func TestWhatIsThereAlreadyIsUsed(t *testing.T) {
	for _, tc := range []struct {
		name   string
		before func(*platform)
		did    string
	}{
		{"an account that exists", func(p *platform) { p.users["join-1@probe.test"] = "correct horse" }, "rsrc"},
		{"both accounts", func(p *platform) {
			p.users["join-1@probe.test"], p.users["join-2@probe.test"] = "correct horse", "correct horse"
		}, "rsrsc"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := newPlatform(t)
			p.set(tc.before)
			cfg, _ := p.job("join")
			if _, err := Run(t.Context(), cfg); err != nil {
				t.Fatal(err)
			}
			if did := p.did(); did != tc.did {
				t.Errorf("did %s, want %s", did, tc.did)
			}
		})
	}
}

func TestALaneThatIsKnown(t *testing.T) {
	for _, tc := range []struct {
		name   string
		change func(*platform)
		did    string
		want   func(error) bool
	}{
		{"whose meeting is gone gets a new one", func(p *platform) { p.gone = true }, "ssjc", nil},
		{"whose MC has no address is left alone", func(p *platform) { p.noEndpoint = true }, "ssj", nil},
		{"whose account was lost gets it again", func(p *platform) { delete(p.users, "join-2@probe.test") }, "ssrj", nil},
		{"whose account has another password", func(p *platform) { p.users["join-2@probe.test"] = "changed it" }, "ssr",
			func(err error) bool { return errors.Is(err, ErrWrongPassword) }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := newPlatform(t)
			cfg, _ := p.job("join")
			if _, err := Run(t.Context(), cfg); err != nil {
				t.Fatal(err)
			}
			p.did()
			p.set(tc.change)
			_, err := Run(t.Context(), cfg)
			if did := p.did(); did != tc.did {
				t.Errorf("did %s, want %s", did, tc.did)
			}
			if tc.want == nil && err != nil || tc.want != nil && !tc.want(err) {
				t.Errorf("error %v", err)
			}
			if err != nil && (strings.Contains(err.Error(), "probe.test") || strings.Contains(err.Error(), "horse") || strings.Contains(err.Error(), "Code0")) {
				t.Errorf("a secret is in %q", err)
			}
		})
	}
}

func TestANewAccountWithAnotherPasswordIsSaidSo(t *testing.T) {
	p := newPlatform(t)
	p.set(func(p *platform) { p.users["join-1@probe.test"] = "changed it" })
	cfg, _ := p.job("join")
	if _, err := Run(t.Context(), cfg); !errors.Is(err, ErrWrongPassword) || !strings.Contains(err.Error(), "lane join: account 1: ") {
		t.Errorf("error %v", err)
	}
}

func TestThrottlingIsWaitedOut(t *testing.T) {
	p := newPlatform(t)
	p.set(func(p *platform) { p.throttle, p.retryAfter = 2, "60" })
	cfg, told := p.job("join")
	var slept []time.Duration
	cfg.Sleep = func(_ context.Context, d time.Duration) error { slept = append(slept, d); return nil }
	got, err := Run(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if got.Waited != 2*time.Minute || !reflect.DeepEqual(slept, []time.Duration{time.Minute, time.Minute}) || p.did() != "rrrrc" {
		t.Errorf("waited %v in %v", got.Waited, slept)
	}
	if (*told)[0] != "lane join account 1: waiting 1m0s, as the platform asked" {
		t.Errorf("told %q", *told)
	}
}

func TestPatienceHasAnEnd(t *testing.T) {
	p := newPlatform(t)
	p.set(func(p *platform) { p.throttle, p.retryAfter = 5, "3600" })
	cfg, _ := p.job("join")
	_, err := Run(t.Context(), cfg)
	var got *ImpatientError
	if !errors.As(err, &got) || got.Asked != time.Hour || got.Left != DefaultMaxWait || p.did() != "r" {
		t.Errorf("error %v", err)
	}
}

func TestAWaitEndsWithItsContext(t *testing.T) {
	p := newPlatform(t)
	p.set(func(p *platform) { p.throttle, p.retryAfter = 5, "300" })
	cfg, _ := p.job("join")
	cfg.Sleep = nil
	ctx, cancel := context.WithCancelCause(t.Context())
	cause := errors.New("interrupted")
	cfg.Progress = func(e Event) { cancel(cause) }
	if _, err := Run(ctx, cfg); !errors.Is(err, cause) {
		t.Errorf("error %v", err)
	}
}

func TestTheDailyCeilingHolds(t *testing.T) {
	p := newPlatform(t)
	cfg, _ := p.job("a", "b", "c")
	cfg.DailyCeiling = 2
	now := start
	cfg.Now = func() time.Time { return now }
	got, err := Run(t.Context(), cfg)
	var ceiling *CeilingError
	if !errors.As(err, &ceiling) || ceiling.Ceiling != 2 || !ceiling.Next.Equal(start.Add(24*time.Hour)) || got.Created != 2 {
		t.Fatalf("created %d, error %v", got.Created, err)
	}
	// What was made is kept, and the ceiling holds for the next process too.
	now = start.Add(23 * time.Hour)
	if _, err := Run(t.Context(), cfg); !errors.As(err, &ceiling) {
		t.Errorf("after 23 hours: %v", err)
	}
	now = start.Add(24 * time.Hour)
	if got, err := Run(t.Context(), cfg); err != nil || got.Created != 1 || got.Verified != 2 {
		t.Errorf("after a day: %+v, error %v", got, err)
	}
	if len(p.meetings) != 3 {
		t.Errorf("%d meetings exist", len(p.meetings))
	}
}

func TestACreateWhoseAnswerIsLostCounts(t *testing.T) {
	p := newPlatform(t)
	p.set(func(p *platform) { p.createLost = true })
	cfg, _ := p.job("join")
	cfg.DailyCeiling = 2
	for range 2 {
		if _, err := Run(t.Context(), cfg); err == nil {
			t.Fatal("no error")
		}
	}
	var ceiling *CeilingError
	if _, err := Run(t.Context(), cfg); !errors.As(err, &ceiling) || len(p.meetings) != 2 {
		t.Errorf("%d meetings exist, error %v", len(p.meetings), err)
	}
}

func TestACreateThatIsRefusedDoesNotCount(t *testing.T) {
	p := newPlatform(t)
	p.set(func(p *platform) { p.createWith = 403 })
	cfg, _ := p.job("join")
	cfg.DailyCeiling = 1
	for range 3 {
		_, err := Run(t.Context(), cfg)
		if !meeting.LimitReached(err) || !strings.Contains(err.Error(), "only its operator can end old ones") {
			t.Fatalf("error %v", err)
		}
	}
	p.set(func(p *platform) { p.createWith = 0 })
	if _, err := Run(t.Context(), cfg); err != nil {
		t.Error(err)
	}
}

func TestALaneFileOfAnotherPlatformIsRefused(t *testing.T) {
	p := newPlatform(t)
	cfg, _ := p.job("join")
	if _, err := Run(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	p.did()
	for _, other := range []Identity{{"http://gc.test", "demo"}, {"http://other.test", "devtest"}} {
		cfg.Platform = other
		var got *PlatformError
		if _, err := Run(t.Context(), cfg); !errors.As(err, &got) || p.did() != "" {
			t.Errorf("error %v", err)
		}
	}
	cfg.Platform = Identity{}
	if _, err := Run(t.Context(), cfg); err == nil {
		t.Error("a platform without a name was accepted")
	}
}

func TestTwoProcessesDoNotShareALaneFile(t *testing.T) {
	p := newPlatform(t)
	cfg, _ := p.job("join")
	release, err := lock(cfg.Path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Run(t.Context(), cfg); !errors.Is(err, ErrLocked) || p.did() != "" {
		t.Errorf("error %v", err)
	}
	if err := release(); err != nil {
		t.Fatal(err)
	}
	if _, err := Run(t.Context(), cfg); err != nil {
		t.Error(err)
	}
}

func TestNothingIsCreatedThatCannotBeWrittenDown(t *testing.T) {
	p := newPlatform(t)
	cfg, _ := p.job("join")
	cfg.Path = filepath.Join(t.TempDir(), "none", "lanes.json")
	if _, err := Run(t.Context(), cfg); err == nil {
		t.Error("no error")
	}
	if err := os.Mkdir(filepath.Dir(cfg.Path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(cfg.Path, 0o700); err != nil { // a directory where the file should be
		t.Fatal(err)
	}
	if _, err := Run(t.Context(), cfg); err == nil {
		t.Error("no error")
	}
	if len(p.meetings) != 0 {
		t.Errorf("%d meetings exist", len(p.meetings))
	}
}
