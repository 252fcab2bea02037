package probe

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"go.yaml.in/yaml/v3"

	"github.com/dark-tower/prober/internal/config"
	"github.com/dark-tower/prober/internal/setup"
)

// Fingerprint is the same for probes that do the same on the same lanes of the same
// platform with the same accounts: nothing needs to be begun anew when it stays. It
// is a digest of secrets, too, and not to be shown.
func Fingerprint(site *setup.Site, p config.Probe, lanes []config.Lane) (string, error) {
	h := sha256.New()
	p.Objectives = nil // what is measured is judged elsewhere
	if err := yaml.NewEncoder(h).Encode(struct {
		Platform config.Platform
		Probe    config.Probe
		Lanes    []config.Lane
	}{site.Config.Platform, p, lanes}); err != nil {
		return "", fmt.Errorf("comparing probe %s: %w", p.Name, err)
	}
	_, _ = h.Write(site.Trusted[:])
	for _, l := range lanes {
		fmt.Fprintf(h, "%q", site.Meetings[l.Name].Reveal())
		for _, a := range site.Accounts[l.Name] {
			fmt.Fprintf(h, "%q%q%q", a.Email, a.Password, a.DisplayName)
		}
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
