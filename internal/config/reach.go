package config

import (
	"cmp"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/dark-tower/prober/internal/darktower/account"
	"github.com/dark-tower/prober/internal/darktower/meeting"
	"github.com/dark-tower/prober/internal/webtransport"
)

// maxTrustFile bounds the authorities and the pins, in bytes.
const maxTrustFile = 1 << 20

// Reach is how to reach the four services of a platform.
type Reach struct {
	AC     account.Config
	GC     meeting.Config
	MC, MH webtransport.Config
	// Trusted is a digest of the authorities and pins that were read: another one
	// means other trust.
	Trusted [sha256.Size]byte
}

// Reach reads the files that Trust names and returns how to reach the platform. Nil
// functions read the process's environment and the file system.
func (p Platform) Reach(lookup LookupEnv, read ReadFile) (Reach, error) {
	r := newResolver(lookup, read)
	authorities, unread := p.Trust.authorities(r)
	fingerprints, unknown := p.Trust.fingerprints(r)
	if err := errors.Join(unread, unknown); err != nil {
		return Reach{}, err
	}
	conf, err := httpTLS(authorities)
	if err != nil {
		return Reach{}, err
	}
	reach := Reach{
		Trusted: sha256.Sum256(fmt.Appendf(nil, "%s\x00%s\x00%s", authorities, fingerprints.MC, fingerprints.MH)),
		AC:      account.Config{BaseURL: cmp.Or(p.Forwarded.AC, p.ACURL), Organisation: p.Organisation, Host: p.Host, Timeout: p.Deadlines.SignIn.D(), TLS: conf},
		GC:      meeting.Config{BaseURL: cmp.Or(p.Forwarded.GC, p.GCURL), Timeout: p.Deadlines.GC.D(), TLS: conf},
	}
	if reach.MC, err = p.transport(p.Trust.MC, authorities, fingerprints.MC); err != nil {
		return Reach{}, err
	}
	if reach.MH, err = p.transport(p.Trust.MH, authorities, fingerprints.MH); err != nil {
		return Reach{}, err
	}
	return reach, nil
}

func (p Platform) transport(server ServerTrust, authorities []byte, pin string) (webtransport.Config, error) {
	conf := webtransport.Config{
		ServerName:         server.ServerName,
		InsecureSkipVerify: p.Trust.InsecureSkipVerify,
		Endpoints:          webtransport.EndpointMap(p.EndpointMap),
		Dialect:            dialects[p.Dialect],
		RawStreamCodes:     true, // as the platform's servers send and take them
	}
	if authorities != nil {
		conf.RootCAs = x509.NewCertPool()
		if !conf.RootCAs.AppendCertsFromPEM(authorities) {
			return conf, errors.New("platform.trust.ca_file holds no certificate in PEM")
		}
	}
	pins := server.Pins
	if pin != "" {
		pins = append(pins[:len(pins):len(pins)], pin)
	}
	for _, pin := range pins {
		digest, ok := parsePin(pin)
		if !ok {
			return conf, errors.New("platform.trust: a pin is not a SHA-256 digest")
		}
		conf.LeafPins = append(conf.LeafPins, digest)
	}
	return conf, nil
}

var dialects = map[string]webtransport.Dialect{
	"auto": webtransport.Auto, "legacy": webtransport.Legacy, "modern": webtransport.Modern,
}

// httpTLS trusts the authorities besides the system's: the platform's own sign AC's
// and GC's certificates only in development.
func httpTLS(authorities []byte) (*tls.Config, error) {
	if authorities == nil {
		return nil, nil
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(authorities) {
		return nil, errors.New("platform.trust.ca_file holds no certificate in PEM")
	}
	return &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}, nil
}

func (t Trust) authorities(r *resolver) ([]byte, error) {
	if t.CAPEM != nil {
		return t.CAPEM, nil
	}
	return t.CAFile.content(r, "platform.trust.ca_file")
}

// fingerprints reads the platform's fingerprints.json (platform contract, cluster 1.4).
func (t Trust) fingerprints(r *resolver) (f struct {
	MC string `json:"MC_CERT_SHA256"`
	MH string `json:"MH_CERT_SHA256"`
}, err error) {
	content, err := t.PinsFile.content(r, "platform.trust.pins_file")
	if err != nil || content == nil {
		return f, err
	}
	if json.Unmarshal(content, &f) != nil || f.MC == "" && f.MH == "" {
		return f, errors.New("platform.trust.pins_file is not a fingerprints.json: it must be a JSON object with MC_CERT_SHA256 or MH_CERT_SHA256")
	}
	return f, nil
}

// content reads the file; nil when none was configured.
func (p Path) content(r *resolver, field string) ([]byte, error) {
	path := p.Path
	if p.Env != "" {
		if path, _ = r.lookup(p.Env); path == "" {
			return nil, fmt.Errorf("%s: the environment variable %s is not set; set it to the path of the file, or write the path into the configuration", field, p.Env)
		}
	}
	if path == "" {
		return nil, nil
	}
	content, err := r.read(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", field, err)
	}
	if len(content) == 0 || len(content) > maxTrustFile {
		return nil, fmt.Errorf("%s: %s must have 1 to %d bytes", field, path, maxTrustFile)
	}
	return content, nil
}
