package webtransport

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/quic-go/quic-go/http3"
)

// Certificate is what a monitor wants to know of one certificate.
type Certificate struct {
	Subject, Issuer     string
	DNSNames            []string
	IPAddresses         []string
	NotBefore, NotAfter time.Time
	// Key is the kind and size of the public key, such as "ECDSA P-256".
	Key string
	// SHA256 is the digest of the DER form, as in [Config.LeafPins].
	SHA256 [32]byte
}

func certificates(chain []*x509.Certificate) []Certificate {
	out := make([]Certificate, 0, len(chain))
	for _, c := range chain {
		f := Certificate{
			Subject: c.Subject.String(), Issuer: c.Issuer.String(), DNSNames: slices.Clone(c.DNSNames),
			NotBefore: c.NotBefore, NotAfter: c.NotAfter, Key: keyKind(c.PublicKey), SHA256: sha256.Sum256(c.Raw),
		}
		for _, ip := range c.IPAddresses {
			f.IPAddresses = append(f.IPAddresses, ip.String())
		}
		out = append(out, f)
	}
	return out
}

func keyKind(public any) string {
	switch k := public.(type) {
	case *ecdsa.PublicKey:
		return "ECDSA " + k.Curve.Params().Name
	case *rsa.PublicKey:
		return fmt.Sprintf("RSA %d", k.N.BitLen())
	case ed25519.PublicKey:
		return "Ed25519"
	}
	return "unknown"
}

// Trust is why a server's certificate was accepted.
type Trust string

// The ways to trust.
const (
	// TrustName: chain and name were verified.
	TrustName Trust = "name"
	// TrustPin: the leaf is one of [Config.LeafPins].
	TrustPin Trust = "pin"
	// TrustNone: nothing was verified; see [Config.InsecureSkipVerify].
	TrustNone Trust = "unverified"
)

func (cfg *Config) trust() Trust {
	switch {
	case cfg.InsecureSkipVerify:
		return TrustNone
	case len(cfg.LeafPins) > 0:
		return TrustPin
	}
	return TrustName
}

// PinError refuses a leaf certificate that is none of the pinned ones.
type PinError struct {
	// SHA256 is the digest of the leaf the server showed.
	SHA256 [32]byte
}

// Error gives the digest that was shown, so that a renewed pin can be compared.
func (e *PinError) Error() string {
	return fmt.Sprintf("the server's certificate (SHA-256 %x) matches none of the pins", e.SHA256)
}

// tlsConfig says how the server's certificate is verified. shown receives the
// chain of a server that passed.
//
// There is no session cache: a resumed handshake would not compare with a full one.
// Without the post-quantum key share, which Go sends by default, the ClientHello
// fits one packet; the loss of one of two would cost a probe timeout of 200 ms.
func (cfg *Config) tlsConfig(host string, shown *[]*x509.Certificate) *tls.Config {
	name := cfg.ServerName
	if name == "" {
		name = host
	}
	pinned := len(cfg.LeafPins) > 0
	return &tls.Config{
		ServerName:       name,
		RootCAs:          cfg.RootCAs,
		NextProtos:       []string{http3.NextProtoH3},
		MinVersion:       tls.VersionTLS13,
		CurvePreferences: []tls.CurveID{tls.X25519, tls.CurveP256},
		// With pins, VerifyConnection is what verifies.
		InsecureSkipVerify: cfg.InsecureSkipVerify || pinned,
		VerifyConnection: func(cs tls.ConnectionState) error {
			*shown = cs.PeerCertificates
			if pinned && !cfg.InsecureSkipVerify {
				return verifyPinned(cs.PeerCertificates, cfg.LeafPins, time.Now())
			}
			return nil
		},
	}
}

// verifyPinned accepts a leaf that is pinned and inside its validity dates.
func verifyPinned(chain []*x509.Certificate, pins [][32]byte, now time.Time) error {
	if len(chain) == 0 {
		return errors.New("the server showed no certificate")
	}
	leaf := chain[0]
	refuse := func(err error) error {
		return &tls.CertificateVerificationError{UnverifiedCertificates: chain, Err: err}
	}
	if digest := sha256.Sum256(leaf.Raw); !slices.Contains(pins, digest) {
		return refuse(&PinError{SHA256: digest})
	}
	if now.Before(leaf.NotBefore) || now.After(leaf.NotAfter) {
		return refuse(x509.CertificateInvalidError{
			Cert: leaf, Reason: x509.Expired,
			Detail: fmt.Sprintf("valid from %s to %s", leaf.NotBefore.Format(time.RFC3339), leaf.NotAfter.Format(time.RFC3339)),
		})
	}
	return nil
}

// certificateKind tells the failures of verification apart.
func certificateKind(err error) (Kind, bool) {
	if _, ok := errors.AsType[*PinError](err); ok {
		return KindTLSPin, true
	}
	if e, ok := errors.AsType[x509.CertificateInvalidError](err); ok && e.Reason == x509.Expired {
		return KindTLSExpired, true
	}
	if _, ok := errors.AsType[x509.HostnameError](err); ok {
		return KindTLSWrongName, true
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return KindTLSUnknownCA, true
	}
	if _, ok := errors.AsType[x509.SystemRootsError](err); ok {
		return KindLocal, true // this host has no roots to verify with
	}
	return "", false
}
