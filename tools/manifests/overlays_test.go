package main

import (
	"strings"
	"testing"
)

func TestTheOverlaysAreGood(t *testing.T) {
	for _, overlay := range []string{"kind", "kind-gate", "prod"} {
		if found := inOverlay(t, here, overlay); len(found) > 0 {
			t.Errorf("%s: %v", overlay, found)
		}
	}
}

const (
	deploymentFile = "deploy/kustomize/base/deployment.yaml"
	accountFile    = "deploy/kustomize/base/serviceaccount.yaml"
	policyFile     = "deploy/kustomize/base/networkpolicy.yaml"
	admissionFile  = "deploy/kustomize/components/platform-ingress/ac-service.yaml"
	jobFile        = "deploy/kustomize/components/gate/job.yaml"
	monitorFile    = "deploy/kustomize/components/prometheus-operator/podmonitor.yaml"
	grafanaFile    = "deploy/grafana/kustomization.yaml"
	kindFile       = "deploy/kustomize/overlays/kind/kustomization.yaml"
	kindProbes     = "deploy/kustomize/overlays/kind/probes.yaml"
	kindEnv        = "deploy/kustomize/overlays/kind/config.env"
	prodFile       = "deploy/kustomize/overlays/prod/kustomization.yaml"
	prodProbes     = "deploy/kustomize/overlays/prod/probes.yaml"
	prodPolicy     = "deploy/kustomize/overlays/prod/networkpolicy.yaml"
)

