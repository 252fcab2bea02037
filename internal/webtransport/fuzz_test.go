package webtransport

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"unicode/utf8"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/quicvarint"
)

func FuzzCapsules(f *testing.F) {
	f.Add(appendClose(nil, 0, ""))
	f.Add(appendClose(nil, 1<<32-1, "reason"))
	f.Add(append(quicvarint.Append(quicvarint.Append(nil, 0x78ae), 2), "xx\x68\x43\x04\x00\x00\x00\x01"...))
	f.Add([]byte("\x68\x43\x03abc"))
	f.Add([]byte("\x68\x43\xc0\x00\x00\x00\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		code, reason, closed, err := readCapsules(bytes.NewReader(b))
		_, broken := errors.AsType[*h3Violation](err)
		switch {
		case closed && err != nil:
			t.Fatalf("closed, and %v", err)
		case !closed && !broken && err != io.EOF:
			t.Fatalf("neither closed nor ended nor broken: %v", err)
		case closed && (len(reason) > 3*maxReason || !utf8.ValidString(reason)):
			t.Fatalf("a reason of %d bytes", len(reason))
		case closed && len(reason) <= maxReason:
			again, text, closed, err := readCapsules(bytes.NewReader(appendClose(nil, code, reason)))
			if !closed || err != nil || again != code || text != reason {
				t.Fatalf("%d %q became %d %q", code, reason, again, text)
			}
		}
	})
}

func FuzzStreamHeader(f *testing.F) {
	f.Add(appendStreamHeader(nil, frameBidi, 0))
	f.Add(appendStreamHeader(nil, streamUni, 1<<62-4))
	f.Add([]byte{0x40})
	f.Fuzz(func(t *testing.T, b []byte) {
		r := bytes.NewReader(b)
		typ, id, err := readStreamHeader(r)
		if err != nil {
			return
		}
		if id < 0 {
			t.Fatalf("session %d", id)
		}
		rest := r.Len()
		h := appendStreamHeader(nil, typ, id)
		if len(h) > len(b)-rest {
			t.Fatalf("%d bytes were read, %d are written", len(b)-rest, len(h))
		}
		typ2, id2, err := readStreamHeader(bytes.NewReader(h))
		if err != nil || typ2 != typ || id2 != id {
			t.Fatalf("%#x %d became %#x %d: %v", typ, id, typ2, id2, err)
		}
	})
}

func FuzzControlStream(f *testing.F) {
	f.Add([]byte(settingsOnly[1:]))
	f.Add([]byte("\x04\x00\x07\x01\x00\x00\x00"))
	f.Add([]byte("\x04\x04\x02\x01\x08\x02"))
	f.Fuzz(func(t *testing.T, b []byte) {
		r := bytes.NewReader(b)
		settings, err := readSettings(r)
		if err == nil {
			if len(settings) > maxSettingsLen/2 {
				t.Fatalf("%d settings", len(settings))
			}
			_, _ = pick(Auto, settings, quic.ConnectionState{})
			err = skipControlFrames(r)
		}
		if controlEnd(err) == nil { // a stream that only ends has to mean something
			t.Fatalf("nothing follows from %v", err)
		}
	})
}
