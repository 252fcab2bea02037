package config

import (
	"bytes"
	_ "embed"
	"fmt"

	"go.yaml.in/yaml/v3"
)

//go:embed devstack.yaml
var devstackFile []byte

// DevstackPlatform is what the platform embedded in the prober says about itself.
type DevstackPlatform struct {
	ACURL, GCURL string
	Organisation string
	ServerName   string // name in the certificates of MC and MH
	CAPEM        []byte // authority that signs them
	// Endpoints gives the host:port to dial for an advertised one; nil: none.
	Endpoints map[string]string
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
	c.Platform.EndpointMap = p.Endpoints
	c.Platform.Trust = Trust{
		MC: ServerTrust{ServerName: p.ServerName}, MH: ServerTrust{ServerName: p.ServerName},
		CAPEM: p.CAPEM,
	}
	return c, nil
}

// DevstackFile returns the same configuration as a file, for a prober in another
// process: it reads the authority from caFile.
func DevstackFile(p DevstackPlatform, caFile string) ([]byte, error) {
	c, err := Devstack(p)
	if err != nil {
		return nil, err
	}
	c.Platform.Trust.CAFile = Path{Path: caFile}
	var b bytes.Buffer
	fmt.Fprintf(&b, "version: %d\n\n", Version)
	encoder := yaml.NewEncoder(&b)
	encoder.SetIndent(2)
	if err := encoder.Encode(map[string]Platform{"platform": c.Platform}); err != nil {
		return nil, fmt.Errorf("the embedded configuration: %w", err)
	}
	// The rest says the same for every platform.
	b.WriteByte('\n')
	b.Write(devstackFile[bytes.Index(devstackFile, []byte("accounts:\n")):])
	if _, err := Parse("probes.yaml", b.Bytes()); err != nil {
		return nil, fmt.Errorf("the embedded configuration: %w", err)
	}
	return b.Bytes(), nil
}
