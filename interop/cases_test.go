package interop

import (
	"slices"
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
			for _, c := range cases() {
				if c.not[p.program] == "" {
					t.Run(c.name, func(t *testing.T) {
						if !c.alone {
							t.Parallel()
						}
						c.run(t, p)
					})
				}
			}
		})
	}
}
