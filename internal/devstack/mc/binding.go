package mc

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/google/uuid"
)

// binding is what a client shows to resume its participant: a correlation id
// and a token over it (platform contract, MC E). Both are opaque to the client.
type binding struct {
	correlationID string
	nonce         string // 16 random bytes, hex
}

func newBinding() binding {
	var nonce [16]byte
	rand.Read(nonce[:]) // never fails
	return binding{correlationID: uuid.NewString(), nonce: hex.EncodeToString(nonce[:])}
}

// bindingKey is the key that one meeting's binding tokens are made with.
func bindingKey(master []byte, meetingID string) ([]byte, error) {
	key, err := hkdf.Key(sha256.New, master, []byte(meetingID), "session-binding", sha256.Size)
	if err != nil {
		return nil, fmt.Errorf("deriving a meeting's binding key: %w", err)
	}
	return key, nil
}

// token returns 64 lowercase hex characters over the binding of one participant.
func (b binding) token(key []byte, participantID string) string {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(b.correlationID + participantID + b.nonce))
	return hex.EncodeToString(mac.Sum(nil))
}

// resumableLocked returns the participant that r may resume: known correlation
// id, good token, same user, and not disconnected for longer than the token
// lives. Anything else is a new session and returns nil.
func (m *meeting) resumableLocked(r joinRequest, now time.Time) *participant {
	if m.opts.AsDeployed || r.correlationID == "" || r.bindingToken == "" {
		return nil
	}
	for _, p := range m.roster {
		if p.binding.correlationID != r.correlationID {
			continue
		}
		good := hmac.Equal([]byte(p.binding.token(m.bindingKey, p.id)), []byte(r.bindingToken))
		late := p.client == nil && now.Sub(p.lostAt) > m.opts.Times.BindingTTL
		if !good || late || p.user != r.user {
			return nil
		}
		return p
	}
	return nil
}
