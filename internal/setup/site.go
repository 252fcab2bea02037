package setup

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"slices"
	"strings"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/internal/config"
	"github.com/dark-tower/prober/internal/darktower"
	"github.com/dark-tower/prober/internal/darktower/httpapi"
	"github.com/dark-tower/prober/internal/provision"
)

// Site is one platform with everything that probes need there. Close must be
// called.
type Site struct {
	Config   *config.Config
	Platform *darktower.Platform
	Judge    *flows.Judge
	Accounts config.Accounts
	Meetings map[string]httpapi.Secret // the lanes' meeting codes, by lane
	Trusted  [sha256.Size]byte         // digest of the authorities and pins
}

// Close ends what the clients of the platform have under way.
func (s *Site) Close() { s.Platform.Accounts.Close() }

// Open makes the site of cfg's platform with the named lanes of one use. Everything that is
// missing is in the one error that it returns. log may be nil.
func Open(cfg *config.Config, files Files, use config.Use, lanes []string, log *slog.Logger) (*Site, error) {
	meetings, missing := meetings(cfg, files, use, lanes)
	accounts, unresolved := cfg.Resolve(nil, nil, lanes...)
	platform, judge, trusted, unreachable := reach(cfg.Platform, log)
	site := &Site{Config: cfg, Platform: platform, Judge: judge, Accounts: accounts, Meetings: meetings, Trusted: trusted}
	if err := errors.Join(unresolved, unreachable, missing); err != nil {
		if platform != nil {
			site.Close()
		}
		return nil, err
	}
	return site, nil
}

// NoMeetingError names lanes that have not been provided for.
type NoMeetingError struct {
	Lanes []string
	File  string
	Mend  string // command line
}

func (e *NoMeetingError) Error() string {
	return fmt.Sprintf("no meeting for lane %s in the lane file %s; run `%s`", strings.Join(e.Lanes, ", "), e.File, e.Mend)
}

func meetings(cfg *config.Config, files Files, use config.Use, lanes []string) (map[string]httpapi.Secret, error) {
	if !slices.ContainsFunc(lanes, cfg.NeedsMeeting) {
		return nil, nil
	}
	path := files.LanesPath()
	file, err := provision.LoadLanes(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, &MissingFileError{fmt.Sprintf("there is no lane file %s; run `%s`, or name another file with --lanes or %s",
			path, files.ProvisionCommand(use), LanesVariable)}
	case err != nil:
		return nil, err
	}
	if err := file.Check(identity(cfg)); err != nil {
		return nil, fmt.Errorf("%s: %w with --lanes or %s", path, err, LanesVariable)
	}
	codes := codes(file)
	missing := &NoMeetingError{File: path, Mend: files.ProvisionCommand(use)}
	for _, lane := range lanes {
		if _, ok := codes[lane]; !ok && cfg.NeedsMeeting(lane) {
			missing.Lanes = append(missing.Lanes, lane)
		}
	}
	if len(missing.Lanes) > 0 {
		return nil, missing
	}
	return codes, nil
}

func codes(lanes *provision.Lanes) map[string]httpapi.Secret {
	out := make(map[string]httpapi.Secret)
	for _, name := range lanes.Names() {
		out[name], _ = lanes.Code(name)
	}
	return out
}

func identity(cfg *config.Config) provision.Identity {
	return provision.Identity{GCURL: cfg.Platform.GCURL, Organisation: cfg.Platform.Organisation}
}
