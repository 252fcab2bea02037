package logging

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"regexp"
	"strings"
	"testing"

	"github.com/dark-tower/prober/internal/canary"
	"github.com/dark-tower/prober/internal/darktower/httpapi"
)

var testKey = []byte("a key of the tests")

func TestAHashIsTheBeginningOfAnHMAC(t *testing.T) {
	// printf '%s' meeting-1 | openssl dgst -sha256 -hmac 'a key of the tests'
	if got := Hash(testKey, "meeting-1"); got != "h:7a485801d2fd9451" {
		t.Errorf("hash %s, want another", got)
	}
}

func TestTextsAreMadeSafe(t *testing.T) {
	c := cleaner{key: testKey}
	h := func(s string) string { return Hash(testKey, s) }
	const id = "6ba7b810-9dad-11d1-80b4-00c04fd430c8"
	for in, want := range map[string]string{
		"":                                       "",
		"MC mc_join: timed out after 2s waiting": "MC mc_join: timed out after 2s waiting",
		"probes.yaml:12:3: unknown field":        "probes.yaml:12:3: unknown field",
		"at 10:11:12.5 on 2026-11-23":            "at 10:11:12.5 on 2026-11-23",
		"go1.26.8, v0.64.1":                      "go1.26.8, v0.64.1",
		"dial udp 10.96.0.12:4433: refused":      "dial udp " + h("10.96.0.12") + ":4433: refused",
		"from 10.0.0.1:80 to 10.0.0.2.":          "from " + h("10.0.0.1") + ":80 to " + h("10.0.0.2") + ".",
		"dial tcp [fe80::1]:443":                 "dial tcp [" + h("fe80::1") + "]:443",
		"no route to fe80::1: gave up":           "no route to " + h("fe80::1") + ": gave up",
		"listening on ::1.":                      "listening on " + h("::1") + ".",
		"peer:2001:db8::7 is gone":               "peer:" + h("2001:db8::7") + " is gone",
		"::ffff:192.0.2.1 again":                 h("::ffff:192.0.2.1") + " again",
		"asking https://gc.example.org:8080/api/v1/meetings/SeCrEt to join": "asking https://gc.example.org:8080/**** to join",
		"https://127.0.0.1:4433":                              "https://" + h("127.0.0.1") + ":4433",
		"https://mc.example.org?token=abc":                    "https://mc.example.org/****",
		"to http://user:word@collector:4317 and back":         "to http://****@collector:4317 and back",
		"http://me@collector.example.org/v1/traces":           "http://****@collector.example.org/****",
		"participant " + id + " left":                         "participant " + h(id) + " left",
		"no account probe-1@prober.invalid here":              "no account **** here",
		"user+tag@mail.example.co.uk":                         "****",
		"github.com/quic-go/quic-go@v0.64.1/connection.go:12": "github.com/quic-go/quic-go@v0.64.1/connection.go:12",
		"token eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiIxIn0.c2ln!":    "token ****!",
		"Authorization: Bearer abcdefgh12345":                 "Authorization: Bearer ****",
	} {
		if got := c.text(in); got != want {
			t.Errorf("%q became\n%q, want\n%q", in, got, want)
		}
	}
}

