package main

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"runtime/pprof"
	"sync"
	"sync/atomic"
	"time"

	"github.com/quic-go/quic-go"

	"github.com/dark-tower/prober/internal/darktower/frame"
	"github.com/dark-tower/prober/internal/darktower/framing"
	"github.com/dark-tower/prober/internal/selfwatch"
)

// floorLine is a participant without anything of the prober: one connection that
// sends a datagram of a frame's size every 20 ms, another on which it comes back -
// people send to one media handler and hear from another -, a signature over each
// that goes and a verification of each that comes.
type floorLine struct {
	up, down floorConn
	private  ed25519.PrivateKey
	received atomic.Int64
	wg       sync.WaitGroup
	cancel   context.CancelFunc
}

type floorConn struct {
	*quic.Conn
	transport *quic.Transport
	sock      *net.UDPConn
}

// floorFrameLen is the length of a frame around audioLen bytes.
const floorFrameLen = frame.FixedPrefixLen + frame.WrapLen + 2 + audioLen + frame.TagLen + frame.KeyIDLen + frame.SignatureLen + frame.RelayLen

func openFloorLine(ctx context.Context, told echoTold, roots *x509.CertPool) (l *floorLine, err error) {
	l = &floorLine{cancel: func() {}}
	defer func() {
		if err != nil {
			l.close()
		}
	}()
	name := []byte(rand.Text())
	if _, l.private, err = ed25519.GenerateKey(rand.Reader); err != nil {
		return nil, err
	}
	if l.down, err = openFloorConn(ctx, told.Raw, roots, name); err != nil {
		return nil, err
	}
	if l.up, err = openFloorConn(ctx, told.Raw, roots, name); err != nil {
		return nil, err
	}
	ctx, l.cancel = context.WithCancel(context.WithoutCancel(ctx))
	l.wg.Go(func() { l.send(ctx) })
	l.wg.Go(func() { l.receive(ctx) })
	return l, nil
}

func openFloorConn(ctx context.Context, addr string, roots *x509.CertPool, name []byte) (c floorConn, err error) {
	remote, err := net.ResolveUDPAddr("udp4", addr)
	if err != nil {
		return c, err
	}
	if c.sock, err = net.ListenUDP("udp4", nil); err != nil {
		return c, err
	}
	c.transport = &quic.Transport{Conn: c.sock}
	defer func() {
		if err != nil {
			c.close()
		}
	}()
	c.Conn, err = c.transport.Dial(ctx, remote,
		&tls.Config{ServerName: serverName, RootCAs: roots, NextProtos: []string{relayProtocol}, CurvePreferences: []tls.CurveID{tls.X25519}},
		&quic.Config{EnableDatagrams: true, KeepAlivePeriod: 3 * time.Second})
	if err != nil {
		return c, err
	}
	stream, err := c.OpenStream()
	if err != nil {
		return c, err
	}
	if err := framing.Write(stream, name); err != nil {
		return c, err
	}
	_, err = framing.Read(stream, nil)
	return c, err
}

func (c floorConn) close() {
	if c.Conn != nil {
		_ = c.CloseWithError(0, "")
	}
	if c.transport != nil {
		_ = c.transport.Close()
		_ = c.sock.Close()
	}
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
		if l.up.SendDatagram(data) != nil {
			return
		}
		timer.Reset(time.Until(start.Add(k * time.Second / framesPerSecond)))
	}
}

func (l *floorLine) receive(ctx context.Context) {
	public := l.private.Public().(ed25519.PublicKey)
	for {
		data, err := l.down.ReceiveDatagram(ctx)
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
	l.up.close()
	l.down.close()
	l.wg.Wait()
}

// floor has n such lines at work for one window and returns the CPU time that each
// send and receive took, and the share of the window in which the process was late.
func floor(ctx context.Context, b *bench, n int, told echoTold, watch *selfwatch.Sampler) (perFrame time.Duration, lag float64, err error) {
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
		var l *floorLine
		var err error
		pprof.Do(ctx, pprof.Labels("kind", "floor"), func(ctx context.Context) { l, err = openFloorLine(ctx, told, roots) })
		if err != nil {
			return 0, 0, err
		}
		lines = append(lines, l)
	}
	time.Sleep(b.calm())
	before, cpu, start := received(), cpuTime(), time.Now()
	time.Sleep(b.window)
	spent, frames := cpuTime()-cpu, received()-before
	if frames == 0 {
		return 0, 0, errors.New("no datagram of the floor came back")
	}
	return spent / time.Duration(frames), lagShare(watch, start, time.Now()), nil
}

// lagShare is the share of a span in which the process was late.
func lagShare(watch *selfwatch.Sampler, from, to time.Time) float64 {
	return ratio(watch.LagDuring(from, to), to.Sub(from))
}

// calm is how long what has just been started may settle.
func (b *bench) calm() time.Duration {
	if b.short {
		return 100 * time.Millisecond
	}
	return time.Second
}
