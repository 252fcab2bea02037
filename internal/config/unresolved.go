package config

import (
	"fmt"
	"slices"
	"strings"
)

// UnresolvedError lists everything that keeps accounts from being complete, and no
// value. What is wrong for one reason in one setting is one Gap, however many
// accounts it concerns.
type UnresolvedError struct {
	Env      []Gap // environment variables that are not set, or empty
	Files    []Gap // files that cannot be read or are empty
	Accounts []Gap // accounts that cannot be used
}

// Gap is what is wrong with one setting.
type Gap struct {
	Setting  string   // such as "accounts.people.password"; empty: of no account
	Names    []string // of the environment variables or files
	Reason   string   // empty for an environment variable that is not set
	Accounts []string // that it concerns
}

// Error has one part for each kind of gap.
func (e *UnresolvedError) Error() string {
	var parts []string
	for _, x := range []struct {
		what string
		gaps []Gap
		show func(Gap) string
	}{
		{"environment variables that are not set: ", e.Env, Gap.names},
		{"files that cannot be used: ", e.Files, Gap.names},
		{"accounts that cannot be used: ", e.Accounts, Gap.accounts},
	} {
		var shown []string
		for _, g := range x.gaps {
			shown = append(shown, x.show(g))
		}
		if len(shown) > 0 {
			parts = append(parts, x.what+strings.Join(shown, "; "))
		}
	}
	text := strings.Join(parts, "; ")
	if slices.ContainsFunc(slices.Concat(e.Env, e.Files, e.Accounts), func(g Gap) bool { return g.Setting != "" }) {
		return "resolving accounts: " + text
	}
	return text // whoever asked for the one source knows what it is for
}

// names begins with what is to be set or mended.
func (g Gap) names() string {
	var about []string
	switch {
	case g.Setting == "":
	case len(g.Names) < len(g.Accounts): // one for several
		about = append(about, fmt.Sprintf("%s of %s", g.Setting, strings.Join(g.Accounts, ", ")))
	default:
		about = append(about, g.Setting)
	}
	if g.Reason != "" {
		about = append(about, g.Reason)
	}
	names := strings.Join(g.Names, ", ")
	if len(about) == 0 {
		return names
	}
	return names + " (" + strings.Join(about, ": ") + ")"
}

// accounts begins with whom it concerns.
func (g Gap) accounts() string {
	from := ""
	if len(g.Names) > 0 {
		from = " from " + strings.Join(g.Names, ", ")
	}
	return fmt.Sprintf("%s (%s%s: %s)", strings.Join(g.Accounts, ", "), g.Setting, from, g.Reason)
}

// add puts a name and an account to the gap of the same setting and reason.
func add(gaps []Gap, setting, reason, name, account string) []Gap {
	i := slices.IndexFunc(gaps, func(g Gap) bool { return g.Setting == setting && g.Reason == reason })
	if i < 0 {
		i, gaps = len(gaps), append(gaps, Gap{Setting: setting, Reason: reason})
	}
	gaps[i].Names, gaps[i].Accounts = appendNew(gaps[i].Names, name), appendNew(gaps[i].Accounts, account)
	return gaps
}

func appendNew(list []string, s string) []string {
	if s == "" || slices.Contains(list, s) {
		return list
	}
	return append(list, s)
}