func TestKeysSayWhatIsSecretAndWhatIsAnIdentifier(t *testing.T) {
	c := cleaner{key: testKey}
	h := func(s string) string { return Hash(testKey, s) }
	const id = "6ba7b810-9dad-11d1-80b4-00c04fd430c8"
	for _, row := range []struct {
		key   string
		value any
		want  any
	}{
		{"email", "anybody", "****"},
		{"join_token", "x", "****"},
		{"token_type", "meeting", "meeting"},
		{"Password", 12, "****"},
		{"display_name", "Mx Y", "****"},
		{"user_agent", "x", "****"},
		{"user.agent", "x", "****"},
		{"http.authorization", "x", "****"},
		{"meeting_kek", []byte{1}, "****"},
		{"participant_id", "p-1", h("p-1")},
		{"participant", "p-1", h("p-1")},
		{"meeting_id", id, h(id)},
		{"connection-id", "c", h("c")},
		{"client.ip", netip.MustParseAddr("10.0.0.1"), h("10.0.0.1")},
		{"remote", "somewhere", h("somewhere")},
		{"user_id", 7, h("7")},
		{"session", "", ""},
		{"trace_id", "0af7651916cd43dd8448eb211c80319c", "0af7651916cd43dd8448eb211c80319c"},
		{"run", id, id},
		{"run", "probe-1@prober.invalid", "****"},
		{"url", "https://mh.example.org:4434", "https://mh.example.org:4434"},
		{"dialed", &net.UDPAddr{IP: net.IPv4(10, 0, 0, 1), Port: 4434}, h("10.0.0.1") + ":4434"},
		{"error", errors.New("10:1:10.0.0.1 answered at 12:34:56"), "10:1:" + h("10.0.0.1") + " answered at 12:34:56"},
		{"error", errors.New("dial [2001:db8::1]:4434, id10.0.0.1."), "dial [" + h("2001:db8::1") + "]:4434, id" + h("10.0.0.1") + "."},
		{"error", errors.New("256.10.0.0.1:2001:db8::1"), "2" + h("56.10.0.0") + "." + h("1:2001:db8::1")},
		{"error", fmt.Errorf("wrapped: %w", errors.New("at 10.0.0.1")), "wrapped: at " + h("10.0.0.1")},
		{"code", httpapi.Secret("SeCrEtCoDe12"), httpapi.Secret("").String()},
		{"generation", 3, int64(3)},
		{"took", 1500 * 1000 * 1000, int64(1500000000)},
		{"who", struct{ A string }{"ada@probe.test"}, "{****}"},
	} {
		got := c.value(strings.ToLower(row.key), slog.AnyValue(row.value).Resolve()).Any()
		if row.key == "code" && !strings.Contains(fmt.Sprint(got), "SeCrEt") {
			continue
		}
		if got != row.want {
			t.Errorf("%s=%v became %v, want %v", row.key, row.value, got, row.want)
		}
	}
}

// TestNothingUnsafeComesOutAtAnyLevel plants secrets everywhere a record has room.
func TestNothingUnsafeComesOutAtAnyLevel(t *testing.T) {
	var cage canary.Cage
	secrets := map[string]string{
		"email":   "ada.lovelace@probe.test",
		"token":   "eyJhbGciOiJFZERTQSIsImtpZCI6IjEifQ.eyJzdWIiOiI0MiIsIm5hbWUiOiJBZGEifQ.c2lnbmF0dXJlLW9mLXRoZS10b2tlbg",
		"user_id": "7d444840-9dc0-11d1-b245-5ffdce74fad2",
		"ip":      "203.0.113.77",
		"ip6":     "2001:db8:85a3::8a2e:370:7334",
	}
	for kind, s := range secrets {
		cage.Plant(kind, s)
	}
	for _, format := range []Format{JSON, Text} {
		for _, level := range []slog.Level{slog.LevelDebug, slog.LevelInfo, slog.LevelWarn, slog.LevelError} {
			var out bytes.Buffer
			log := New(&out, Options{Format: format, Level: slog.LevelDebug, Color: true})
			for kind, s := range secrets {
				log.Log(t.Context(), level, "about "+s, kind, s, "text", "it was "+s+", was it", "error", errors.New("no "+s),
					slog.Group("g", "inner", s, slog.Group("deep", "x", s)), "list", []string{s})
				log.With("with", s).WithGroup("group").With("more", s).Log(t.Context(), level, "m", "a", s)
				log.Log(t.Context(), level, "m", "probe", s, "step", s, "target", s, "trace_id", s)
			}
			if found := cage.Find(out.String()); len(found) > 0 {
				t.Errorf("%s at %s: %v", format, level, found)
			}
			if n := strings.Count(out.String(), "\n"); n != 3*len(secrets) {
				t.Errorf("%d lines of %d records", n, 3*len(secrets))
			}
		}
	}
}

func FuzzTextsAreMadeSafe(f *testing.F) {
	for _, s := range []string{"10.0.0.1:1", "a@b.cd", "http://x/y", "::1:", "[fe80::1]:2", "eyJabcd.e.f", "10:1:0.0.1.0", "256.1.1.1.1"} {
		f.Add(s)
	}
	ip := regexp.MustCompile(`\b([0-9]{1,3}\.){3}[0-9]{1,3}\b`)
	hashed := regexp.MustCompile(`h:[0-9a-f]+`)
	c := cleaner{key: testKey}
	f.Fuzz(func(t *testing.T, s string) {
		out := c.text(s)
		for _, m := range ip.FindAllString(hashed.ReplaceAllString(out, " "), -1) {
			if a, err := netip.ParseAddr(m); err == nil {
				t.Errorf("%q became %q, with %v in it", s, out, a)
			}
		}
		New(io.Discard, Options{Format: Text}).Info(s, s, s)
	})
}
