package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"time"
)

// identity is a certificate of this process, and whoever trusts it.
type identity struct {
	chain tls.Certificate
	trust *x509.CertPool
}

func certificate() (identity, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return identity{}, err
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-time.Minute), NotAfter: time.Now().Add(24 * time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return identity{}, err
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		return identity{}, err
	}
	trust := x509.NewCertPool()
	trust.AddCert(parsed)
	return identity{tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, trust}, nil
}

func (i identity) server() *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{i.chain}, NextProtos: []string{"least"}, MinVersion: tls.VersionTLS13}
}

func (i identity) client() *tls.Config {
	return &tls.Config{RootCAs: i.trust, ServerName: "localhost", NextProtos: []string{"least"}, MinVersion: tls.VersionTLS13}
}