func TestEveryDefectOfAnOverlayIsFound(t *testing.T) {
	for _, tc := range []struct {
		name    string
		overlay string // kind-gate when empty
		edit    edit
		want    []string
	}{
		{"an unknown field", "", edit{deploymentFile, "replicas: 1", "replica: 1"}, []string{"Deployment/synthetic-prober", `unknown field "spec.replica"`}},
		{"a field of the wrong type", "", edit{deploymentFile, "replicas: 1", "replicas: one"}, []string{"Deployment/synthetic-prober", "int32"}},
		{"a bad quantity", "", edit{deploymentFile, "memory: 256Mi", "memory: 256Mb"}, []string{"Deployment/synthetic-prober", "quantit"}},
		{"a resource that does not exist", "", edit{kindFile, "- ../../base", "- ../../bases"}, []string{"overlays/kind-gate", "bases"}},
		{"a kind that nobody knows", "", edit{accountFile, "kind: ServiceAccount", "kind: ServiceAcount"}, []string{"ServiceAcount"}},

		{"a pod that may be root", "", edit{deploymentFile, "runAsNonRoot: true", "runAsNonRoot: false"}, []string{"Pod Security restricted", "runAsNonRoot"}},
		{"a privilege that may grow", "", edit{jobFile, "allowPrivilegeEscalation: false", "allowPrivilegeEscalation: true"}, []string{"Job/synthetic-prober-gate", "Pod Security restricted", "allowPrivilegeEscalation"}},
		{"a capability that stays", "", edit{deploymentFile, "- ALL", "- NET_RAW"}, []string{"Pod Security restricted", "capabilities"}},
		{"another user", "", edit{deploymentFile, "runAsUser: 65532", "runAsUser: 1000"}, []string{"securityContext", "65532"}},
		{"a writable root", "", edit{deploymentFile, "readOnlyRootFilesystem: true", "readOnlyRootFilesystem: false"}, []string{"readOnlyRootFilesystem"}},
		{"another grace period", "", edit{deploymentFile, "terminationGracePeriodSeconds: 35", "terminationGracePeriodSeconds: 30"}, []string{"terminationGracePeriodSeconds", "35"}},
		{"a mounted token", "", edit{deploymentFile, "automountServiceAccountToken: false", "automountServiceAccountToken: true"}, []string{"Deployment", "automountServiceAccountToken"}},
		{"an account with a token", "", edit{accountFile, "automountServiceAccountToken: false", "automountServiceAccountToken: true"}, []string{"ServiceAccount/synthetic-prober", "automountServiceAccountToken"}},
		{"service links", "", edit{deploymentFile, "enableServiceLinks: false", "enableServiceLinks: true"}, []string{"enableServiceLinks"}},
		{"names that are searched for", "", edit{deploymentFile, "- name: ndots", "- name: timeout"}, []string{"dnsConfig", "ndots"}},
		{"a container that is not looked at", "", edit{deploymentFile, "      containers:\n", "      initContainers: [{name: x, image: \"localhost/x:1\"}]\n      containers:\n"}, []string{"containers that are not looked at"}},
		{"last lines that are lost", "", edit{jobFile, "FallbackToLogsOnError", "File"}, []string{"Job/synthetic-prober-gate", "terminationMessagePolicy"}},
		{"no memory limit", "", edit{deploymentFile, "            limits:\n              memory: 256Mi\n", ""}, []string{"limits.memory"}},
		{"no CPU request", "", edit{deploymentFile, "              cpu: 100m\n", ""}, []string{"requests"}},
		{"a CPU limit", "", edit{deploymentFile, "limits:\n", "limits:\n              cpu: 500m\n"}, []string{"limits.cpu"}},
		{"a single mounted file", "", edit{deploymentFile, "mountPath: /etc/prober/config\n", "mountPath: /etc/prober/config\n              subPath: probes.yaml\n"}, []string{"subPath"}},
		{"a writable secret", "", edit{deploymentFile, "mountPath: /etc/prober/lanes\n              readOnly: true\n", "mountPath: /etc/prober/lanes\n"}, []string{"lanes is not mounted read-only"}},
		{"a volume that is not there", "", edit{deploymentFile, "- name: lanes\n              mountPath", "- name: lane\n              mountPath"}, []string{"no such volume"}},
		{"an endless /tmp", "", edit{deploymentFile, "          emptyDir:\n            sizeLimit: 64Mi", "          emptyDir: {}"}, []string{"sizeLimit"}},
		{"no /tmp", "", edit{deploymentFile, "mountPath: /tmp", "mountPath: /var/tmp"}, []string{"no emptyDir on /tmp"}},
		{"the latest image", "", edit{deploymentFile, "synthetic-prober:render-required", "synthetic-prober:latest"}, []string{"image", "no tag"}},

		{"two pods", "", edit{deploymentFile, "replicas: 1", "replicas: 2"}, []string{"spec.replicas"}},
		{"two pods for a moment", "", edit{deploymentFile, "type: Recreate", "type: RollingUpdate"}, []string{"spec.strategy.type"}},
		{"a selector of other pods", "", edit{deploymentFile, "matchLabels:\n      app: synthetic-prober", "matchLabels:\n      app: synthetic-probe"}, []string{"spec.selector", "does not select"}},
		{"another port", "", edit{deploymentFile, "containerPort: 8084", "containerPort: 8080"}, []string{"ports", "8084"}},
		{"a probe that asks elsewhere", "", edit{deploymentFile, "path: /health", "path: /healthz"}, []string{"livenessProbe", "/health"}},
		{"a probe that asks too often", "", edit{deploymentFile, "periodSeconds: 10", "periodSeconds: 1"}, []string{"livenessProbe", "period 10"}},
		{"no readiness probe", "", edit{deploymentFile, "readinessProbe:\n            httpGet:\n              path: /ready\n              port: http\n            initialDelaySeconds: 5\n            periodSeconds: 5\n            timeoutSeconds: 3\n            failureThreshold: 3\n", "startupProbe: {}\n"}, []string{"readinessProbe"}},

		{"a job that starts its container again", "", edit{jobFile, "restartPolicy: Never", "restartPolicy: OnFailure"}, []string{"restartPolicy"}},
		{"a job that tries for ever", "", edit{jobFile, "backoffLimit: 1", "backoffLimit: 6"}, []string{"backoffLimit"}},
		{"a job without an end", "", edit{jobFile, "activeDeadlineSeconds: ", "# "}, []string{"activeDeadlineSeconds"}},
		{"a job that stays", "", edit{jobFile, "ttlSecondsAfterFinished: ", "# "}, []string{"ttlSecondsAfterFinished"}},
		{"a verdict that is asked for again", "", edit{jobFile, "[1, 2, 3]", "[1, 2]"}, []string{"podFailurePolicy", "[1 2 3]"}},
		{"an eviction that is a verdict", "", edit{jobFile, "type: DisruptionTarget", "type: Ready"}, []string{"podFailurePolicy", "eviction"}},

		{"a gate without its environment", "", edit{"deploy/kustomize/base/kustomization.yaml", "component: synthetic-environment", "part: environment"}, []string{"ConfigMap/synthetic-prober-env-", "Job/synthetic-prober-gate needs it"}},
		{"a gate that is not found", "", edit{jobFile, "    component: synthetic-gate\n", "    component: synthetic\n"}, []string{"Job/synthetic-prober-gate: metadata.labels.component"}},
		{"another namespace", "", edit{jobFile, "namespace: dark-tower", "namespace: default"}, []string{"Job/synthetic-prober-gate: metadata.namespace", "default"}},
		{"dashboards that Grafana does not find", "kind", edit{grafanaFile, "grafana_dashboard:", "dashboard:"}, []string{"metadata.labels", "grafana_dashboard"}},
		{"dashboards where Grafana does not look", "kind", edit{grafanaFile, "namespace: dark-tower-observability", "namespace: dark-tower"}, []string{"metadata.namespace", "Grafana looks in"}},
		{"a dashboard that nobody gets", "prod", edit{grafanaFile, "      - synthetic-media.json\n", ""}, []string{"no ConfigMap has the dashboard deploy/grafana/synthetic-media.json"}},
		{"an object without labels", "", edit{policyFile, "    component: synthetic\n", ""}, []string{"NetworkPolicy/synthetic-prober", "component"}},
		{"objects of no environment", "kind", edit{kindFile, "environment: kind", "place: kind"}, []string{"environment"}},
		{"a rendered Secret", "", edit{"deploy/kustomize/base/kustomization.yaml", "  - deployment.yaml\n", "  - deployment.yaml\n  - accounts.example.yaml\n"}, []string{"Secret/synthetic-prober-accounts", "overwrite"}},
		{"what is to be filled in", "kind", edit{kindProbes, "organisation: devtest", "organisation: devtest # REPLACE-ME"}, []string{"ConfigMap/synthetic-prober-config", "to be filled in"}},
		{"a shape that can be applied", "prod", edit{prodFile, "environment: <REPLACE-ME>", "environment: REPLACE-ME"}, []string{"Deployment/synthetic-prober: metadata.labels", "by mistake"}},
		{"a label that no API server accepts", "kind", edit{kindFile, "environment: kind", "environment: <kind>"}, []string{"metadata.labels.environment", "no value of a label"}},
		{"a Secret that nobody makes", "", edit{deploymentFile, "secretName: prober-lanes", "secretName: lanes"}, []string{"Secret/lanes", "neither rendered nor made"}},
		{"an account that nobody makes", "", edit{jobFile, "serviceAccountName: synthetic-prober", "serviceAccountName: prober"}, []string{"ServiceAccount/prober"}},
		{"a ConfigMap that nobody makes", "", edit{jobFile, "name: synthetic-prober-config", "name: synthetic-prober-probes"}, []string{"ConfigMap/synthetic-prober-probes"}},

		{"a policy on every pod", "", edit{policyFile, "podSelector:\n    matchLabels:\n      app: synthetic-prober\n  policyTypes", "podSelector: {}\n  policyTypes"}, []string{"NetworkPolicy/synthetic-prober", "every pod"}},
		{"a policy of no type", "", edit{policyFile, "  policyTypes:\n    - Ingress\n    - Egress\n", ""}, []string{"policyTypes"}},
		{"a policy that restricts AC", "", edit{admissionFile, "    - Ingress", "    - Ingress\n    - Egress"}, []string{"ac-service-from-synthetic-prober", "restricts what another workload"}},
		{"a policy that lets others in at AC", "", edit{admissionFile, "              app: synthetic-prober", "              app: other"}, []string{"lets others in"}},
		{"a rule for every port", "", edit{admissionFile, "      ports:\n        - protocol: TCP\n          port: 8082\n", ""}, []string{"without ports or peers"}},
		{"a port without a protocol", "", edit{policyFile, "        - protocol: UDP\n          port: 4433", "        - port: 4433"}, []string{"has no protocol"}},
		{"a port that cannot be", "", edit{policyFile, "port: 4434", "port: 70000"}, []string{"no port number"}},
		{"no range of addresses", "prod", edit{prodPolicy, "10.0.0.0/8", "10.0.0.0/80"}, []string{"10.0.0.0/80"}},
		{"no names", "", edit{policyFile, "k8s-app: kube-dns", "k8s-app: coredns"}, []string{"names needs pods of kube-dns at UDP 53"}},
		{"no way to AC", "", edit{policyFile, "port: 8082", "port: 8080"}, []string{"platform.ac_url needs pods of ac-service at TCP 8082"}},
		{"no way to GC", "", edit{policyFile, "app: gc-service", "app: gateway"}, []string{"platform.gc_url needs pods of gc-service at TCP 8080"}},
		{"no way to MC", "", edit{policyFile, "port: 4433", "port: 4432"}, []string{"platform.endpoint_map.127.0.0.1:4433 needs pods of mc-service at UDP 4433"}},
		{"MH over the wrong protocol", "", edit{policyFile, "        - protocol: UDP\n          port: 4434", "        - protocol: TCP\n          port: 4434"}, []string{"pods of mh-service at UDP 4434"}},
		{"no way for traces", "", edit{kindEnv, ":4317", ":4318"}, []string{"OTEL_EXPORTER_OTLP_ENDPOINT needs pods of otel-collector at TCP 4318"}},
		{"an outside that is not allowed", "kind", edit{kindProbes, "http://gc-service.dark-tower.svc.cluster.local:8080", "https://gc.example.com"}, []string{"platform.gc_url needs addresses outside of the cluster at TCP 443"}},
		{"no scrape", "", edit{policyFile, "port: 8084", "port: 8085"}, []string{"Prometheus cannot reach"}},

		{"a monitor of other pods", "prod", edit{monitorFile, "app: synthetic-prober\n      component", "app: prober\n      component"}, []string{"PodMonitor", "selects no pod"}},
		{"a monitor of another port", "prod", edit{monitorFile, "port: http", "port: metrics"}, []string{"PodMonitor", "selects no pod"}},
		{"a scrape under another name", "prod", edit{monitorFile, "  jobLabel: app", "  jobLabel: component"}, []string{"PodMonitor/synthetic-prober: spec.jobLabel"}},
		{"a scrape that is too rare", "prod", edit{monitorFile, "interval: 15s", "interval: 60s"}, []string{"15s"}},

		{"a monitor that does not say where", "prod", edit{monitorFile, "targetLabel: location", "targetLabel: place"}, []string{"relabelings", "location"}},
		{"a scrape job with a mistake", "kind", edit{scrapeFile, "scrape_interval", "scrape_intervall"}, []string{"scrape-job.yaml", "scrape_intervall"}},
		{"a scrape job that cannot relabel", "kind", edit{scrapeFile, "action: keep", "action: kept"}, []string{"scrape-job.yaml", "kept"}},
		{"a scrape job that is too rare", "kind", edit{scrapeFile, "scrape_interval: 15s", "scrape_interval: 1m"}, []string{"scrape-job.yaml", "every 15s"}},
		{"a scrape job in another namespace", "kind", edit{scrapeFile, "names: [dark-tower]", "names: [default]"}, []string{"kubernetes_sd_configs", "dark-tower"}},
		{"a scrape job for another port", "kind", edit{scrapeFile, `"8084"`, `"8080"`}, []string{"must keep one port of Deployment/synthetic-prober"}},
		{"a scrape job that does not say where", "kind", edit{scrapeFile, "target_label: location", "target_label: place"}, []string{"set location"}},

		{"a configuration that the prober refuses", "kind", edit{kindProbes, "interval: 15s", "interval: 15"}, []string{"ConfigMap/synthetic-prober-config: probes.yaml", "interval"}},
		{"a mistake beside what is to be filled in", "prod", edit{prodProbes, "interval: 15s", "interval: 15"}, []string{"ConfigMap/synthetic-prober-config: probes.yaml", "interval"}},
		{"a configuration at another place", "", edit{deploymentFile, "--config=/etc/prober/config/", "--config=/etc/prober/"}, []string{"nothing is mounted there"}},
		{"a configuration by another name", "", edit{deploymentFile, "--config=/etc/prober/config/probes.yaml", "--config=/etc/prober/config/probe.yaml"}, []string{"has no probe.yaml"}},
		{"no configuration", "", edit{deploymentFile, "            - --config=/etc/prober/config/probes.yaml\n", ""}, []string{"no argument --config"}},
		{"a variable that is not set", "", edit{deploymentFile, "name: PROBER_TOKEN", "name: TOKEN"}, []string{"Deployment/synthetic-prober: env", "PROBER_TOKEN"}},
		{"a variable that is not set in the job", "", edit{jobFile, "name: DARK_TOWER_PROBE_PASSWORD", "name: PASSWORD"}, []string{"Job/synthetic-prober-gate: env", "DARK_TOWER_PROBE_PASSWORD"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			overlay := tc.overlay
			if overlay == "" {
				overlay = "kind-gate"
			}
			wantFinding(t, inOverlay(t, seeded(t, tc.edit), overlay), tc.want...)
		})
	}
}

