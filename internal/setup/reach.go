package setup

import (
	"context"
	"crypto/sha256"
	"log/slog"
	"net"
	"net/url"
	"sync"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/internal/config"
	"github.com/dark-tower/prober/internal/darktower"
	"github.com/dark-tower/prober/internal/darktower/account"
	"github.com/dark-tower/prober/internal/darktower/meeting"
)

// Reach builds the clients of one platform, and the judge that knows what else
// there is to ask when something is silent. Nothing is dialed. log may be nil.
func Reach(p config.Platform, log *slog.Logger) (*darktower.Platform, *flows.Judge, error) {
	platform, judge, _, err := reach(p, log)
	return platform, judge, err
}

func reach(p config.Platform, log *slog.Logger) (_ *darktower.Platform, _ *flows.Judge, trusted [sha256.Size]byte, _ error) {
	r, err := p.Reach(nil, nil)
	if err != nil {
		return nil, nil, trusted, err
	}
	meetings, err := meeting.NewClient(r.GC)
	if err != nil {
		return nil, nil, trusted, err
	}
	accounts, err := account.NewClient(r.AC)
	if err != nil {
		return nil, nil, trusted, err
	}
	d := p.Deadlines
	platform := &darktower.Platform{Accounts: accounts, Meetings: meetings, MC: r.MC, MH: r.MH, Log: log,
		Deadlines: darktower.Deadlines{SignIn: d.SignIn.D(), GC: d.GC.D(), MC: d.MC.D(), MH: d.MH.D(), Default: d.Default.D()}}
	witness := &flows.Witness{Reference: reference(p.Reference)}
	for _, t := range []struct {
		hop  flows.Hop
		base string
	}{{flows.AC, p.ACURL}, {flows.GC, p.GCURL}} {
		if addr, ok := hostPort(t.base); ok {
			witness.HTTP = append(witness.HTTP, flows.Target{Hop: t.hop, Addr: addr, Ping: flows.TCPPing(addr)})
		}
	}
	return platform, &flows.Judge{Witness: witness}, r.Trusted, nil
}

// reference answers when any of the configured addresses does; without any, it
// is the resolver.
func reference(addrs []string) func(context.Context) error {
	if len(addrs) == 0 {
		return flows.ResolverPing
	}
	return func(ctx context.Context) error {
		var asking sync.WaitGroup
		defer asking.Wait()
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		answers := make(chan error, len(addrs))
		for _, a := range addrs {
			asking.Go(func() { answers <- flows.TCPPing(a)(ctx) })
		}
		var err error
		for range addrs {
			if err = <-answers; err == nil {
				return nil
			}
		}
		return err
	}
}

func hostPort(base string) (string, bool) {
	u, err := url.Parse(base)
	if err != nil || u.Hostname() == "" {
		return "", false
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return net.JoinHostPort(u.Hostname(), port), true
}
