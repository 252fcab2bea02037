package config

import (
	_ "embed"
	"fmt"
)

//go:embed devstack.yaml
var devstackFile []byte

// DevstackPlatform is what the platform embedded in the prober says about itself.
type DevstackPlatform struct {
	ACURL, GCURL string
	Organisation string
	ServerName   string // name in the certificates of MC and MH
	CAPEM        []byte // authority that signs them
}

// Devstack returns the configuration of a check against the embedded platform: every
// probe that is shipped, short, on throw-away accounts.
func Devstack(p DevstackPlatform) (*Config, error) {
	c, err := Parse("devstack.yaml", devstackFile)
	if err != nil {
		return nil, fmt.Errorf("the embedded configuration: %w", err)
	}
	c.Platform.ACURL, c.Platform.GCURL = p.ACURL, p.GCURL
	if p.Organisation != "" {
		c.Platform.Organisation = p.Organisation
	}
	c.Platform.Trust = Trust{
		MC: ServerTrust{ServerName: p.ServerName}, MH: ServerTrust{ServerName: p.ServerName},
		CAPEM: p.CAPEM,
	}
	return c, nil
}
