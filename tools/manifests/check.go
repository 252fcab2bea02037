package main

import (
	"fmt"
	"path"
	"slices"

	"sigs.k8s.io/kustomize/api/resmap"
)

// check looks at everything there is, and says what that was when it finds nothing.
func check(r repository) (findings []Finding, counted string) {
	decoder, err := newDecoder()
	if err != nil {
		return []Finding{{File: "manifests", What: err.Error()}}, ""
	}
	overlays := r.glob(overlayDir("*"))
	if len(overlays) == 0 {
		return []Finding{{File: overlaysDir, What: "there are no overlays"}}, ""
	}
	objects := 0
	for _, dir := range overlays {
		found, n := checkOverlay(r, decoder, dir)
		findings = append(findings, found...)
		objects += n
	}
	return findings, fmt.Sprintf("manifests: %d objects in %d overlays are good", objects, len(overlays))
}

func checkOverlay(r repository, d decoder, dir string) ([]Finding, int) {
	rep := &report{file: dir}
	built, err := r.build(dir)
	if err != nil {
		rep.addf("", "%v", err)
		return rep.findings, 0
	}
	objects := decodeAll(rep, d, built)
	return rep.findings, len(objects)
}

func decodeAll(rep *report, d decoder, built resmap.ResMap) []object {
	var objects []object
	for _, res := range built.Resources() {
		o := object{name: res.GetKind() + "/" + res.GetName()}
		var err error
		if o.yaml, err = res.AsYAML(); err == nil {
			o.typed, err = d.decode(o.yaml)
		}
		if err != nil {
			rep.addf(o.name, "%v", err)
			continue
		}
		objects = append(objects, o)
	}
	return objects
}

func overlayName(dir string) string { return path.Base(dir) }

func names(objects []object) []string {
	var all []string
	for _, o := range objects {
		all = append(all, o.name)
	}
	slices.Sort(all)
	return all
}
