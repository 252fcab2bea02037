package deploy_test

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/dark-tower/prober/internal/link"
)

// theirs are the policies that the platform has itself: who is admitted where.
const theirs = `
kind: NetworkPolicy
metadata: {name: ac-service, namespace: dark-tower}
spec:
  podSelector: {matchLabels: {app: ac-service}}
  policyTypes: [Ingress]
  ingress:
    - from: [{podSelector: {matchLabels: {app: gc-service}}}, {podSelector: {matchLabels: {app: mc-service}}}, {podSelector: {matchLabels: {app: mh-service}}}]
      ports: [{protocol: TCP, port: 8082}]
---
kind: NetworkPolicy
metadata: {name: gc-service, namespace: dark-tower}
spec: {podSelector: {matchLabels: {app: gc-service}}, policyTypes: [Ingress], ingress: [{ports: [{protocol: TCP, port: 8080}]}]}
---
kind: NetworkPolicy
metadata: {name: mc-service, namespace: dark-tower}
spec: {podSelector: {matchLabels: {app: mc-service}}, policyTypes: [Ingress], ingress: [{ports: [{protocol: UDP, port: 4433}]}]}
---
kind: NetworkPolicy
metadata: {name: mh-service, namespace: dark-tower}
spec: {podSelector: {matchLabels: {app: mh-service}}, policyTypes: [Ingress], ingress: [{ports: [{protocol: UDP, port: 4434}]}]}
---
kind: NetworkPolicy
metadata: {name: otel-collector, namespace: dark-tower}
spec:
  podSelector: {matchLabels: {app: otel-collector}}
  policyTypes: [Ingress]
  ingress: [{from: [{podSelector: {matchLabels: {app: gc-service}}}], ports: [{protocol: TCP, port: 4317}]}]
`

// cluster is the kind overlay, applied: the prober's container in a network of its own,
// the platform in another, and between the two the overlay's policies.
type cluster struct {
	image    image
	firewall *firewall
	pod      *link.Namespace // the prober's
	rest     *link.Namespace // everybody else's
	env      []string
	args     []string // of the Deployment

	mu   sync.Mutex // protects rpcs
	rpcs []string   // at the collector
}

// apply renders the overlay and does what a cluster does with it.
func apply(t *testing.T) *cluster {
	t.Helper()
	needRoot(t)
	if _, err := exec.LookPath("ip"); err != nil {
		missing(t, "there is no `ip` (iproute2)")
	}
	rendered := render(t, "kind")
	c := &cluster{image: build(t, "", "")}
	c.networks(t, rendered)
	ca := c.platform(t)
	c.volumes(t, rendered, ca)
	c.provision(t, ca)
	return c
}

// render is what `kubectl apply` is given.
func render(t *testing.T, overlay string) []manifest {
	t.Helper()
	cmd := exec.Command("go", "run", ".", "--render", overlay, "../..")
	cmd.Dir = filepath.Join(repository, "tools", "manifests")
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	content, err := cmd.Output()
	if err != nil {
		t.Fatalf("rendering %s: %v\n%s", overlay, err, &complaints)
	}
	return manifests(t, content)
}

// newFirewall carries out the platform's policies and those that were rendered.
func newFirewall(t *testing.T, rendered []manifest) *firewall {
	t.Helper()
	app := func(name string) pod { return pod{"dark-tower", map[string]string{"app": name}} }
	f := &firewall{policies: policies(t, append(manifests(t, []byte(theirs)), rendered...)), pods: make(map[netip.Addr]pod)}
	for addr, p := range map[string]pod{
		acAddr: app("ac-service"), gcAddr: app("gc-service"), mc0: app("mc-service"), mc1: app("mc-service"), mh0: app("mh-service"), mh1: app("mh-service"),
		collectorAddr: app("otel-collector"), proberAddr: {"dark-tower", map[string]string{"app": "synthetic-prober", "component": "synthetic"}},
		dnsAddr: {"kube-system", map[string]string{"k8s-app": "kube-dns"}}, prometheusAddr: {"dark-tower-observability", map[string]string{"app": "prometheus"}},
		strangerAddr: {"dark-tower-observability", map[string]string{"app": "grafana"}},
	} {
		f.pods[netip.MustParseAddr(addr)] = p
	}
	f.shut()
	return f
}

// networks makes the pod's network and everybody else's, with the firewall between.
func (c *cluster) networks(t *testing.T, rendered []manifest) {
	t.Helper()
	c.firewall = newFirewall(t, rendered)
	c.pod, c.rest = namespace(t), namespace(t)
	tunnel, err := link.OpenTunnel(link.End{Namespace: c.pod, Addr: netip.MustParseAddr(proberAddr)},
		link.End{Namespace: c.rest, Addr: netip.MustParseAddr(gatewayAddr)}, link.Config{Admit: c.firewall.admit})
	if err != nil {
		missing(t, fmt.Sprintf("there are no TUN devices: %v", err))
	}
	t.Cleanup(func() {
		if err := tunnel.Close(); err != nil {
			t.Error(err)
		}
	})
	for _, addr := range addresses() {
		ip(t, c.rest, "address", "add", addr+"/32", "dev", "lo")
	}
	ip(t, c.pod, "route", "add", "10.96.0.0/16", "dev", "link0")
}

func namespace(t *testing.T) *link.Namespace {
	t.Helper()
	n, err := link.NewNamespace()
	if err != nil {
		missing(t, fmt.Sprintf("there are no network namespaces: %v", err))
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	})
	return n
}

