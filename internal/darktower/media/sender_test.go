package media

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dark-tower/prober/internal/darktower/frame"
	"github.com/dark-tower/prober/internal/darktower/seal"
	"github.com/dark-tower/prober/internal/webtransport"
)

// talking runs fn with a sender that speaks as s and is attached to ends by URL.
func talking(t *testing.T, cfg SenderConfig, s *speaker, ends map[string]*wireEnd, fn func(*Sender)) {
	t.Helper()
	sender, err := NewSender(cfg)
	if err != nil {
		t.Fatal(err)
	}
	sender.Adopt(s.voice())
	var outs []*outlet
	for url, end := range ends {
		outs = append(outs, sender.attach(url, 1, end))
	}
	fn(sender)
	sender.Stop()
	for _, end := range ends {
		close(end.done)
	}
	for _, o := range outs {
		o.close(DropStopped)
	}
}

// pass lets d of fake time go by, and everything that was due in it happen.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func TestSenderKeepsAbsoluteDueTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		end := newWireEnd()
		talking(t, SenderConfig{}, newSpeaker(t), map[string]*wireEnd{hereURL: end}, func(s *Sender) {
			s.Direct([]string{hereURL})
			start := time.Now()
			s.Start()
			pass(990 * time.Millisecond)
			sent := s.Sent()
			if len(sent) != 50 {
				t.Fatalf("%d frames in 990 ms, want 50", len(sent))
			}
			for i, r := range sent {
				due := start.Add(time.Duration(i) * 20 * time.Millisecond)
				if !r.Due.Equal(due) || !r.Targets[0].Handed.Equal(due) || r.Sequence != uint32(i) || r.Missed != 0 || r.Targets[0].Hop != uint32(i) {
					t.Fatalf("frame %d: %+v, want it due and handed over at %v", i, r, due)
				}
			}
			for i, v := range end.frames(t) {
				if v.Flags() != frame.FlagIndependent|frame.FlagKeyBearing || len(v.Bytes()) != 156+DefaultPlaintextLen {
					t.Fatalf("frame %d: flags %#x, %d bytes", i, v.Flags(), len(v.Bytes()))
				}
			}
		})
	})
}

// stumbling seals late.
type stumbling struct {
	Sealer
	late map[int]time.Duration
	n    int
}

func (s *stumbling) Append(dst, plaintext []byte) ([]byte, seal.Sealed, error) {
	time.Sleep(s.late[s.n])
	s.n++
	return s.Sealer.Append(dst, plaintext)
}

func TestALateSenderNeitherShiftsNorBunches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		speaker, end := newSpeaker(t), newWireEnd()
		talking(t, SenderConfig{}, speaker, map[string]*wireEnd{hereURL: end}, func(s *Sender) {
			// Frame 2 is 15 ms late, frame 5 is 70 ms late: 3 due times pass.
			s.Adopt(Voice{Sealer: &stumbling{Sealer: speaker.sealer, late: map[int]time.Duration{2: 15 * time.Millisecond, 5: 70 * time.Millisecond}}, SenderID: speakerID})
			s.Direct([]string{hereURL})
			start := time.Now()
			s.Start()
			pass(199 * time.Millisecond)
			type line struct{ due, handed, missed int }
			var got []line
			for _, r := range s.Sent() {
				got = append(got, line{int(r.Due.Sub(start).Milliseconds()), int(r.Targets[0].Handed.Sub(start).Milliseconds()), r.Missed})
			}
			want := []line{{0, 0, 0}, {20, 20, 0}, {40, 55, 0}, {60, 60, 0}, {80, 80, 0}, {100, 170, 0}, {180, 180, 3}}
			if fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("due, handed, missed:\ngot  %v\nwant %v", got, want)
			}
			if st := s.Stats(); st.Missed != 3 || st.MaxLateness != 70*time.Millisecond {
				t.Errorf("missed %d, worst lateness %v; want 3 and 70ms", st.Missed, st.MaxLateness)
			}
		})
	})
}

func TestSenderSealsOnceForAllTargets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		here, there := newWireEnd(), newWireEnd()
		talking(t, SenderConfig{}, newSpeaker(t), map[string]*wireEnd{hereURL: here, thereURL: there}, func(s *Sender) {
			s.Direct([]string{thereURL})
			s.Start()
			pass(50 * time.Millisecond) // frames 0 1 2
			s.Direct([]string{hereURL, thereURL})
			pass(60 * time.Millisecond) // frames 3 4 5
			a, b := here.frames(t), there.frames(t)
			if len(a) != 3 || len(b) != 6 {
				t.Fatalf("%d and %d frames, want 3 and 6", len(a), len(b))
			}
			for i, v := range a {
				w := b[i+3]
				if v.HopSequence() != uint32(i) || w.HopSequence() != uint32(i+3) {
					t.Errorf("frame %d: hops %d and %d, want each connection's own count", i, v.HopSequence(), w.HopSequence())
				}
				if !bytes.Equal(v.Publisher(), w.Publisher()) || !bytes.Equal(v.Payload(), w.Payload()) || !bytes.Equal(v.Signature(), w.Signature()) {
					t.Errorf("frame %d was not sealed once for both", i)
				}
			}
			if sent := s.Sent(); len(sent[4].Targets) != 2 || sent[4].Targets[0].Hop != 1 || sent[4].Targets[1].Hop != 4 {
				t.Errorf("record of frame 4: %+v", sent[4])
			}
		})
	})
}

