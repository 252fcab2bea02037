package media

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dark-tower/prober/internal/darktower/frame"
	"github.com/dark-tower/prober/internal/darktower/seal"
)

// listening runs fn with a receiver that opens s's frames from a connection.
func listening(t *testing.T, cfg ReceiverConfig, s *speaker, fn func(*Receiver, datagramQueue, *inlet)) {
	t.Helper()
	r := NewReceiver(cfg)
	defer r.Close()
	r.Adopt(s.opener(), []uint16{1, 2})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	q := make(datagramQueue)
	in := r.attach(ctx, hereURL, 1, q)
	fn(r, q, in)
	cancel()
	<-in.done
}

func TestReceiverStampsOpensAndRecords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSpeaker(t)
		listening(t, ReceiverConfig{}, s, func(r *Receiver, q datagramQueue, _ *inlet) {
			start := time.Now()
			for _, b := range s.frames(t, 3, 1) {
				pass(20 * time.Millisecond)
				q <- b
			}
			synctest.Wait()
			got := r.Received()
			if len(got) != 3 {
				t.Fatalf("%d records", len(got))
			}
			for i, rec := range got {
				want := Received{
					At: start.Add(time.Duration(i+1) * 20 * time.Millisecond), HandlerURL: hereURL, ConnEpoch: 1,
					SlotID: 1, Hop: uint32(i), Declared: true, SenderID: speakerID, Generation: 1, Sequence: uint32(i),
					Bytes: 236, Decoded: true, Wrap: seal.WrapAlreadyHeld,
				}
				if i == 0 {
					want.Wrap = seal.WrapCached
				}
				if rec != want {
					t.Errorf("record %d:\ngot  %+v\nwant %+v", i, rec, want)
				}
			}
			if st := r.Stats(); st.Received != 3 || st.Accepted != 3 || st.WrapOutcomes[seal.WrapAlreadyHeld] != 2 {
				t.Errorf("stats %+v", st)
			}
		})
	})
}

func TestEverythingReceivedIsAcceptedOrRefusedForOneReason(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSpeaker(t)
		listening(t, ReceiverConfig{}, s, func(r *Receiver, q datagramQueue, _ *inlet) {
			good := s.frames(t, 4, 1)
			damaged := slices.Clone(good[1])
			damaged[len(damaged)-1] ^= 1
			undeclared := slices.Clone(good[2])
			if err := frame.RewriteRelay(undeclared, 9, 0); err != nil {
				t.Fatal(err)
			}
			stranger := newSpeaker(t)
			strange, _, err := stranger.sealer.Append(nil, []byte("hello"))
			if err != nil {
				t.Fatal(err)
			}
			sent := []struct {
				b    []byte
				want frame.Reason
			}{
				{good[0], ""},
				{good[0], frame.ReplayDetected},
				{damaged, frame.SignatureInvalid},
				{undeclared, ""},
				{good[3][:40], frame.Truncated},
				{append(slices.Clone(good[3]), 0), frame.TrailingBytes},
				{[]byte{1, 2, 3}, frame.UnknownVersion},
				{nil, frame.Truncated},
				{strange, frame.SignatureInvalid},
				{good[3], ""},
			}
			for _, c := range sent {
				q <- c.b
			}
			synctest.Wait()
			st, records := r.Stats(), r.Received()
			refused := 0
			for _, n := range st.Refused {
				refused += n
			}
			if st.Received != len(sent) || st.Accepted+refused != st.Received || st.Undeclared != 2 {
				t.Errorf("stats %+v", st)
			}
			for i, c := range sent {
				if records[i].Reject != c.want {
					t.Errorf("datagram %d: %q, want %q", i, records[i].Reject, c.want)
				}
			}
			if d := records[2]; !d.Decoded || d.SenderID != speakerID || d.Sequence != 1 || d.Hop != 1 {
				t.Errorf("a refused frame's claims: %+v", d)
			}
			if d := records[4]; d.Decoded || d.SenderID != 0 || d.Bytes != 40 {
				t.Errorf("an unreadable frame: %+v", d)
			}
		})
	})
}

