package interop

import (
	"context"
	"encoding/hex"
	"errors"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/quic-go/quic-go"
	wtgo "github.com/quic-go/webtransport-go"

	"github.com/dark-tower/prober/internal/darktower/frame"
	"github.com/dark-tower/prober/internal/darktower/framing"
)

// goSession is one session of the peer on webtransport-go.
type goSession struct {
	p       *goPeer
	id      int
	conn    *quic.Conn
	session *wtgo.Session
	stream  *wtgo.Stream
}

// errOver ends a script: what a step needs is gone.
var errOver = errors.New("over")

// arguments are what stands behind the colons of a step.
type arguments []string

func parse(step string) (word string, args arguments) {
	parts := strings.Split(step, ":")
	return parts[0], parts[1:]
}

func (a arguments) number() int {
	n, _ := strconv.Atoi(a[0])
	return n
}

func (a arguments) duration() time.Duration { return time.Duration(a.number()) * time.Millisecond }

func (a arguments) bytes() []byte {
	b, _ := hex.DecodeString(a[0])
	return b
}

func (g *goSession) emit(e event) {
	e.Session = g.id
	g.p.emit(e)
}

func (g *goSession) run(steps []string) {
	by := "client"
	for _, step := range steps {
		word, args := parse(step)
		end, err := g.step(word, args)
		if end != "" {
			by = end
		}
		if err != nil {
			break
		}
	}
	if by == "drop" {
		g.emit(event{Event: "end", By: by})
		return
	}
	e := event{Event: "end", By: by}
	var err error
	for err == nil {
		_, err = g.session.AcceptStream(g.p.ctx)
	}
	e.Accept = conclude(err)
	_, err = g.session.ReceiveDatagram(g.p.ctx)
	for err == nil {
		_, err = g.session.ReceiveDatagram(g.p.ctx)
	}
	e.Datagram = conclude(err)
	select {
	case <-g.conn.Context().Done():
		e.Closed = conclude(context.Cause(g.conn.Context()))
	case <-g.p.ctx.Done():
	}
	g.emit(e)
}

// step does one step, and tells by whom it ended the session.
func (g *goSession) step(word string, args arguments) (by string, err error) {
	ctx := g.p.ctx
	switch word {
	case "wait":
		select {
		case <-time.After(args.duration()):
		case <-g.session.Context().Done():
		}
	case "bidi":
		if g.stream, err = g.session.AcceptStream(ctx); err == nil {
			g.emit(event{Event: "bidi"})
		}
	case "message":
		_, err = g.message()
	case "echo":
		for {
			body, err := g.message()
			if err != nil {
				break
			}
			if err := framing.Write(g.stream, body); err != nil {
				return "", err
			}
		}
	case "answer":
		err = framing.Write(g.stream, args.bytes())
	case "finish":
		err = g.stream.Close()
	case "rest":
		g.rest("stream", g.stream)
	case "reset":
		g.stream.CancelWrite(wtgo.StreamErrorCode(args.number()))
	case "stop":
		g.stream.CancelRead(wtgo.StreamErrorCode(args.number()))
	case "stopped":
		<-g.stream.Context().Done() // its cause has the code as it is on the wire; a write has the application's
		_, err := g.stream.Write([]byte{0})
		g.emit(streamEnd(event{Event: "stopped"}, err))
	case "uni":
		in, err := g.session.AcceptUniStream(ctx)
		if err != nil {
			return "", err
		}
		g.rest("uni", in)
	case "open-uni":
		out, err := g.session.OpenUniStreamSync(ctx)
		if err != nil {
			return "", err
		}
		_, err = out.Write(args.bytes())
		return "", errors.Join(err, out.Close())
	case "open-bidi":
		out, err := g.session.OpenStreamSync(ctx)
		if err != nil {
			return "", err
		}
		if _, err := out.Write(args.bytes()); err != nil {
			return "", err
		}
		_ = out.Close()
		g.rest("answer", out)
	case "datagrams":
		for range args.number() {
			b, err := g.session.ReceiveDatagram(ctx)
			if err != nil {
				return "", err
			}
			g.emit(event{Event: "datagram", Content: hex.EncodeToString(b)})
		}
	case "echo-datagrams", "relay":
		return "", g.answerDatagrams(word == "relay", args)
	case "linger":
		select {
		case <-g.session.Context().Done():
			g.emit(event{Event: "linger", End: "closed"})
		case <-time.After(args.duration()):
			g.emit(event{Event: "linger", End: "waited"})
		}
	case "close":
		return "close", g.session.CloseWithError(wtgo.SessionErrorCode(args.number()), args[1])
	case "drop":
		return "drop", g.conn.CloseWithError(0, "")
	default:
		g.p.t.Errorf("no step %q", word)
		return "", errOver
	}
	return "", err
}

func (g *goSession) message() ([]byte, error) {
	body, err := framing.Read(g.stream, nil)
	if err != nil {
		g.emit(streamEnd(event{Event: "stream"}, err))
		return nil, err
	}
	g.emit(event{Event: "message", Length: len(body), Content: hex.EncodeToString(body[:min(len(body), 1024)])})
	return body, nil
}

// rest reads a stream to its end and reports what came.
func (g *goSession) rest(name string, r io.Reader) {
	b, err := io.ReadAll(r)
	g.emit(streamEnd(event{Event: name, Length: len(b), Content: hex.EncodeToString(b[:min(len(b), 1024)])}, err))
}

func streamEnd(e event, err error) event {
	var se *wtgo.StreamError
	var cut *framing.CutError
	switch {
	case err == nil, errors.Is(err, io.EOF):
		e.End = "fin"
	case errors.As(err, &se) && se.Remote:
		e.End, e.Code = "reset", uint64(se.ErrorCode)
	case errors.As(err, &cut):
		e.End = "cut"
	default:
		e.End = "not connected"
	}
	return e
}

// answerDatagrams sends every datagram back, as a media handler does with relay.
func (g *goSession) answerDatagrams(relay bool, args arguments) error {
	for hop := uint32(0); ; {
		b, err := g.session.ReceiveDatagram(g.p.ctx)
		if err != nil {
			return err
		}
		if relay {
			if frame.RewriteRelay(b, uint16(args.number()), hop) != nil {
				g.emit(event{Event: "no frame", Content: hex.EncodeToString(b)})
				continue
			}
			hop++
		}
		_ = g.session.SendDatagram(b)
	}
}
