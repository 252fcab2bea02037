// Command generate writes the derived files of deploy/ into the repository that it is
// given.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/dark-tower/prober/deploy/derived"
)

//go:generate go run . ../..

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: generate REPOSITORY")
		os.Exit(2)
	}
	if err := write(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

func write(repository string) error {
	files, err := derived.Files(os.DirFS(repository))
	if err != nil {
		return err
	}
	for _, f := range files {
		if err := os.WriteFile(filepath.Join(repository, filepath.FromSlash(f.Path)), f.Content, 0o644); err != nil {
			return err
		}
	}
	return nil
}
