package webtransport

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"testing"
	"time"

	"github.com/dark-tower/prober/internal/webtransport/internal/wtdouble"
)

func TestCertificatesThatAreRefused(t *testing.T) {
	ca, other := newAuthority(t), newAuthority(t)
	now := time.Now()
	valid := ca.valid(t)
	expired := ca.leaf(t, "localhost", now.Add(-2*time.Hour), now.Add(-time.Hour))
	early := ca.leaf(t, "localhost", now.Add(time.Hour), now.Add(2*time.Hour))
	pin := func(c tls.Certificate) [][32]byte { return [][32]byte{{1}, sha256.Sum256(c.Certificate[0])} }
	for _, tt := range []struct {
		name string
		leaf tls.Certificate
		cfg  Config
		want any // a Kind, or why it is accepted
	}{
		{"expired", expired, Config{RootCAs: ca.pool()}, KindTLSExpired},
		{"not valid yet", early, Config{RootCAs: ca.pool()}, KindTLSExpired},
		{"of an unknown authority", valid, Config{RootCAs: other.pool()}, KindTLSUnknownCA},
		{"not of the system's authorities", valid, Config{}, KindTLSUnknownCA},
		{"for another name", valid, Config{RootCAs: ca.pool(), ServerName: "mc.example.org"}, KindTLSWrongName},
		{"another than the pinned", valid, Config{RootCAs: ca.pool(), LeafPins: [][32]byte{{1}}}, KindTLSPin},
		{"pinned, expired", expired, Config{LeafPins: pin(expired)}, KindTLSExpired},
		{"pinned, not valid yet", early, Config{LeafPins: pin(early)}, KindTLSExpired},
		{"pinned, whatever its authority and name", valid, Config{LeafPins: pin(valid), ServerName: "mc.example.org"}, TrustPin},
		{"for the name that is asked for", valid, Config{RootCAs: ca.pool(), ServerName: "localhost"}, TrustName},
		{"anything, unverified", expired, Config{InsecureSkipVerify: true}, TrustNone},
		{"anything, unverified, whatever is pinned", expired, Config{InsecureSkipVerify: true, LeafPins: pin(valid)}, TrustNone},
	} {
		t.Run(tt.name, func(t *testing.T) {
			url, _ := double(t, wtdouble.Config{TLS: &tls.Config{Certificates: []tls.Certificate{tt.leaf}}})
			var shown []Certificate
			switch want := tt.want.(type) {
			case Trust:
				s := dial(t, url, tt.cfg)
				if shown = s.Certificates(); s.Trust() != want || !s.EndedAt().IsZero() {
					t.Errorf("trusted for %q, want %q; ended at %v", s.Trust(), want, s.EndedAt())
				}
			case Kind:
				e := failDial(t, testContext(t), url, tt.cfg)
				expect(t, e, PhaseHandshake, want)
				if !e.Heard || e.Timings.FirstPacket <= 0 {
					t.Errorf("%+v", e)
				}
				shown = e.Certificates
			}
			if len(shown) != 1 || shown[0].SHA256 != sha256.Sum256(tt.leaf.Certificate[0]) || shown[0].NotAfter.IsZero() || shown[0].Key != "ECDSA P-256" {
				t.Errorf("the certificates are %+v", shown)
			}
		})
	}
	t.Run("of the client, which has none", func(t *testing.T) {
		url, _ := double(t, wtdouble.Config{TLS: &tls.Config{Certificates: []tls.Certificate{valid}, ClientAuth: tls.RequireAnyClientCert}})
		e := failDial(t, testContext(t), url, Config{RootCAs: ca.pool()})
		if e.Kind != KindTLSOther || len(e.Certificates) != 1 { // the alert comes after our handshake is done
			t.Errorf("got %v", e)
		}
	})
}

func TestKeysAreNamedByKindAndSize(t *testing.T) {
	weak, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	edwards, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for want, key := range map[string]any{"RSA 2048": weak.Public(), "Ed25519": edwards, "unknown": "no key"} {
		if got := keyKind(key); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
