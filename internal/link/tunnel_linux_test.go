package link

import (
	"bytes"
	"errors"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestATunnelJoinsTwoNetworks needs root and a TUN driver.
func TestATunnelJoinsTwoNetworks(t *testing.T) {
	network := func(addr string) End {
		n, err := NewNamespace()
		if errors.Is(err, unix.EPERM) {
			t.Skip("skipped: making network namespaces takes root")
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := n.Close(); err != nil {
				t.Error(err)
			}
		})
		return End{n, netip.MustParseAddr(addr)}
	}
	clients, servers := network("10.77.0.1"), network("10.77.0.2")
	book := NewRecorder(10000)
	tunnel, err := OpenTunnel(clients, servers, Config{Spec: Spec{Up: Conditions{Delay: 10 * ms}, Down: Conditions{Delay: 15 * ms}}, OnPacket: book.Note,
		Admit: func(d Direction, packet []byte) bool {
			return d == Down || !bytes.Contains(packet, []byte("forbidden"))
		}})
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, os.ErrPermission) || errors.Is(err, unix.ENODEV) {
		t.Skipf("skipped: no TUN devices here: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		for range 2 {
			if err := tunnel.Close(); err != nil {
				t.Error(err)
			}
		}
	}()
	var server, client *net.UDPConn
	if err := servers.Namespace.Do(func() (err error) {
		server, err = net.ListenUDP("udp4", &net.UDPAddr{IP: servers.Addr.AsSlice()})
		return err
	}); err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	if err := clients.Namespace.Do(func() (err error) {
		client, err = net.DialUDP("udp4", nil, server.LocalAddr().(*net.UDPAddr))
		return err
	}); err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	deadline := time.Now().Add(patience)
	_ = server.SetReadDeadline(deadline)
	_ = client.SetReadDeadline(deadline)

	b := make([]byte, 2000)
	for range 5 {
		before := time.Now()
		send(t, client, "forbidden") // vanishes: the next thing that the server sees is the question
		send(t, client, "question")
		n, from, err := server.ReadFromUDPAddrPort(b)
		if err != nil || string(b[:n]) != "question" || from.Addr() != clients.Addr {
			t.Fatalf("the server got %q of %v, %v", b[:n], from, err)
		}
		if _, err := server.WriteToUDPAddrPort([]byte("answer"), from); err != nil {
			t.Fatal(err)
		}
		if got := receive(t, client); got != "answer" {
			t.Fatalf("the client got %q", got)
		}
		if took := time.Since(before); took < 25*ms {
			t.Errorf("there and back in %v", took)
		}
	}
	if err := tunnel.Set(Spec{Up: Conditions{BlackHole: true}}); err != nil {
		t.Fatal(err)
	}
	dark := tunnel.Stats(Up).Swallowed
	send(t, client, "into the dark")
	await(t, "the packet to be swallowed", func() bool { return tunnel.Stats(Up).Swallowed > dark })
	if err := tunnel.Set(Spec{Up: Conditions{Delay: -1}}); err == nil {
		t.Error("no error")
	}
	packets, _ := book.Packets()
	questions := 0
	for _, p := range packets {
		if p.Direction == Up && p.Fate == Forwarded && p.Size == len("question")+28 {
			questions++
		}
	}
	if questions != 5 {
		t.Errorf("%d questions went through the tunnel", questions)
	}
}

func TestATunnelThatCannotBeIsAnError(t *testing.T) {
	six := End{&Namespace{}, netip.MustParseAddr("::1")}
	if _, err := OpenTunnel(six, six, Config{}); err == nil {
		t.Error("no error for IPv6")
	}
	if _, err := OpenTunnel(six, six, Config{Spec: Spec{Up: Conditions{Loss: 2}}}); err == nil {
		t.Error("no error for a loss of 200 %")
	}
}
