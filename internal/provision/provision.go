// Package provision makes sure that every lane has its accounts and its meeting.
//
// Meetings can never be ended and users never deleted on the platform, so each is
// made once and its meeting's code kept in a lane file. Running it again changes
// nothing: what exists is checked and left alone.
//
// It knows AC and GC through account and meeting, and the lane file. It must not know
// probes, flows or schedules.
package provision

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/dark-tower/prober/internal/darktower/account"
	"github.com/dark-tower/prober/internal/darktower/httpapi"
	"github.com/dark-tower/prober/internal/darktower/meeting"
)

// Defaults of Config.
const (
	DefaultDailyCeiling = 20               // meetings in 24 hours
	DefaultMaxWait      = 10 * time.Minute // of waiting because AC or GC asked for it
)

// Lane is a lane to provide for.
type Lane struct {
	Name     string
	Accounts []account.Credentials // the first one creates the meeting and is its host
	// NoMeeting lanes are for signing in only.
	NoMeeting bool
}

// Config says what to provide and where to keep it.
type Config struct {
	Accounts *account.Client
	Meetings *meeting.Client
	Platform Identity
	Lanes    []Lane
	Path     string // of the lane file

	DailyCeiling int           // creates in 24 hours, default DefaultDailyCeiling
	MaxWait      time.Duration // all waits together, default DefaultMaxWait
	Progress     func(Event)   // called for everything that was done, in order; may be nil

	Now   func() time.Time                                 // default time.Now
	Sleep func(ctx context.Context, d time.Duration) error // default: a timer
}

// What an Event says.
const (
	Registered = "registered" // an account was created
	SignedIn   = "signed in"  // an account was there already
	Verified   = "verified"   // the lane's meeting was there already
	Gone       = "gone"       // the lane's meeting does not exist any more
	Created    = "created"    // a meeting was created, for ever
	Waiting    = "waiting"    // the platform asked to be left alone for a while
)

// Event is one thing that was done. It holds no secret.
type Event struct {
	What    string
	Lane    string
	Account int           // number of the account in the lane, from 1; 0: not about an account
	Wait    time.Duration // how long, when What is Waiting
}

// String is a line for a terminal.
func (e Event) String() string {
	who := "lane " + e.Lane
	if e.Account > 0 {
		who += " account " + strconv.Itoa(e.Account)
	}
	if e.What == Waiting {
		return fmt.Sprintf("%s: waiting %s, as the platform asked", who, e.Wait)
	}
	return who + ": " + e.What
}

// Result is what was done, up to the error if there was one.
type Result struct {
	Lanes                                   *Lanes
	Registered, SignedIn, Created, Verified int
	Waited                                  time.Duration
}

// ErrWrongPassword is the cause when an account exists and AC refuses its password.
var ErrWrongPassword = errors.New("the account exists and its password is another one")

// ImpatientError says that the platform asked for more patience than there was.
type ImpatientError struct {
	Asked, Left time.Duration
	Err         error
}

// Error names both times.
func (e *ImpatientError) Error() string {
	return fmt.Sprintf("asked to wait %s with %s of patience left: %v", e.Asked, e.Left, e.Err)
}

// Unwrap returns the refusal.
func (e *ImpatientError) Unwrap() error { return e.Err }

// Run provides for every lane, in order, and stops at the first error; what was done
// until then is kept. The lane file is locked meanwhile.
func Run(ctx context.Context, cfg Config) (result Result, err error) {
	release, err := lock(cfg.Path)
	if err != nil {
		return Result{}, err
	}
	defer func() { err = errors.Join(err, release()) }()
	lanes, err := openLanes(cfg.Path, cfg.Platform)
	if err != nil {
		return Result{}, err
	}
	j := newJob(cfg, lanes)
	for _, lane := range cfg.Lanes {
		if err := j.lane(ctx, lane); err != nil {
			return j.result, fmt.Errorf("lane %s: %w", lane.Name, err)
		}
	}
	return j.result, nil
}

type job struct {
	Config
	lanes  *Lanes
	result Result
}

func newJob(cfg Config, lanes *Lanes) *job {
	if cfg.DailyCeiling <= 0 {
		cfg.DailyCeiling = DefaultDailyCeiling
	}
	if cfg.MaxWait <= 0 {
		cfg.MaxWait = DefaultMaxWait
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Sleep == nil {
		cfg.Sleep = sleep
	}
	return &job{Config: cfg, lanes: lanes, result: Result{Lanes: lanes}}
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
		return nil
	}
}

func (j *job) tell(e Event) {
	if j.Progress != nil {
		j.Progress(e)
	}
}

func (j *job) lane(ctx context.Context, lane Lane) error {
	if lane.Name == "" || len(lane.Accounts) == 0 {
		return errors.New("has no name or no accounts")
	}
	code, known := j.lanes.Code(lane.Name)
	var host account.Token
	for i, cred := range lane.Accounts {
		token, err := j.account(ctx, Event{Lane: lane.Name, Account: i + 1}, cred, known || lane.NoMeeting)
		if err != nil {
			return fmt.Errorf("account %d: %w", i+1, err)
		}
		if i == 0 {
			host = token
		}
	}
	if lane.NoMeeting {
		return nil
	}
	if known {
		exists, err := j.verify(ctx, lane.Name, host, code)
		if err != nil || exists {
			return err
		}
	}
	return j.create(ctx, lane.Name, host)
}

