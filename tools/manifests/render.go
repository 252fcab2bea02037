package main

import (
	"fmt"
	"os"
	"path"
	"path/filepath"

	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/api/resmap"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// repository is the folder of the repository.
type repository string

const overlaysDir = "deploy/kustomize/overlays"

func overlayDir(name string) string { return path.Join(overlaysDir, name) }

func (r repository) path(name string) string {
	return filepath.Join(string(r), filepath.FromSlash(name))
}

func (r repository) read(name string) ([]byte, error) { return os.ReadFile(r.path(name)) }

// glob lists files by pattern, as names in the repository.
func (r repository) glob(pattern string) []string {
	found, err := filepath.Glob(r.path(pattern))
	if err != nil {
		return nil // the patterns are ours
	}
	for i, f := range found {
		rel, err := filepath.Rel(string(r), f)
		if err == nil {
			found[i] = filepath.ToSlash(rel)
		}
	}
	return found
}

// build does what `kustomize build` does.
func (r repository) build(dir string) (resmap.ResMap, error) {
	options := krusty.MakeDefaultOptions()
	built, err := krusty.MakeKustomizer(options).Run(filesys.MakeFsOnDisk(), r.path(dir))
	if err != nil {
		return nil, fmt.Errorf("rendering %s: %w", dir, err)
	}
	return built, nil
}

func (r repository) render(dir string) ([]byte, error) {
	built, err := r.build(dir)
	if err != nil {
		return nil, err
	}
	return built.AsYaml()
}
