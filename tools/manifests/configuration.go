package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// prober is the prober's own judge of configurations: `prober config check`.
type prober struct {
	binary string
	folder string
}

// buildProber builds the prober of a repository. Close must be called.
func buildProber(r repository) (*prober, error) {
	folder, err := os.MkdirTemp("", "manifests-")
	if err != nil {
		return nil, err
	}
	p := &prober{binary: filepath.Join(folder, "prober"), folder: folder}
	build := exec.Command("go", "build", "-o", p.binary, "./cmd/prober")
	build.Dir = string(r)
	if output, err := build.CombinedOutput(); err != nil {
		return nil, errors.Join(fmt.Errorf("building the prober: %w\n%s", err, output), p.Close())
	}
	return p, nil
}

// Close removes what was built.
func (p *prober) Close() error { return os.RemoveAll(p.folder) }

// mistakes returns the prober's complaints about a configuration, a line each.
func (p *prober) mistakes(content string) ([]string, error) {
	file := filepath.Join(p.folder, "probes.yaml")
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		return nil, err
	}
	var complaints bytes.Buffer
	check := exec.Command(p.binary, "config", "check", "--config", file)
	check.Stderr = &complaints
	err := check.Run()
	var refused *exec.ExitError
	switch {
	case err == nil:
		return nil, nil
	case !errors.As(err, &refused):
		return nil, err
	}
	var lines []string
	for line := range strings.Lines(complaints.String()) {
		if place, found := strings.CutPrefix(strings.TrimSpace(line), file+":"); found {
			lines = append(lines, place)
		}
	}
	if len(lines) == 0 {
		return nil, fmt.Errorf("prober config check: %s", complaints.Bytes())
	}
	return lines, nil
}

// accepted wants the prober to accept a configuration, or, where there is something to
// be filled in, to refuse exactly that.
func accepted(rep *report, p *prober, overlay, configMap, content string) error {
	mistakes, err := p.mistakes(content)
	if err != nil {
		return err
	}
	lines := strings.Split(content, "\n")
	for _, m := range mistakes {
		var line int
		_, _ = fmt.Sscanf(m, "%d:", &line) // 0 where there is no line
		if overlay == shape && line > 0 && line <= len(lines) && strings.Contains(lines[line-1], placeholder) {
			continue
		}
		rep.addf(configMap+": probes.yaml", "%s", m)
	}
	if overlay == shape && len(mistakes) == 0 && strings.Contains(content, placeholder) {
		rep.addf(configMap+": probes.yaml", "the prober accepts what is still to be filled in")
	}
	return nil
}
