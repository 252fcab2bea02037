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
			cred, complete := r.account(pool, lane, n)
			if complete {
				r.check(pool, lane, n, cred, owner)
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

func (r *resolver) account(p Pool, lane Lane, n int) (account.Credentials, bool) {
	email, ok1 := r.value(p.Email, seat{lane.Name, n, setting(lane.Pool, "email")})
	password, ok2 := r.value(p.Password, seat{lane.Name, n, setting(lane.Pool, "password")})
	display, ok3 := "Probe {account}", true
	if !p.DisplayName.IsZero() {
		display, ok3 = r.value(p.DisplayName, seat{lane.Name, n, setting(lane.Pool, "display_name")})
	}
	// A password is taken as it is: braces may be part of it.
	return account.Credentials{Email: expand(email, lane.Name, n, "-"), Password: password, DisplayName: expand(display, lane.Name, n, "-")},
		ok1 && ok2 && ok3
}

func setting(pool, field string) string { return "accounts." + pool + "." + field }

// seat is where a value belongs.
type seat struct {
	lane    string
	n       int
	setting string // empty: not to an account
}

func (p seat) account() string {
	if p.setting == "" {
		return ""
	}
	return accountName(p.lane, p.n)
}

// name is what a source is called at a seat; empty for an inline value.
func (s Source) name(p seat) string {
	if s.Env != "" {
		return expand(s.Env, envWord(p.lane), p.n, "_")
	}
	return expand(s.File, p.lane, p.n, "-")
}

// value fetches one value of one account.
func (r *resolver) value(s Source, at seat) (string, bool) {
	name := s.name(at)
	switch {
	case s.Env != "":
		value, _ := r.lookup(name)
		if value == "" {
			r.problems.Env = add(r.problems.Env, at.setting, "", name, at.account())
		}
		return value, value != ""
	case s.File != "":
		value, err := r.file(name)
		if err != nil {
			r.problems.Files = add(r.problems.Files, at.setting, err.Error(), name, at.account())
		}
		return value, err == nil
	}
	return expand(s.Value, at.lane, at.n, "-"), true
}

// file reads a value of one line.
func (r *resolver) file(path string) (string, error) {
	content, err := r.read(path)
	var cause *fs.PathError
	switch {
	case errors.As(err, &cause):
		return "", cause.Err
	case err != nil:
		return "", err
	case len(content) > maxText:
		return "", fmt.Errorf("longer than %d bytes", maxText)
	}
	value := strings.TrimSuffix(strings.TrimSuffix(string(content), "\n"), "\r")
	if value == "" {
		return "", errors.New("empty")
	}
	return value, nil
}

// check refuses accounts that AC would refuse, and two accounts that are one user:
// the same user twice in one meeting kills the media of both.
func (r *resolver) check(p Pool, lane Lane, n int, cred account.Credentials, owner map[string]string) {
	who := accountName(lane.Name, n)
	refuse := func(field string, s Source, reason string) {
		at := seat{lane.Name, n, setting(lane.Pool, field)}
		r.problems.Accounts = add(r.problems.Accounts, at.setting, reason, s.name(at), who)
	}
	sources := map[string]Source{"email": p.Email, "password": p.Password, "display_name": p.DisplayName}
	for _, wrong := range cred.Problems() {
		refuse(wrong.Field, sources[wrong.Field], wrong.Detail)
	}
	key := strings.ToLower(cred.Email)
	if other, taken := owner[key]; taken {
		refuse("email", p.Email, "the email of "+other)
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

// Fetch returns the value that a source names; empty when nothing was given. Its
// error is an *UnresolvedError and shows no value. Nil functions read the process's
// environment and the file system.
func (s Source) Fetch(lookup LookupEnv, read ReadFile) (string, error) {
	r := newResolver(lookup, read)
	value, ok := r.value(s, seat{})
	if !ok {
		return "", &r.problems
	}
	return value, nil
}
