package config

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxVisits bounds how many nodes a file can make the decoder look at, so that
// aliases of aliases cannot grow without end.
const maxVisits = 20_000

// decoder fills Go values from YAML nodes and collects every mistake on the way. It
// reads the struct tags `yaml` (the name), `jsonschema` (required, default, enum,
// minimum, maximum, minItems, maxItems: the same ones the JSON Schema is made from)
// and `range` (the bounds of a duration).
type decoder struct {
	problems []Problem
	warnings []Problem
	places   map[string]place // where each path is written
	visits   int
}

func newDecoder() *decoder {
	return &decoder{places: make(map[string]place)}
}

type place struct{ line, column int }

// selfDecoder is a type with a notation of its own.
type selfDecoder interface {
	decode(d *decoder, n *yaml.Node, path string, r rules) bool
}

// rules are the constraints of one field.
type rules struct {
	required           bool
	preset             string // default
	enum               []string
	minimum, maximum   *int
	minItems, maxItems int
	span               string // range of a duration
}

func rulesOf(f reflect.StructField) rules {
	r := rules{span: f.Tag.Get("range")}
	for part := range strings.SplitSeq(f.Tag.Get("jsonschema"), ",") {
		key, value, _ := strings.Cut(part, "=")
		number, _ := strconv.Atoi(value)
		switch key {
		case "required":
			r.required = true
		case "default":
			r.preset = value
		case "enum":
			r.enum = append(r.enum, value)
		case "minimum":
			r.minimum = &number
		case "maximum":
			r.maximum = &number
		case "minItems", "minProperties":
			r.minItems = number
		case "maxItems":
			r.maxItems = number
		}
	}
	return r
}

func fieldName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
	return name
}

func (d *decoder) fail(n *yaml.Node, path, what, fix string) {
	d.problems = append(d.problems, Problem{Line: n.Line, Column: n.Column, Path: path, What: what, Fix: fix})
}

// at reports a mistake where path, or the nearest thing around it, is written.
func (d *decoder) at(path, what, fix string) {
	d.problems = append(d.problems, d.placed(path, what, fix))
}

// warn reports what is allowed and probably not meant, like at.
func (d *decoder) warn(path, what, fix string) {
	d.warnings = append(d.warnings, d.placed(path, what, fix))
}

func (d *decoder) placed(path, what, fix string) Problem {
	where := path
	for where != "" {
		if p, ok := d.places[where]; ok {
			return Problem{Line: p.line, Column: p.column, Path: path, What: what, Fix: fix}
		}
		where = where[:max(strings.LastIndexAny(where, ".["), 0)]
	}
	return Problem{Path: path, What: what, Fix: fix}
}

// value fills v from n. It reports whether it could.
func (d *decoder) value(n *yaml.Node, v reflect.Value, path string, r rules) bool {
	if !d.visit(n, path, 1) {
		return false
	}
	if n.Kind == yaml.AliasNode {
		// The types have no recursion, so that an alias of itself ends at an unknown field.
		n = n.Alias
	}
	d.places[path] = place{n.Line, n.Column}
	if v.Kind() == reflect.Pointer {
		v.Set(reflect.New(v.Type().Elem()))
		return d.value(n, v.Elem(), path, r)
	}
	if own, ok := v.Addr().Interface().(selfDecoder); ok {
		return own.decode(d, n, path, r)
	}
	switch v.Kind() {
	case reflect.Struct:
		return d.structure(n, v, path)
	case reflect.Slice:
		return d.list(n, v, path, r)
	case reflect.Map:
		return d.table(n, v, path, r)
	}
	return d.scalar(n, v, path, r)
}

// visit counts nodes that are looked at, and reports whether there may be more.
func (d *decoder) visit(n *yaml.Node, path string, nodes int) bool {
	if d.visits > maxVisits {
		return false
	}
	if d.visits += nodes; d.visits > maxVisits {
		d.fail(n, path, "the file has too many entries, or its aliases repeat too many", "write it shorter")
		return false
	}
	return true
}

// entry is one key of a mapping with its value.
type entry struct {
	key, value *yaml.Node
}