func TestHopMonitor(t *testing.T) {
	type frame struct {
		slot, sender uint16
		hop          uint32
	}
	run := func(hops ...uint32) []frame {
		var out []frame
		for _, h := range hops {
			out = append(out, frame{1, 7, h})
		}
		return out
	}
	tests := []struct {
		name   string
		frames []frame
		want   HopStats
	}{
		{"a steady count", run(0, 1, 2, 3), HopStats{}},
		{"the first number is a baseline, whatever it is", run(1000, 1001), HopStats{}},
		{"a gap counts its frames", run(0, 1, 5), HopStats{Gaps: 3}},
		{"a late frame takes its gap back", run(0, 2, 1, 3), HopStats{Gaps: 1, Reordered: 1}},
		{"a duplicate counts as reordering", run(0, 1, 1), HopStats{Reordered: 1}},
		{"a large jump forward is loss", run(0, 1000), HopStats{Gaps: 999}},
		{"64 back is reordering", run(64, 0), HopStats{Reordered: 1}},
		{"more than 64 back is a new count", run(65, 0, 1), HopStats{Resets: 1}},
		{"the number wraps", run(1<<32-1, 0, 2), HopStats{Gaps: 1}},
		{"another sender in the slot is a new count", []frame{{1, 7, 5}, {1, 8, 0}, {1, 8, 1}}, HopStats{Resets: 1}},
		{"slots count apart", []frame{{1, 7, 5}, {2, 7, 0}, {1, 7, 6}, {2, 7, 2}}, HopStats{Gaps: 1}},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			m := hopMonitor{slots: map[uint16]*hopState{}}
			for _, f := range tc.frames {
				m.see(f.slot, f.sender, f.hop)
			}
			if m.stats != tc.want {
				t.Errorf("got %+v, want %+v", m.stats, tc.want)
			}
		})
	}
	if l := (HopStats{Gaps: 3, Reordered: 1}).Lost(); l != 2 {
		t.Errorf("lost %d, want 2", l)
	}
}

// slowOpener lets nobody through until it is told to.
type slowOpener struct {
	Opener
	gate chan struct{}
}

func (o *slowOpener) Open(dst []byte, v frame.View, now time.Time) (seal.Opened, error) {
	<-o.gate
	return o.Opener.Open(dst, v, now)
}

func TestASlowDecoderCostsTheProberAndIsCountedAsSuch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSpeaker(t)
		r := NewReceiver(ReceiverConfig{Queue: 4})
		slow := &slowOpener{s.opener(), make(chan struct{})}
		r.Adopt(slow, []uint16{1})
		ctx, cancel := context.WithCancel(t.Context())
		q := make(datagramQueue)
		in := r.attach(ctx, hereURL, 1, q)
		for _, b := range s.frames(t, 8, 1) {
			q <- b
			synctest.Wait()
		}
		// One is with the opener, four are queued, three found no room.
		if _, dropped := in.stats(); dropped != 3 {
			t.Errorf("%d dropped, want 3", dropped)
		}
		close(slow.gate)
		synctest.Wait()
		if st := r.Stats(); st.QueueDropped != 3 || len(st.QueueDroppedAt) != 3 || st.Received != 5 || st.Accepted != 5 {
			t.Errorf("stats %+v", st)
		}
		cancel()
		<-in.done
		r.Close()
	})
}

func TestAFullRecordGoesOnCounting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSpeaker(t)
		listening(t, ReceiverConfig{MaxRecords: 3}, s, func(r *Receiver, q datagramQueue, _ *inlet) {
			for _, b := range s.frames(t, 5, 1) {
				q <- b
			}
			synctest.Wait()
			if st := r.Stats(); st.Accepted != 5 || st.Truncated != 2 || len(r.Received()) != 3 {
				t.Errorf("stats %+v", st)
			}
			_, err := r.AwaitFrame(t.Context(), func(rec Received) bool { return rec.Sequence == 4 })
			if !errors.Is(err, ErrRecordFull) {
				t.Errorf("waiting for what the record cannot show: %v", err)
			}
		})
	})
}

