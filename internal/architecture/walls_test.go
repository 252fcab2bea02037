// Package architecture keeps the walls between the rooms: it reads the imports
// of every file and compares them with what docs/architecture.md allows.
package architecture

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/dark-tower/prober/"

// importsOf maps each package folder (relative to the root, slashes) to the
// module's own packages that its non-test files import.
func importsOf(t *testing.T) map[string][]string {
	t.Helper()
	root := filepath.Join("..", "..")
	out := make(map[string][]string)
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(root, path)
		rel = filepath.ToSlash(rel)
		if d.IsDir() {
			if strings.HasPrefix(d.Name(), ".") && rel != "." || d.Name() == "testdata" || rel == "tools" || rel == "interop" {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		dir := filepath.ToSlash(filepath.Dir(rel))
		for _, spec := range file.Imports {
			name, _ := strconv.Unquote(spec.Path.Value)
			if own, ok := strings.CutPrefix(name, module); ok && !slices.Contains(out[dir], own) {
				out[dir] = append(out[dir], own)
			} else if _, seen := out[dir]; !seen {
				out[dir] = nil
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(out) < 15 {
		t.Fatalf("only %d packages found: the walk does not see the module", len(out))
	}
	return out
}

func within(pkg string, rooms ...string) bool {
	return slices.ContainsFunc(rooms, func(r string) bool { return pkg == r || strings.HasPrefix(pkg, r+"/") })
}

func TestTheWireClientKnowsNothingOfProbing(t *testing.T) {
	for pkg, imports := range importsOf(t) {
		if !within(pkg, "internal/darktower") {
			continue
		}
		for _, i := range imports {
			if !within(i, "internal/darktower", "internal/webtransport") {
				t.Errorf("%s imports %s: the client must be liftable", pkg, i)
			}
		}
	}
}

func TestTheEmbeddedPlatformSharesOnlyWireAndFrame(t *testing.T) {
	for pkg, imports := range importsOf(t) {
		if !within(pkg, "internal/devstack") {
			continue
		}
		for _, i := range imports {
			if !within(i, "internal/devstack", "internal/darktower/wire", "internal/darktower/frame") {
				t.Errorf("%s imports %s: a double made from the client's code agrees with its bugs", pkg, i)
			}
		}
	}
}

// floors lists the rooms from the ground up; imports may only go down.
var floors = [][]string{
	{"internal/darktower/frame", "internal/darktower/wire", "internal/darktower/tracecontext", "internal/webtransport", "internal/selfwatch", "internal/kerneltime", "internal/link", "internal/slo/binomial", "internal/slo/blocks"},
	{"internal/darktower/seal", "internal/darktower/framing", "internal/darktower/httpapi"},
	{"internal/darktower/account", "internal/darktower/meeting", "internal/darktower/signaling", "internal/darktower/media"},
	{"internal/darktower"},
	{"flows"},
	{"flows/people"},
	{"flows/join", "flows/media", "flows/reconnect", "flows/signin"},
	{"internal/config", "internal/schedule", "internal/provision", "internal/telemetry/tracing", "internal/telemetry/logging", "internal/telemetry/metrics"},
	{"internal/slo"},
	{"internal/report"},
	{"internal/digest"},
	{"internal/history", "internal/page"},
	{"internal/web"},
	{"internal/setup"},
	{"internal/probe"},
	{"internal/check", "internal/daemon", "internal/embedded", "deploy/derived"},
	{"internal/gate"},
	{"cmd/prober", "bench", "deploy/generate"},
}

// testRooms are imported by tests alone, and may import anything.
var testRooms = []string{"internal/flowtest", "internal/canary", "internal/collectortest", "internal/page/pagetest"}

func floor(pkg string) int {
	best, length := -1, -1
	for n, rooms := range floors {
		for _, r := range rooms {
			if within(pkg, r) && len(r) > length {
				best, length = n, len(r)
			}
		}
	}
	return best
}

func TestImportsGoDownOnly(t *testing.T) {
	for pkg, imports := range importsOf(t) {
		for _, i := range imports {
			if within(i, testRooms...) && !within(pkg, testRooms...) {
				t.Errorf("%s imports %s: only tests may", pkg, i)
			}
		}
		if within(pkg, "internal/devstack", "internal/architecture") || within(pkg, testRooms...) {
			continue
		}
		here := floor(pkg)
		if here < 0 {
			t.Errorf("%s is in no room: give it a floor here and in docs/architecture.md", pkg)
			continue
		}
		for _, i := range imports {
			if within(i, "internal/devstack") {
				if !within(pkg, "cmd", "bench", "internal/embedded") {
					t.Errorf("%s imports %s: only commands, internal/embedded and tests may", pkg, i)
				}
				continue
			}
			there := floor(i)
			same := there == here && (within(i, pkg) || within(pkg, i))
			if there > here || (there == here && !same && here != 0) {
				t.Errorf("%s imports %s, which is not below it", pkg, i)
			}
		}
	}
}

func TestPureRoomsDoNoIO(t *testing.T) {
	for pkg, forbidden := range map[string][]string{
		"internal/darktower/frame": {"net", "net/http", "os", "time", "io/fs"},
		"internal/darktower/seal":  {"net", "net/http", "os", "io/fs"},
		"internal/slo":             {"net", "net/http", "os", "io/fs"},
		"internal/slo/binomial":    {"net", "net/http", "os", "io/fs", "time"},
		"internal/slo/blocks":      {"net", "net/http", "os", "io/fs", "time"},
		"internal/slo/simulate":    {"net", "net/http", "os", "io/fs"},
		"internal/schedule":        {"net", "net/http", "os", "io/fs"},
	} {
		files, _ := filepath.Glob(filepath.Join("..", "..", filepath.FromSlash(pkg), "*.go"))
		if len(files) == 0 {
			t.Errorf("%s has no files", pkg)
		}
		for _, path := range files {
			if strings.HasSuffix(path, "_test.go") {
				continue
			}
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
			if err != nil {
				t.Fatal(err)
			}
			for _, spec := range file.Imports {
				if name, _ := strconv.Unquote(spec.Path.Value); slices.Contains(forbidden, name) {
					t.Errorf("%s imports %s: %s does no I/O", filepath.Base(path), name, pkg)
				}
			}
		}
	}
}
