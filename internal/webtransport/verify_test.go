package webtransport

import (
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
		want Kind // empty: accepted
	}{
		{"expired", expired, Config{RootCAs: ca.pool()}, KindTLSExpired},
		{"not valid yet", early, Config{RootCAs: ca.pool()}, KindTLSExpired},
		{"of an unknown authority", valid, Config{RootCAs: other.pool()}, KindTLSUnknownCA},
		{"not of the system's authorities", valid, Config{}, KindTLSUnknownCA},
		{"for another name", valid, Config{RootCAs: ca.pool(), ServerName: "mc.example.org"}, KindTLSWrongName},
		{"another than the pinned", valid, Config{RootCAs: ca.pool(), LeafPins: [][32]byte{{1}}}, KindTLSPin},
		{"pinned, expired", expired, Config{LeafPins: pin(expired)}, KindTLSExpired},
		{"pinned, not valid yet", early, Config{LeafPins: pin(early)}, KindTLSExpired},
		{"pinned, whatever its authority and name", valid, Config{LeafPins: pin(valid), ServerName: "mc.example.org"}, ""},
		{"for the name that is asked for", valid, Config{RootCAs: ca.pool(), ServerName: "localhost"}, ""},
		{"anything, unverified", expired, Config{InsecureSkipVerify: true}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			url, _ := double(t, wtdouble.Config{TLS: &tls.Config{Certificates: []tls.Certificate{tt.leaf}}})
			var shown []Certificate
			if tt.want == "" {
				shown = dial(t, url, tt.cfg).Certificates()
			} else {
				e := failDial(t, testContext(t), url, tt.cfg)
				expect(t, e, PhaseHandshake, tt.want)
				if !e.Heard || e.Timings.FirstPacket <= 0 {
					t.Errorf("%+v", e)
				}
				shown = e.Certificates
			}
			if len(shown) != 1 || shown[0].SHA256 != sha256.Sum256(tt.leaf.Certificate[0]) || shown[0].NotAfter.IsZero() {
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