func TestAwaitFrame(t *testing.T) {
	accepted := func(seq uint32) func(Received) bool {
		return func(r Received) bool { return r.Accepted() && r.Sequence == seq }
	}
	synctest.Test(t, func(t *testing.T) {
		s := newSpeaker(t)
		listening(t, ReceiverConfig{}, s, func(r *Receiver, q datagramQueue, in *inlet) {
			frames := s.frames(t, 4, 1)
			q <- frames[0]
			synctest.Wait()
			if rec, err := r.AwaitFrame(t.Context(), accepted(0)); err != nil || rec.Sequence != 0 {
				t.Errorf("a frame that is there: %+v, %v", rec, err)
			}
			go func() {
				time.Sleep(time.Second)
				q <- frames[1]
				q <- frames[2]
			}()
			start := time.Now()
			if rec, err := r.AwaitFrame(t.Context(), accepted(2)); err != nil || rec.Sequence != 2 || time.Since(start) != time.Second {
				t.Errorf("a frame to come: %+v, %v after %v", rec, err, time.Since(start))
			}

			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			_, err := r.AwaitFrame(ctx, accepted(77))
			var wait *WaitError
			if !errors.As(err, &wait) || !wait.Timeout() || !errors.Is(err, context.DeadlineExceeded) || wait.Received != 3 || wait.After != time.Second {
				t.Errorf("a frame that does not come: %v", err)
			}

			// The last datagram before the end counts, however late it is decoded.
			close(q)
			_, err = r.AwaitFrame(t.Context(), accepted(77))
			if !errors.Is(err, ErrAllClosed) || errors.As(err, &wait) && wait.Timeout() {
				t.Errorf("after the connections have ended: %v", err)
			}
			<-in.done
			q = make(datagramQueue)
			ctx, stop := context.WithCancel(t.Context())
			again := r.attach(ctx, hereURL, 2, q)
			go func() { q <- frames[3] }()
			if rec, err := r.AwaitFrame(t.Context(), accepted(3)); err != nil || rec.ConnEpoch != 2 {
				t.Errorf("over a new connection: %+v, %v", rec, err)
			}
			stop()
			<-again.done
		})
	})
}

func TestWaitErrorSaysWhatArrivedInstead(t *testing.T) {
	err := &WaitError{
		After: 1500 * time.Millisecond, Received: 14, Accepted: 2, Err: context.DeadlineExceeded,
		Refused: map[frame.Reason]int{frame.SenderNotAssigned: 11, frame.NoRosterEntry: 1},
	}
	want := "waited 1.5s for a media frame (so far 14 datagrams: 2 accepted, 1 no_roster_entry, 11 sender_not_assigned): context deadline exceeded"
	if err.Error() != want {
		t.Errorf("got  %s\nwant %s", err, want)
	}
}

func TestConnectionsOfTwoSessionsKeepTheirOpeners(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second := newSpeaker(t), newSpeaker(t)
		listening(t, ReceiverConfig{}, first, func(r *Receiver, q datagramQueue, _ *inlet) {
			r.Adopt(second.opener(), []uint16{1})
			ctx, cancel := context.WithCancel(t.Context())
			q2 := make(datagramQueue)
			in2 := r.attach(ctx, hereURL, 2, q2)
			q <- first.frames(t, 1, 1)[0]
			q2 <- second.frames(t, 1, 1)[0]
			synctest.Wait()
			for _, rec := range r.Received() {
				if !rec.Accepted() {
					t.Errorf("connection %d: %s", rec.ConnEpoch, rec.Reject)
				}
			}
			cancel()
			<-in2.done
		})
	})
}

func TestTheReceivePathHardlyAllocates(t *testing.T) {
	if testing.Short() {
		t.Skip("counts allocations")
	}
	s := newSpeaker(t)
	r := NewReceiver(ReceiverConfig{})
	defer r.Close()
	r.Adopt(s.opener(), []uint16{1})
	in := &inlet{url: hereURL, epoch: 1, to: r, opener: r.opener, slots: r.slots, hops: hopMonitor{slots: map[uint16]*hopState{}}}
	const n = 2000
	frames := s.frames(t, n+1, 1)
	plaintext, i := make([]byte, 0, 256), 0
	allocs := testing.AllocsPerRun(n, func() {
		var rec Received
		rec, plaintext = in.take(arrival{at: time.Time{}, data: frames[i], from: in}, plaintext)
		if !rec.Accepted() {
			t.Fatal(rec.Reject)
		}
		r.note(rec)
		i++
	})
	// What is left is Ed25519's own and the record's growth, once in 1024 frames.
	if allocs > maxReceiveAllocs {
		t.Errorf("%.2f allocations per frame, want at most %d", allocs, maxReceiveAllocs)
	}
	t.Logf("%.2f allocations per frame", allocs)
}

const maxReceiveAllocs = 1

func BenchmarkReceive(b *testing.B) {
	s := newSpeaker(b)
	r := NewReceiver(ReceiverConfig{})
	defer r.Close()
	r.Adopt(s.opener(), []uint16{1})
	in := &inlet{url: hereURL, epoch: 1, to: r, opener: r.opener, slots: r.slots, hops: hopMonitor{slots: map[uint16]*hopState{}}}
	frames := s.frames(b, b.N, 1)
	plaintext := make([]byte, 0, 256)
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		var rec Received
		rec, plaintext = in.take(arrival{data: frames[i], from: in}, plaintext)
		if !rec.Accepted() {
			b.Fatal(rec.Reject)
		}
		r.note(rec)
	}
}
