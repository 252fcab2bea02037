package link

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"strings"
)

// Fleet is a link before each of several servers.
type Fleet struct {
	links []*Link
	by    map[string]*Link // by the host:port that the server advertises
}

// NewFleet starts a link for each address that a platform's servers advertise:
// host:port, or an https URL of it. All work as cfg says, each with luck of its own
// and on a free port. Close must be called.
func NewFleet(advertised []string, cfg Config) (*Fleet, error) {
	f := &Fleet{by: make(map[string]*Link)}
	for i, a := range advertised {
		server, err := hostPort(a)
		if err != nil {
			return nil, errors.Join(err, f.Close())
		}
		if f.by[server] != nil {
			continue
		}
		one := cfg
		one.Seed += uint64(i) << 32
		l, err := Listen(server, one)
		if err != nil {
			return nil, errors.Join(err, f.Close())
		}
		f.links = append(f.links, l)
		f.by[server] = l
	}
	return f, nil
}

// hostPort gives the host:port of an advertised address.
func hostPort(advertised string) (string, error) {
	server := advertised
	if strings.Contains(advertised, "://") {
		u, err := url.Parse(advertised)
		if err != nil || u.Host == "" {
			return "", fmt.Errorf("link: %q is not an address that a server can advertise; give host:port or https://host:port", short(advertised))
		}
		server = u.Host
		if u.Port() == "" {
			server = net.JoinHostPort(u.Hostname(), "443")
		}
	}
	if _, _, err := net.SplitHostPort(server); err != nil {
		return "", fmt.Errorf("link: %q is not an address that a server can advertise; give host:port or https://host:port", short(advertised))
	}
	return server, nil
}

// Endpoints is the map that clients dial by: the link's host:port for each
// advertised one. It is what webtransport.Config.Endpoints and the endpoint_map of
// a configuration take.
func (f *Fleet) Endpoints() map[string]string {
	out := make(map[string]string, len(f.by))
	for server, l := range f.by {
		out[server] = l.Addr()
	}
	return out
}

// Link returns the link before the server that advertises an address, in either
// form; nil when there is none.
func (f *Fleet) Link(advertised string) *Link {
	server, err := hostPort(advertised)
	if err != nil {
		return nil
	}
	return f.by[server]
}

// Links returns all links by the host:port that their servers advertise.
func (f *Fleet) Links() map[string]*Link { return maps.Clone(f.by) }

// Set changes the conditions of all links.
func (f *Fleet) Set(s Spec) error {
	for _, l := range f.links {
		if err := l.Set(s); err != nil {
			return err
		}
	}
	return nil
}

// Close closes all links.
func (f *Fleet) Close() error {
	var errs []error
	for _, l := range f.links {
		errs = append(errs, l.Close())
	}
	return errors.Join(errs...)
}
