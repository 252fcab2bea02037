package check

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/internal/config"
)

// Task is a probe and the lanes that its runs take turns on.
type Task struct {
	Probe config.Probe
	Lanes []config.Lane
}

// Select gives the probes with these names, or without names all that have a
// lane for checks. No probe gets more lanes than it has runs.
func Select(cfg *config.Config, names []string, runs int) ([]Task, error) {
	var tasks []Task
	for _, p := range cfg.Probes {
		lanes := cfg.LanesOf(p, config.Check)
		if len(lanes) == 0 || p.Flow == flows.SignIn || len(names) > 0 && !slices.Contains(names, p.Name) {
			continue
		}
		tasks = append(tasks, Task{Probe: p, Lanes: lanes[:min(len(lanes), max(runs, 1))]})
	}
	var problems []error
	for i, name := range names {
		if !slices.Contains(names[:i], name) {
			problems = append(problems, selectable(cfg, name))
		}
	}
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	if len(tasks) == 0 {
		return nil, errors.New("no probe has a lane with `use: check`; add one, since a lane never serves two processes")
	}
	return tasks, nil
}

// selectable says why the probe with this name cannot be checked.
func selectable(cfg *config.Config, name string) error {
	p, ok := cfg.Probe(name)
	switch {
	case !ok:
		return fmt.Errorf("no probe is called %q; there are: %s", name, strings.Join(probeNames(cfg), ", "))
	case p.Flow == flows.SignIn:
		return fmt.Errorf("probe %s only signs in, which every other probe does as its first step; check one of those", name)
	case len(cfg.LanesOf(p, config.Check)) == 0:
		return fmt.Errorf("probe %s has no lane with `use: check`; add one, since a lane never serves two processes", name)
	}
	return nil
}

func probeNames(cfg *config.Config) []string {
	var names []string
	for _, p := range cfg.Probes {
		if p.Flow != flows.SignIn {
			names = append(names, p.Name)
		}
	}
	return names
}

// Lanes names the lanes of all tasks.
func Lanes(tasks []Task) []string {
	var names []string
	for _, t := range tasks {
		for _, l := range t.Lanes {
			names = append(names, l.Name)
		}
	}
	return names
}
