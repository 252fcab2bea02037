package media

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/dark-tower/prober/internal/darktower/frame"
	"github.com/dark-tower/prober/internal/darktower/seal"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const speakerID = 11

// speaker is somebody with keys: a sealer for its frames, and what a listener
// needs to open them.
type speaker struct {
	identity *seal.Identity
	ring     *seal.Keyring
	sealer   *seal.Sealer
}

func newSpeaker(t testing.TB) *speaker {
	t.Helper()
	identity, err := seal.NewIdentity()
	if err != nil {
		t.Fatal(err)
	}
	s := &speaker{identity: identity, ring: seal.NewKeyring()}
	s.rekey(t, 0)
	if s.sealer, err = seal.NewSealer(identity, s.ring, speakerID, 0); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *speaker) rekey(t testing.TB, generation uint32) {
	t.Helper()
	key := make([]byte, 32)
	key[0], key[1] = 1, byte(generation)
	if _, err := s.ring.Install(key, generation, time.Minute, time.Now()); err != nil {
		t.Fatal(err)
	}
}

// opener knows the speaker and has it in a slot.
func (s *speaker) opener() *seal.Opener {
	o := seal.NewOpener(s.ring)
	o.SetRoster(speakerID, s.identity.Public())
	o.SetAssigned([]uint16{speakerID})
	return o
}

func (s *speaker) voice() Voice { return Voice{Sealer: s.sealer, SenderID: speakerID} }

// frames seals n frames, with the relay's fields as a relay writes them.
func (s *speaker) frames(t testing.TB, n int, slot uint16) [][]byte {
	t.Helper()
	out := make([][]byte, n)
	for i := range out {
		b, _, err := s.sealer.Append(nil, appendSilence(nil, DefaultPlaintextLen, uint64(i)))
		if err != nil {
			t.Fatal(err)
		}
		if err := frame.RewriteRelay(b, slot, uint32(i)); err != nil {
			t.Fatal(err)
		}
		out[i] = b
	}
	return out
}

// wireEnd is a connection that keeps what it was given. It can refuse and block.
type wireEnd struct {
	done chan struct{}

	mu    sync.Mutex
	got   []datagram
	err   error
	block chan struct{} // SendDatagram waits until it is closed
}

type datagram struct {
	at   time.Time
	data []byte
}

func newWireEnd() *wireEnd { return &wireEnd{done: make(chan struct{})} }

func (w *wireEnd) Done() <-chan struct{} { return w.done }

func (w *wireEnd) SendDatagram(b []byte) error {
	w.mu.Lock()
	block := w.block
	w.mu.Unlock()
	if block != nil {
		select {
		case <-block:
		case <-w.done:
			return errors.New("session ended")
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err != nil {
		return w.err
	}
	w.got = append(w.got, datagram{time.Now(), append([]byte(nil), b...)})
	return nil
}

func (w *wireEnd) set(err error, block chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.err, w.block = err, block
}

// frames decodes what arrived.
func (w *wireEnd) frames(t *testing.T) []frame.View {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []frame.View
	for _, d := range w.got {
		v, err := frame.Decode(d.data)
		if err != nil {
			t.Fatalf("a frame that was sent does not decode: %v", err)
		}
		out = append(out, v)
	}
	return out
}

// datagramQueue is a connection to receive from.
type datagramQueue chan []byte

func (q datagramQueue) ReceiveDatagram(ctx context.Context) ([]byte, error) {
	select {
	case b, ok := <-q:
		if !ok {
			return nil, errors.New("session ended")
		}
		return b, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
