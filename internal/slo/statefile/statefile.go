// Package statefile keeps error budgets on disk: a file is replaced as a whole or not
// at all. It knows nothing of what is in it.
package statefile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// MaxSize bounds a file that is read, in bytes.
const MaxSize = 32 << 20

// Read returns the content of a file, and nil when there is none.
func Read(path string) ([]byte, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the error budgets: %w", err)
	}
	defer func() { _ = f.Close() }() // read only
	content, err := io.ReadAll(io.LimitReader(f, MaxSize+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("reading the error budgets: %w", err)
	case len(content) > MaxSize:
		return nil, fmt.Errorf("reading the error budgets: %s is larger than %d MiB", path, MaxSize>>20)
	}
	return content, nil
}

// Write replaces a file. After a crash there is either the old content or the new
// one; nobody else may read it. The folder must exist.
func Write(path string, content []byte) error {
	if err := write(path, content); err != nil {
		return fmt.Errorf("keeping the error budgets: %w", err)
	}
	return nil
}

func write(path string, content []byte) (err error) {
	dir := filepath.Dir(path)
	tmp, err := os.CreateTemp(dir, "."+filepath.Base(path)+".*") // mode 0600
	if err != nil {
		return err
	}
	placed := false
	defer func() {
		if err != nil && !placed {
			err = errors.Join(err, os.Remove(tmp.Name()))
		}
	}()
	_, err = tmp.Write(content)
	if err == nil {
		err = tmp.Sync()
	}
	if err = errors.Join(err, tmp.Close()); err != nil {
		return err
	}
	if err := os.Rename(tmp.Name(), path); err != nil {
		return err
	}
	placed = true
	return syncFolder(dir)
}

// syncFolder makes the new name last.
func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
