package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime/pprof"
	"time"

	"github.com/quic-go/quic-go"

	"github.com/dark-tower/prober/internal/darktower/framing"
	"github.com/dark-tower/prober/internal/webtransport"
)

// What goes over the wire in each round trip, in bytes: as much as HTTP/3 and the
// platform's first message need.
const (
	settingsLen = 40
	requestLen  = 140
	responseLen = 20
	messageLen  = 68
)

// dial compares a session up to its first framed answer with raw QUIC that makes
// the same round trips over as many streams: handshake, the server's settings, a
// request, a framed message. Each kind has its turn in every round.
func dial(ctx context.Context, b *bench) (err error) {
	var told echoTold
	other, err := b.startChild(ctx, "echo", &told)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, other.end()) }()
	defer b.pin()()
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(told.CAPEM)
	for _, way := range []struct{ name, raw, session string }{
		{"loopback", told.Raw, told.Session},
		{"a link of 5 ms each way", told.RawLink, told.SessionLink},
	} {
		fmt.Fprintf(b.out, "\n  %s, %d rounds       wall, us: min  median     p95    CPU, us: min  median  close too\n", way.name, b.rounds)
		floor, session := &trials{}, &trials{}
		for n := range b.rounds + warmUps {
			for _, t := range []struct {
				name string // in a profile: go tool pprof -tagfocus kind=session
				into *trials
				addr string
				ask  func(context.Context, string, *x509.CertPool) (func(), error)
			}{{"raw", floor, way.raw, askRaw}, {"session", session, way.session, askSession}} {
				var one trial
				var err error
				pprof.Do(ctx, pprof.Labels("kind", t.name), func(ctx context.Context) {
					one, err = try(ctx, func(ctx context.Context) (func(), error) { return t.ask(ctx, t.addr, roots) })
				})
				if err != nil {
					return err
				}
				if n >= warmUps {
					t.into.add(one)
				}
			}
		}
		floor.print(b.out, "raw QUIC")
		session.print(b.out, "session")
		fmt.Fprintf(b.out, "  %-38s %6.2f  %6.2f  %6.2f         %6.2f  %6.2f  %6.2f\n", "ratio",
			ratio(session.wall.at(0), floor.wall.at(0)), ratio(session.wall.median(), floor.wall.median()), ratio(session.wall.at(.95), floor.wall.at(.95)),
			ratio(session.cpu.at(0), floor.cpu.at(0)), ratio(session.cpu.median(), floor.cpu.median()), ratio(session.all.median(), floor.all.median()))
	}
	return nil
}

const warmUps = 5

// trials are the figures of one kind of dial.
type trials struct{ wall, cpu, all figures }

type trial struct{ wall, cpu, all time.Duration }

func (t *trials) add(one trial) {
	t.wall, t.cpu, t.all = append(t.wall, one.wall), append(t.cpu, one.cpu), append(t.all, one.all)
}

func (t *trials) print(w io.Writer, name string) {
	fmt.Fprintf(w, "  %-38s %6s  %6s  %6s         %6s  %6s  %6s\n", name,
		micros(t.wall.at(0)), micros(t.wall.median()), micros(t.wall.at(.95)), micros(t.cpu.at(0)), micros(t.cpu.median()), micros(t.all.median()))
}

// try makes one dial.
func try(ctx context.Context, ask func(context.Context) (func(), error)) (t trial, err error) {
	const pause = 2 * time.Millisecond // in which the other side forgets the one before
	time.Sleep(pause)
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	cpu, wall := cpuTime(), time.Now()
	closeAll, err := ask(ctx)
	if err != nil {
		return t, err
	}
	t.wall, t.cpu = time.Since(wall), cpuTime()-cpu
	closeAll()
	t.all = cpuTime() - cpu
	return t, nil
}

func askSession(ctx context.Context, addr string, roots *x509.CertPool) (func(), error) {
	s, err := webtransport.Dial(ctx, "https://"+addr, webtransport.Config{RootCAs: roots, ServerName: serverName})
	if err != nil {
		return nil, err
	}
	closeAll := func() { _ = s.CloseConnection(0, "") }
	stream, err := s.OpenStream(ctx)
	if err == nil {
		err = askFramed(stream)
	}
	if err != nil {
		closeAll()
		return nil, err
	}
	return closeAll, nil
}

func askFramed(stream io.ReadWriter) error {
	if err := framing.Write(stream, make([]byte, messageLen)); err != nil {
		return err
	}
	_, err := framing.Read(stream, nil)
	return err
}

// askRaw does what a session does, without what makes it one.
func askRaw(ctx context.Context, addr string, roots *x509.CertPool) (func(), error) {
	remote, err := net.ResolveUDPAddr("udp4", addr)
	if err != nil {
		return nil, err
	}
	sock, err := net.ListenUDP("udp4", nil)
	if err != nil {
		return nil, err
	}
	tr := &quic.Transport{Conn: sock}
	conn, err := tr.Dial(ctx, remote,
		&tls.Config{ServerName: serverName, RootCAs: roots, NextProtos: []string{rawProtocol}, CurvePreferences: []tls.CurveID{tls.X25519}},
		&quic.Config{EnableDatagrams: true, KeepAlivePeriod: 3 * time.Second})
	closeAll := func() {
		if conn != nil {
			_ = conn.CloseWithError(0, "")
		}
		_ = tr.Close()
		_ = sock.Close()
	}
	if err == nil {
		err = talkRaw(ctx, conn)
	}
	if err != nil {
		closeAll()
		return nil, err
	}
	return closeAll, nil
}

func talkRaw(ctx context.Context, conn *quic.Conn) error {
	control, err := conn.OpenUniStream()
	if err != nil {
		return err
	}
	if _, err := control.Write(make([]byte, settingsLen)); err != nil {
		return err
	}
	settings, err := conn.AcceptUniStream(ctx)
	if err != nil {
		return err
	}
	if _, err := io.ReadFull(settings, make([]byte, settingsLen)); err != nil {
		return err
	}
	request, err := conn.OpenStreamSync(ctx)
	if err != nil {
		return err
	}
	if _, err := request.Write(make([]byte, requestLen)); err != nil {
		return err
	}
	if _, err := io.ReadFull(request, make([]byte, responseLen)); err != nil {
		return err
	}
	stream, err := conn.OpenStreamSync(ctx)
	if err != nil {
		return err
	}
	return askFramed(stream)
}
