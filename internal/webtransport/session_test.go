package webtransport

import (
	"bytes"
	"io"
	"testing"

	"github.com/dark-tower/prober/internal/webtransport/internal/wtdouble"
)

func TestSmoke(t *testing.T) {
	url, cfg := double(t, wtdouble.Config{OnSession: wtdouble.Echo})
	s := dial(t, url, cfg)
	st, err := s.OpenStream(testContext(t))
	if err != nil {
		t.Fatal(err)
	}
	msg := bytes.Repeat([]byte("x"), 100000)
	go func() { st.Write(msg); st.CloseWrite() }()
	got, err := io.ReadAll(st)
	if err != nil || !bytes.Equal(got, msg) {
		t.Fatal(len(got), err)
	}
	if err := s.SendDatagram([]byte("hi")); err != nil {
		t.Fatal(err)
	}
	b, err := s.ReceiveDatagram(testContext(t))
	t.Logf("%q %v %+v %+v %+v %d", b, err, s.Timings(), s.Stats(), s.Path().Stats(), s.MaxDatagramSize())
}
