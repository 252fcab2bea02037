package webtransport

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
	"github.com/quic-go/quic-go/quicvarint"
)

// The server's control stream is read here and not by http3. http3 would start a
// reader of its own for datagrams, whose queue of 32 drops silently; like this the
// session reads QUIC's queue itself, and every drop is counted.

// HTTP/3 settings (RFC 9114, RFC 9220, RFC 9297 and the WebTransport drafts).
const (
	settingExtendedConnect = 0x8
	settingH3Datagram      = 0x33
	settingEnableWT02      = 0x2b603742 // drafts 02 to 06, and wtransport
	settingMaxSessions07   = 0xc671706a // drafts 07 to 12
	settingMaxSessions13   = 0x14e9cd29 // drafts 13 and 14
	settingWTEnabled15     = 0x2c7cf000 // draft 15 and later
)

// HTTP/3 frame types that may stand on a control stream, or must not.
const (
	frameData        = 0x0
	frameHeaders     = 0x1
	frameSettings    = 0x4
	framePushPromise = 0x5

	maxSettingsLen = 4096
)

// h3Violation is a breach of HTTP/3 by the server; the connection is closed with
// its code.
type h3Violation struct {
	code http3.ErrCode
	what string
}

func (v *h3Violation) Error() string { return "the server broke HTTP/3: " + v.what }

func violation(code http3.ErrCode, format string, args ...any) *h3Violation {
	return &h3Violation{code, fmt.Sprintf(format, args...)}
}

// readSettings reads the first frame of a control stream, after the stream type.
func readSettings(r quicvarint.Reader) (map[uint64]uint64, error) {
	typ, err := quicvarint.Read(r)
	if err != nil {
		return nil, err
	}
	if typ != frameSettings {
		return nil, violation(http3.ErrCodeMissingSettings, "the control stream starts with a frame of type %#x", typ)
	}
	length, err := quicvarint.Read(r)
	if err != nil {
		return nil, err
	}
	if length > maxSettingsLen {
		return nil, violation(http3.ErrCodeExcessiveLoad, "SETTINGS of %d bytes", length)
	}
	payload := make([]byte, length)
	if _, err := io.ReadFull(r, payload); err != nil {
		return nil, err
	}
	return parseSettings(payload)
}

func parseSettings(b []byte) (map[uint64]uint64, error) {
	settings := make(map[uint64]uint64)
	for len(b) > 0 {
		id, n, err := quicvarint.Parse(b)
		if err != nil {
			return nil, violation(http3.ErrCodeFrameError, "SETTINGS end within an identifier")
		}
		b = b[n:]
		value, n, err := quicvarint.Parse(b)
		if err != nil {
			return nil, violation(http3.ErrCodeFrameError, "SETTINGS end within a value")
		}
		b = b[n:]
		if _, twice := settings[id]; twice {
			return nil, violation(http3.ErrCodeSettingsError, "setting %#x twice", id)
		}
		if id >= 0x2 && id <= 0x5 {
			return nil, violation(http3.ErrCodeSettingsError, "setting %#x is reserved", id)
		}
		if (id == settingExtendedConnect || id == settingH3Datagram) && value > 1 {
			return nil, violation(http3.ErrCodeSettingsError, "setting %#x is %d", id, value)
		}
		settings[id] = value
	}
	return settings, nil
}

// skipControlFrames reads a control stream after the SETTINGS until it breaks. A
// GOAWAY is skipped too: the one request there will be is under way.
func skipControlFrames(r quicvarint.Reader) error {
	for {
		typ, err := quicvarint.Read(r)
		if err != nil {
			return err
		}
		length, err := quicvarint.Read(r)
		if err != nil {
			return err
		}
		switch typ {
		case frameData, frameHeaders, frameSettings, framePushPromise:
			return violation(http3.ErrCodeFrameUnexpected, "a frame of type %#x on the control stream", typ)
		}
		if _, err := io.CopyN(io.Discard, r, int64(length)); err != nil {
			return err
		}
	}
}

// readControl owns the server's control stream, from after its type.
func (s *Session) readControl(r quicvarint.Reader) {
	err := func() error {
		settings, err := readSettings(r)
		if err != nil {
			return err
		}
		s.settings = settings
		close(s.settingsReceived)
		return skipControlFrames(r)
	}()
	v := controlEnd(err)
	if v != nil && v.code == http3.ErrCodeClosedCriticalStream && s.closesWithin(endWait) {
		return
	}
	s.breach(v)
}

// controlEnd says what the end of a control stream means; nil: the connection
// went, and the stream with it.
func controlEnd(err error) *h3Violation {
	if v, ok := errors.AsType[*h3Violation](err); ok {
		return v
	}
	_, reset := errors.AsType[*quic.StreamError](err)
	if reset || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return violation(http3.ErrCodeClosedCriticalStream, "it closed its control stream")
	}
	return nil
}

// breach closes the connection of a server that broke HTTP/3.
func (s *Session) breach(v *h3Violation) {
	if v != nil {
		s.fault.CompareAndSwap(nil, v)
		_ = s.conn.CloseWithError(quic.ApplicationErrorCode(v.code), "")
	}
}

// NoWebTransportError tells what a server lacks for WebTransport.
type NoWebTransportError struct {
	// Missing are the things the server's SETTINGS and transport parameters lack.
	Missing []string
}

// Error lists what is missing.
func (e *NoWebTransportError) Error() string {
	return "the server announces no " + strings.Join(e.Missing, ", no ")
}

// pick chooses the dialect to speak with a server.
func pick(want Dialect, settings map[uint64]uint64, state quic.ConnectionState) (Dialect, error) {
	modern := settings[settingWTEnabled15] != 0 && state.SupportsStreamResetPartialDelivery.Remote
	legacy := settings[settingEnableWT02] == 1 || settings[settingMaxSessions07] > 0 || settings[settingMaxSessions13] > 0
	var missing []string
	if settings[settingExtendedConnect] != 1 {
		missing = append(missing, "extended CONNECT")
	}
	if settings[settingH3Datagram] != 1 {
		missing = append(missing, "HTTP/3 datagrams")
	}
	if !state.SupportsDatagrams.Remote {
		missing = append(missing, "QUIC datagrams")
	}
	if !modern && (want == Modern || !legacy) {
		what := "WebTransport"
		if want != Auto {
			what += " of the " + want.String() + " dialect"
		}
		missing = append(missing, what)
	}
	switch {
	case len(missing) > 0:
		return Auto, &NoWebTransportError{missing}
	case want == Legacy || !modern:
		return Legacy, nil
	}
	return Modern, nil
}