// entries returns the keys of a mapping, without those that cannot be keys and those
// that come twice.
func (d *decoder) entries(n *yaml.Node, path string, quote bool) ([]entry, bool) {
	if n.Kind != yaml.MappingNode {
		d.fail(n, path, "must be a mapping (name: value), not "+kindOf(n), "")
		return nil, false
	}
	if !d.visit(n, path, len(n.Content)) {
		return nil, false
	}
	var out []entry
	seen := make(map[string]int)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		switch {
		case key.Kind == yaml.ScalarNode && key.ShortTag() == "!!merge":
			d.fail(key, path, "merge keys (<<) are not supported", "repeat the fields, or use an alias for a whole value")
		case key.Kind != yaml.ScalarNode:
			d.fail(key, path, "a name must be plain text", "")
		case seen[key.Value] > 0:
			what := "a field comes twice"
			if quote {
				what = fmt.Sprintf("%s comes twice", show(key.Value))
			}
			d.fail(key, path, fmt.Sprintf("%s, first in line %d", what, seen[key.Value]), "remove one of them")
		default:
			seen[key.Value] = key.Line
			out = append(out, entry{key, value})
		}
	}
	return out, true
}

func (d *decoder) structure(n *yaml.Node, v reflect.Value, path string) bool {
	t := v.Type()
	entries, ok := d.entries(n, path, true)
	if !ok {
		d.presets(v)
		return false
	}
	before := len(d.problems)
	fields := make(map[string]int)
	var names []string
	for i := range t.NumField() {
		if name := fieldName(t.Field(i)); name != "" && name != "-" {
			fields[name] = i
			names = append(names, name)
		}
	}
	given := make(map[string]bool)
	for _, e := range entries {
		i, known := fields[e.key.Value]
		if !known {
			d.fail(e.key, path, fmt.Sprintf("there is no field %s here", show(e.key.Value)), didYouMean(e.key.Value, names))
			continue
		}
		given[e.key.Value] = true
		below := join(path, e.key.Value)
		if isNull(e.value) {
			d.fail(e.value, below, "has no value", "write one, or leave the field out")
			continue
		}
		d.value(e.value, v.Field(i), below, rulesOf(t.Field(i)))
	}
	for _, name := range names {
		f := t.Field(fields[name])
		r := rulesOf(f)
		switch {
		case given[name]:
		case r.required:
			d.fail(n, path, fmt.Sprintf("field %q is missing", name), "add it")
		default:
			d.preset(v.Field(fields[name]), r)
		}
	}
	return len(d.problems) == before
}

// presets fills every field that has a default.
func (d *decoder) presets(v reflect.Value) {
	for i := range v.NumField() {
		if f := v.Type().Field(i); fieldName(f) != "" {
			d.preset(v.Field(i), rulesOf(f))
		}
	}
}

func (d *decoder) preset(v reflect.Value, r rules) {
	if _, own := v.Addr().Interface().(selfDecoder); v.Kind() == reflect.Struct && !own {
		d.presets(v)
		return
	}
	if r.preset == "" {
		return
	}
	// A default goes the same way as a value in the file, so that it cannot be out of
	// range; a test decodes every default there is.
	n := &yaml.Node{Kind: yaml.ScalarNode, Value: r.preset}
	d.value(n, v, "", r)
	delete(d.places, "")
}

func (d *decoder) list(n *yaml.Node, v reflect.Value, path string, r rules) bool {
	if n.Kind != yaml.SequenceNode {
		d.fail(n, path, "must be a list, not "+kindOf(n), "begin each entry with a hyphen")
		return false
	}
	if !d.count(n, path, len(n.Content), r) {
		return false
	}
	out := reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content))
	ok := true
	for i, item := range n.Content {
		ok = d.value(item, out.Index(i), fmt.Sprintf("%s[%d]", path, i), rules{enum: r.enum}) && ok
	}
	v.Set(out)
	return ok
}

func (d *decoder) table(n *yaml.Node, v reflect.Value, path string, r rules) bool {
	entries, ok := d.entries(n, path, true)
	if !ok || !d.count(n, path, len(entries), r) {
		return false
	}
	out := reflect.MakeMap(v.Type())
	for _, e := range entries {
		item := reflect.New(v.Type().Elem()).Elem()
		below := join(path, e.key.Value)
		if isNull(e.value) {
			d.fail(e.value, below, "has no value", "write one, or remove the entry")
			ok = false
			continue
		}
		ok = d.value(e.value, item, below, rules{}) && ok
		out.SetMapIndex(reflect.ValueOf(e.key.Value), item)
	}
	v.Set(out)
	return ok
}

func (d *decoder) count(n *yaml.Node, path string, have int, r rules) bool {
	switch {
	case have < r.minItems:
		d.fail(n, path, "is empty", fmt.Sprintf("add at least %d", r.minItems))
	case r.maxItems > 0 && have > r.maxItems:
		d.fail(n, path, fmt.Sprintf("has %d entries", have), fmt.Sprintf("at most %d are allowed", r.maxItems))
	default:
		return true
	}
	return false
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" }

func kindOf(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	}
	return "a single value"
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
