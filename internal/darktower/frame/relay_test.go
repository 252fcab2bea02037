package frame_test

import (
	"bytes"
	"testing"

	"github.com/dark-tower/prober/internal/darktower/frame"
)

func TestARelayChangesItsSixBytesAndNoOther(t *testing.T) {
	for name, h := range shapes {
		t.Run(name, func(t *testing.T) {
			payload := filled(33, 7)
			got := build(t, h, payload, 0xffff, 0xdeadbeef)
			if err := frame.RewriteRelay(got, 2, 3); err != nil {
				t.Fatal(err)
			}
			if want := build(t, h, payload, 2, 3); !bytes.Equal(got, want) {
				t.Errorf("got\n%x, want\n%x", got, want)
			}
			if err := frame.RewriteHop(got, 4); err != nil {
				t.Fatal(err)
			}
			if want := build(t, h, payload, 2, 4); !bytes.Equal(got, want) {
				t.Errorf("after the hop got\n%x, want\n%x", got, want)
			}
		})
	}
}

func TestWhatIsNoFrameIsNotRewritten(t *testing.T) {
	b := append(build(t, shapes["key"], filled(24, 0), 1, 2), 0)
	want := bytes.Clone(b)
	wantReason(t, frame.RewriteRelay(b, 9, 9), frame.TrailingBytes)
	wantReason(t, frame.RewriteHop(b, 9), frame.TrailingBytes)
	if !bytes.Equal(b, want) {
		t.Error("the buffer has changed")
	}
}
