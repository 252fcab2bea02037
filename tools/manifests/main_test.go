package main

import (
	"bytes"
	"strings"
	"testing"
)

func TestTheCommandLine(t *testing.T) {
	for _, tc := range []struct {
		name           string
		args           []string
		code           int
		stdout, stderr string
	}{
		{"an overlay is printed", []string{"--render", "kind", "../.."}, 0, "kind: Deployment", ""},
		{"an overlay that is not there", []string{"--render", "none", "../.."}, exitFindings, "", "none"},
		{"no repository", nil, exitUsage, "", "usage"},
		{"a flag that is not there", []string{"--rendre", "kind", "../.."}, exitUsage, "", "rendre"},
		{"help", []string{"--help"}, 0, "", "usage"},
		{"a folder that is no repository", []string{"testdata"}, exitFindings, "no overlays", "1 finding"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			if code := run(tc.args, &stdout, &stderr); code != tc.code {
				t.Errorf("exit code %d, want %d", code, tc.code)
			}
			if !strings.Contains(stdout.String(), tc.stdout) || !strings.Contains(stderr.String(), tc.stderr) {
				t.Errorf("stdout %q, stderr %q", stdout.String(), stderr.String())
			}
		})
	}
}
