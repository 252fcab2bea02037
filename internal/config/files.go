package config

import (
	"io/fs"
	"slices"
)

// Files are the paths of the files that the configuration names, as far as they are
// read for the named lanes: secrets of accounts, authorities and pins. None is read.
// Nil looks into the process's environment.
func (c *Config) Files(lookup LookupEnv, lanes ...string) []string {
	var out []string
	note := func(path string) ([]byte, error) {
		out = append(out, path)
		return nil, fs.ErrNotExist // what is in them does not matter, and so the rest is looked at, too
	}
	_, _ = c.Resolve(lookup, note, lanes...)
	_, _ = c.Platform.Reach(lookup, note)
	slices.Sort(out)
	return slices.Compact(out)
}