// account registers or signs in. A conflicting registration counts against AC's limit
// for everybody behind the same address (platform contract, AC/GC 3.2), so an account
// of a lane that was provided for before is signed in first.
func (j *job) account(ctx context.Context, e Event, cred account.Credentials, known bool) (account.Token, error) {
	if known {
		token, err := j.signIn(ctx, e, cred)
		if !isStatus(err, http.StatusUnauthorized) {
			return token, err
		}
	}
	var token account.Token
	err := j.patiently(ctx, e, func() (err error) {
		token, err = j.Accounts.Register(ctx, cred)
		return err
	})
	switch {
	case err == nil:
		j.result.Registered++
		e.What = Registered
		j.tell(e)
		return token, nil
	case !isStatus(err, http.StatusConflict):
		return account.Token{}, err
	case known: // its sign-in has just been refused
		return account.Token{}, fmt.Errorf("%w: %w", ErrWrongPassword, err)
	}
	token, err = j.signIn(ctx, e, cred)
	if isStatus(err, http.StatusUnauthorized) {
		return account.Token{}, fmt.Errorf("%w: %w", ErrWrongPassword, err)
	}
	return token, err
}

func (j *job) signIn(ctx context.Context, e Event, cred account.Credentials) (token account.Token, err error) {
	err = j.patiently(ctx, e, func() (err error) {
		token, err = j.Accounts.SignIn(ctx, cred)
		return err
	})
	if err == nil {
		j.result.SignedIn++
		e.What = SignedIn
		j.tell(e)
	}
	return token, err
}

// verify asks to join, which creates nothing. A meeting whose MC has no address is a
// meeting all the same.
func (j *job) verify(ctx context.Context, lane string, host account.Token, code httpapi.Secret) (exists bool, err error) {
	err = j.patiently(ctx, Event{Lane: lane}, func() error {
		_, err := j.Meetings.Join(ctx, host.Value, code)
		return err
	})
	switch {
	case err == nil, errors.Is(err, meeting.ErrNoEndpoint):
		j.result.Verified++
		j.tell(Event{What: Verified, Lane: lane})
		return true, nil
	case meeting.NotFound(err):
		j.tell(Event{What: Gone, Lane: lane})
		return false, nil
	}
	return false, fmt.Errorf("verifying its meeting: %w", err)
}

// create makes the lane's meeting. The attempt is on disk before GC is asked: an
// answer that gets lost must count, because the meeting may exist.
func (j *job) create(ctx context.Context, lane string, host account.Token) error {
	now := j.Now()
	if err := j.lanes.permit(now, j.DailyCeiling); err != nil {
		return err
	}
	j.lanes.attempt(now)
	if err := j.lanes.save(j.Path); err != nil {
		return err
	}
	var m meeting.Meeting
	err := j.patiently(ctx, Event{Lane: lane}, func() (err error) {
		m, err = j.Meetings.Create(ctx, host.Value, meeting.CreateRequest{DisplayName: "Probe lane " + lane})
		return err
	})
	if err != nil {
		if status := (*httpapi.StatusError)(nil); errors.As(err, &status) && status.Status < http.StatusInternalServerError {
			j.lanes.withdraw() // refused: there is no meeting
		}
		if meeting.LimitReached(err) {
			err = fmt.Errorf("the organisation may have no more meetings, and only its operator can end old ones: %w", err)
		}
		return errors.Join(err, j.lanes.save(j.Path))
	}
	j.lanes.set(lane, m, now)
	if err := j.lanes.save(j.Path); err != nil {
		return fmt.Errorf("a meeting was created and its code is lost: %w", err)
	}
	j.result.Created++
	j.tell(Event{What: Created, Lane: lane})
	return nil
}

// patiently repeats call as long as it is throttled and patience lasts.
func (j *job) patiently(ctx context.Context, e Event, call func() error) error {
	const unsaid = time.Minute // the window of AC's limits in the shipped manifests
	for {
		err := call()
		var status *httpapi.StatusError
		if !errors.As(err, &status) || !status.Throttled() {
			return err
		}
		wait := status.RetryAfter
		if wait <= 0 {
			wait = unsaid
		}
		if left := j.MaxWait - j.result.Waited; wait > left {
			return &ImpatientError{Asked: wait, Left: left, Err: err}
		}
		e.What, e.Wait = Waiting, wait
		j.tell(e)
		if err := j.Sleep(ctx, wait); err != nil {
			return fmt.Errorf("waiting %s: %w", wait, err)
		}
		j.result.Waited += wait
	}
}

func isStatus(err error, status int) bool {
	var e *httpapi.StatusError
	return errors.As(err, &e) && e.Status == status
}
