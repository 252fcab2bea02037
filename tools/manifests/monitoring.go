package main

import (
	"slices"

	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// scraped wants the daemon to be reachable by Prometheus, and a PodMonitor, where there
// is one, to find it.
func scraped(rep *report, all []object) {
	if !admitted(all, target{"prometheus", "dark-tower-observability", corev1.ProtocolTCP, 8084}) {
		rep.addf("NetworkPolicy", "Prometheus cannot reach the prober at TCP 8084")
	}
	for _, o := range all {
		monitor, ok := o.typed.(*monitoringv1.PodMonitor)
		if !ok {
			continue
		}
		found := slices.ContainsFunc(all, func(x object) bool {
			d, ok := x.typed.(*appsv1.Deployment)
			return ok && d.Namespace == monitor.Namespace && finds(monitor, d.Spec.Template)
		})
		if !found {
			rep.addf(o.name+": spec", "selects no pod and port that is here")
		}
		if monitor.Spec.JobLabel == "" || monitor.Spec.Selector.MatchLabels[monitor.Spec.JobLabel] != proberApp {
			rep.addf(o.name+": spec.jobLabel", "the label job must become synthetic-prober, as the scrape job has it: queries go by it")
		}
		for _, e := range monitor.Spec.PodMetricsEndpoints {
			if e.Interval != "15s" {
				rep.addf(o.name+": spec.podMetricsEndpoints.interval", "must be 15s: the rules count with it")
			}
			if !slices.ContainsFunc(e.RelabelConfigs, func(c monitoringv1.RelabelConfig) bool { return c.TargetLabel == "location" }) {
				rep.addf(o.name+": spec.podMetricsEndpoints.relabelings", "must set location, as the scrape job does")
			}
		}
	}
}

func finds(m *monitoringv1.PodMonitor, pod corev1.PodTemplateSpec) bool {
	selector, err := metav1.LabelSelectorAsSelector(&m.Spec.Selector)
	if err != nil || selector.Empty() || !selector.Matches(labels.Set(pod.Labels)) {
		return false
	}
	return slices.ContainsFunc(m.Spec.PodMetricsEndpoints, func(e monitoringv1.PodMetricsEndpoint) bool {
		return e.Port != nil && slices.ContainsFunc(pod.Spec.Containers, func(c corev1.Container) bool {
			return slices.ContainsFunc(c.Ports, func(p corev1.ContainerPort) bool { return p.Name == *e.Port })
		})
	})
}
