package main

import (
	"bytes"
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/util/validation"
)

// placeholder marks what whoever deploys must fill in.
const placeholder = "REPLACE-ME"

// shape is the overlay that is a shape to be filled in; in no other may a placeholder
// be left.
const shape = "prod"

// placeholders wants none where something is ready to be applied, and what is not ready
// to be refused by the API server, over whose objects it would otherwise go.
func placeholders(rep *report, overlay string, o object) {
	labels := o.typed.GetLabels()
	var refused []string
	for _, name := range sortedKeys(labels) {
		if len(validation.IsValidLabelValue(labels[name])) > 0 {
			refused = append(refused, name)
		}
	}
	if overlay == shape {
		if len(refused) == 0 {
			rep.addf(o.name+": metadata.labels", "could be applied by mistake: one must be a placeholder that no API server accepts")
		}
		return
	}
	for _, name := range refused {
		rep.addf(o.name+": metadata.labels."+name, "%q is no value of a label", labels[name])
	}
	for i, line := range bytes.Split(o.yaml, []byte("\n")) {
		if bytes.Contains(line, []byte(placeholder)) {
			rep.addf(o.name, "line %d is to be filled in: %s", i+1, bytes.TrimSpace(line))
		}
	}
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
