package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"unicode"

	"github.com/invopop/jsonschema"

	"github.com/dark-tower/prober/internal/config"
)

// schema returns the JSON Schema of config.Config. The sources of the package are
// read from dir, which lies in the package with import path base.
func schema(base, dir string) ([]byte, error) {
	r := &jsonschema.Reflector{
		FieldNameTag:               "yaml",
		RequiredFromJSONSchemaTags: true,
		Mapper:                     notation,
	}
	if err := r.AddGoComments(base, dir); err != nil {
		return nil, fmt.Errorf("reading the comments: %w", err)
	}
	for key, text := range r.CommentMap {
		r.CommentMap[key] = asDescription(key[strings.LastIndex(key, ".")+1:], text)
	}
	s := r.Reflect(new(config.Config))
	if gate := s.Definitions["Gate"]; gate != nil {
		s.Definitions["Gate"] = &jsonschema.Schema{OneOf: []*jsonschema.Schema{{Enum: []any{"yes", "no", true, false}}, gate}, Description: gate.Description}
		gate.Description = ""
	}
	s.ID, s.Title = "", "probes.yaml of the Dark Tower flow prober"
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(s); err != nil {
		return nil, fmt.Errorf("encoding the schema: %w", err)
	}
	return out.Bytes(), nil
}

// asDescription turns a Go comment ("ACURL is the base URL") into a description that
// does not name the Go field ("The base URL").
func asDescription(name, text string) string {
	text = strings.Join(strings.Fields(text), " ")
	for _, verb := range []string{" is ", " are "} {
		if rest, ok := strings.CutPrefix(text, name+verb); ok && rest != "" {
			runes := []rune(rest)
			runes[0] = unicode.ToUpper(runes[0])
			return string(runes)
		}
	}
	return text
}

// notation describes the types that have a notation of their own.
func notation(t reflect.Type) *jsonschema.Schema {
	text := func(property string) *jsonschema.Schema {
		properties := jsonschema.NewProperties()
		properties.Set(property, &jsonschema.Schema{Type: "string"})
		return &jsonschema.Schema{
			Type: "object", Properties: properties,
			Required: []string{property}, AdditionalProperties: jsonschema.FalseSchema,
		}
	}
	switch t {
	case reflect.TypeFor[config.Duration]():
		return &jsonschema.Schema{Type: "string", Pattern: `^([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h|d))+$|^0$`}
	case reflect.TypeFor[config.Ratio]():
		return &jsonschema.Schema{OneOf: []*jsonschema.Schema{
			{Type: "string", Pattern: `^[0-9]+(\.[0-9]+)?%$`},
			{Type: "number", ExclusiveMinimum: "0", ExclusiveMaximum: "1"},
		}}
	case reflect.TypeFor[config.Source]():
		return &jsonschema.Schema{OneOf: []*jsonschema.Schema{text("env"), text("file"), text("value")}}
	case reflect.TypeFor[config.Path]():
		return &jsonschema.Schema{OneOf: []*jsonschema.Schema{{Type: "string"}, text("env")}}
	case reflect.TypeFor[config.SLI]():
		var all []any
		for _, sli := range config.SLIs() {
			all = append(all, string(sli))
		}
		return &jsonschema.Schema{Type: "string", Enum: all}
	}
	return nil
}
