package webtransport

import (
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/quic-go/quic-go/http3"
	"github.com/quic-go/quic-go/quicvarint"
)

const (
	capsuleClose = 0x2843 // CLOSE_WEBTRANSPORT_SESSION

	// maxReason is the length of a close reason in bytes that the drafts allow.
	maxReason = 1024
	// maxCapsule bounds capsules of types we do not know, in bytes.
	maxCapsule = 1 << 16
)

// appendClose appends a CLOSE_WEBTRANSPORT_SESSION capsule.
func appendClose(b []byte, code uint32, reason string) []byte {
	reason = boundReason(reason)
	b = quicvarint.Append(b, capsuleClose)
	b = quicvarint.Append(b, uint64(4+len(reason)))
	b = binary.BigEndian.AppendUint32(b, code)
	return append(b, reason...)
}

// boundReason cuts a reason to the allowed length, between characters, and makes
// it valid UTF-8: a server may end the session over either.
func boundReason(reason string) string {
	reason = strings.ToValidUTF8(reason, "\uFFFD")
	if len(reason) <= maxReason {
		return reason
	}
	end := maxReason
	for !utf8.RuneStart(reason[end]) {
		end--
	}
	return reason[:end]
}

// readCapsules reads a CONNECT stream until it says how the session ended: by a
// close capsule (closed is true), or by its own end (err, io.EOF for a clean one).
func readCapsules(r io.Reader) (code uint32, reason string, closed bool, err error) {
	br := quicvarint.NewReader(r)
	for {
		typ, err := quicvarint.Read(br)
		if err != nil {
			return 0, "", false, err
		}
		length, err := quicvarint.Read(br)
		if err != nil {
			return 0, "", false, truncated(err)
		}
		if typ != capsuleClose {
			if length > maxCapsule {
				return 0, "", false, violation(http3.ErrCodeExcessiveLoad, "a capsule of %d bytes", length)
			}
			if _, err := io.CopyN(io.Discard, br, int64(length)); err != nil {
				return 0, "", false, truncated(err)
			}
			continue
		}
		if length < 4 || length > 4+maxReason {
			return 0, "", false, violation(http3.ErrCodeDatagramError, "a close capsule of %d bytes", length)
		}
		payload := make([]byte, length)
		if _, err := io.ReadFull(br, payload); err != nil {
			return 0, "", false, truncated(err)
		}
		return binary.BigEndian.Uint32(payload), strings.ToValidUTF8(string(payload[4:]), "\uFFFD"), true, nil
	}
}

// truncated is what an end within a capsule means.
func truncated(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return violation(http3.ErrCodeDatagramError, "the CONNECT stream ended within a capsule")
	}
	return err
}
