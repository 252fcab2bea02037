package main

import (
	"path/filepath"
	"testing"

	"github.com/dark-tower/prober/internal/devstack"
	"github.com/dark-tower/prober/internal/provision"
)

// TestProvisionThroughForwardedPorts: whoever is outside of the cluster makes lanes for
// a prober inside of it, which knows the platform by other addresses.
func TestProvisionThroughForwardedPorts(t *testing.T) {
	p := newPlatform(t, devstack.Options{})
	const inside = "http://gc-service.dark-tower.svc.cluster.local:8080"
	edit(t, p.files.Config, p.ACURL, "http://ac-service.dark-tower.svc.cluster.local:8082", p.GCURL, inside)
	lanes := filepath.Join(t.TempDir(), "lanes.json")
	run(t.Context(), "provision", "--config", p.files.Config, "--lanes", lanes, "--use", "check",
		"--ac-url", p.ACURL, "--gc-url", p.GCURL).must(t, 0)
	made, err := provision.LoadLanes(lanes)
	if err != nil {
		t.Fatal(err)
	}
	if got := made.Platform().GCURL; got != inside {
		t.Errorf("the lanes belong to %s, and not to the configuration's platform", got)
	}
}
