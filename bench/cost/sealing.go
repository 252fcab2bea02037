package main

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ed25519"
	"crypto/rand"
	"fmt"
	"runtime"
	"time"

	"github.com/dark-tower/prober/internal/darktower/frame"
	"github.com/dark-tower/prober/internal/darktower/seal"
)

// audioLen is one packet of 20 ms at 32 kbit/s, in bytes.
const audioLen = 80

// sealing compares what a frame costs with its primitives - a signature and an
// AES-256-GCM, on the same number of bytes - in turns of many frames, by the CPU
// time of the thread: who else is on the machine shows only in caches.
func sealing(_ context.Context, b *bench) error {
	defer b.pin()()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	blocks, frames := 60, 500
	if b.short {
		blocks, frames = 2, 20
	}
	w, err := newWorkshop(frames)
	if err != nil {
		return err
	}
	tasks := []*task{
		{name: "build + seal + sign", do: w.seal}, {name: "the primitives alone", do: w.sealBare},
		{name: "decode + verify + admit + open", before: w.more, do: w.open}, {name: "the primitives alone", do: w.openBare},
	}
	for range blocks {
		for _, t := range tasks {
			if err := t.turn(frames); err != nil {
				return err
			}
		}
	}
	fmt.Fprintf(b.out, "  us of CPU per frame of %d bytes of audio    min  median     p95  allocations  ratio of medians\n", audioLen)
	for i, t := range tasks {
		over := ""
		if i%2 == 0 {
			over = fmt.Sprintf("%.2f", ratio(t.each.median(), tasks[i+1].each.median()))
		}
		fmt.Fprintf(b.out, "  %-38s %8s  %6s  %6s  %11.2f  %s\n", t.name, micros(t.each.at(0)), micros(t.each.median()), micros(t.each.at(.95)),
			float64(t.allocations)/float64(blocks*frames), over)
	}
	return nil
}

// task is one of the things compared.
type task struct {
	name        string
	before, do  func(n int) error
	each        figures
	allocations uint64
}

func (t *task) turn(frames int) error {
	if t.before != nil {
		for n := range frames {
			if err := t.before(n); err != nil {
				return err
			}
		}
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	start := threadTime()
	for n := range frames {
		if err := t.do(n); err != nil {
			return err
		}
	}
	spent := threadTime() - start
	runtime.ReadMemStats(&after)
	t.each = append(t.each, spent/time.Duration(frames))
	t.allocations += after.Mallocs - before.Mallocs
	return nil
}

// workshop has all that is needed to make a frame and to open it.
type workshop struct {
	sealer    *seal.Sealer
	opener    *seal.Opener
	plaintext []byte
	buf, dst  []byte
	frames    [][]byte // not opened yet

	private           ed25519.PrivateKey
	aead              cipher.AEAD
	nonce             []byte
	publisher, signed []byte
	signature, sealed []byte
}

func newWorkshop(frames int) (*workshop, error) {
	id, err := seal.NewIdentity()
	if err != nil {
		return nil, err
	}
	ring := seal.NewKeyring()
	var key [seal.KeyLen]byte
	if _, err := rand.Read(key[:]); err != nil {
		return nil, err
	}
	if _, err := ring.Install(key[:], 1, time.Minute, time.Now()); err != nil {
		return nil, err
	}
	const talker = 7
	w := &workshop{plaintext: make([]byte, audioLen), opener: seal.NewOpener(ring), frames: make([][]byte, frames),
		buf: make([]byte, 0, 512), dst: make([]byte, 0, 512)}
	if w.sealer, err = seal.NewSealer(id, ring, talker, 0); err != nil {
		return nil, err
	}
	w.opener.SetRoster(talker, id.Public())
	w.opener.SetAssigned([]uint16{talker})
	return w, w.prepareBare(key[:])
}

// prepareBare has the primitives work on as many bytes as a frame has.
func (w *workshop) prepareBare(key []byte) error {
	if err := w.seal(0); err != nil {
		return err
	}
	v, err := frame.Decode(w.buf)
	if err != nil {
		return err
	}
	w.publisher = make([]byte, len(v.Publisher()))
	w.signed = make([]byte, len(v.Publisher())+v.PayloadLen())
	if _, w.private, err = ed25519.GenerateKey(rand.Reader); err != nil {
		return err
	}
	w.signature = ed25519.Sign(w.private, w.signed)
	block, err := aes.NewCipher(key)
	if err != nil {
		return err
	}
	if w.aead, err = cipher.NewGCM(block); err != nil {
		return err
	}
	w.nonce = make([]byte, w.aead.NonceSize())
	w.sealed = w.aead.Seal(nil, w.nonce, w.plaintext, w.publisher)
	return nil
}

func (w *workshop) seal(int) (err error) {
	w.buf, _, err = w.sealer.Append(w.buf[:0], w.plaintext)
	return err
}

func (w *workshop) sealBare(int) error {
	w.dst = w.aead.Seal(w.dst[:0], w.nonce, w.plaintext, w.publisher)
	ed25519.Sign(w.private, w.signed)
	return nil
}

// more makes a frame to be opened: none can be opened twice.
func (w *workshop) more(n int) (err error) {
	w.frames[n], _, err = w.sealer.Append(w.frames[n][:0], w.plaintext)
	return err
}

func (w *workshop) open(n int) error {
	v, err := frame.Decode(w.frames[n])
	if err != nil {
		return err
	}
	_, err = w.opener.Open(w.dst[:0], v, time.Now())
	return err
}

func (w *workshop) openBare(int) (err error) {
	if !ed25519.Verify(w.private.Public().(ed25519.PublicKey), w.signed, w.signature) {
		return fmt.Errorf("the signature is bad")
	}
	w.dst, err = w.aead.Open(w.dst[:0], w.nonce, w.sealed, w.publisher)
	return err
}
