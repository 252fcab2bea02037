package derived

import (
	"io/fs"

	"github.com/dark-tower/prober/deploy/derived/dashboards"
)

func boards(fs.FS) ([]File, error) {
	all, err := dashboards.All()
	if err != nil {
		return nil, err
	}
	var files []File
	for _, b := range all {
		files = append(files, File{Path: "deploy/grafana/" + b.UID + ".json", Content: b.Content})
	}
	return files, nil
}
