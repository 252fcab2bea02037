package main

import (
	"context"
	"crypto/x509"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/flows/people"
	"github.com/dark-tower/prober/internal/config"
	"github.com/dark-tower/prober/internal/darktower"
	"github.com/dark-tower/prober/internal/darktower/account"
	"github.com/dark-tower/prober/internal/darktower/httpapi"
	"github.com/dark-tower/prober/internal/darktower/meeting"
	"github.com/dark-tower/prober/internal/devstack"
	"github.com/dark-tower/prober/internal/devstack/ac"
	"github.com/dark-tower/prober/internal/devstack/mc"
	"github.com/dark-tower/prober/internal/selfwatch"
	"github.com/dark-tower/prober/internal/webtransport"
)

// servePlatform runs the embedded platform. It settles at once, so that a join
// takes what it costs and not what the platform waits for.
func servePlatform(ctx context.Context) (any, func() error, error) {
	stack, err := devstack.Start(ctx, devstack.Options{
		Times:  devstack.Times{MC: mc.Times{Settle: 20 * time.Millisecond}},
		Limits: ac.Limits{Registrations: 1 << 20},
	})
	if err != nil {
		return nil, nil, err
	}
	return config.DevstackPlatform{ACURL: stack.ACURL, GCURL: stack.GCURL, Organisation: stack.Organisation,
		ServerName: stack.ServerName, CAPEM: stack.CAPEM}, stack.Close, nil
}

// site is the platform in the child process, with meetings and accounts.
type site struct {
	*child
	told  config.DevstackPlatform
	lanes []lane
	reach *darktower.Platform
	watch *selfwatch.Sampler
}

type lane struct {
	name    string
	meeting httpapi.Secret
	seats   []account.Credentials
}

// newSite starts a platform with lanes of two people each.
func (b *bench) newSite(ctx context.Context, lanes int) (s *site, err error) {
	s = &site{watch: selfwatch.Start()}
	if s.child, err = b.startChild(ctx, "platform", &s.told); err != nil {
		s.watch.Stop()
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = s.close()
		}
	}()
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(s.told.CAPEM)
	transport := webtransport.Config{RootCAs: roots, ServerName: s.told.ServerName}
	const patience = 20 * time.Second
	s.reach = &darktower.Platform{MC: transport, MH: transport, Deadlines: darktower.Deadlines{
		SignIn: patience, GC: patience, MC: patience, MH: patience, Default: patience}}
	if s.reach.Accounts, err = account.NewClient(account.Config{BaseURL: s.told.ACURL, Organisation: s.told.Organisation}); err != nil {
		return nil, err
	}
	if s.reach.Meetings, err = meeting.NewClient(meeting.Config{BaseURL: s.told.GCURL}); err != nil {
		return nil, err
	}
	for n := range lanes {
		if err := s.addLane(ctx, n); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (s *site) addLane(ctx context.Context, n int) error {
	l := lane{name: fmt.Sprintf("lane-%d", n)}
	for i := range 2 {
		cred := account.Credentials{Email: fmt.Sprintf("%s-%d@prober.invalid", l.name, i), Password: uuid.NewString(), DisplayName: "Bench"}
		token, err := s.reach.Accounts.Ensure(ctx, cred)
		if err != nil {
			return err
		}
		l.seats = append(l.seats, cred)
		if i > 0 {
			continue
		}
		created, err := s.reach.Meetings.Create(ctx, token.Value, meeting.CreateRequest{DisplayName: l.name})
		if err != nil {
			return err
		}
		l.meeting = created.Code
	}
	s.lanes = append(s.lanes, l)
	return nil
}

// stage is a lane as a flow sees it.
func (s *site) stage(l lane) *people.Stage {
	const patience = 20 * time.Second
	return &people.Stage{Platform: s.reach, Meeting: l.meeting, Accounts: l.seats, Judge: &flows.Judge{}, Watch: s.watch,
		Deadlines: people.Deadlines{Subscribe: patience, FirstMedia: patience}}
}

func (s *site) close() error {
	s.watch.Stop()
	if s.reach != nil && s.reach.Accounts != nil {
		s.reach.Accounts.Close()
	}
	return s.end()
}
