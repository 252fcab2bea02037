package main

import (
	"fmt"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

// settings are the parts of probes.yaml that say whom the prober dials.
type settings struct {
	Platform struct {
		ACURL       string            `json:"ac_url"`
		GCURL       string            `json:"gc_url"`
		EndpointMap map[string]string `json:"endpoint_map"`
		Reference   []string          `json:"reference"`
	} `json:"platform"`
}

// otlp is the variable that says where traces go.
const otlp = "OTEL_EXPORTER_OTLP_ENDPOINT"

// reach wants the network policies to allow what a pod's configuration makes it dial.
func reach(rep *report, o object, all []object, probes string) {
	var s settings
	if err := yaml.Unmarshal([]byte(probes), &s); err != nil {
		rep.addf(o.name, "its configuration: %v", err)
		return
	}
	wanted := []need{
		{"names", target{"kube-dns", "kube-system", corev1.ProtocolUDP, 53}},
		{"names", target{"kube-dns", "kube-system", corev1.ProtocolTCP, 53}},
	}
	add := func(why, address string, protocol corev1.Protocol) {
		if strings.Contains(address, placeholder) {
			return
		}
		t, err := dialed(address, protocol)
		if err != nil {
			rep.addf(o.name, "%s: %v", why, err)
			return
		}
		wanted = append(wanted, need{why, t})
	}
	add("platform.ac_url", s.Platform.ACURL, corev1.ProtocolTCP)
	add("platform.gc_url", s.Platform.GCURL, corev1.ProtocolTCP)
	for _, advertised := range sortedKeys(s.Platform.EndpointMap) {
		add("platform.endpoint_map."+advertised, s.Platform.EndpointMap[advertised], corev1.ProtocolUDP)
	}
	for i, address := range s.Platform.Reference {
		add(fmt.Sprintf("platform.reference[%d]", i), address, corev1.ProtocolTCP)
	}
	if endpoint := environment(o, all)[otlp]; endpoint != "" {
		add(otlp, endpoint, corev1.ProtocolTCP)
	}
	for _, n := range wanted {
		if !allowed(all, n.target) {
			rep.addf("NetworkPolicy", "%s needs %s, and no policy allows it", n.why, n.target)
		}
	}
}

type need struct {
	why string
	target
}

var (
	service = regexp.MustCompile(`^([a-z][a-z0-9-]*)\.dark-tower\.svc\.cluster\.local$`)
	ordinal = regexp.MustCompile(`-[0-9]+$`)
)

// dialed says which pods a URL or a host:port leads to. The platform's services have
// the name of their pods' label app, and one service for each instance a number behind
// it; the ports of both are the same.
func dialed(address string, protocol corev1.Protocol) (target, error) {
	hostPort := address
	if u, err := url.Parse(address); err == nil && u.Host != "" {
		hostPort = u.Host
		if u.Port() == "" {
			hostPort = net.JoinHostPort(u.Hostname(), map[string]string{"http": "80", "https": "443"}[u.Scheme])
		}
	}
	host, number, err := net.SplitHostPort(hostPort)
	if err != nil {
		return target{}, err
	}
	port, err := strconv.Atoi(number)
	if err != nil {
		return target{}, err
	}
	if name := service.FindStringSubmatch(host); name != nil {
		return target{app: ordinal.ReplaceAllString(name[1], ""), protocol: protocol, port: port}, nil
	}
	return target{protocol: protocol, port: port}, nil
}

// variables wants every environment variable that the configuration names to be set
// in the pod. The daemon's part is no concern of a Job.
func variables(rep *report, o object, all []object, probes string, daemon bool) {
	var content map[string]any
	if err := yaml.Unmarshal([]byte(probes), &content); err != nil {
		return // reach has said so
	}
	if !daemon {
		delete(content, "daemon")
	}
	set := environment(o, all)
	for _, name := range named(content) {
		if _, ok := set[name]; !ok && !strings.Contains(name, "{") {
			rep.addf(o.name+": env", "the configuration reads %s, and the pod does not have it", name)
		}
	}
}

// named lists the values of every field env, sorted.
func named(v any) []string {
	var out []string
	switch v := v.(type) {
	case map[string]any:
		for _, k := range sortedKeys(v) {
			if name, ok := v[k].(string); ok && k == "env" {
				out = append(out, name)
				continue
			}
			out = append(out, named(v[k])...)
		}
	case []any:
		for _, x := range v {
			out = append(out, named(x)...)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
