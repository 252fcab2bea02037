package mc

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"time"

	"github.com/dark-tower/prober/internal/darktower/wire/signalingv1"
)

// kek is a meeting's key-encryption key. It never prints its key.
type kek struct {
	generation uint16
	key        [32]byte
}

func (k kek) String() string       { return fmt.Sprintf("meeting key of generation %d", k.generation) }
func (k kek) GoString() string     { return k.String() }
func (k kek) LogValue() slog.Value { return slog.StringValue(k.String()) }

var errGenerationExhausted = errors.New("the meeting key's 65536 generations are used up")

func newKEK(generation uint16) kek {
	k := kek{generation: generation}
	rand.Read(k.key[:]) // never fails
	return k
}

// keyForLocked is the key bytes one participant is given.
func (m *meeting) keyForLocked() []byte {
	k := m.kek
	if m.opts.Faults.Get().MC.WrongKEK {
		k = newKEK(k.generation)
	}
	return k.key[:]
}

// debounceSeconds is W as clients are told it: whole seconds, never zero.
func (m *meeting) debounceSeconds() uint32 {
	return uint32(math.Ceil(m.opts.Times.KEKDebounce.Seconds()))
}

// scheduleRotationLocked starts the debounce after a removal. A later removal
// never moves it (platform contract, MC D.3).
func (m *meeting) scheduleRotationLocked(now time.Time) {
	if m.rotateAt.IsZero() {
		m.rotateAt = now.Add(m.opts.Times.KEKDebounce)
	}
}

// rotateLocked makes the next key and gives it to everybody with a connection.
func (m *meeting) rotateLocked(ctx context.Context) error {
	m.rotateAt = time.Time{}
	if m.kek.generation == math.MaxUint16 {
		m.scheduleRotationLocked(time.Now())
		return errGenerationExhausted
	}
	m.kek = newKEK(m.kek.generation + 1)
	for _, p := range m.roster {
		if p.client == nil {
			continue
		}
		p.client.out.put(ctx, &signalingv1.ServerMessage{Message: &signalingv1.ServerMessage_MeetingKekUpdate{
			MeetingKekUpdate: &signalingv1.MeetingKekUpdate{
				MeetingKek:                 m.keyForLocked(),
				KekGeneration:              uint32(m.kek.generation),
				KekRotationDebounceSeconds: m.debounceSeconds(),
			},
		}})
	}
	return nil
}
