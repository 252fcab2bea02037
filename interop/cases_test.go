package interop

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

// testCase is one thing that must hold against every peer.
type testCase struct {
	name string
	// not are the programs that cannot do it, with the reason.
	not map[program]string
	// alone: it measures time, and must not share the machine with other cases.
	alone bool
	run   func(*testing.T, peer)
}

func cases() []testCase {
	return slices.Concat(dialing(), streams(), datagrams(), serverEnds(), clientEnds(), paths(), roundTrips(), darkTower())
}

func TestEveryCaseAgainstEveryPeer(t *testing.T) {
	for _, p := range peers() {
		t.Run(p.name, func(t *testing.T) {
			if p.program == wtransport {
				rustPeer(t)
			}
			ran := 0
			for _, c := range cases() {
				if c.not[p.program] == "" {
					ran++
					t.Run(c.name, func(t *testing.T) {
						if !c.alone {
							t.Parallel()
						}
						c.run(t, p)
					})
				}
			}
			t.Logf("%s: %d cases", p.name, ran)
		})
	}
}

// table is the table of docs/interop.md: peers by cases, and why a case is not run.
func table() string {
	var b strings.Builder
	b.WriteString("| Case |")
	for _, p := range peers() {
		fmt.Fprintf(&b, " %s |", p.name)
	}
	b.WriteString("\n|---|" + strings.Repeat("---|", len(peers())) + "\n")
	var reasons []string
	for _, c := range cases() {
		fmt.Fprintf(&b, "| %s |", c.name)
		for _, p := range peers() {
			why := c.not[p.program]
			if why == "" {
				b.WriteString(" holds |")
				continue
			}
			why = fmt.Sprintf("%s: %s.", p.program, why)
			if !slices.Contains(reasons, why) {
				reasons = append(reasons, why)
			}
			fmt.Fprintf(&b, " not run (%d) |", slices.Index(reasons, why)+1)
		}
		b.WriteString("\n")
	}
	b.WriteString("\nNot run, and why:\n\n")
	for i, why := range reasons {
		fmt.Fprintf(&b, "%d. %s\n", i+1, why)
	}
	return b.String()
}

func TestTheDocumentHasTheTable(t *testing.T) {
	doc, err := os.ReadFile("../docs/interop.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(doc), table()) {
		t.Errorf("docs/interop.md has another table than this one:\n%s", table())
	}
}
