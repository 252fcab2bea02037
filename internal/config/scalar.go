package config

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// scalar fills text, whole numbers and switches.
func (d *decoder) scalar(n *yaml.Node, v reflect.Value, path string, r rules) bool {
	if n.Kind != yaml.ScalarNode {
		d.fail(n, path, "must be a single value, not "+kindOf(n), "")
		return false
	}
	switch v.Kind() {
	case reflect.String:
		text, ok := d.text(n, path, r)
		v.SetString(text)
		return ok
	case reflect.Int:
		number, err := strconv.Atoi(n.Value)
		if err != nil || n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0 {
			d.fail(n, path, "must be a whole number", "")
			return false
		}
		if r.minimum != nil && number < *r.minimum || r.maximum != nil && number > *r.maximum {
			d.fail(n, path, fmt.Sprintf("%d is out of range", number), "allowed: "+between(r))
			return false
		}
		v.SetInt(int64(number))
		return true
	case reflect.Bool:
		if n.Value != "true" && n.Value != "false" {
			d.fail(n, path, "must be true or false", "")
			return false
		}
		v.SetBool(n.Value == "true")
		return true
	}
	panic("config: no decoder for " + v.Type().String())
}

func between(r rules) string {
	switch {
	case r.minimum == nil:
		return fmt.Sprintf("at most %d", *r.maximum)
	case r.maximum == nil:
		return fmt.Sprintf("at least %d", *r.minimum)
	case *r.minimum == *r.maximum:
		return strconv.Itoa(*r.minimum)
	}
	return fmt.Sprintf("%d to %d", *r.minimum, *r.maximum)
}

// text reads text. YAML takes unquoted 123, true and 1e3 for something else, and a
// name that changes when it is quoted is refused rather than guessed.
func (d *decoder) text(n *yaml.Node, path string, r rules) (string, bool) {
	switch {
	case n.Kind != yaml.ScalarNode:
		d.fail(n, path, "must be text, not "+kindOf(n), "")
	case n.ShortTag() != "!!str" && n.Line > 0:
		d.fail(n, path, "must be text, and YAML reads it as something else", "put it in quotes")
	case n.Value == "":
		d.fail(n, path, "is empty", "write a value, or leave the field out")
	case len(n.Value) > maxText:
		d.fail(n, path, fmt.Sprintf("is longer than %d bytes", maxText), "")
	case len(r.enum) > 0 && !slices.Contains(r.enum, n.Value):
		d.fail(n, path, show(n.Value)+" is not known here", didYouMean(n.Value, r.enum))
	default:
		return n.Value, true
	}
	return "", false
}

// maxText bounds one value, in bytes.
const maxText = 4096

func (t *Duration) decode(d *decoder, n *yaml.Node, path string, r rules) bool {
	if n.Kind != yaml.ScalarNode {
		d.fail(n, path, "must be a duration, not "+kindOf(n), "write it like 15s, 1m30s or 30d")
		return false
	}
	parsed, err := ParseDuration(n.Value)
	if err != nil {
		fix := "write it like 15s, 1m30s or 30d"
		if _, numeric := strconv.ParseFloat(n.Value, 64); numeric == nil && len(n.Value) < 12 {
			fix = fmt.Sprintf("a duration needs a unit; did you mean %q?", n.Value+"s")
		}
		d.fail(n, path, show(n.Value)+" is not a duration", fix)
		return false
	}
	if low, high, ok := strings.Cut(r.span, ".."); ok {
		least, _ := ParseDuration(low)
		most, _ := ParseDuration(high)
		if parsed < least || parsed > most {
			d.fail(n, path, fmt.Sprintf("%s is out of range", parsed), fmt.Sprintf("allowed: %s to %s", low, high))
			return false
		}
	}
	*t = parsed
	return true
}

func (t *Ratio) decode(d *decoder, n *yaml.Node, path string, _ rules) bool {
	if n.Kind != yaml.ScalarNode {
		d.fail(n, path, "must be a share, not "+kindOf(n), "write it like 99.5%")
		return false
	}
	parsed, err := ParseRatio(n.Value)
	if err != nil {
		fix := "write it like 99.5%"
		if f, numeric := strconv.ParseFloat(n.Value, 64); numeric == nil && f >= 1 && f < 100 && len(n.Value) < 12 {
			fix = fmt.Sprintf("did you mean %q?", n.Value+"%")
		}
		d.fail(n, path, show(n.Value)+" is "+err.Error(), fix)
		return false
	}
	*t = parsed
	return true
}

// decode of a Source quotes nothing: whatever is written there may be the secret.
func (s *Source) decode(d *decoder, n *yaml.Node, path string, _ rules) bool {
	const fix = "write {env: NAME} or {file: PATH}"
	if n.Kind != yaml.MappingNode {
		d.fail(n, path, "must say where the value comes from, and must not be the value itself", fix)
		return false
	}
	entries, _ := d.entries(n, path, false)
	ok := true
	for _, e := range entries {
		var into *string
		switch e.key.Value {
		case "env":
			into = &s.Env
		case "file":
			into = &s.File
		case "value":
			into = &s.Value
		default:
			d.fail(e.key, path, "has a field that is not known here", "allowed: env, file, value")
			ok = false
			continue
		}
		// The value is marked so that an error about it is found at the right place.
		below := path + "." + e.key.Value
		d.places[below] = place{e.value.Line, e.value.Column}
		value := e.value
		if value.Kind == yaml.AliasNode && value.Alias != nil {
			value = value.Alias
		}
		text, good := d.text(value, below, rules{})
		*into, ok = text, ok && good
	}
	given := 0
	for _, text := range []string{s.Env, s.File, s.Value} {
		if text != "" {
			given++
		}
	}
	if ok && given != 1 {
		d.fail(n, path, "needs exactly one source", fix)
		return false
	}
	return ok
}

func (p *Path) decode(d *decoder, n *yaml.Node, path string, _ rules) bool {
	if n.Kind == yaml.ScalarNode {
		text, ok := d.text(n, path, rules{})
		p.Path = text
		return ok
	}
	entries, ok := d.entries(n, path, true)
	if !ok {
		return false
	}
	for _, e := range entries {
		if e.key.Value != "env" {
			d.fail(e.key, path, fmt.Sprintf("there is no field %s here", show(e.key.Value)), "write a path, or {env: NAME}")
			ok = false
			continue
		}
		text, good := d.text(e.value, path+".env", rules{})
		p.Env, ok = text, ok && good
	}
	if ok && p.Env == "" {
		d.fail(n, path, "is empty", "write a path, or {env: NAME}")
		return false
	}
	return ok
}
