package main

import (
	"fmt"
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

const proberApp = "synthetic-prober"

// target is what somebody wants to reach: pods by their app label, or addresses
// outside of the cluster when app is empty.
type target struct {
	app, namespace string // namespace empty: the policy's own
	protocol       corev1.Protocol
	port           int
}

func (t target) String() string {
	who := "addresses outside of the cluster"
	if t.app != "" {
		who = "pods of " + t.app
	}
	return fmt.Sprintf("%s at %s %d", who, t.protocol, t.port)
}

// policies holds the shape of each policy: the prober's own may restrict the prober,
// any other may only let it in.
func policies(rep *report, all []object) {
	for _, o := range all {
		p, ok := o.typed.(*networkingv1.NetworkPolicy)
		if !ok {
			continue
		}
		field := o.name + ": spec"
		if len(p.Spec.PolicyTypes) == 0 {
			rep.addf(field+".policyTypes", "is missing, and guessed from what is there")
		}
		whose := p.Spec.PodSelector.MatchLabels["app"]
		switch {
		case whose == "":
			rep.addf(field+".podSelector", "must select by app: an empty one restricts every pod of the namespace")
		case whose != proberApp:
			admits(rep, field, p)
		}
		for _, rule := range p.Spec.Ingress {
			portsAndPeers(rep, field+".ingress", rule.Ports, rule.From)
		}
		for _, rule := range p.Spec.Egress {
			portsAndPeers(rep, field+".egress", rule.Ports, rule.To)
		}
	}
}

// admits wants a policy on somebody else's pods to let the prober in and do nothing
// else.
func admits(rep *report, field string, p *networkingv1.NetworkPolicy) {
	if slices.Contains(p.Spec.PolicyTypes, networkingv1.PolicyTypeEgress) || len(p.Spec.Egress) > 0 {
		rep.addf(field+".policyTypes", "restricts what another workload may dial")
	}
	for _, rule := range p.Spec.Ingress {
		for _, peer := range rule.From {
			if peer.PodSelector == nil || peer.PodSelector.MatchLabels["app"] != proberApp || peer.NamespaceSelector != nil || peer.IPBlock != nil {
				rep.addf(field+".ingress", "lets others in than the prober")
			}
		}
	}
}

func portsAndPeers(rep *report, field string, ports []networkingv1.NetworkPolicyPort, peers []networkingv1.NetworkPolicyPeer) {
	if len(ports) == 0 || len(peers) == 0 {
		rep.addf(field, "a rule without ports or peers allows all of them")
	}
	for _, p := range ports {
		if p.Protocol == nil {
			rep.addf(field, "port %s has no protocol", p.Port)
		}
		if p.Port == nil || p.Port.Type != intstr.Int || p.Port.IntValue() < 1 || p.Port.IntValue() > 65535 {
			rep.addf(field, "%v is no port number", p.Port)
		}
	}
	for _, peer := range peers {
		if peer.IPBlock == nil {
			continue
		}
		for _, cidr := range append([]string{peer.IPBlock.CIDR}, peer.IPBlock.Except...) {
			if _, err := netip.ParsePrefix(cidr); err != nil {
				rep.addf(field, "%s is no range of addresses", cidr)
			}
		}
	}
}

// allowed reports whether the prober's policies let it reach t.
func allowed(all []object, t target) bool {
	return slices.ContainsFunc(all, func(o object) bool {
		p, ok := o.typed.(*networkingv1.NetworkPolicy)
		return ok && p.Spec.PodSelector.MatchLabels["app"] == proberApp && slices.ContainsFunc(p.Spec.Egress, func(r networkingv1.NetworkPolicyEgressRule) bool {
			return hasPort(r.Ports, t) && slices.ContainsFunc(r.To, func(peer networkingv1.NetworkPolicyPeer) bool { return isPeer(peer, t) })
		})
	})
}

// admitted reports whether a policy lets pods labelled app, of a namespace, in at the prober's
// port.
func admitted(all []object, from target) bool {
	return slices.ContainsFunc(all, func(o object) bool {
		p, ok := o.typed.(*networkingv1.NetworkPolicy)
		return ok && p.Spec.PodSelector.MatchLabels["app"] == proberApp && slices.ContainsFunc(p.Spec.Ingress, func(r networkingv1.NetworkPolicyIngressRule) bool {
			return hasPort(r.Ports, from) && slices.ContainsFunc(r.From, func(peer networkingv1.NetworkPolicyPeer) bool { return isPeer(peer, from) })
		})
	})
}

func hasPort(ports []networkingv1.NetworkPolicyPort, t target) bool {
	return slices.ContainsFunc(ports, func(p networkingv1.NetworkPolicyPort) bool {
		return p.Protocol != nil && *p.Protocol == t.protocol && p.Port != nil && p.Port.IntValue() == t.port
	})
}

func isPeer(peer networkingv1.NetworkPolicyPeer, t target) bool {
	if t.app == "" {
		return peer.IPBlock != nil
	}
	app := peer.PodSelector
	return app != nil && selectsApp(app, t.app) && namespaceOf(peer) == t.namespace
}

func selectsApp(s *metav1.LabelSelector, app string) bool {
	return s.MatchLabels["app"] == app || s.MatchLabels["k8s-app"] == app
}

func namespaceOf(peer networkingv1.NetworkPolicyPeer) string {
	if peer.NamespaceSelector == nil {
		return ""
	}
	return peer.NamespaceSelector.MatchLabels[corev1.LabelMetadataName]
}
