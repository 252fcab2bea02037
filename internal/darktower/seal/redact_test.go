package seal

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

func TestNoKeyIsEverShown(t *testing.T) {
	s, ring := talker(t)
	say(t, s, "hello")
	o, _ := listener(t)
	receive(t, o, wellFormed().bytes(t), epoch)
	kek, _ := ring.Current()
	id := identityFrom(0x31)

	// Every key of the fixtures counts up from one of these.
	var secrets []string
	for _, first := range []byte{0x31, 0x51, 0x71} {
		k := pattern(first)
		secrets = append(secrets, string(k[:4]), hex.EncodeToString(k[:4]), strings.ToUpper(hex.EncodeToString(k[:4])),
			base64.StdEncoding.EncodeToString(k[:])[:5], fmt.Sprintf("%d %d %d", k[0], k[1], k[2]), fmt.Sprintf("%d,%d,%d", k[0], k[1], k[2]),
			fmt.Sprintf("%#x, %#x", k[0], k[1]), fmt.Sprintf("%x %x %x", k[0], k[1], k[2]))
	}
	for what, value := range map[string]any{
		"key": kek.Key, "pointer to a key": &kek.Key, "kek": kek, "pointer to a kek": &kek,
		"identity": id, "identity by value": *id, "ring": ring, "sealer": s, "opener": o,
		"nested": struct {
			K KEK
			I *Identity
			S []any
		}{kek, id, []any{s, o, ring}},
	} {
		var shown []string
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "% x", "%d", "%o", "%b", "%c", "%U", "%t"} {
			shown = append(shown, fmt.Sprintf(verb, value))
		}
		text, err := json.Marshal(value)
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
		var log bytes.Buffer
		slog.New(slog.NewJSONHandler(&log, nil)).Info("j", "value", value)
		slog.New(slog.NewTextHandler(&log, nil)).Info("t", "value", value)
		for _, out := range append(shown, string(text), log.String()) {
			for _, secret := range secrets {
				if strings.Contains(out, secret) {
					t.Errorf("%s shows %q: %s", what, secret, out)
				}
			}
		}
	}
	if got := fmt.Sprint(kek); got != "seal.KEK(generation 3, redacted)" {
		t.Errorf("a KEK shows as %s", got)
	}
}

func TestErrorsShowNoKey(t *testing.T) {
	_, ring := talker(t)
	key := pattern(0x51)
	for _, attempt := range []func() error{
		func() error { _, err := ring.Install(key[:], 3, 0, epoch); return err },
		func() error { _, err := ring.Install(key[:], 2, 0, epoch); return err },
		func() error { _, err := ring.Install(key[:31], 9, 0, epoch); return err },
		func() error { _, err := UnwrapKey(key, KeyID{}, key[:]); return err },
	} {
		err := attempt()
		if err == nil {
			t.Fatal("no error")
		}
		if strings.Contains(err.Error(), "QRST") || strings.Contains(err.Error(), "5152") || strings.Contains(err.Error(), "81 82") {
			t.Errorf("the key is in %q", err)
		}
	}
}
