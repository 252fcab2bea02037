package main

import (
	"bytes"
	"maps"
	"slices"
)

// placeholder marks what whoever deploys must fill in.
const placeholder = "REPLACE-ME"

// shape is the overlay that is a shape to be filled in; in no other may a placeholder
// be left.
const shape = "prod"

// placeholders wants none where something is ready to be applied.
func placeholders(rep *report, overlay string, o object) {
	if overlay == shape {
		return
	}
	for i, line := range bytes.Split(o.yaml, []byte("\n")) {
		if bytes.Contains(line, []byte(placeholder)) {
			rep.addf(o.name, "line %d is to be filled in: %s", i+1, bytes.TrimSpace(line))
		}
	}
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
