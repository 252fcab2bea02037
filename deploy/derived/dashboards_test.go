package derived

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

func TestTheMemoryPanelShowsThePodsLimit(t *testing.T) {
	deployment, err := os.ReadFile("../kustomize/base/deployment.yaml")
	if err != nil {
		t.Fatal(err)
	}
	limit := regexp.MustCompile(`limits:\n\s+memory: (\d+)Mi\n`).FindSubmatch(deployment)
	if limit == nil {
		t.Fatal("the Deployment has no memory limit in Mi")
	}
	mebibytes, err := strconv.Atoi(string(limit[1]))
	if err != nil {
		t.Fatal(err)
	}
	files, err := boards(nil)
	if err != nil {
		t.Fatal(err)
	}
	line := fmt.Sprintf(`"value": %d`, mebibytes<<20)
	for _, f := range files {
		if strings.Contains(string(f.Content), "process_resident_memory_bytes") && !strings.Contains(string(f.Content), line) {
			t.Errorf("%s has no line at %d MiB", f.Path, mebibytes)
		}
	}
}
