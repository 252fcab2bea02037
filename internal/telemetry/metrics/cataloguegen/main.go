// Command cataloguegen writes the catalogue of the prober's metrics in the platform's
// form. It is made from the descriptions and from the series themselves.
package main

import (
	"fmt"
	"os"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: cataloguegen FILE (run by go generate in internal/telemetry/metrics)")
		os.Exit(2)
	}
	content, err := catalogue()
	if err == nil {
		err = os.WriteFile(os.Args[1], content, 0o644)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "cataloguegen:", err)
		os.Exit(1)
	}
}
