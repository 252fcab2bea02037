// Package setup gathers what a command needs before it can begin: the
// configuration, the accounts, the meetings of the lanes, and clients of the
// platform. Whatever is missing is reported all at once, each with the setting
// or the command that mends it.
//
// It knows files and the environment. It must not know how a probe is run, and
// it decides nothing about what is seen.
package setup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/dark-tower/prober/internal/config"
)

// DefaultConfig is the configuration that is read when none is named.
const DefaultConfig = "probes.yaml"

// LanesVariable names the environment variable that holds the path of the lane
// file.
const LanesVariable = "PROBER_LANES"

// Files are the files that a command works with.
type Files struct {
	Config string
	Lanes  string // empty: see LanesPath
}

// Load reads the configuration. When the file is wrong, the error is a
// *config.Error.
func Load(path string) (*config.Config, error) {
	cfg, err := config.Load(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &MissingFileError{fmt.Sprintf("there is no configuration %s; go to the folder that has one, or name it with --config (`prober check --devstack` needs none)", path)}
	}
	return cfg, err
}

// MissingFileError is a file that is not there, and what to do about it. It wraps
// fs.ErrNotExist.
type MissingFileError struct{ text string }

func (e *MissingFileError) Error() string { return e.text }

// Unwrap returns fs.ErrNotExist.
func (e *MissingFileError) Unwrap() error { return fs.ErrNotExist }

// LanesPath is where the lane file is: where it was said to be, or what
// PROBER_LANES says, or in the user's state folder.
func (f Files) LanesPath() string {
	if f.Lanes != "" {
		return f.Lanes
	}
	if path := os.Getenv(LanesVariable); path != "" {
		return path
	}
	state := os.Getenv("XDG_STATE_HOME")
	if !filepath.IsAbs(state) { // a relative one is to be ignored (XDG Base Directory Specification)
		home, err := os.UserHomeDir()
		if err != nil {
			return "lanes.json"
		}
		state = filepath.Join(home, ".local", "state")
	}
	return filepath.Join(state, "dark-tower-prober", "lanes.json")
}

// ProvisionCommand is the command line that provides for the lanes of one use, or
// of both, with these files.
func (f Files) ProvisionCommand(use config.Use) string { return f.command("provision", use) }

// CheckCommand is the command line that checks with these files.
func (f Files) CheckCommand() string { return f.command("check", "") }

// RunCommand is the command line of a daemon with these files.
func (f Files) RunCommand() string { return f.command("run", "") }

func (f Files) command(name string, use config.Use) string {
	words := []string{"prober", name}
	if f.Config != "" && f.Config != DefaultConfig {
		words = append(words, "--config", quote(f.Config))
	}
	if f.Lanes != "" {
		words = append(words, "--lanes", quote(f.Lanes))
	}
	if use != "" {
		words = append(words, "--use", string(use))
	}
	return strings.Join(words, " ")
}

var plainWord = regexp.MustCompile(`^[A-Za-z0-9_@%+=:,./-]+$`)

// quote makes a word of a shell command line.
func quote(word string) string {
	if plainWord.MatchString(word) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
