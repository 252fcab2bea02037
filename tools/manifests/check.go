package main

import (
	"errors"
	"fmt"
	"path"

	"github.com/prometheus/prometheus/model/rulefmt"
	appsv1 "k8s.io/api/apps/v1"
	"sigs.k8s.io/kustomize/api/resmap"
)

// check looks at everything there is, and says what that was when it finds nothing.
func check(r repository) (findings []Finding, counted string) {
	findings, counted, err := checkAll(r)
	if err != nil {
		findings = append(findings, Finding{File: "manifests", What: err.Error()})
	}
	return findings, counted
}

func checkAll(r repository) (findings []Finding, counted string, err error) {
	decoder, err := newDecoder()
	if err != nil {
		return nil, "", err
	}
	overlays := r.glob(overlayDir("*"))
	if len(overlays) == 0 {
		return nil, "", fmt.Errorf("there are no overlays in %s", overlaysDir)
	}
	prober, err := buildProber(r)
	if err != nil {
		return nil, "", err
	}
	defer func() { err = errors.Join(err, prober.Close()) }()
	objects := 0
	for _, dir := range overlays {
		found, n, err := checkOverlay(r, decoder, prober, dir)
		if err != nil {
			return findings, "", err
		}
		findings = append(findings, found...)
		objects += n
	}
	shown, boards, err := checkMonitoring(r)
	if err != nil {
		return findings, "", err
	}
	return append(findings, shown...), fmt.Sprintf("manifests: %s in %s, and %s, are good", count(objects, "object"), count(len(overlays), "overlay"), boards), nil
}

func checkOverlay(r repository, d decoder, p *prober, dir string) ([]Finding, int, error) {
	rep := &report{file: dir}
	built, err := r.build(dir)
	if err != nil {
		rep.addf("", "%v", err)
		return rep.findings, 0, nil
	}
	objects := decodeAll(rep, d, built)
	overlay := path.Base(dir)
	for _, o := range objects {
		metadata(rep, overlay, o)
		placeholders(rep, overlay, o)
		references(rep, o, objects)
		appliedAlone(rep, o, objects)
		if err := workload(rep, o); err != nil {
			return nil, 0, err
		}
		if err := configured(rep, p, overlay, o, objects); err != nil {
			return nil, 0, err
		}
	}
	policies(rep, objects)
	scraped(rep, objects)
	scrapeJobs(rep, r, objects)
	shown(rep, r, objects)
	return rep.findings, len(objects), nil
}

// configured looks at a workload's configuration, and at what follows from it.
func configured(rep *report, p *prober, overlay string, o object, all []object) error {
	if _, ok := podOf(o.typed); !ok {
		return nil
	}
	content, configMap, err := configuration(o, all)
	if err != nil {
		rep.addf(o.name, "%v", err)
		return nil
	}
	_, daemon := o.typed.(*appsv1.Deployment)
	reach(rep, o, all, content)
	variables(rep, o, all, content, daemon)
	return accepted(rep, p, overlay, configMap, content)
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

// checkMonitoring looks at rules, runbooks and dashboards.
func checkMonitoring(r repository) (findings []Finding, counted string, err error) {
	c, err := newCatalogue(r)
	if err != nil {
		return nil, "", err
	}
	files, findings := ruleFiles(r, c)
	for _, file := range sortedKeys(files) {
		findings = append(findings, checkRules(r, c, file, files[file])...)
	}
	var groups []*rulefmt.RuleGroups
	for _, file := range sortedKeys(files) {
		groups = append(groups, files[file])
	}
	runbooks := append(r.glob(runbooksHere+"/*.md"), guide)
	for _, file := range runbooks {
		findings = append(findings, checkRunbook(r, c, groups, file)...)
	}
	boards := r.glob(dashboardsPattern)
	for _, file := range boards {
		findings = append(findings, checkDashboard(r, c, file)...)
	}
	if len(boards) == 0 {
		findings = append(findings, Finding{File: dashboardsPattern, What: "there are no dashboards"})
	}
	return findings, fmt.Sprintf("%s, %s and %s", count(len(files), "rule file"), count(len(runbooks)-1, "runbook"), count(len(boards), "dashboard")), nil
}

func count(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}
