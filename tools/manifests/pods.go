package main

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	psaapi "k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
)

// uid is what every container of the platform runs as.
const uid = 65532

// grace is the platform's time between SIGTERM and SIGKILL, in seconds.
const grace = 35

// restricted evaluates Pod Security as the admission controller does, also for
// workloads, which it only warns about.
func restricted(rep *report, name string, pod corev1.PodTemplateSpec) error {
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		return err
	}
	level := psaapi.LevelVersion{Level: psaapi.LevelRestricted, Version: psaapi.LatestVersion()}
	for _, result := range evaluator.EvaluatePod(level, &metav1.ObjectMeta{}, &pod.Spec) {
		if !result.Allowed {
			rep.addf(name, "Pod Security restricted: %s (%s)", result.ForbiddenReason, result.ForbiddenDetail)
		}
	}
	return nil
}

// podGuards are the platform's own rules for pods, beyond Pod Security.
func podGuards(rep *report, name string, spec corev1.PodSpec) {
	field := name + ": spec.template.spec"
	if s := spec.SecurityContext; s == nil || !isID(s.RunAsUser) || !isID(s.RunAsGroup) || !isID(s.FSGroup) {
		rep.addf(field+".securityContext", "runAsUser, runAsGroup and fsGroup must be %d", uid)
	}
	if spec.TerminationGracePeriodSeconds == nil || *spec.TerminationGracePeriodSeconds != grace {
		rep.addf(field+".terminationGracePeriodSeconds", "must be %d", grace)
	}
	if spec.AutomountServiceAccountToken == nil || *spec.AutomountServiceAccountToken {
		rep.addf(field+".automountServiceAccountToken", "must be false: nothing here talks to the Kubernetes API")
	}
	if spec.EnableServiceLinks == nil || *spec.EnableServiceLinks {
		rep.addf(field+".enableServiceLinks", "must be false: services would become environment variables")
	}
	if !fullNames(spec.DNSConfig) {
		rep.addf(field+".dnsConfig", "must set ndots to 1: search domains would be asked first, and measured")
	}
	if len(spec.InitContainers)+len(spec.EphemeralContainers) > 0 {
		rep.addf(field, "has containers that are not looked at here")
	}
	for _, c := range spec.Containers {
		containerGuards(rep, fmt.Sprintf("%s.containers[%s]", field, c.Name), spec, c)
	}
}

func fullNames(c *corev1.PodDNSConfig) bool {
	return c != nil && slices.ContainsFunc(c.Options, func(o corev1.PodDNSConfigOption) bool {
		return o.Name == "ndots" && o.Value != nil && *o.Value == "1"
	})
}

func isID(id *int64) bool { return id != nil && *id == uid }

func containerGuards(rep *report, field string, spec corev1.PodSpec, c corev1.Container) {
	if s := c.SecurityContext; s == nil || s.ReadOnlyRootFilesystem == nil || !*s.ReadOnlyRootFilesystem {
		rep.addf(field+".securityContext.readOnlyRootFilesystem", "must be true")
	}
	if c.TerminationMessagePolicy != corev1.TerminationMessageFallbackToLogsOnError {
		rep.addf(field+".terminationMessagePolicy", "must be FallbackToLogsOnError: without a verdict, the last lines are what there is")
	}
	resources(rep, field+".resources", c.Resources)
	mounts(rep, field+".volumeMounts", spec, c)
	image(rep, field+".image", c.Image)
}

// resources wants requests and a memory limit, and no CPU limit.
func resources(rep *report, field string, r corev1.ResourceRequirements) {
	if r.Requests.Cpu().IsZero() || r.Requests.Memory().IsZero() {
		rep.addf(field+".requests", "must name cpu and memory")
	}
	if r.Limits.Memory().IsZero() {
		rep.addf(field+".limits.memory", "is missing")
	}
	if _, limited := r.Limits[corev1.ResourceCPU]; limited {
		rep.addf(field+".limits.cpu", "must not be set: throttling would be measured as the platform's latency")
	}
}

// mounts wants a bounded /tmp, and everything else read-only and as whole folders: a
// file mounted by subPath never changes.
func mounts(rep *report, field string, spec corev1.PodSpec, c corev1.Container) {
	tmp := false
	for _, m := range c.VolumeMounts {
		at := slices.IndexFunc(spec.Volumes, func(v corev1.Volume) bool { return v.Name == m.Name })
		if at < 0 {
			rep.addf(field, "%s is mounted and there is no such volume", m.Name)
			continue
		}
		empty := spec.Volumes[at].EmptyDir
		switch {
		case m.SubPath != "" || m.SubPathExpr != "":
			rep.addf(field, "%s is mounted by subPath, and would never change", m.Name)
		case m.MountPath == "/tmp" && empty != nil:
			tmp = true
			if empty.SizeLimit == nil {
				rep.addf(field, "the emptyDir on /tmp has no sizeLimit")
			}
		case !m.ReadOnly:
			rep.addf(field, "%s is not mounted read-only", m.Name)
		}
	}
	if !tmp {
		rep.addf(field, "there is no emptyDir on /tmp")
	}
}

// image wants a tag that says what is in it. The base's own tag says that it has not
// been chosen yet.
func image(rep *report, field, ref string) {
	slash := strings.LastIndexByte(ref, '/')
	_, tag, tagged := strings.Cut(ref[slash+1:], ":")
	switch {
	case strings.Contains(ref, "@sha256:"):
	case !tagged || tag == "latest":
		rep.addf(field, "%s has no tag that says what is in it", ref)
	}
}
