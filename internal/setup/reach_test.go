package setup

import (
	"net"
	"testing"
)

func TestTheReferenceAnswersWhenAnyAddressDoes(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	// A name that cannot exist is no answer.
	const nobody = "nobody.invalid:1"
	if err := reference([]string{nobody, ln.Addr().String()})(t.Context()); err != nil {
		t.Error(err)
	}
	if err := reference([]string{nobody, nobody})(t.Context()); err == nil {
		t.Error("nobody answered, and that was an answer")
	}
}

func TestPortsOfBaseURLs(t *testing.T) {
	for base, want := range map[string]string{
		"http://ac.test":       "ac.test:80",
		"https://ac.test":      "ac.test:443",
		"http://ac.test:8443/": "ac.test:8443",
		"http://[::1]:8443":    "[::1]:8443",
		"http://[::1]":         "[::1]:80",
	} {
		if got, ok := hostPort(base); !ok || got != want {
			t.Errorf("%s: got %s, want %s", base, got, want)
		}
	}
	if _, ok := hostPort("nowhere"); ok {
		t.Error("a host without a scheme was accepted")
	}
}