func TestNobodyToSendToConsumesNoSequence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		speaker, end := newSpeaker(t), newWireEnd()
		talking(t, SenderConfig{}, speaker, map[string]*wireEnd{hereURL: end}, func(s *Sender) {
			s.Start()
			pass(time.Second)
			s.Direct([]string{hereURL})
			pass(50 * time.Millisecond)
			n := len(s.Sent())
			s.SetMuted(true)
			pass(time.Second)
			s.SetMuted(false)
			s.Direct(nil)
			pass(time.Second)
			if got := speaker.sealer.NextSequence(); got != uint32(n) || len(s.Sent()) != n {
				t.Errorf("next sequence %d, %d frames; want %d of both", got, len(s.Sent()), n)
			}
			s.Direct([]string{hereURL})
			pass(50 * time.Millisecond)
			if r := s.Sent()[n]; r.Sequence != uint32(n) || r.Missed != 0 {
				t.Errorf("the first frame after the pause: %+v, want sequence %d and nothing missed", r, n)
			}
		})
	})
}

func TestAFullQueueDropsItsOldestFrameAndLeavesNoHopGap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		here, there := newWireEnd(), newWireEnd()
		talking(t, SenderConfig{}, newSpeaker(t), map[string]*wireEnd{hereURL: here, thereURL: there}, func(s *Sender) {
			s.Direct([]string{hereURL, thereURL})
			block := make(chan struct{})
			here.set(nil, block)
			s.Start()
			pass(310 * time.Millisecond) // 16 frames: 1 in the transport's hand, 10 queued, 5 pushed out
			close(block)
			here.set(nil, nil)
			pass(20 * time.Millisecond)
			if n := len(there.frames(t)); n != 17 {
				t.Errorf("the other connection got %d frames, want all 17", n)
			}
			var seqs []uint32
			for i, v := range here.frames(t) {
				seqs = append(seqs, v.StreamSequence())
				if v.HopSequence() != uint32(i) {
					t.Errorf("frame %d has hop %d", i, v.HopSequence())
				}
			}
			if want := "[0 6 7 8 9 10 11 12 13 14 15 16]"; fmt.Sprint(seqs) != want {
				t.Errorf("got %v, want %s", seqs, want)
			}
			for seq, r := range s.Sent() {
				dropped := seq >= 1 && seq <= 5
				if (r.Targets[0].Dropped == DropQueueOverflow) != dropped || r.Targets[0].Handed.IsZero() != dropped {
					t.Errorf("record of frame %d: %+v", seq, r.Targets[0])
				}
			}
			if st := s.Stats(); st.Dropped[DropQueueOverflow] != 5 || st.Handed != 29 || st.Built != 17 {
				t.Errorf("stats %+v", st)
			}
		})
	})
}

func TestWhatNoTransportTookIsRecordedWithItsReason(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		end := newWireEnd()
		talking(t, SenderConfig{}, newSpeaker(t), map[string]*wireEnd{hereURL: end}, func(s *Sender) {
			s.Direct([]string{hereURL, "https://nobody:1"})
			s.Start()
			pass(10 * time.Millisecond)
			end.set(fmt.Errorf("wrapped: %w", &webtransport.DatagramTooLargeError{Size: 9, Max: 8}), nil)
			pass(20 * time.Millisecond)
			end.set(errors.New("no"), nil)
			pass(20 * time.Millisecond)
			end.set(nil, nil)
			pass(20 * time.Millisecond)
			sent := s.Sent()
			for i, want := range []DropReason{"", DropOversize, DropRefused, ""} {
				if got := sent[i].Targets[0].Dropped; got != want {
					t.Errorf("frame %d: %q, want %q", i, got, want)
				}
				if got := sent[i].Targets[1].Dropped; got != DropNotConnected {
					t.Errorf("frame %d to nobody: %q", i, got)
				}
			}
			if sent[3].Targets[0].Hop != 1 {
				t.Errorf("hop %d after two refusals, want 1: only what was taken counts", sent[3].Targets[0].Hop)
			}
		})
	})
}

func TestFramesQueuedWhenTheConnectionEndsAreDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		end := newWireEnd()
		sender, err := NewSender(SenderConfig{})
		if err != nil {
			t.Fatal(err)
		}
		sender.Adopt(newSpeaker(t).voice())
		o := sender.attach(hereURL, 3, end)
		sender.Direct([]string{hereURL})
		end.set(nil, make(chan struct{}))
		sender.Start()
		pass(70 * time.Millisecond)
		close(end.done)
		o.close(DropClosed)
		pass(20 * time.Millisecond)
		sender.detach(o)
		pass(20 * time.Millisecond)
		sender.Stop()
		var got []DropReason
		for _, r := range sender.Sent() {
			got = append(got, r.Targets[0].Dropped)
		}
		want := []DropReason{DropClosed, DropClosed, DropClosed, DropClosed, DropClosed, DropNotConnected}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("got %v, want %v", got, want)
		}
	})
}

