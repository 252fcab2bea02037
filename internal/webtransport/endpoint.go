package webtransport

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// EndpointMap gives the address to dial (host:port) for an advertised one
// (host:port). Only the dialed address changes: the URL, `:authority` and the
// name that is verified stay as advertised. Addresses that are not in the map
// are dialed as advertised; [Session.Mapped] tells.
type EndpointMap map[string]string

// Lookup gives the address to dial for an advertised host:port, and whether the
// map has one. Host names compare without case.
func (m EndpointMap) Lookup(advertised string) (dial string, mapped bool) {
	if d, ok := m[advertised]; ok {
		return d, true
	}
	for from, to := range m {
		if strings.EqualFold(from, advertised) {
			return to, true
		}
	}
	return advertised, false
}

// advertisedAddr checks a URL and gives the host:port it names.
func advertisedAddr(rawURL string) (*url.URL, string, error) {
	u, err := url.Parse(rawURL)
	if err != nil {
		// url.Error quotes the whole URL, and its query is not ours to show.
		var cause *url.Error
		if errors.As(err, &cause) {
			err = cause.Err
		}
		return nil, "", fmt.Errorf("not a URL: %w", err)
	}
	switch {
	case u.Scheme != "https":
		return nil, "", fmt.Errorf("the scheme is %q, want https", u.Scheme)
	case u.Opaque != "" || u.Hostname() == "":
		return nil, "", errors.New("the URL has no host")
	case u.User != nil:
		return nil, "", errors.New("the URL has user information, which WebTransport does not carry")
	case u.Fragment != "":
		return nil, "", errors.New("the URL has a fragment, which WebTransport forbids")
	}
	port := u.Port()
	if port == "" {
		port = "443"
	}
	return u, net.JoinHostPort(u.Hostname(), port), nil
}

// resolve gives the address of a host:port. For a name with addresses of both
// families it prefers IPv4, as the net package does for a single address.
func resolve(ctx context.Context, r *net.Resolver, hostport string) (addr netip.AddrPort, asked bool, err error) {
	host, portText, err := net.SplitHostPort(hostport)
	if err != nil {
		return addr, false, fmt.Errorf("the address to dial: %w", err)
	}
	port, err := strconv.ParseUint(portText, 10, 16)
	if err != nil || port == 0 {
		return addr, false, fmt.Errorf("the address to dial has the port %q, want 1 to 65535", portText)
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		return netip.AddrPortFrom(ip.Unmap(), uint16(port)), false, nil
	}
	if r == nil {
		r = net.DefaultResolver
	}
	ips, err := r.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return addr, true, err
	}
	if len(ips) == 0 {
		return addr, true, &net.DNSError{Err: "no addresses", Name: host, IsNotFound: true}
	}
	ip := ips[0]
	for _, other := range ips {
		if other.Unmap().Is4() {
			ip = other
			break
		}
	}
	return netip.AddrPortFrom(ip.Unmap(), uint16(port)), true, nil
}
