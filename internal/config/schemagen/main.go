// Command schemagen writes the JSON Schema of probes.yaml, for editors. It is made
// from the types of package config and their comments.
package main

import (
	"fmt"
	"os"
)

// configPackage is where the types are documented.
const configPackage = "github.com/dark-tower/prober/internal/config"

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: schemagen FILE (run by go generate in internal/config)")
		os.Exit(2)
	}
	content, err := schema(configPackage, ".")
	if err == nil {
		err = os.WriteFile(os.Args[1], content, 0o644)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "schemagen:", err)
		os.Exit(1)
	}
}
