package framing_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"testing"
	"testing/iotest"

	"github.com/dark-tower/prober/internal/darktower/framing"
)

// oneWrite counts the writes it gets and accepts at most limit bytes of each.
type oneWrite struct {
	bytes.Buffer
	calls int
	limit int
}

func (w *oneWrite) Write(p []byte) (int, error) {
	w.calls++
	if w.limit > 0 && len(p) > w.limit {
		p = p[:w.limit]
	}
	return w.Buffer.Write(p)
}

func TestAMessageIsSentInOneWrite(t *testing.T) {
	for _, size := range []int{1, 4, 1000, framing.MaxLen} {
		var w oneWrite
		body := bytes.Repeat([]byte{0xa5}, size)
		if err := framing.Write(&w, body); err != nil {
			t.Fatalf("writing %d bytes: %v", size, err)
		}
		if w.calls != 1 {
			t.Errorf("%d bytes took %d writes", size, w.calls)
		}
		got, err := framing.Read(&w.Buffer, nil)
		if err != nil || !bytes.Equal(got, body) {
			t.Errorf("%d bytes came back as %d bytes, error %v", size, len(got), err)
		}
	}
}

func TestAShortWriteIsAnError(t *testing.T) {
	w := oneWrite{limit: 3}
	if err := framing.Write(&w, []byte("hello")); !errors.Is(err, io.ErrShortWrite) {
		t.Errorf("error %v", err)
	}
}

func TestLengthsThatMayNotBeSent(t *testing.T) {
	var w oneWrite
	if err := framing.Write(&w, nil); !errors.Is(err, framing.ErrEmpty) {
		t.Errorf("empty message: error %v", err)
	}
	var size *framing.SizeError
	if err := framing.Write(&w, make([]byte, framing.MaxLen+1)); !errors.As(err, &size) || size.Len != framing.MaxLen+1 {
		t.Errorf("too long a message: error %v", err)
	}
	if w.calls != 0 {
		t.Errorf("%d writes for messages that may not be sent", w.calls)
	}
	dst := []byte("before")
	if got, err := framing.Append(dst, nil); err == nil || string(got) != "before" {
		t.Errorf("Append changed its destination to %q, error %v", got, err)
	}
}

func TestAForbiddenLengthIsRefusedBeforeTheBodyIsTouched(t *testing.T) {
	for name, size := range map[string]uint32{"zero": 0, "one over the limit": framing.MaxLen + 1, "the largest": 1<<32 - 1} {
		t.Run(name, func(t *testing.T) {
			header := binary.BigEndian.AppendUint32(nil, size)
			body := iotest.ErrReader(errors.New("the body was read"))
			_, err := framing.Read(io.MultiReader(bytes.NewReader(header), body), nil)
			var tooBig *framing.SizeError
			if size == 0 && !errors.Is(err, framing.ErrEmpty) || size != 0 && !(errors.As(err, &tooBig) && tooBig.Len == uint64(size)) {
				t.Errorf("error %v", err)
			}
		})
	}
}

func TestWhereTheStreamEnds(t *testing.T) {
	whole, err := framing.Append(nil, []byte("message"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := framing.Read(bytes.NewReader(nil), nil); err != io.EOF {
		t.Errorf("between messages: error %v", err)
	}
	for cut := 1; cut < len(whole); cut++ {
		_, err := framing.Read(bytes.NewReader(whole[:cut]), nil)
		var c *framing.CutError
		if !errors.As(err, &c) || !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Fatalf("cut after %d bytes: error %v", cut, err)
		}
		if c.Header != (cut < framing.HeaderLen) {
			t.Errorf("cut after %d bytes: %+v", cut, c)
		}
	}
	reset := errors.New("reset")
	_, err = framing.Read(io.MultiReader(bytes.NewReader(whole[:6]), iotest.ErrReader(reset)), nil)
	if !errors.Is(err, reset) {
		t.Errorf("a stream that fails inside a message: error %v", err)
	}
}

func TestReadingByteByByteAndIntoABuffer(t *testing.T) {
	var stream []byte
	for _, s := range []string{"one", "three", "a longer message"} {
		stream, _ = framing.Append(stream, []byte(s))
	}
	r := iotest.OneByteReader(bytes.NewReader(stream))
	buf := make([]byte, 0, 8)
	for _, want := range []string{"one", "three", "a longer message"} {
		got, err := framing.Read(r, buf)
		if err != nil || string(got) != want {
			t.Fatalf("read %q, error %v, want %q", got, err, want)
		}
		if cap(got) >= cap(buf) {
			buf = got
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte{0, 0, 0, 1, 7})
	f.Add([]byte{0, 0, 0, 0})
	f.Add([]byte{0, 1, 0, 1})
	f.Add([]byte{0, 0, 0, 5, 1, 2})
	f.Fuzz(func(t *testing.T, stream []byte) {
		r := bytes.NewReader(stream)
		var again []byte
		for {
			body, err := framing.Read(r, nil)
			if err != nil {
				break
			}
			if len(body) == 0 || len(body) > framing.MaxLen {
				t.Fatalf("a body of %d bytes was accepted", len(body))
			}
			if again, err = framing.Append(again, body); err != nil {
				t.Fatalf("what was read cannot be written: %v", err)
			}
		}
		if !bytes.HasPrefix(stream, again) {
			t.Fatal("what was read is not what was on the stream")
		}
	})
}
