package kerneltime

import (
	"net"
	"runtime"
	"testing"
	"time"
)

func TestAReceiveTimeLiesBetweenSendingAndReading(t *testing.T) {
	in, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	if !Enable(in) {
		if runtime.GOOS == "linux" {
			t.Fatal("the kernel gives no receive times")
		}
		t.Skip("receive times are known on Linux only")
	}
	out, err := net.DialUDP("udp4", nil, in.LocalAddr().(*net.UDPAddr))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	var clock Clock
	known := 0
	b, control := make([]byte, 100), make([]byte, ControlSize)
	for range 100 {
		before := time.Now()
		if _, err := out.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		_, n, _, _, err := in.ReadMsgUDPAddrPort(b, control)
		if err != nil {
			t.Fatal(err)
		}
		c := Parse(control[:n])
		if c.Wall == 0 || c.Drops != 0 {
			t.Fatalf("control messages: %+v", c)
		}
		received, now := clock.Moment(c.Wall)
		if received.IsZero() {
			continue // torn: the test was interrupted at that moment
		}
		known++
		if received.Before(before.Add(-tolerance)) || received.After(now) {
			t.Errorf("received %v after sending and %v before reading", received.Sub(before), now.Sub(received))
		}
	}
	if known < 50 {
		t.Errorf("only %d of 100 receive times are known", known)
	}
}

func TestAFullSocketBufferIsSeen(t *testing.T) {
	in, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	if !Enable(in) {
		t.Skip("no drop counts on this system")
	}
	if err := in.SetReadBuffer(4 << 10); err != nil {
		t.Fatal(err)
	}
	out, err := net.DialUDP("udp4", nil, in.LocalAddr().(*net.UDPAddr))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	for range 200 {
		if _, err := out.Write(make([]byte, 1000)); err != nil {
			t.Fatal(err)
		}
	}
	// The count travels with the packets that come after the drops.
	b, control := make([]byte, 2000), make([]byte, ControlSize)
	read := func() uint32 {
		_, n, _, _, err := in.ReadMsgUDPAddrPort(b, control)
		if err != nil {
			t.Fatal(err)
		}
		return Parse(control[:n]).Drops
	}
	read()
	if _, err := out.Write([]byte("after")); err != nil {
		t.Fatal(err)
	}
	if err := in.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	for read() == 0 {
	}
}

func TestTheClocksAreRelatedAnewAfterAStep(t *testing.T) {
	var step time.Duration
	torn := false
	c := Clock{}
	c.wall = func(now time.Time) int64 {
		if torn {
			torn = false
			return now.Add(step - time.Millisecond).UnixNano()
		}
		return now.Add(step).UnixNano()
	}
	kernel := func() (int64, time.Time) { now := time.Now(); return now.Add(step).UnixNano(), now }
	near := func(what string, got, want time.Time) {
		t.Helper()
		// A machine that interrupts the test between two clock readings makes a
		// reading torn, which is zero; it never makes it wrong.
		if d := got.Sub(want).Abs(); !got.IsZero() && d > 2*tolerance {
			t.Errorf("%s: off by %v", what, d)
		}
	}
	wall, want := kernel()
	got, _ := c.Moment(wall)
	near("at first", got, want)

	step = time.Hour
	wall, want = kernel()
	got, _ = c.Moment(wall)
	near("after a step of the wall clock", got, want)

	torn = true
	wall, _ = kernel()
	if got, _ = c.Moment(wall); !got.IsZero() {
		t.Error("a torn reading gave a receive time")
	}
	wall, want = kernel()
	got, _ = c.Moment(wall)
	near("after a torn reading", got, want)

	if got, now := c.Moment(0); !got.IsZero() || now.IsZero() {
		t.Error("no receive time must stay none")
	}
	for _, wall := range []int64{1, time.Now().Add(step + time.Hour).UnixNano()} {
		if got, _ := c.Moment(wall); !got.IsZero() {
			t.Errorf("a receive time at %d is not to be believed", wall)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte{})
	f.Add(make([]byte, 32))
	f.Fuzz(func(t *testing.T, b []byte) { Parse(b) })
}
