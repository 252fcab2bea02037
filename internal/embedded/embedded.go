// Package embedded makes the platform of package devstack ready to be probed:
// by this process, with accounts and meetings that are gone when it is; or by
// others, with the files and accounts that they need.
//
// It is the only room besides the tests that knows both the double and the
// prober, and it tells neither about the other.
package embedded

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"

	"github.com/dark-tower/prober/internal/config"
	"github.com/dark-tower/prober/internal/darktower/account"
	"github.com/dark-tower/prober/internal/devstack"
	"github.com/dark-tower/prober/internal/link"
	"github.com/dark-tower/prober/internal/provision"
	"github.com/dark-tower/prober/internal/setup"
)

// Platform is the embedded platform while it runs. Close must be called.
type Platform struct {
	*devstack.Stack

	links *link.Fleet // nil: clients dial what is advertised
}

// Start runs the platform.
func Start(ctx context.Context, opts devstack.Options) (*Platform, error) {
	stack, err := devstack.Start(ctx, opts)
	if err != nil {
		return nil, err
	}
	return &Platform{Stack: stack}, nil
}

// Through puts a poor network before every MC and every media handler. What is
// advertised stays as it is; the configuration says what to dial instead.
func (p *Platform) Through(conditions link.Spec) error {
	links, err := link.NewFleet(slices.Concat(p.ControllerURLs, p.HandlerURLs), link.Config{Spec: conditions})
	if err != nil {
		return err
	}
	p.links = links
	return nil
}

// Links are the links of Through; nil without.
func (p *Platform) Links() *link.Fleet { return p.links }

// Close stops the platform, and the network before it.
func (p *Platform) Close() error {
	var unlinked error
	if p.links != nil {
		unlinked = p.links.Close()
	}
	return errors.Join(unlinked, p.Stack.Close())
}

func (p *Platform) described() config.DevstackPlatform {
	d := config.DevstackPlatform{ACURL: p.ACURL, GCURL: p.GCURL, Organisation: p.Organisation,
		ServerName: p.ServerName, CAPEM: p.CAPEM}
	if p.links != nil {
		d.Endpoints = p.links.Endpoints()
	}
	return d
}

// Config is the configuration of a check against this platform.
func (p *Platform) Config() (*config.Config, error) { return config.Devstack(p.described()) }

// Site makes the accounts and the meetings that cfg's lanes for checks need, and
// returns the site that the named lanes are on. Nothing is left on the disk.
func (p *Platform) Site(ctx context.Context, cfg *config.Config, lanes []string, log *slog.Logger, progress func(provision.Event)) (site *setup.Site, err error) {
	dir, err := os.MkdirTemp("", "prober-embedded-")
	if err != nil {
		return nil, fmt.Errorf("making a folder for the lane file: %w", err)
	}
	defer func() {
		if e := os.RemoveAll(dir); e != nil && err == nil {
			site.Close()
			site, err = nil, fmt.Errorf("removing the folder of the lane file: %w", e)
		}
	}()
	files := setup.Files{Lanes: filepath.Join(dir, "lanes.json")}
	if _, err := setup.Provide(ctx, cfg, files, config.Check, progress); err != nil {
		return nil, fmt.Errorf("providing for the lanes: %w", err)
	}
	return setup.Open(cfg, files, config.Check, lanes, log)
}

// Guest is an account for whoever wants to try the platform.
type Guest struct{ Email, Password string }

// Guests registers n accounts.
func (p *Platform) Guests(ctx context.Context, n int) ([]Guest, error) {
	cfg, err := p.Config()
	if err != nil {
		return nil, err
	}
	platform, _, err := setup.Reach(cfg.Platform, nil)
	if err != nil {
		return nil, err
	}
	defer platform.Accounts.Close()
	var guests []Guest
	for i := range n {
		g := Guest{Email: fmt.Sprintf("guest-%d@devstack.test", i+1), Password: fmt.Sprintf("throw-away-guest-%d", i+1)}
		if _, err := platform.Accounts.Register(ctx, account.Credentials{Email: g.Email, Password: g.Password, DisplayName: fmt.Sprintf("Guest %d", i+1)}); err != nil {
			return nil, fmt.Errorf("registering guest %d: %w", i+1, err)
		}
		guests = append(guests, g)
	}
	return guests, nil
}
