package main

import (
	"bytes"
	"os"
	"testing"
)

func TestTheCatalogueInTheDocsIsCurrent(t *testing.T) {
	want, err := catalogue()
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("../../../../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("docs/metrics.md is not what the metrics are: run go generate ./internal/telemetry/metrics")
	}
}
