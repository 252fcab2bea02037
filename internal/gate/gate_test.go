package gate_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/internal/check"
	"github.com/dark-tower/prober/internal/config"
	"github.com/dark-tower/prober/internal/darktower/httpapi"
	"github.com/dark-tower/prober/internal/devstack"
	"github.com/dark-tower/prober/internal/devstack/fault"
	"github.com/dark-tower/prober/internal/embedded"
	"github.com/dark-tower/prober/internal/gate"
	"github.com/dark-tower/prober/internal/report"
	"github.com/dark-tower/prober/internal/setup"
	"github.com/dark-tower/prober/internal/slo"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// onEmbedded runs a gate over these probes of the embedded platform.
func onEmbedded(t *testing.T, faults fault.Faults, runs int, probes ...string) ([]flows.Run, report.Judgement) {
	t.Helper()
	return with(t, faults, gate.Options{Runs: runs}, nil, probes...)
}

// with is onEmbedded with options, and with somebody who sees each run and may bend the
// platform then.
func with(t *testing.T, faults fault.Faults, o gate.Options, seen func(*fault.Panel, flows.Run), probes ...string) ([]flows.Run, report.Judgement) {
	t.Helper()
	platform, err := embedded.Start(t.Context(), devstack.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = platform.Close() }()
	cfg, err := platform.Config()
	if err != nil {
		t.Fatal(err)
	}
	for i := range cfg.Probes {
		if m := cfg.Probes[i].Media; m != nil {
			m.Duration = config.Duration(time.Second)
		}
	}
	for i := range cfg.Lanes {
		cfg.Lanes[i].Rest = config.Duration(500 * time.Millisecond)
	}
	tasks, err := check.Select(cfg, probes, 100)
	if err != nil {
		t.Fatal(err)
	}
	site, err := platform.Site(t.Context(), cfg, check.Lanes(tasks), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer site.Close()
	platform.Faults().Set(faults)
	o.Site, o.Tasks = site, tasks
	if seen != nil {
		o.OnRun = func(r flows.Run) { seen(platform.Faults(), r) }
	}
	return run(t, o)
}

func run(t *testing.T, o gate.Options) ([]flows.Run, report.Judgement) {
	t.Helper()
	g, err := gate.New(o)
	if err != nil {
		t.Fatal(err)
	}
	runs, j := g.Run(t.Context())
	if err := g.Close(context.WithoutCancel(t.Context())); err != nil {
		t.Error(err)
	}
	return runs, j
}

func expect(t *testing.T, runs []flows.Run, j report.Judgement, code int, verdicts map[string]slo.Verdict) {
	t.Helper()
	if got := j.ExitCode(); got != code {
		t.Errorf("exit code %d, want %d: %s", got, code, j.Line())
	}
	for _, f := range j.Findings {
		if want, judged := verdicts[f.Objective.Name]; judged && f.Verdict != want {
			t.Errorf("%s is %s, want %s: %+v", f.Objective.Name, f.Verdict, want, f)
		}
		delete(verdicts, f.Objective.Name)
	}
	for name := range verdicts {
		t.Errorf("nothing was found about %s", name)
	}
	if t.Failed() {
		var told strings.Builder
		_ = report.Text{}.Judgement(&told, j, runs) // into memory
		t.Log(told.String())
	}
}

func TestAHealthyPlatformPasses(t *testing.T) {
	t.Parallel()
	runs, j := onEmbedded(t, fault.Faults{}, 0, "join", "media")
	expect(t, runs, j, report.ExitOK, map[string]slo.Verdict{"join-availability": slo.Pass, "media-availability": slo.Pass, "media-one-way-latency": slo.Pass})
	joins := 0
	for _, r := range runs {
		if r.Trigger != flows.OnDemand {
			t.Errorf("a run was started by %s", r.Trigger)
		}
		if r.Probe == "join" {
			joins++
		}
	}
	if joins != 14 {
		t.Errorf("%d joins, and 14 are what the proof takes", joins)
	}
}

func TestAGCThatFailsEveryTenthJoinFails(t *testing.T) {
	runs, j := onEmbedded(t, fault.Faults{GC: fault.GC{JoinStatus: 500, JoinEvery: 10}}, 0, "join")
	expect(t, runs, j, report.ExitFailed, map[string]slo.Verdict{"join-availability": slo.Fail})
}

func TestASlowRelayFailsTheMediaOnly(t *testing.T) {
	t.Parallel()
	runs, j := onEmbedded(t, fault.Faults{MH: fault.MH{Delay: 200 * time.Millisecond}}, 0, "join", "media")
	expect(t, runs, j, report.ExitFailed, map[string]slo.Verdict{"join-availability": slo.Pass, "media-availability": slo.Pass, "media-one-way-latency": slo.Fail})
	var aside []string
	for _, f := range j.Aside {
		aside = append(aside, f.Objective.Name)
		if f.Judged == 0 {
			t.Errorf("nothing is said of %s", f.Objective.Name)
		}
	}
	if got := strings.Join(aside, " "); got != "join-time-to-media media-delivery-ratio" {
		t.Errorf("aside are %s", got)
	}
}

// TestAPlatformThatHasJustBeenDeployedPassesAfterAWarmUp: GC does not know AC's key yet,
// as its cache is older; what the warm-up saw is not judged.
func TestAPlatformThatHasJustBeenDeployedPassesAfterAWarmUp(t *testing.T) {
	t.Parallel()
	asked := 0
	runs, j := with(t, fault.Faults{AC: fault.AC{WrongKey: true}}, gate.Options{Runs: 14, WarmUp: time.Minute}, func(p *fault.Panel, _ flows.Run) {
		if asked++; asked == 2 {
			p.Set(fault.Faults{})
		}
	}, "join")
	expect(t, runs, j, report.ExitOK, map[string]slo.Verdict{"join-availability": slo.Pass})
	if w := j.WarmUp; w == nil || w.Runs != 3 || !w.Ready || len(runs) != 14 {
		t.Errorf("%d runs were judged after a warm-up of %+v", len(runs), j.WarmUp)
	}
}

func TestAFewRunsProveNothingAndSayHowManyWould(t *testing.T) {
	runs, j := onEmbedded(t, fault.Faults{}, 3, "join")
	expect(t, runs, j, report.ExitInconclusive, map[string]slo.Verdict{"join-availability": slo.Inconclusive})
	if len(runs) != 3 || j.Findings[0].Needs != 14 {
		t.Errorf("%d runs, and %d are said to be needed", len(runs), j.Findings[0].Needs)
	}
}

func TestWhenEverythingIsSilentTheReferenceDecides(t *testing.T) {
	for _, tc := range []struct {
		name    string
		answers bool
		code    int
		verdict slo.Verdict
	}{
		{"the reference answers: the platform is down", true, report.ExitFailed, slo.Fail},
		{"the reference is silent, too: the prober's own network is down", false, report.ExitProber, slo.Inconclusive},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			reference := silent(t)
			if tc.answers {
				reference = listening(t)
			}
			cfg, err := config.Parse("probes.yaml", fmt.Appendf(nil, silentPlatform, silent(t), silent(t), reference))
			if err != nil {
				t.Fatal(err)
			}
			tasks, err := check.Select(cfg, nil, 10)
			if err != nil {
				t.Fatal(err)
			}
			accounts, err := cfg.Resolve(nil, nil)
			if err != nil {
				t.Fatal(err)
			}
			platform, judge, err := setup.Reach(cfg.Platform, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer platform.Accounts.Close()
			judge.Witness.Patience = 200 * time.Millisecond
			site := &setup.Site{Config: cfg, Platform: platform, Judge: judge, Accounts: accounts, Meetings: map[string]httpapi.Secret{"a": "Abc123Abc123"}}
			runs, j := run(t, gate.Options{Site: site, Tasks: tasks})
			expect(t, runs, j, tc.code, map[string]slo.Verdict{"join-availability": tc.verdict})
			if len(runs) > 5 {
				t.Errorf("%d runs, although it was clear after a few", len(runs))
			}
			for _, r := range runs {
				if tc.answers != (r.Outcome == flows.Failed) {
					t.Errorf("a run is %s: %v", r.Outcome, r.Failure)
				}
			}
		})
	}
}

