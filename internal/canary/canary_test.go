package canary_test

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"testing"

	"github.com/dark-tower/prober/internal/canary"
)

func TestALeakIsFoundInEveryEncoding(t *testing.T) {
	const email = "canary+1@leak.test"
	key := make([]byte, 32)
	rand.Read(key)
	array := [32]byte(key)
	var cage canary.Cage
	cage.Plant("email", email)
	cage.PlantKey("key", key)

	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("leak", "key", key)
	asJSON, _ := json.Marshal(map[string]any{"key": key})
	quoted, _ := json.Marshal(fmt.Sprint("for ", email))
	for name, text := range map[string]string{
		"plain":               "no account " + email + " here",
		"in capitals":         strings.ToUpper(email),
		"in a query":          "?e=" + url.QueryEscape(email),
		"in a path":           "/" + url.PathEscape(email),
		"in JSON":             string(quoted),
		"in an error":         errors.New(email).Error(),
		"in base64":           base64.StdEncoding.EncodeToString([]byte(email)),
		"a key in hex":        hex.EncodeToString(key),
		"a key in HEX":        strings.ToUpper(hex.EncodeToString(key)),
		"a key in URL base64": base64.URLEncoding.EncodeToString(key),
		"a key in JSON":       string(asJSON),
		"a key in a log":      log.String(),
		"a key as %v":         fmt.Sprintf("%v", key),
		"a key as %#v":        fmt.Sprintf("%#v", key),
		"a key array as %v":   fmt.Sprintf("%v", struct{ K [32]byte }{array}),
		"a key array as %+v":  fmt.Sprintf("%+v", struct{ K [32]byte }{array}),
		"a key array as %#v":  fmt.Sprintf("%#v", struct{ K [32]byte }{array}),
		"a key as %x":         fmt.Sprintf("%x", key),
		"a key as % x":        fmt.Sprintf("% x", key),
		"a key as %q":         fmt.Sprintf("%q", key),
		"a key as it is":      string(key),
	} {
		if len(cage.Find(text)) != 1 {
			t.Errorf("%s: found %v", name, cage.Find(text))
		}
	}
}

func TestEveryPartOfATokenIsALeak(t *testing.T) {
	claims := base64.RawURLEncoding.EncodeToString([]byte(`{"sub":"7b0e1c1e-0000-4000-8000-000000000000","exp":1}`))
	signature := base64.RawURLEncoding.EncodeToString([]byte(strings.Repeat("s", 64)))
	var cage canary.Cage
	cage.Plant("token", "eyJhbGciOiJFZERTQSJ9."+claims+"."+signature)
	for _, text := range []string{"claims " + claims, "signature=" + signature} {
		if len(cage.Find(text)) != 1 {
			t.Errorf("not found in %q", text)
		}
	}
	if found := cage.Find("eyJhbGciOiJFZERTQSJ9 is the header of every token"); found != nil {
		t.Errorf("found %v", found)
	}
}

func TestNothingIsFoundWhereNothingIs(t *testing.T) {
	var cage canary.Cage
	cage.Plant("password", "correct horse")
	cage.PlantKey("key", []byte("0123456789abcdef"))
	if found := cage.Find("a correct, if small, horse; **** 0123456789"); found != nil {
		t.Errorf("found %v", found)
	}
	if n := cage.Count(); n["password"] != 1 || n["key"] != 1 {
		t.Errorf("counted %v", n)
	}
}

func TestWhatCannotBeToldFromOtherTextIsNotPlanted(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("a secret of 3 bytes was planted")
		}
	}()
	new(canary.Cage).Plant("password", "abc")
}