func TestANewIdentityStartsAtZeroAndTheRecordSpansBoth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		end := newWireEnd()
		talking(t, SenderConfig{}, newSpeaker(t), map[string]*wireEnd{hereURL: end}, func(s *Sender) {
			s.Direct([]string{hereURL})
			s.Start()
			pass(50 * time.Millisecond)
			other := newSpeaker(t)
			s.Adopt(Voice{Sealer: other.sealer, SenderID: 12})
			pass(50 * time.Millisecond) // directed to nobody: the directive was the old identity's
			s.Direct([]string{hereURL})
			pass(50 * time.Millisecond)
			sent := s.Sent()
			if n := len(sent); n != 5 && n != 6 {
				t.Fatalf("%d frames", n)
			}
			if r := sent[3]; r.Epoch != 2 || r.SenderID != 12 || r.Sequence != 0 || r.Generation != 1 {
				t.Errorf("first frame of the new identity: %+v", r)
			}
			if at, ok := s.HandedAt(speakerID, 1, hereURL); !ok || !at.Equal(sent[1].Targets[0].Handed) {
				t.Errorf("hand-over of the old identity's frame 1: %v %v", at, ok)
			}
			if at, ok := s.HandedAt(12, 1, hereURL); !ok || !at.Equal(sent[4].Targets[0].Handed) {
				t.Errorf("hand-over of the new identity's frame 1: %v %v", at, ok)
			}
			for _, q := range []struct {
				id  uint16
				seq uint32
				url string
			}{{12, 99, hereURL}, {speakerID, 99, hereURL}, {12, 1, thereURL}, {5, 0, hereURL}} {
				if at, ok := s.HandedAt(q.id, q.seq, q.url); ok {
					t.Errorf("hand-over of %+v, which never was: %v", q, at)
				}
			}
		})
	})
}

func TestAFullRecordGoesOnSending(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		end := newWireEnd()
		talking(t, SenderConfig{MaxRecords: 10}, newSpeaker(t), map[string]*wireEnd{hereURL: end}, func(s *Sender) {
			s.Direct([]string{hereURL})
			s.Start()
			pass(490 * time.Millisecond)
			if st := s.Stats(); len(s.Sent()) != 10 || st.Truncated != 15 || st.Handed != 25 || len(end.frames(t)) != 25 {
				t.Errorf("%d records, stats %+v", len(s.Sent()), st)
			}
		})
	})
}

func TestWithoutAMeetingKeyNothingIsSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		identity, _ := seal.NewIdentity()
		sealer, err := seal.NewSealer(identity, seal.NewKeyring(), 5, 0)
		if err != nil {
			t.Fatal(err)
		}
		sender, err := NewSender(SenderConfig{})
		if err != nil {
			t.Fatal(err)
		}
		sender.Adopt(Voice{Sealer: sealer, SenderID: 5})
		sender.Direct([]string{hereURL})
		sender.Start()
		pass(50 * time.Millisecond)
		sender.Stop()
		if st := sender.Stats(); st.Built != 0 || st.Failed != 3 || st.FailedFor == "" {
			t.Errorf("stats %+v", st)
		}
	})
}

func TestStartAndStopAnyNumberOfTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		end := newWireEnd()
		talking(t, SenderConfig{}, newSpeaker(t), map[string]*wireEnd{hereURL: end}, func(s *Sender) {
			s.Stop()
			s.Direct([]string{hereURL})
			s.Start()
			s.Start()
			pass(30 * time.Millisecond)
			s.Stop()
			s.Stop()
			pass(time.Second)
			if n := len(s.Sent()); n != 2 || s.Talking() {
				t.Errorf("%d frames, want 2; talking: %v", n, s.Talking())
			}
			s.Start()
			pass(30 * time.Millisecond)
			if n := len(s.Sent()); n != 4 {
				t.Errorf("%d frames after a second start, want 4", n)
			}
		})
	})
}

func TestNextDue(t *testing.T) {
	const interval = 20 * time.Millisecond
	tests := []struct {
		k       int64
		elapsed time.Duration
		want    int64
	}{
		{0, 0, 1},
		{0, 19 * time.Millisecond, 1},
		{0, 20 * time.Millisecond, 2}, // due 1 is now: too late to keep it without a burst
		{5, 100 * time.Millisecond, 6},
		{5, 139 * time.Millisecond, 7},
		{5, time.Second, 51},
	}
	for _, tc := range tests {
		if got := nextDue(tc.k, tc.elapsed, interval); got != tc.want {
			t.Errorf("after frame %d at %v: next is %d, want %d", tc.k, tc.elapsed, got, tc.want)
		}
	}
}
