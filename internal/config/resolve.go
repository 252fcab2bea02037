package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/dark-tower/prober/internal/darktower/account"
)

// LookupEnv is os.LookupEnv, or a stand-in.
type LookupEnv func(name string) (value string, ok bool)

// ReadFile is os.ReadFile, or a stand-in.
type ReadFile func(path string) ([]byte, error)

// Accounts are the accounts of each lane, by the lane's name. They redact themselves.
type Accounts map[string][]account.Credentials

// UnresolvedError lists everything that keeps accounts from being complete, and no
// value.
type UnresolvedError struct {
	Env      []string // environment variables that are not set, or empty
	Files    []string // files that cannot be read or are empty, with the reason
	Accounts []string // accounts that cannot be used, with the reason
}

// Error has one line per kind of gap.
func (e *UnresolvedError) Error() string {
	var lines []string
	for _, x := range []struct {
		what string
		list []string
	}{
		{"environment variables that are not set: ", e.Env},
		{"files that cannot be used: ", e.Files},
		{"accounts that cannot be used: ", e.Accounts},
	} {
		if len(x.list) > 0 {
			lines = append(lines, x.what+strings.Join(x.list, ", "))
		}
	}
	return "resolving accounts: " + strings.Join(lines, "; ")
}

// Resolve fetches the accounts of the named lanes, or of all lanes. Everything that
// is missing is reported at once, in an *UnresolvedError. Nil functions read the
// process's environment and the file system.
func (c *Config) Resolve(lookup LookupEnv, read ReadFile, lanes ...string) (Accounts, error) {
	r := newResolver(lookup, read)
	out := make(Accounts)
	owner := make(map[string]string) // email -> account
	for _, name := range lanes {
		if _, ok := c.Lane(name); !ok {
			return nil, fmt.Errorf("resolving accounts: there is no lane %s", show(name))
		}
	}
	for _, lane := range c.Lanes {
		if len(lanes) > 0 && !slices.Contains(lanes, lane.Name) {
			continue
		}
		pool := c.Accounts[lane.Pool]
		for n := 1; n <= lane.Accounts; n++ {
			who := accountName(lane.Name, n)
			cred, complete := r.account(pool, lane.Name, n)
			if complete {
				r.check(who, cred, owner)
			}
			out[lane.Name] = append(out[lane.Name], cred)
		}
	}
	return out, r.err()
}

func accountName(lane string, n int) string { return lane + "-" + strconv.Itoa(n) }

type resolver struct {
	lookup   LookupEnv
	read     ReadFile
	problems UnresolvedError
}

func newResolver(lookup LookupEnv, read ReadFile) *resolver {
	if lookup == nil {
		lookup = os.LookupEnv
	}
	if read == nil {
		read = os.ReadFile
	}
	return &resolver{lookup: lookup, read: read}
}

func (r *resolver) account(p Pool, lane string, n int) (account.Credentials, bool) {
	email, ok1 := r.value(p.Email, lane, n)
	password, ok2 := r.value(p.Password, lane, n)
	display, ok3 := "Probe {account}", true
	if !p.DisplayName.IsZero() {
		display, ok3 = r.value(p.DisplayName, lane, n)
	}
	// A password is taken as it is: braces may be part of it.
	return account.Credentials{Email: expand(email, lane, n, "-"), Password: password, DisplayName: expand(display, lane, n, "-")},
		ok1 && ok2 && ok3
}

// value fetches one value of one account.
func (r *resolver) value(s Source, lane string, n int) (string, bool) {
	switch {
	case s.Env != "":
		name := expand(s.Env, envWord(lane), n, "_")
		value, _ := r.lookup(name)
		if value == "" {
			r.problems.Env = appendNew(r.problems.Env, name)
		}
		return value, value != ""
	case s.File != "":
		path := expand(s.File, lane, n, "-")
		value, err := r.file(path)
		if err != nil {
			r.problems.Files = appendNew(r.problems.Files, err.Error())
		}
		return value, err == nil
	}
	return expand(s.Value, lane, n, "-"), true
}

// file reads a value of one line.
func (r *resolver) file(path string) (string, error) {
	content, err := r.read(path)
	var cause *fs.PathError
	switch {
	case errors.As(err, &cause):
		return "", fmt.Errorf("%s (%w)", path, cause.Err)
	case err != nil:
		return "", fmt.Errorf("%s (%w)", path, err)
	case len(content) > maxText:
		return "", fmt.Errorf("%s (longer than %d bytes)", path, maxText)
	}
	value := strings.TrimSuffix(strings.TrimSuffix(string(content), "\n"), "\r")
	if value == "" {
		return "", fmt.Errorf("%s (empty)", path)
	}
	return value, nil
}

// check refuses accounts that AC would refuse, and two accounts that are one user:
// the same user twice in one meeting kills the media of both.
func (r *resolver) check(who string, cred account.Credentials, owner map[string]string) {
	if err := cred.Validate(); err != nil {
		r.problems.Accounts = append(r.problems.Accounts, fmt.Sprintf("%s (%s)", who, strings.ReplaceAll(err.Error(), "\n", ", ")))
	}
	key := strings.ToLower(cred.Email)
	if other, taken := owner[key]; taken {
		r.problems.Accounts = append(r.problems.Accounts, fmt.Sprintf("%s (has the email of %s)", who, other))
		return
	}
	owner[key] = who
}

func (r *resolver) err() error {
	if p := r.problems; len(p.Env)+len(p.Files)+len(p.Accounts) > 0 {
		return &p
	}
	return nil
}

// expand fills the placeholders of a template.
func expand(template, lane string, n int, hyphen string) string {
	number := strconv.Itoa(n)
	return strings.NewReplacer("{lane}", lane, "{n}", number, "{account}", lane+hyphen+number).Replace(template)
}

// envWord writes a lane's name as part of an environment variable's.
func envWord(lane string) string { return strings.ToUpper(strings.ReplaceAll(lane, "-", "_")) }

func appendNew(list []string, s string) []string {
	if slices.Contains(list, s) {
		return list
	}
	return append(list, s)
}

// Fetch returns the value that a source names; empty when nothing was given. Its
// error is an *UnresolvedError and shows no value. Nil functions read the process's
// environment and the file system.
func (s Source) Fetch(lookup LookupEnv, read ReadFile) (string, error) {
	r := newResolver(lookup, read)
	value, ok := r.value(s, "", 0)
	if !ok {
		return "", &r.problems
	}
	return value, nil
}
