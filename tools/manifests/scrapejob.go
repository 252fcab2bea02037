package main

import (
	"bytes"
	"slices"
	"strconv"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/relabel"
	"go.yaml.in/yaml/v3"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
)

// scrapeFile is what is put into the platform's Prometheus by hand.
const scrapeFile = "deploy/prometheus/scrape-job.yaml"

type scrapeJob struct {
	Name     string         `yaml:"job_name"`
	Interval model.Duration `yaml:"scrape_interval"`
	Timeout  model.Duration `yaml:"scrape_timeout"`
	Pods     []struct {
		Role       string
		Namespaces struct{ Names []string }
	} `yaml:"kubernetes_sd_configs"`
	Relabel []*relabel.Config `yaml:"relabel_configs"`
}

// scrapeJobs wants the job to find the daemon's port of an overlay and nothing else.
func scrapeJobs(rep *report, r repository, all []object) {
	content, err := r.read(scrapeFile)
	if err != nil {
		rep.addf("", "%v", err)
		return
	}
	var jobs []scrapeJob
	d := yaml.NewDecoder(bytes.NewReader(content))
	d.KnownFields(true)
	if err := d.Decode(&jobs); err != nil || len(jobs) != 1 {
		rep.addf(scrapeFile, "is no list of one scrape job: %v", err)
		return
	}
	job := jobs[0]
	if job.Name != proberApp || time.Duration(job.Interval) != 15*time.Second || job.Timeout >= job.Interval {
		rep.addf(scrapeFile, "must be the job %s, every 15s, with a shorter timeout: the rules count with it", proberApp)
	}
	if len(job.Pods) != 1 || job.Pods[0].Role != "pod" || !slices.Equal(job.Pods[0].Namespaces.Names, namespaces[:1]) {
		rep.addf(scrapeFile+": kubernetes_sd_configs", "must discover the pods of %s", namespaces[0])
	}
	for _, c := range job.Relabel {
		if err := c.Validate(model.LegacyValidation); err != nil {
			rep.addf(scrapeFile+": relabel_configs", "%v", err)
			return
		}
	}
	for _, o := range all {
		pod, ok := podOf(o.typed)
		if !ok {
			continue
		}
		_, daemon := o.typed.(*appsv1.Deployment)
		found := found(job, pod)
		switch {
		case daemon && (len(found) != 1 || found[0].Get("location") == ""):
			rep.addf(scrapeFile+": relabel_configs", "must keep one port of %s, and set location; keeps %v", o.name, found)
		case !daemon && len(found) > 0:
			rep.addf(scrapeFile+": relabel_configs", "keeps %s, which serves nothing", o.name)
		}
	}
}

// found are the targets that a job makes of a pod. A container without ports is a target
// as well.
func found(job scrapeJob, pod corev1.PodTemplateSpec) []labels.Labels {
	var targets []labels.Labels
	for _, c := range pod.Spec.Containers {
		ports := c.Ports
		if len(ports) == 0 {
			ports = []corev1.ContainerPort{{}}
		}
		for _, p := range ports {
			b := labels.NewBuilder(labels.EmptyLabels())
			for name, value := range pod.Labels {
				b.Set("__meta_kubernetes_pod_label_"+name, value)
			}
			if p.ContainerPort != 0 {
				b.Set("__meta_kubernetes_pod_container_port_number", strconv.Itoa(int(p.ContainerPort)))
			}
			if relabel.ProcessBuilder(b, job.Relabel...) {
				targets = append(targets, b.Labels())
			}
		}
	}
	return targets
}