func TestADisruptionThatIsLookedAtLastIsFound(t *testing.T) {
	ignore := "      - action: Ignore # an eviction is no verdict and no try\n        onPodConditions:\n          - type: DisruptionTarget\n"
	r := seeded(t, edit{jobFile, ignore, ""}, edit{jobFile, "values: [1, 2, 3]\n", "values: [1, 2, 3]\n" + ignore})
	wantFinding(t, inOverlay(t, r, "kind-gate"), "podFailurePolicy", "must come first")
}

func TestAConfigurationThatAcceptsPlaceholdersIsFound(t *testing.T) {
	r := seeded(t, edit{prodProbes, "ac_url: REPLACE-ME", "ac_url: https://REPLACE-ME.example"}, edit{prodProbes, "gc_url: REPLACE-ME", "gc_url: https://gc.example"},
		edit{prodProbes, "organisation: REPLACE-ME", "organisation: probe"})
	wantFinding(t, inOverlay(t, r, "prod"), "accepts what is still to be filled in")
}

func TestAnObjectThatKubectlCannotApplyIsFound(t *testing.T) {
	r := seeded(t, edit{kindProbes, "version: 1\n", "version: 1\n" + strings.Repeat("# "+strings.Repeat("x", 98)+"\n", 2500)})
	wantFinding(t, inOverlay(t, r, "kind"), "ConfigMap/synthetic-prober-config", "kubectl apply stops")
}

func TestAScrapeJobThatFindsTheGateIsFound(t *testing.T) {
	r := seeded(t, edit{scrapeFile, "regex: synthetic-prober/synthetic #", "regex: synthetic-prober/.* #"}, edit{scrapeFile, `"8084"`, `"(8084)?"`})
	wantFinding(t, inOverlay(t, r, "kind-gate"), "Job/synthetic-prober-gate", "serves nothing")
}
