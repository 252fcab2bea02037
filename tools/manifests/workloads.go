package main

import (
	"fmt"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// Exit codes of a check that asking again does not change: fail, usage or
// configuration, inconclusive. 4, could not measure, is worth a second try.
var verdicts = []int32{1, 2, 3}

// workload holds one workload against what the platform and the prober need.
func workload(rep *report, o object) error {
	pod, ok := podOf(o.typed)
	if !ok {
		return nil
	}
	if err := restricted(rep, o.name, pod); err != nil {
		return err
	}
	podGuards(rep, o.name, pod.Spec)
	switch w := o.typed.(type) {
	case *appsv1.Deployment:
		deployment(rep, o.name, w)
	case *batchv1.Job:
		job(rep, o.name, w)
	default:
		rep.addf(o.name, "a prober is a Deployment or a Job: nothing scrapes a pod that lives shortly")
	}
	return nil
}

func deployment(rep *report, name string, d *appsv1.Deployment) {
	if d.Spec.Replicas == nil || *d.Spec.Replicas != 1 {
		rep.addf(name+": spec.replicas", "must be 1: two pods on one lane are the same user twice in one meeting")
	}
	if d.Spec.Strategy.Type != appsv1.RecreateDeploymentStrategyType {
		rep.addf(name+": spec.strategy.type", "must be Recreate: two pods on one lane are the same user twice in one meeting")
	}
	selects(rep, name+": spec.selector", d.Spec.Selector, d.Spec.Template.Labels)
	for _, c := range d.Spec.Template.Spec.Containers {
		field := fmt.Sprintf("%s: spec.template.spec.containers[%s]", name, c.Name)
		if !slices.ContainsFunc(c.Ports, func(p corev1.ContainerPort) bool { return p.Name == "http" && p.ContainerPort == 8084 }) {
			rep.addf(field+".ports", "port 8084 must be there, by the name http")
		}
		probe(rep, field+".livenessProbe", c.LivenessProbe, "/health", 10, 10, 5)
		probe(rep, field+".readinessProbe", c.ReadinessProbe, "/ready", 5, 5, 3)
	}
}

// probe compares a probe with the platform's numbers, in seconds.
func probe(rep *report, field string, p *corev1.Probe, path string, delay, period, timeout int32) {
	switch {
	case p == nil || p.HTTPGet == nil:
		rep.addf(field, "must be GET %s", path)
	case p.HTTPGet.Path != path || p.HTTPGet.Port.String() != "http":
		rep.addf(field, "must be GET %s at port http", path)
	case p.InitialDelaySeconds != delay || p.PeriodSeconds != period || p.TimeoutSeconds != timeout || p.FailureThreshold != 3:
		rep.addf(field, "must have delay %d, period %d, timeout %d, 3 failures", delay, period, timeout)
	}
}

// selects wants a selector that finds its own pods.
func selects(rep *report, field string, s *metav1.LabelSelector, pod map[string]string) {
	selector, err := metav1.LabelSelectorAsSelector(s)
	switch {
	case err != nil:
		rep.addf(field, "%v", err)
	case selector.Empty():
		rep.addf(field, "selects everything")
	case !selector.Matches(labels.Set(pod)):
		rep.addf(field, "%s does not select its own pods", selector)
	}
}

// gateParts are the values of the label component by which the gate is applied without
// the daemon.
var gateParts = []string{"synthetic-gate", "synthetic-environment"}

// appliedAlone wants what a Job reads at its start to be applied with it: the name of the
// environment follows its content, and the daemon's may be an older one. A pod without
// its environment waits until the Job's deadline.
func appliedAlone(rep *report, o object, all []object) {
	j, ok := o.typed.(*batchv1.Job)
	if !ok {
		return
	}
	selected := func(labels map[string]string) bool { return slices.Contains(gateParts, labels["component"]) }
	if !selected(j.Labels) {
		rep.addf(o.name+": metadata.labels.component", "must be one of %v", gateParts)
	}
	for _, c := range j.Spec.Template.Spec.Containers {
		for _, from := range c.EnvFrom {
			for _, x := range all {
				if from.ConfigMapRef != nil && x.name == "ConfigMap/"+from.ConfigMapRef.Name && !selected(x.typed.GetLabels()) {
					rep.addf(x.name+": metadata.labels.component", "must be one of %v: %s needs it", gateParts, o.name)
				}
			}
		}
	}
}

// job wants every way of ending to be one of: verdict, second try, no try at all.
func job(rep *report, name string, j *batchv1.Job) {
	if p := j.Spec.Template.Spec.RestartPolicy; p != corev1.RestartPolicyNever {
		rep.addf(name+": spec.template.spec.restartPolicy", "is %s and must be Never: the pod failure policy needs it", p)
	}
	if n := j.Spec.BackoffLimit; n == nil || *n != 1 {
		rep.addf(name+": spec.backoffLimit", "must be 1")
	}
	if j.Spec.ActiveDeadlineSeconds == nil {
		rep.addf(name+": spec.activeDeadlineSeconds", "is missing")
	}
	if j.Spec.TTLSecondsAfterFinished == nil {
		rep.addf(name+": spec.ttlSecondsAfterFinished", "is missing")
	}
	if j.Spec.PodFailurePolicy == nil {
		rep.addf(name+": spec.podFailurePolicy", "is missing: a verdict would be asked for again")
		return
	}
	rules := j.Spec.PodFailurePolicy.Rules
	ignored := slices.IndexFunc(rules, ignoresDisruption)
	failed := slices.IndexFunc(rules, failsOnVerdicts)
	switch {
	case failed < 0:
		rep.addf(name+": spec.podFailurePolicy", "must FailJob on the exit codes %v and on no others", verdicts)
	case ignored < 0:
		rep.addf(name+": spec.podFailurePolicy", "must Ignore DisruptionTarget: an eviction is no verdict")
	case ignored > failed:
		rep.addf(name+": spec.podFailurePolicy", "DisruptionTarget must come first: a pod that is evicted exits with a code, too")
	}
}

func ignoresDisruption(r batchv1.PodFailurePolicyRule) bool {
	return r.Action == batchv1.PodFailurePolicyActionIgnore && len(r.OnPodConditions) == 1 && r.OnPodConditions[0].Type == corev1.DisruptionTarget
}

func failsOnVerdicts(r batchv1.PodFailurePolicyRule) bool {
	return r.Action == batchv1.PodFailurePolicyActionFailJob && r.OnExitCodes != nil &&
		r.OnExitCodes.Operator == batchv1.PodFailurePolicyOnExitCodesOpIn && slices.Equal(slices.Sorted(slices.Values(r.OnExitCodes.Values)), verdicts)
}
