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

// MaxCertificateLifetime is the longest that browsers take by hash, and what the
// platform's own development certificates have.
const MaxCertificateLifetime = 14 * 24 * time.Hour

// certificateNames are those of the platform's development certificates, MC's and
// MH's together: DNS names only, so that who dials 127.0.0.1 must say which name
// to expect (platform contract, cluster 1.4).
var certificateNames = []string{
	"localhost",
	"mc-service", "mc-service.dark-tower", "mc-service.dark-tower.svc.cluster.local",
	"mh-service", "mh-service.dark-tower", "mh-service.dark-tower.svc.cluster.local",
}

// issue makes a throw-away CA, which exists only here, and a leaf signed by it.
func issue(lifetime time.Duration) (leaf tls.Certificate, caPEM []byte, err error) {
	now := time.Now()
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return leaf, nil, fmt.Errorf("making the CA's key: %w", err)
	}
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Dark Tower embedded platform CA"},
		NotBefore: now.Add(-time.Minute), NotAfter: now.Add(lifetime),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	caDER, err := x509.CreateCertificate(rand.Reader, ca, ca, &caKey.PublicKey, caKey)
	if err != nil {
		return leaf, nil, fmt.Errorf("making the CA: %w", err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return leaf, nil, fmt.Errorf("making the certificate's key: %w", err)
	}
	server := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "localhost"}, DNSNames: certificateNames,
		NotBefore: ca.NotBefore, NotAfter: ca.NotAfter,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, server, ca, &key.PublicKey, caKey)
	if err != nil {
		return leaf, nil, fmt.Errorf("making the certificate: %w", err)
	}
	caPEM = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: caDER})
	return tls.Certificate{Certificate: [][]byte{der, caDER}, PrivateKey: key}, caPEM, nil
}
