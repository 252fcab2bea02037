package main

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/quic-go/quic-go"

	"github.com/dark-tower/prober/internal/darktower/frame"
)

// floorLine is a participant without anything of the prober: QUIC that sends a
// datagram of a frame's size every 20 ms and gets it back, a signature over each
// that goes and a verification of each that comes.
type floorLine struct {
	sock      *net.UDPConn
	transport *quic.Transport
	conn      *quic.Conn
	private   ed25519.PrivateKey
	received  atomic.Int64
	wg        sync.WaitGroup
	cancel    context.CancelFunc
}

// floorFrameLen is the length of a frame around audioLen bytes.
const floorFrameLen = frame.FixedPrefixLen + frame.WrapLen + 2 + audioLen + frame.TagLen + frame.KeyIDLen + frame.SignatureLen + frame.RelayLen

func openFloorLine(ctx context.Context, addr string, roots *x509.CertPool) (*floorLine, error) {
	remote, err := net.ResolveUDPAddr("udp4", addr)
	if err != nil {
		return nil, err
	}
	l := &floorLine{}
	if _, l.private, err = ed25519.GenerateKey(rand.Reader); err != nil {
		return nil, err
	}
	if l.sock, err = net.ListenUDP("udp4", nil); err != nil {
		return nil, err
	}
	l.transport = &quic.Transport{Conn: l.sock}
	l.conn, err = l.transport.Dial(ctx, remote,
		&tls.Config{ServerName: serverName, RootCAs: roots, NextProtos: []string{echoProtocol}, CurvePreferences: []tls.CurveID{tls.X25519}},
		&quic.Config{EnableDatagrams: true, KeepAlivePeriod: 3 * time.Second})
	if err != nil {
		return nil, errors.Join(err, l.transport.Close(), l.sock.Close())
	}
	ctx, l.cancel = context.WithCancel(context.Background())
	l.wg.Go(func() { l.send(ctx) })
	l.wg.Go(func() { l.receive(ctx) })
	return l, nil
}

func (l *floorLine) send(ctx context.Context) {
	data := make([]byte, floorFrameLen)
	signed := data[:floorFrameLen-frame.RelayLen-frame.SignatureLen]
	start := time.Now()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for k := time.Duration(1); ; k++ {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		copy(data[len(signed):], ed25519.Sign(l.private, signed))
		if l.conn.SendDatagram(data) != nil {
			return
		}
		timer.Reset(time.Until(start.Add(k * time.Second / framesPerSecond)))
	}
}

func (l *floorLine) receive(ctx context.Context) {
	public := l.private.Public().(ed25519.PublicKey)
	for {
		data, err := l.conn.ReceiveDatagram(ctx)
		if err != nil || len(data) != floorFrameLen {
			return
		}
		signed := data[:floorFrameLen-frame.RelayLen-frame.SignatureLen]
		if ed25519.Verify(public, signed, data[len(signed):][:frame.SignatureLen]) {
			l.received.Add(1)
		}
	}
}

func (l *floorLine) close() {
	l.cancel()
	_ = l.conn.CloseWithError(0, "")
	l.wg.Wait()
	_ = l.transport.Close()
	_ = l.sock.Close()
}

// floor has n such lines at work for one window and returns the CPU time that each
// send and receive took.
func floor(ctx context.Context, b *bench, n int, told echoTold) (time.Duration, error) {
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(told.CAPEM)
	var lines []*floorLine
	defer func() {
		for _, l := range lines {
			l.close()
		}
	}()
	received := func() (sum int64) {
		for _, l := range lines {
			sum += l.received.Load()
		}
		return sum
	}
	for range n {
		l, err := openFloorLine(ctx, told.Raw, roots)
		if err != nil {
			return 0, err
		}
		lines = append(lines, l)
	}
	time.Sleep(b.calm())
	before, cpu := received(), cpuTime()
	time.Sleep(b.window)
	spent, frames := cpuTime()-cpu, received()-before
	if frames == 0 {
		return 0, errors.New("no datagram of the floor came back")
	}
	return spent / time.Duration(frames), nil
}

// calm is how long what has just been started may settle.
func (b *bench) calm() time.Duration {
	if b.short {
		return 100 * time.Millisecond
	}
	return time.Second
}
