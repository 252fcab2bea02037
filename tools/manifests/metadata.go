package main

import (
	corev1 "k8s.io/api/core/v1"
)

// applied is what the annotation that `kubectl apply` keeps of an object may be large
// at the most, in bytes.
const applied = 256 << 10

// namespaces are those of the platform.
var namespaces = []string{"dark-tower", "dark-tower-observability"}

// metadata holds what every object has against the platform's conventions.
func metadata(rep *report, overlay string, o object) {
	m := o.typed
	if !contains(namespaces, m.GetNamespace()) {
		rep.addf(o.name+": metadata.namespace", "is %q, which is none of the platform's", m.GetNamespace())
	}
	labels := m.GetLabels()
	_, generated := o.typed.(*corev1.ConfigMap)
	_, account := o.typed.(*corev1.ServiceAccount)
	if !generated && !account && (labels["app"] != "synthetic-prober" || labels["component"] == "") {
		rep.addf(o.name+": metadata.labels", "must have app: synthetic-prober, and a component")
	}
	if labels["environment"] == "" {
		rep.addf(o.name+": metadata.labels", "must have the environment that the overlay is for")
	}
	if len(o.yaml) > applied*9/10 {
		rep.addf(o.name, "has %d bytes; kubectl apply stops at %d", len(o.yaml), applied)
	}
	switch v := o.typed.(type) {
	case *corev1.Secret:
		rep.addf(o.name, "%s renders a Secret: applying again would overwrite what an operator has put there", overlay)
	case *corev1.ServiceAccount:
		if v.AutomountServiceAccountToken == nil || *v.AutomountServiceAccountToken {
			rep.addf(o.name+": automountServiceAccountToken", "must be false")
		}
	case *corev1.Service:
		rep.addf(o.name, "pods are scraped, and nobody else calls the prober")
	}
}
