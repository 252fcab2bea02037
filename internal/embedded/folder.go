package embedded

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/dark-tower/prober/internal/config"
	"github.com/dark-tower/prober/internal/setup"
)

// marker is the first line of a configuration that Write has written.
const marker = "# Written by `prober devstack`: a platform that is there for as long as that command runs.\n"

// Folder is where the files are that a prober in another process needs.
type Folder struct {
	CA    string
	Files setup.Files // the lane file is for that prober to write

	temporary string
}

// Close removes the folder if it was made for the occasion.
func (f Folder) Close() error {
	if f.temporary == "" {
		return nil
	}
	return os.RemoveAll(f.temporary)
}

// Write writes into dir what a prober in another process needs: the authority and
// a configuration. An empty dir is a temporary folder. It overwrites what it has
// written itself, and nothing else.
func (p *Platform) Write(dir string) (folder Folder, err error) {
	if dir == "" {
		if dir, err = os.MkdirTemp("", "prober-devstack-"); err != nil {
			return Folder{}, fmt.Errorf("making a folder: %w", err)
		}
		folder.temporary = dir
		defer func() {
			if err != nil {
				err = errors.Join(err, folder.Close())
			}
		}()
	} else if err := os.MkdirAll(dir, 0o700); err != nil {
		return Folder{}, fmt.Errorf("making a folder: %w", err)
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return folder, fmt.Errorf("naming the folder: %w", err)
	}
	folder.CA = filepath.Join(dir, "ca.pem")
	folder.Files = setup.Files{Config: filepath.Join(dir, setup.DefaultConfig), Lanes: filepath.Join(dir, "lanes.json")}
	if err := folder.clear(); err != nil {
		return folder, err
	}
	probes, err := config.DevstackFile(p.described(), folder.CA)
	if err != nil {
		return folder, err
	}
	if err := os.WriteFile(folder.CA, p.CAPEM, 0o600); err != nil {
		return folder, fmt.Errorf("writing the CA file: %w", err)
	}
	if err := os.WriteFile(folder.Files.Config, append([]byte(marker), probes...), 0o600); err != nil {
		return folder, fmt.Errorf("writing the configuration: %w", err)
	}
	return folder, nil
}

// clear removes what is there of an embedded platform that has gone: its meetings
// have gone with it. What somebody else has put there stays, and is an error.
func (f Folder) clear() error {
	former, err := os.ReadFile(f.Files.Config)
	ours := err == nil && bytes.HasPrefix(former, []byte(marker))
	for _, path := range []string{f.CA, f.Files.Lanes, f.Files.Config} {
		_, err := os.Lstat(path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return fmt.Errorf("looking for former files: %w", err)
		case !ours:
			return fmt.Errorf("%s is there already and not of an embedded platform; name another folder with --dir", path)
		default:
			if err := os.Remove(path); err != nil {
				return fmt.Errorf("removing a former file: %w", err)
			}
		}
	}
	return nil
}
