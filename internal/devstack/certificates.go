package devstack

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"time"
)

// Lifetimes of the platform's development certificates (platform contract,
// cluster 1.4): a leaf may live 14 days, or browsers refuse its hash.
const (
	caLifetime     = 3650 * 24 * time.Hour
	leafLongest    = 14 * 24 * time.Hour
	leafBackdating = time.Minute
)

// authority is a throw-away CA.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

func newAuthority() (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("making the CA's key: %w", err)
	}
	now := time.Now()
	template := &x509.Certificate{
		Subject:               pkix.Name{CommonName: "Embedded platform throw-away CA"},
		NotBefore:             now.Add(-caLifetime),
		NotAfter:              now.Add(caLifetime),
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	der, err := sign(template, template, &key.PublicKey, key)
	if err != nil {
		return nil, fmt.Errorf("making the CA's certificate: %w", err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("making the CA's certificate: %w", err)
	}
	return &authority{certificate: certificate, key: key}, nil
}

func (a *authority) pem() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.certificate.Raw})
}

// leaf issues the certificate of a service ("mc" or "mh"), good for lifetime
// from now. It carries DNS names only, as the platform's do: an address does
// not verify.
func (a *authority) leaf(service string, lifetime time.Duration) (tls.Certificate, error) {
	if lifetime == 0 || lifetime > leafLongest-leafBackdating {
		lifetime = leafLongest - leafBackdating
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("making the key of %s: %w", service, err)
	}
	now := time.Now()
	end := now.Add(lifetime)
	begin := now.Add(-leafBackdating)
	if lifetime < 0 {
		begin = end.Add(-time.Hour)
	}
	name := service + "-service"
	template := &x509.Certificate{
		Subject:     pkix.Name{CommonName: service + "-webtransport"},
		DNSNames:    []string{"localhost", name, name + ".dark-tower", name + ".dark-tower.svc.cluster.local"},
		NotBefore:   begin,
		NotAfter:    end,
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := sign(template, a.certificate, &key.PublicKey, a.key)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("making the certificate of %s: %w", service, err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, nil
}

func sign(template, parent *x509.Certificate, public *ecdsa.PublicKey, key *ecdsa.PrivateKey) ([]byte, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, err
	}
	template.SerialNumber = serial
	return x509.CreateCertificate(rand.Reader, template, parent, public, key)
}
