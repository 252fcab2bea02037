package browser

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"github.com/dark-tower/prober/internal/darktower/frame"
)

// inaudible is less than the smallest step of 16-bit sound.
const inaudible = 1e-6

// overhead is what a frame adds to its plaintext (platform contract, media A.1).
const overhead = 156

// report is what the page says of itself.
type report struct {
	SenderID uint16
	Steps    []struct {
		Name string
		MS   int
	}
	Sent []struct {
		Generation uint64
		Sequence   uint32
		Bytes      int // of the plaintext
	}
	DatagramsSent, NotSent, Missed                int
	Received, Decoded, Verified, Undeclared, Lost int
	Accepted, Rejected                            []pageFrame
	Sounds                                        map[uint16]struct {
		Packets, Samples int
		Peak             float64
		Faults           []string
	}
	KEKGeneration int
	KEKRefusals   map[string]int
	Faults        []string
}

// pageFrame is a frame that the page received.
type pageFrame struct {
	At         float64 // ms
	Sender     uint16
	Generation uint64
	Sequence   uint32
	Slot       uint16
	Hop        uint32
	Plaintext  string // hex
	Reason     string
	Outcome    string
}

func (r *report) heard(sender uint16) int {
	n := 0
	for _, f := range r.Accepted {
		if f.Sender == sender {
			n++
		}
	}
	return n
}

// first is the first frame accepted of sender, if there is one.
func (r *report) first(sender uint16) *pageFrame {
	for i := range r.Accepted {
		if r.Accepted[i].Sender == sender {
			return &r.Accepted[i]
		}
	}
	return nil
}

// judgePage holds what the page heard against what participants of ours send. Who
// stays was there from the beginning to the end.
func judgePage(t *testing.T, r *report, stays uint16) {
	t.Helper()
	if len(r.Faults) > 0 || len(r.KEKRefusals) > 0 {
		t.Errorf("faults at the page: %q, refused keys: %v", r.Faults, r.KEKRefusals)
	}
	if r.Received != len(r.Accepted)+len(r.Rejected) || r.Decoded != r.Received || r.Undeclared != 0 {
		t.Errorf("the page received %d datagrams and decoded %d, accepted %d, dropped %d; %d were for no slot of its own",
			r.Received, r.Decoded, len(r.Accepted), len(r.Rejected), r.Undeclared)
	}
	if got := r.heard(stays); got < enough {
		t.Errorf("the page heard %d frames of sender %d, fewer than %d", got, stays, enough)
	}
	seen := map[string]bool{}
	verified := len(r.Accepted)
	for _, f := range r.Accepted {
		if want := hex.EncodeToString(silence(f.Sequence)); f.Plaintext != want {
			t.Fatalf("frame %d of sender %d says %s, not %s", f.Sequence, f.Sender, f.Plaintext, want)
		}
		name := fmt.Sprint(f.Sender, f.Generation, f.Sequence)
		if seen[name] {
			t.Errorf("frame %d of sender %d was accepted twice", f.Sequence, f.Sender)
		}
		seen[name] = true
		if f.Outcome != "cached" && f.Outcome != "already_held" {
			t.Errorf("frame %d of sender %d: %s", f.Sequence, f.Sender, f.Outcome)
		}
	}
	for _, f := range r.Rejected {
		switch f.Reason {
		case "no_roster_entry": // faster than the word of who has come, or slower than that of who has gone
		case "sender_not_assigned": // the same of the slots
			verified++
		case "no_kek_for_generation": // faster than the new meeting key
			verified++
			continue
		default:
			t.Errorf("the page dropped frame %d of sender %d: %s", f.Sequence, f.Sender, f.Reason)
			continue
		}
		if first := r.first(f.Sender); f.Sender == stays && first != nil && first.At < f.At {
			t.Errorf("the page dropped frame %d of sender %d as %s, having accepted frame %d before", f.Sequence, f.Sender, f.Reason, first.Sequence)
		}
	}
	if r.Verified != verified {
		t.Errorf("the page verified %d frames, not %d", r.Verified, verified)
	}
	for sender, s := range r.Sounds {
		if s.Samples != s.Packets*960 || s.Peak > inaudible || len(s.Faults) > 0 {
			t.Errorf("the browser's decoder made %d samples of %d packets of sender %d, with a peak of %v: %q", s.Samples, s.Packets, sender, s.Peak, s.Faults)
		}
	}
}

// silence is the Opus packet that a participant of ours puts into the frame with
// this sequence: 20 ms of CELT silence, padded to 80 bytes with the frame's count.
func silence(sequence uint32) []byte {
	packet := []byte{0xfb, 0x41, 75, 0xff, 0xfe}
	count := binary.BigEndian.AppendUint64(nil, uint64(sequence)+1)
	return append(packet, bytes.Repeat(count, 10)[:75]...)
}

// judgeOurs holds what our participant heard of the page against what that sent,
// and returns how many frames it heard and dropped.
func judgeOurs(t *testing.T, r *report, ours *person, sender uint16) (n struct{ heard, dropped int }) {
	t.Helper()
	for i, f := range r.Sent {
		if int(f.Sequence) != i {
			t.Fatalf("the page's frame %d has the sequence %d", i, f.Sequence)
		}
	}
	for _, f := range ours.Received() {
		switch {
		case f.Decoded && f.SenderID != sender:
			continue
		case f.Accepted():
			n.heard++
			if int(f.Sequence) >= len(r.Sent) {
				t.Errorf("we heard frame %d of the page, which sent %d", f.Sequence, len(r.Sent))
			} else if sent := r.Sent[f.Sequence]; f.Bytes != overhead+sent.Bytes || f.Generation != sent.Generation {
				t.Errorf("frame %d of the page came with %d bytes under transmit key %d: it sent %d under %d",
					f.Sequence, f.Bytes, f.Generation, overhead+sent.Bytes, sent.Generation)
			}
		default:
			n.dropped++
			if n.heard > 0 && f.Reject != frame.NoKEKForGeneration {
				t.Errorf("we dropped frame %d of the page: %s", f.Sequence, f.Reject)
			}
		}
	}
	return n
}

// tell prints the run's result.
func tell(t *testing.T, b *browser, r *report, ours struct{ heard, dropped int }) {
	t.Helper()
	var steps []string
	for _, s := range r.Steps {
		steps = append(steps, fmt.Sprintf("%s %d ms", s.Name, s.MS))
	}
	t.Logf("Chromium %s: %s", b.version, strings.Join(steps, ", "))
	t.Logf("from participants to the browser: %d datagrams received, %d verified, %d opened, %d dropped, %d lost",
		r.Received, r.Verified, len(r.Accepted), len(r.Rejected), r.Lost)
	t.Logf("from the browser to a participant: %d frames sent, %d opened, %d dropped, %d lost",
		len(r.Sent), ours.heard, ours.dropped, len(r.Sent)-ours.heard-ours.dropped)
}
