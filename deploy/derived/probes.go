package derived

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
)

// shipped is the configuration whose lanes and probes every overlay has.
const shipped = "probes.yaml"

// overlays is where the overlays are; those with a platform.yaml have a probes.yaml.
const overlays = "deploy/kustomize/overlays"

const head = "# Derived: edit platform.yaml beside it, or /probes.yaml, and run `go generate ./deploy/...`.\n"

// probes puts each overlay's own platform before the shipped lanes and probes.
func probes(repository fs.FS) ([]File, error) {
	content, err := fs.ReadFile(repository, shipped)
	if err != nil {
		return nil, err
	}
	common, err := sections(content)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", shipped, err)
	}
	found, err := fs.Glob(repository, overlays+"/*/platform.yaml")
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, errors.New("there is no overlay with a platform.yaml")
	}
	var files []File
	for _, own := range found {
		content, err := fs.ReadFile(repository, own)
		if err != nil {
			return nil, err
		}
		first, err := sections(content)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", own, err)
		}
		files = append(files, File{Path: path.Join(path.Dir(own), "probes.yaml"), Content: merge(first, common)})
	}
	return files, nil
}

// section is one top-level field of a YAML file as it is written, with the comments
// right above it.
type section struct {
	name string
	text []byte
}

var field = regexp.MustCompile(`^([a-z_]+):`)

// sections splits a file at its top-level fields.
func sections(content []byte) ([]section, error) {
	var all []section
	var pending []byte // comments that belong to the next field
	for line := range bytes.Lines(content) {
		name := field.FindSubmatch(line)
		switch {
		case name != nil:
			all = append(all, section{name: string(name[1]), text: append(pending, line...)})
			pending = nil
		case len(bytes.TrimSpace(line)) == 0:
			if len(all) > 0 {
				last := &all[len(all)-1]
				last.text = append(append(last.text, pending...), line...)
			}
			pending = nil
		case line[0] == '#':
			pending = append(pending, line...)
		case len(all) == 0:
			return nil, fmt.Errorf("begins with %q, which is no field", strings.TrimSpace(string(line)))
		default:
			last := &all[len(all)-1]
			last.text = append(append(last.text, pending...), line...)
			pending = nil
		}
	}
	for i := range all {
		all[i].text = append(bytes.TrimRight(all[i].text, "\n"), '\n')
	}
	return all, nil
}

// merge writes first, and what it lacks from common.
func merge(first, common []section) []byte {
	all := slices.Clone(first)
	for _, s := range common {
		if !slices.ContainsFunc(first, func(own section) bool { return own.name == s.name }) {
			all = append(all, s)
		}
	}
	out := bytes.NewBufferString(head)
	for i, s := range all {
		if i > 0 {
			out.WriteByte('\n')
		}
		out.Write(s.text)
	}
	return out.Bytes()
}
