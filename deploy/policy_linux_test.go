package deploy_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/dark-tower/prober/internal/link"
)

// manifest is what is needed of a rendered object.
type manifest struct {
	Kind     string
	Metadata struct{ Name, Namespace string }
	Data     map[string]string
	Spec     yaml.Node
}

func manifests(t *testing.T, content []byte) []manifest {
	t.Helper()
	var all []manifest
	for d := yaml.NewDecoder(bytes.NewReader(content)); ; {
		var m manifest
		err := d.Decode(&m)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, m)
	}
}

// policy is a NetworkPolicy.
type policy struct {
	name, namespace string
	spec            struct {
		PodSelector selector `yaml:"podSelector"`
		PolicyTypes []string `yaml:"policyTypes"`
		Ingress     []rule
		Egress      []rule
	}
}

type selector struct {
	MatchLabels map[string]string `yaml:"matchLabels"`
}

type rule struct {
	From, To []peer
	Ports    []struct {
		Protocol string
		Port     int
	}
}

type peer struct {
	PodSelector       *selector `yaml:"podSelector"`
	NamespaceSelector *selector `yaml:"namespaceSelector"`
}

func policies(t *testing.T, all []manifest) []policy {
	t.Helper()
	var out []policy
	for _, m := range all {
		if m.Kind != "NetworkPolicy" {
			continue
		}
		p := policy{name: m.Metadata.Name, namespace: m.Metadata.Namespace}
		if err := m.Spec.Decode(&p.spec); err != nil {
			t.Fatalf("%s: %v", p.name, err)
		}
		out = append(out, p)
	}
	return out
}

// pod is somebody in the cluster.
type pod struct {
	namespace string
	labels    map[string]string
}

func (s *selector) selects(labels map[string]string) bool {
	for k, v := range s.MatchLabels {
		if labels[k] != v {
			return false
		}
	}
	return true
}

// allows reports whether a rule's peers and ports are those of a connection between
// the policy's pod and other.
func (r rule) allows(namespace string, peers []peer, other pod, protocol string, port int) bool {
	who := len(peers) == 0 || slices.ContainsFunc(peers, func(p peer) bool {
		if p.NamespaceSelector == nil && other.namespace != namespace ||
			p.NamespaceSelector != nil && !p.NamespaceSelector.selects(map[string]string{"kubernetes.io/metadata.name": other.namespace}) {
			return false
		}
		return p.PodSelector == nil || p.PodSelector.selects(other.labels)
	})
	where := len(r.Ports) == 0
	for _, p := range r.Ports {
		where = where || p.Protocol == protocol && p.Port == port
	}
	return who && where
}

// firewall carries out network policies: a pod that a policy selects is restricted to
// what any policy that selects it allows.
type firewall struct {
	pods     map[netip.Addr]pod
	policies []policy

	mu      sync.Mutex // protects all following fields
	closed  map[string]bool
	without map[string]bool
	dropped map[string]int
}

// shut closes ports, as "UDP 4433", in spite of the policies.
func (f *firewall) shut(ports ...string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed, f.dropped = make(map[string]bool), make(map[string]int)
	for _, p := range ports {
		f.closed[p] = true
	}
}

// leaveOut takes policies away.
func (f *firewall) leaveOut(names ...string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.without, f.dropped = make(map[string]bool), make(map[string]int)
	for _, n := range names {
		f.without[n] = true
	}
}

// losses are the connections of which packets were dropped.
func (f *firewall) losses() map[string]int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return maps.Clone(f.dropped)
}

// admit judges a packet by the connection that it belongs to: one that was allowed from
// client to server may be answered.
func (f *firewall) admit(_ link.Direction, packet []byte) bool {
	p, ok := parse(packet)
	if !ok {
		return false
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.allowed(p.from, p.to, p.protocol, p.toPort) || f.allowed(p.to, p.from, p.protocol, p.fromPort) {
		return true
	}
	f.dropped[fmt.Sprintf("%s %d", p.protocol, p.toPort)]++
	return false
}

// allowed is called with mu held.
func (f *firewall) allowed(client, server netip.Addr, protocol string, port int) bool {
	from, known1 := f.pods[client]
	to, known2 := f.pods[server]
	return known1 && known2 && !f.closed[fmt.Sprintf("%s %d", protocol, port)] &&
		f.may("Egress", from, to, protocol, port) && f.may("Ingress", to, from, protocol, port)
}

func (f *firewall) may(direction string, subject, other pod, protocol string, port int) bool {
	restricted := false
	for _, p := range f.policies {
		if f.without[p.name] || p.namespace != subject.namespace || !p.spec.PodSelector.selects(subject.labels) || !slices.Contains(p.spec.PolicyTypes, direction) {
			continue
		}
		restricted = true
		for _, r := range p.spec.Ingress {
			if direction == "Ingress" && r.allows(p.namespace, r.From, other, protocol, port) {
				return true
			}
		}
		for _, r := range p.spec.Egress {
			if direction == "Egress" && r.allows(p.namespace, r.To, other, protocol, port) {
				return true
			}
		}
	}
	return !restricted
}

type ends struct {
	protocol         string
	from, to         netip.Addr
	fromPort, toPort int
}

// parse reads the head of a whole IPv4 packet of TCP or UDP.
func parse(packet []byte) (ends, bool) {
	const head = 20
	if len(packet) < head || packet[0]>>4 != 4 {
		return ends{}, false
	}
	length := int(packet[0]&0xf) * 4
	offset := binary.BigEndian.Uint16(packet[6:]) & 0x1fff
	protocol := map[byte]string{6: "TCP", 17: "UDP"}[packet[9]]
	if protocol == "" || offset != 0 || len(packet) < length+4 {
		return ends{}, false
	}
	return ends{
		protocol: protocol, from: netip.AddrFrom4([4]byte(packet[12:16])), to: netip.AddrFrom4([4]byte(packet[16:20])),
		fromPort: int(binary.BigEndian.Uint16(packet[length:])), toPort: int(binary.BigEndian.Uint16(packet[length+2:])),
	}, true
}
