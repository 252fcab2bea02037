package daemon

import (
	"bytes"
	"context"
	"crypto/sha256"
	"os"
	"path/filepath"
	"time"
)

// maxWatched bounds what is read of one file, in bytes.
const maxWatched = 1 << 20

// contentOf is a digest of the files and of the folder that the configuration is in:
// a ConfigMap is mounted as a folder whose content is swapped at once. What cannot be
// read counts as empty.
func contentOf(config string, others ...string) []byte {
	h := sha256.New()
	paths := append([]string{config}, others...)
	if entries, err := os.ReadDir(filepath.Dir(config)); err == nil && mounted(entries) {
		for _, e := range entries {
			paths = append(paths, filepath.Join(filepath.Dir(config), e.Name()))
		}
	}
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil || !info.Mode().IsRegular() || info.Size() > maxWatched {
			continue
		}
		content, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		sum := sha256.Sum256(content)
		h.Write([]byte(path))
		h.Write(sum[:])
	}
	return h.Sum(nil)
}

// mounted reports whether a folder is a mounted ConfigMap or Secret, all of which is
// configuration: kubelet keeps a link of this name in it.
func mounted(entries []os.DirEntry) bool {
	for _, e := range entries {
		if e.Name() == "..data" {
			return true
		}
	}
	return false
}

// follow calls changed whenever the content has become another and stayed so for one
// more look, or when asked, until ctx is done. What changed returns is the content that
// is known from then on, as seen was at the start.
func follow(ctx context.Context, every time.Duration, asked <-chan struct{}, seen []byte, content, changed func() []byte) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	known, last := seen, []byte(nil)
	for {
		select {
		case <-ctx.Done():
			return
		case <-asked:
			known, last = changed(), nil
		case <-ticker.C:
			switch now := content(); {
			case bytes.Equal(now, known):
				last = nil
			case bytes.Equal(now, last): // whoever is writing has finished
				known, last = changed(), nil
			default:
				last = now
			}
		}
	}
}
