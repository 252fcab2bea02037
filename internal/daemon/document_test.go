package daemon

import (
	"os"
	"strings"
	"testing"

	"github.com/dark-tower/prober/internal/config"
	"github.com/dark-tower/prober/internal/schedule"
)

func TestTheDocumentKnowsEveryReasonToSkipAndEverySettingThatWaitsForAStart(t *testing.T) {
	content, err := os.ReadFile("../../docs/daemon.md")
	if err != nil {
		t.Fatal(err)
	}
	text := string(content)
	for _, r := range schedule.SkipReasons() {
		if !strings.Contains(text, "\n| `"+string(r)+"` |") {
			t.Errorf("nothing about slots that are skipped as %s", r)
		}
	}
	_, waiting, _ := strings.Cut(text, "These take effect with the next start")
	waiting, _, _ = strings.Cut(waiting, "\n\n")
	other := config.Daemon{Listen: "x", Token: config.Source{Env: "x"}, FirstRun: 1, Drain: 1, Keep: 1, StateFile: "x", Traces: config.Traces{KeepOneIn: 1},
		Logs: config.Logs{Format: config.LogText, HashKey: config.Source{Env: "x"}}}
	settings := fixed(config.Daemon{}, other)
	if len(settings) != 9 {
		t.Errorf("settings %q", settings)
	}
	for _, s := range settings {
		if name := strings.TrimSuffix(strings.TrimPrefix(s, "daemon."), ".keep_one_in"); !strings.Contains(waiting, "`"+name+"`") {
			t.Errorf("nothing about %s, which waits for the next start", s)
		}
	}
}
