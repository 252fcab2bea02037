package main

import (
	"bytes"
	"os"
	"testing"
)

func TestTheSchemaInTheDocsIsCurrent(t *testing.T) {
	want, err := schema(configPackage+"/schemagen", "..")
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("../../../docs/probes.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("docs/probes.schema.json is not what the types say: run go generate ./internal/config")
	}
}
