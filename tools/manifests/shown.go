package main

import (
	"path"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// grafanaNamespace is where Grafana's sidecar looks.
const grafanaNamespace = "dark-tower-observability"

// sidecarLabel is what it looks for. Nothing else checks it, and without it nothing is
// shown.
const sidecarLabel = "grafana_dashboard"

// shown wants every dashboard of the repository in a ConfigMap that Grafana finds.
func shown(rep *report, r repository, all []object) {
	here := make(map[string]bool)
	for _, o := range all {
		m, ok := o.typed.(*corev1.ConfigMap)
		if !ok {
			continue
		}
		for _, key := range sortedKeys(m.Data) {
			if !strings.HasSuffix(key, ".json") {
				continue
			}
			here[key] = true
			if m.Labels[sidecarLabel] != "1" {
				rep.addf(o.name+": metadata.labels", "must have %s: \"1\": Grafana would not find %s", sidecarLabel, key)
			}
			if m.Namespace != grafanaNamespace {
				rep.addf(o.name+": metadata.namespace", "is %s; Grafana looks in %s", m.Namespace, grafanaNamespace)
			}
		}
	}
	for _, file := range r.glob(dashboardsPattern) {
		if !here[path.Base(file)] {
			rep.addf("ConfigMap", "no ConfigMap has the dashboard %s", file)
		}
	}
}
