package main

import (
	"fmt"
	"path"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// made are the objects that an operator makes beside what is applied; deploy/README.md
// says how.
var made = []string{"Secret/synthetic-prober-accounts", "Secret/prober-lanes", "ConfigMap/synthetic-prober-trust"}

// references wants everything that a pod names to be rendered, or made by an operator.
func references(rep *report, o object, all []object) {
	pod, ok := podOf(o.typed)
	if !ok {
		return
	}
	need := func(field, name string) {
		known := slices.ContainsFunc(all, func(x object) bool { return x.name == name && x.typed.GetNamespace() == o.typed.GetNamespace() })
		if !known && !contains(made, name) {
			rep.addf(o.name+": "+field, "%s is neither rendered nor made by an operator", name)
		}
	}
	need("spec.template.spec.serviceAccountName", "ServiceAccount/"+pod.Spec.ServiceAccountName)
	for _, v := range pod.Spec.Volumes {
		if v.ConfigMap != nil {
			need("spec.template.spec.volumes", "ConfigMap/"+v.ConfigMap.Name)
		}
		if v.Secret != nil {
			need("spec.template.spec.volumes", "Secret/"+v.Secret.SecretName)
		}
	}
	for _, c := range pod.Spec.Containers {
		for _, from := range c.EnvFrom {
			if from.ConfigMapRef != nil {
				need("envFrom", "ConfigMap/"+from.ConfigMapRef.Name)
			}
			if from.SecretRef != nil {
				need("envFrom", "Secret/"+from.SecretRef.Name)
			}
		}
		for _, e := range c.Env {
			if e.ValueFrom != nil && e.ValueFrom.SecretKeyRef != nil {
				need("env."+e.Name, "Secret/"+e.ValueFrom.SecretKeyRef.Name)
			}
			if e.ValueFrom != nil && e.ValueFrom.ConfigMapKeyRef != nil {
				need("env."+e.Name, "ConfigMap/"+e.ValueFrom.ConfigMapKeyRef.Name)
			}
		}
	}
}

// configuration returns the probes.yaml that a pod reads: the file that its arguments
// name, in the ConfigMap that is mounted there.
func configuration(o object, all []object) (content, configMap string, err error) {
	pod, _ := podOf(o.typed)
	for _, c := range pod.Spec.Containers {
		for _, arg := range c.Args {
			file, named := strings.CutPrefix(arg, "--config=")
			if !named {
				continue
			}
			at := slices.IndexFunc(c.VolumeMounts, func(m corev1.VolumeMount) bool { return m.MountPath == path.Dir(file) })
			if at < 0 {
				return "", "", fmt.Errorf("--config names %s, and nothing is mounted there", file)
			}
			return mounted(pod.Spec, c.VolumeMounts[at].Name, path.Base(file), all)
		}
	}
	return "", "", fmt.Errorf("no argument --config=FILE")
}

func mounted(spec corev1.PodSpec, volume, key string, all []object) (content, configMap string, err error) {
	for _, v := range spec.Volumes {
		if v.Name != volume || v.ConfigMap == nil {
			continue
		}
		for _, o := range all {
			if m, ok := o.typed.(*corev1.ConfigMap); ok && m.Name == v.ConfigMap.Name {
				if content, ok := m.Data[key]; ok {
					return content, o.name, nil
				}
			}
		}
		return "", "", fmt.Errorf("ConfigMap/%s has no %s", v.ConfigMap.Name, key)
	}
	return "", "", fmt.Errorf("volume %s is no ConfigMap", volume)
}

// environment returns the environment variables of a pod's containers, as far as they
// are not secret. One that a Secret holds is there, and empty.
func environment(o object, all []object) map[string]string {
	vars := make(map[string]string)
	pod, _ := podOf(o.typed)
	for _, c := range pod.Spec.Containers {
		for _, from := range c.EnvFrom {
			for _, x := range all {
				if m, ok := x.typed.(*corev1.ConfigMap); ok && from.ConfigMapRef != nil && m.Name == from.ConfigMapRef.Name {
					for k, v := range m.Data {
						vars[k] = v
					}
				}
			}
		}
		for _, e := range c.Env {
			vars[e.Name] = e.Value
		}
	}
	return vars
}

func contains(list []string, s string) bool { return slices.Contains(list, s) }