const silentPlatform = `version: 1
platform:
  ac_url: http://%s
  gc_url: http://%s
  organisation: devtest
  reference: [%q]
  deadlines: {sign_in: 300ms, gc: 300ms}
accounts:
  pool: {allow_inline: true, email: {value: "{account}@gate.test"}, password: {value: a-password}}
lanes: [{name: a, pool: pool, use: check, rest: 10ms}]
probes:
  - {name: join, flow: join, lanes: [a], interval: 1m, timeout: 5s, objectives: [{sli: availability, target: 99%%, gate: {prove: 90%%, runs: 61}}]}
`

// listening is an address that takes connections.
func listening(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	return ln.Addr().String()
}

// silent is an address that answers nothing at all: its queue of connections is full,
// and the kernel drops whatever else comes.
func silent(t *testing.T) string {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	file := os.NewFile(uintptr(fd), "silent")
	t.Cleanup(func() { _ = file.Close() })
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	at, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	addr := fmt.Sprintf("127.0.0.1:%d", at.(*syscall.SockaddrInet4).Port)
	for range 8 {
		conn, err := net.DialTimeout("tcp", addr, 200*time.Millisecond)
		if err != nil {
			return addr
		}
		t.Cleanup(func() { _ = conn.Close() })
	}
	t.Skip("a full queue of connections does not make this kernel silent")
	return ""
}

func TestAGateNeedsSomethingToJudge(t *testing.T) {
	platform, err := embedded.Start(t.Context(), devstack.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = platform.Close() }()
	cfg, err := platform.Config()
	if err != nil {
		t.Fatal(err)
	}
	tasks, err := check.Select(cfg, []string{"reconnect-abrupt"}, 1)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := gate.New(gate.Options{Site: &setup.Site{Config: cfg}, Tasks: tasks}); err == nil {
		t.Error("an informational probe gates")
	}
}
