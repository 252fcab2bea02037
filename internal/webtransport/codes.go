package webtransport

import "github.com/quic-go/quic-go"

// WebTransport's own codes, and its range in the code space of HTTP/3 (draft-15,
// section 9.5; the same in the older drafts).
const (
	codeBufferedStreamRejected quic.StreamErrorCode = 0x3994bd84
	codeSessionGone            quic.StreamErrorCode = 0x170d7b68

	codeRequirementsNotMet quic.ApplicationErrorCode = 0x212c0d48

	firstStreamCode = 0x52e4a40fa8db
	lastStreamCode  = 0x52e5ac983162
)

// toHTTPCode maps an application's stream code into HTTP/3's code space. Every
// 31st code there is reserved and left out.
func toHTTPCode(n uint32) uint64 { return firstStreamCode + uint64(n) + uint64(n)/0x1e }

// fromHTTPCode is the inverse of toHTTPCode; false: the code is not in the range.
func fromHTTPCode(h uint64) (uint32, bool) {
	if h < firstStreamCode || h > lastStreamCode || (h-0x21)%0x1f == 0 {
		return 0, false
	}
	shifted := h - firstStreamCode
	return uint32(shifted - shifted/0x1f), true
}
