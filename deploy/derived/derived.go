// Package derived makes the files of deploy/ that follow from others: each overlay's
// probes.yaml from the shipped one, the PrometheusRule from the rules, the dashboards
// and the list of metrics from the code. They are committed, because people apply
// them without Go; a test says when one is stale.
//
// It knows the repository's files and nothing of clusters.
package derived

import (
	"io/fs"
)

// File is one derived file.
type File struct {
	Path    string // in the repository, with slashes
	Content []byte
}

// Files derives every file from a repository.
func Files(repository fs.FS) ([]File, error) {
	var files []File
	for _, make := range []func(fs.FS) ([]File, error){probes, prometheusRule, catalogue, boards} {
		more, err := make(repository)
		if err != nil {
			return nil, err
		}
		files = append(files, more...)
	}
	return files, nil
}