func ip(t *testing.T, n *link.Namespace, args ...string) {
	t.Helper()
	err := n.Do(func() error {
		if output, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
			return fmt.Errorf("ip %s: %w: %s", strings.Join(args, " "), err, output)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// platform starts the platform in its network and returns its authority.
func (c *cluster) platform(t *testing.T) (ca []byte) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), role+"=1")
	cmd.Stderr = os.Stderr
	stdin, err1 := cmd.StdinPipe()
	stdout, err2 := cmd.StdoutPipe()
	if err := errors.Join(err1, err2, c.rest.Do(cmd.Start)); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(stdout)
	lines.Buffer(nil, 1<<20)
	if !lines.Scan() {
		_ = cmd.Wait()
		t.Fatalf("the platform has not started: %v", lines.Err())
	}
	var h hello
	if err := json.Unmarshal(lines.Bytes(), &h); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for lines.Scan() {
			c.mu.Lock()
			c.rpcs = append(c.rpcs, lines.Text())
			c.mu.Unlock()
		}
	}()
	t.Cleanup(func() {
		_ = stdin.Close()
		<-ended
		if err := cmd.Wait(); err != nil {
			t.Errorf("the platform ended with %v", err)
		}
	})
	return []byte(h.CA)
}

// exported reports whether the collector was given traces.
func (c *cluster) exported() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.rpcs) > 0
}

// What an operator puts into the Secret synthetic-prober-accounts.
const (
	email    = "probe-{account}@probes.example"
	password = "a-password-of-probes"
	token    = "a-token-of-operators"
)

// short are deadlines under which silence is seen soon; nothing else of the overlay's
// configuration is another here.
const short = "  deadlines: {sign_in: 3s, gc: 3s, mc: 3s, mh: 3s}\n"

// volumes gives the container its configuration and its environment.
func (c *cluster) volumes(t *testing.T, rendered []manifest, ca []byte) {
	t.Helper()
	for _, m := range rendered {
		switch {
		case m.Kind == "ConfigMap" && m.Metadata.Name == "synthetic-prober-config":
			probes := strings.Replace(m.Data["probes.yaml"], "\nplatform:\n", "\nplatform:\n"+short, 1)
			c.image.write(t, "etc/prober/config/probes.yaml", []byte(probes))
		case m.Kind == "ConfigMap" && strings.HasPrefix(m.Metadata.Name, "synthetic-prober-env"):
			for name, value := range m.Data {
				c.env = append(c.env, name+"="+value)
			}
		case m.Kind == "Deployment":
			c.deployment(t, m)
		}
	}
	c.image.write(t, "etc/prober/trust/ca.crt", ca)
	c.env = append(c.env, "DARK_TOWER_PROBE_EMAIL="+email, "DARK_TOWER_PROBE_PASSWORD="+password, "PROBER_TOKEN="+token)
}

// podTemplate is what is looked at of a workload's pod.
type podTemplate struct {
	DNSConfig struct {
		Options []struct{ Name, Value string }
	} `yaml:"dnsConfig"`
	Containers []struct{ Args []string }
}

func podSpec(t *testing.T, m manifest) podTemplate {
	t.Helper()
	var spec struct{ Template struct{ Spec podTemplate } }
	if err := m.Spec.Decode(&spec); err != nil || len(spec.Template.Spec.Containers) != 1 {
		t.Fatalf("%s has no container of its own: %v", m.Metadata.Name, err)
	}
	return spec.Template.Spec
}

// deployment takes over what the kubelet does with the pod's own fields.
func (c *cluster) deployment(t *testing.T, m manifest) {
	t.Helper()
	spec := podSpec(t, m)
	c.args = spec.Containers[0].Args
	resolver := "search dark-tower.svc.cluster.local svc.cluster.local cluster.local\nnameserver " + dnsAddr + "\noptions ndots:5"
	for _, o := range spec.DNSConfig.Options {
		resolver += " " + o.Name + ":" + o.Value
	}
	c.image.write(t, "etc/resolv.conf", []byte(resolver+"\n"))
	c.image.write(t, "etc/hosts", []byte("127.0.0.1 localhost\n"+proberAddr+" synthetic-prober\n"))
}

// provision does what an operator does from outside: AC and GC by forwarded ports, the
// lanes as a Secret, which is mounted.
func (c *cluster) provision(t *testing.T, ca []byte) {
	t.Helper()
	trust := filepath.Join(t.TempDir(), "ca.crt")
	if err := os.WriteFile(trust, ca, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(filepath.Join(c.image.root, "prober"), "provision", "--output", "secret",
		"--config", filepath.Join(c.image.root, "etc/prober/config/probes.yaml"), "--lanes", filepath.Join(t.TempDir(), "lanes.json"),
		"--ac-url", "http://"+acAddr+":8082", "--gc-url", "http://"+gcAddr+":8080")
	cmd.Env = append(os.Environ(), "DARK_TOWER_CA_FILE="+trust, "DARK_TOWER_PROBE_EMAIL="+email, "DARK_TOWER_PROBE_PASSWORD="+password)
	var out, complaints bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaints
	if err := c.rest.Do(cmd.Start); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("provisioning: %v\n%s", err, &complaints)
	}
	var secret struct {
		Metadata struct{ Name, Namespace string }
		Data     map[string]string
	}
	if err := yaml.Unmarshal(out.Bytes(), &secret); err != nil {
		t.Fatal(err)
	}
	lanes, err := base64.StdEncoding.DecodeString(secret.Data["lanes.json"])
	if err != nil || secret.Metadata.Name != "prober-lanes" || secret.Metadata.Namespace != "dark-tower" {
		t.Fatalf("the Secret is %s in %s (%v)", secret.Metadata.Name, secret.Metadata.Namespace, err)
	}
	c.image.write(t, "etc/prober/lanes/lanes.json", lanes)
}
