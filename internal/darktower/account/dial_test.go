package account

import (
	"context"
	"net"
	"net/http"
)

// redirecting is a transport that dials addr, whatever it is asked for.
func redirecting(addr string) *http.Transport {
	return &http.Transport{DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, addr)
	}}
}
