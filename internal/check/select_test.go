package check_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/dark-tower/prober/internal/check"
	"github.com/dark-tower/prober/internal/config"
)

const selectable = `
version: 1
platform: {ac_url: http://127.0.0.1:1, gc_url: http://127.0.0.1:1, organisation: devtest}
accounts:
  pool: {allow_inline: true, email: {value: "{account}@a.test"}, password: {value: "a-password"}}
lanes:
  - {name: join-a, pool: pool, use: check}
  - {name: join-b, pool: pool, use: check}
  - {name: join-run, pool: pool, use: run}
  - {name: media-run, pool: pool, use: run}
  - {name: sign-in, pool: pool, use: check}
  - {name: clean, pool: pool, use: check}
probes:
  - {name: join, flow: join, lanes: [join-run, join-a, join-b], interval: 1m, timeout: 20s}
  - {name: media, flow: media, lanes: [media-run], interval: 1m, timeout: 20s}
  - {name: sign-in, flow: sign_in, lanes: [sign-in], interval: 1m, timeout: 20s}
  - {name: clean, flow: reconnect, lanes: [clean], interval: 1m, timeout: 20s, reconnect: {disconnect: clean}}
`

func TestWhichProbesAreCheckedOnWhichLanes(t *testing.T) {
	cfg, err := config.Parse("probes.yaml", []byte(selectable))
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name  string
		names []string
		runs  int
		want  string // probe: lanes; probe: lanes
		err   string
	}{
		{"all that have a lane for checks, and never a sign-in", nil, 1, "join: join-a; clean: clean", ""},
		{"runs take turns on the lanes", nil, 3, "join: join-a join-b; clean: clean", ""},
		{"one by name", []string{"clean"}, 1, "clean: clean", ""},
		{"the same one twice", []string{"join", "join"}, 1, "join: join-a", ""},
		{"in the order of the file", []string{"clean", "join"}, 1, "join: join-a; clean: clean", ""},
		{"one that is not there", []string{"jion"}, 1, "", `no probe is called "jion"; there are: join, media, clean`},
		{"several that are not there", []string{"a", "clean", "b"}, 1, "", `"b"`},
		{"one whose lanes are the daemon's", []string{"media"}, 1, "", "probe media has no lane with `use: check`; add one"},
		{"one that only signs in", []string{"sign-in"}, 1, "", "probe sign-in only signs in"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tasks, err := check.Select(cfg, tc.names, tc.runs)
			if tc.err != "" {
				if err == nil || !strings.Contains(err.Error(), tc.err) {
					t.Errorf("error %v, want %q", err, tc.err)
				}
				return
			}
			var got []string
			for _, task := range tasks {
				lanes := check.Lanes([]check.Task{task})
				got = append(got, task.Probe.Name+": "+strings.Join(lanes, " "))
			}
			if err != nil || strings.Join(got, "; ") != tc.want {
				t.Errorf("got %q, %v; want %q", got, err, tc.want)
			}
		})
	}
}

func TestNothingToCheckIsAnError(t *testing.T) {
	text := strings.ReplaceAll(selectable, "use: check", "use: run")
	cfg, err := config.Parse("probes.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if tasks, err := check.Select(cfg, nil, 1); err == nil || !strings.Contains(err.Error(), "no probe has a lane") {
		t.Errorf("tasks %v, error %v", slices.Collect(slices.Values(tasks)), err)
	}
}
