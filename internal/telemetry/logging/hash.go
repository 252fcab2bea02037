package logging

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
)

// Hash is what an identifier looks like in a log: "h:" and the first 8 bytes of its
// HMAC-SHA256 in hex.
func Hash(key []byte, id string) string {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(id))
	return "h:" + hex.EncodeToString(mac.Sum(nil)[:8])
}
