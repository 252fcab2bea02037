package seal

import (
	"bytes"
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/dark-tower/prober/internal/darktower/frame"
)

var update = flag.Bool("update", false, "write the golden frames anew")

const goldenFile = "testdata/frames.golden"

// goldenFrames are one frame of each shape, from fixed keys.
func goldenFrames() map[string]crafted {
	quiet, loud := uint8(0), uint8(87)
	audio := crafted{
		sender: 4711, stream: 2, generation: 77, sequence: 123456, flags: frame.FlagIndependent,
		identity: identityFrom(0x83), transmit: pattern(0xa5), wrapped: true, kek: pattern(0xc7), kekGen: 515,
		streamID: 3, hop: 90210, plaintext: []byte("a packet of twenty milliseconds"),
	}
	shapes := map[string]crafted{"audio": audio}
	with := func(name string, change func(c *crafted)) {
		c := audio
		change(&c)
		shapes[name] = c
	}
	with("no-key", func(c *crafted) { c.wrapped = false })
	with("no-key-salience", func(c *crafted) { c.wrapped, c.salience = false, &loud })
	with("key-salience", func(c *crafted) { c.salience = &quiet })
	with("discardable", func(c *crafted) { c.flags = frame.FlagDiscardable })
	with("highest-numbers", func(c *crafted) {
		c.sender, c.stream, c.generation, c.sequence, c.kekGen = 65535, 255, MaxGeneration, 1<<32-1, 65535
		c.streamID, c.hop = 65535, 1<<32-1
	})
	with("lowest-numbers", func(c *crafted) {
		c.sender, c.stream, c.generation, c.sequence, c.kekGen, c.streamID, c.hop = 1, 0, 0, 0, 0, 0, 0
	})
	with("empty-plaintext", func(c *crafted) { c.plaintext = nil })
	with("long-plaintext", func(c *crafted) { c.plaintext = bytes.Repeat([]byte{0x5a}, 940) })
	return shapes
}

// The golden file keeps the wire from changing by accident: one frame a line,
// its name and its bytes.
func TestGoldenFrames(t *testing.T) {
	shapes := goldenFrames()
	if *update {
		writeGolden(t, shapes)
	}
	text, err := os.ReadFile(goldenFile)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	if len(lines) != len(shapes) {
		t.Errorf("%d golden frames, want %d", len(lines), len(shapes))
	}
	for _, line := range lines {
		name, digits, _ := strings.Cut(line, " ")
		t.Run(name, func(t *testing.T) {
			c, known := shapes[name]
			golden, err := hex.DecodeString(digits)
			if !known || err != nil {
				t.Fatalf("not a golden frame: %v", err)
			}
			if got := c.bytes(t); !bytes.Equal(got, golden) {
				t.Errorf("built\n%x, want\n%x", got, golden)
			}

			ring := NewKeyring()
			if _, err := ring.Install(c.kek[:], uint32(c.kekGen), 0, epoch); err != nil {
				t.Fatal(err)
			}
			o := NewOpener(ring)
			o.SetRoster(c.sender, c.identity.Public())
			o.SetAssigned([]uint16{c.sender})
			want := WrapCached
			if !c.wrapped {
				prime(t, o, keyID(t, c.sender, c.stream, c.generation), c.transmit, c.kekGen, nil)
				want = WrapNone
			}
			opened, outcome := receive(t, o, golden, epoch)
			if outcome != string(want) || !bytes.Equal(opened.Plaintext, c.plaintext) {
				t.Errorf("opening gives %s and %q", outcome, opened.Plaintext)
			}
		})
	}
}

func writeGolden(t *testing.T, shapes map[string]crafted) {
	t.Helper()
	var out strings.Builder
	for _, name := range []string{
		"audio", "no-key", "no-key-salience", "key-salience", "discardable",
		"highest-numbers", "lowest-numbers", "empty-plaintext", "long-plaintext",
	} {
		fmt.Fprintf(&out, "%s %x\n", name, shapes[name].bytes(t))
	}
	if err := os.MkdirAll("testdata", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(goldenFile, []byte(out.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}
