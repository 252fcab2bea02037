package setup

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/dark-tower/prober/internal/config"
	"github.com/dark-tower/prober/internal/darktower/httpapi"
	"github.com/dark-tower/prober/internal/provision"
)

// NotProvidedError is what the platform answered, or did not, when it was asked for
// accounts and meetings. What was made until then is kept.
type NotProvidedError struct{ Err error }

func (e *NotProvidedError) Error() string { return e.Err.Error() }

// Unwrap returns what was answered.
func (e *NotProvidedError) Unwrap() error { return e.Err }

// Provide makes sure that the lanes of one use, or of both when use is empty,
// have their accounts and meetings. It keeps the meetings in the lane file.
func Provide(ctx context.Context, cfg *config.Config, files Files, use config.Use, progress func(provision.Event)) (provision.Result, error) {
	lanes, err := lanesOf(cfg, use)
	if err != nil {
		return provision.Result{}, err
	}
	var names []string
	for _, l := range lanes {
		names = append(names, l.Name)
	}
	accounts, unresolved := cfg.Resolve(nil, nil, names...)
	platform, _, unreachable := Reach(cfg.Platform, nil)
	if platform != nil {
		defer platform.Accounts.Close()
	}
	if err := errors.Join(unresolved, unreachable); err != nil {
		return provision.Result{}, err
	}
	path := files.LanesPath()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return provision.Result{}, fmt.Errorf("making the folder of the lane file: %w", err)
	}
	job := provision.Config{Accounts: platform.Accounts, Meetings: platform.Meetings, Platform: identity(cfg), Path: path, Progress: progress}
	for _, name := range names {
		job.Lanes = append(job.Lanes, provision.Lane{Name: name, Accounts: accounts[name], NoMeeting: !cfg.NeedsMeeting(name)})
	}
	result, err := provision.Run(ctx, job)
	return result, provisionError(err, files)
}

func lanesOf(cfg *config.Config, use config.Use) ([]config.Lane, error) {
	if use == "" {
		return cfg.Lanes, nil
	}
	lanes := cfg.LanesFor(use)
	if len(lanes) == 0 {
		return nil, fmt.Errorf("no lane of the configuration has `use: %s`", use)
	}
	return lanes, nil
}

func provisionError(err error, files Files) error {
	var (
		status    *httpapi.StatusError
		transport *httpapi.TransportError
		answer    *httpapi.AnswerError
		foreign   *provision.PlatformError
	)
	switch {
	case errors.As(err, &foreign):
		return fmt.Errorf("%s: %w with --lanes or %s", files.LanesPath(), err, LanesVariable)
	case errors.Is(err, provision.ErrWrongPassword):
		return err // somebody has to mend the configuration
	case errors.As(err, &status), errors.As(err, &transport), errors.As(err, &answer):
		return &NotProvidedError{Err: err}
	}
	return err
}
