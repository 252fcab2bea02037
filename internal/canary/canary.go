// Package canary finds secrets where they must not be, in whatever encoding they
// got there. It is for tests: they plant what must never be seen, and search
// everything that can be.
package canary

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"sync"
)

// shortest is the length in bytes from which on a value cannot be in a text by
// accident.
const shortest = 8

// Cage holds the secrets that were planted. It is safe for concurrent use.
type Cage struct {
	mu    sync.Mutex      // protects all following fields
	birds map[string]bird // by kind and secret
}

type bird struct {
	kind  string
	forms map[string]string // by name; lower case
}

// Plant adds a text of some kind, such as "password". Of a JSON Web Token every
// part counts. Texts shorter than 8 bytes are refused by a panic: they could not
// be told from others.
func (c *Cage) Plant(kind, secret string) {
	if len(secret) < shortest {
		panic(fmt.Sprintf("canary: a %s of %d bytes cannot be told from other text", kind, len(secret)))
	}
	c.add(kind, secret, texts(secret))
	if parts := strings.Split(secret, "."); len(parts) == 3 && len(secret) > 100 {
		c.add(kind+"'s claims", parts[1], texts(parts[1]))
		c.add(kind+"'s signature", parts[2], texts(parts[2]))
	}
}

// PlantKey adds bytes of some kind, such as "meeting key".
func (c *Cage) PlantKey(kind string, key []byte) {
	if len(key) < shortest {
		panic(fmt.Sprintf("canary: a %s of %d bytes cannot be told from other bytes", kind, len(key)))
	}
	c.add(kind, string(key), bytesForms(key))
}

func (c *Cage) add(kind, secret string, forms map[string]string) {
	b := bird{kind: kind, forms: make(map[string]string, len(forms))}
	for name, form := range forms {
		b.forms[name] = strings.ToLower(form)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.birds == nil {
		c.birds = make(map[string]bird)
	}
	c.birds[kind+"\x00"+secret] = b
}

func texts(s string) map[string]string {
	forms := bytesForms([]byte(s))
	forms["plain"] = s
	forms["in a URL"] = url.QueryEscape(s)
	forms["in a path"] = url.PathEscape(s)
	if quoted, err := json.Marshal(s); err == nil {
		forms["in JSON"] = strings.Trim(string(quoted), `"`)
	}
	forms["quoted"] = strings.Trim(fmt.Sprintf("%q", s), `"`)
	return forms
}

func bytesForms(b []byte) map[string]string {
	inner := func(format string) string { return strings.Trim(fmt.Sprintf(format, b), "[]") }
	pairs := make([]string, len(b))
	for i, x := range b {
		pairs[i] = hex.EncodeToString([]byte{x})
	}
	goSyntax := strings.TrimSuffix(strings.TrimPrefix(fmt.Sprintf("%#v", b), "[]byte{"), "}")
	return map[string]string{
		"raw":                string(b),
		"hex":                hex.EncodeToString(b),
		"hex with colons":    strings.Join(pairs, ":"),
		"hex with spaces":    strings.Join(pairs, " "),
		"base64":             base64.RawStdEncoding.EncodeToString(b),
		"base64 for URLs":    base64.RawURLEncoding.EncodeToString(b),
		"decimal numbers":    inner("%d"),
		"decimal and commas": strings.ReplaceAll(inner("%d"), " ", ","),
		"Go syntax":          goSyntax,
		"quoted bytes":       strings.Trim(fmt.Sprintf("%q", b), `"`),
	}
}

// Count is how many secrets of each kind were planted.
func (c *Cage) Count() map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := make(map[string]int)
	for _, b := range c.birds {
		out[b.kind]++
	}
	return out
}

// Find returns what of the planted is in text: its kind, its encoding, and the
// words before it.
func (c *Cage) Find(text string) []string {
	const before = 60
	low := strings.ToLower(text)
	windows := windowsOf(low)
	c.mu.Lock()
	defer c.mu.Unlock()
	var found []string
	for _, b := range c.birds {
		for name, form := range b.forms {
			if _, maybe := windows[form[:min(len(form), shortest)]]; !maybe && len(form) >= shortest {
				continue
			}
			if at := strings.Index(low, form); at >= 0 {
				found = append(found, fmt.Sprintf("%s, %s, after %q", b.kind, name, low[max(0, at-before):at]))
				break
			}
		}
	}
	return found
}

// windowsOf are all strings of the shortest length in text: with thousands of
// forms to look for, most are ruled out by their beginning.
func windowsOf(text string) map[string]struct{} {
	windows := make(map[string]struct{}, len(text))
	for i := range max(len(text)-shortest+1, 0) {
		windows[text[i:i+shortest]] = struct{}{}
	}
	return windows
}
