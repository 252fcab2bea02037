package webtransport

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/quic-go/quic-go"
	h3qlog "github.com/quic-go/quic-go/http3/qlog"
	"github.com/quic-go/quic-go/qlog"
	"github.com/quic-go/quic-go/qlogwriter"
)

// wireTrace collects from quic-go's event trace what its API does not tell, and
// passes the events on to a qlog file when one was asked for.
type wireTrace struct {
	path *Path
	mtu  atomic.Int64

	datagramsParsed, datagramsDropped atomic.Uint64

	file *os.File // nil: no qlog

	mu     sync.RWMutex // protects all following fields; events hold it for reading
	seq    *qlogwriter.FileSeq
	rec    qlogwriter.Recorder
	closed bool
	run    sync.WaitGroup
}

// openTrace opens the trace of the connection on path, with a qlog file in dir unless that is empty.
func openTrace(dir string, path *Path) (*wireTrace, error) {
	t := &wireTrace{path: path}
	if dir == "" {
		return t, nil
	}
	f, err := os.CreateTemp(dir, time.Now().UTC().Format("20060102T150405.000Z")+"-*_client.sqlog")
	if err != nil {
		return nil, fmt.Errorf("creating a qlog file: %w", err)
	}
	t.file = f
	return t, nil
}

// qlogPath is the name of the qlog file, empty if there is none.
func (t *wireTrace) qlogPath() string {
	if t.file == nil {
		return ""
	}
	return t.file.Name()
}

// tracer is the quic.Config.Tracer.
func (t *wireTrace) tracer(_ context.Context, isClient bool, id quic.ConnectionID) qlogwriter.Trace {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.file != nil && t.seq == nil && !t.closed {
		t.seq = qlogwriter.NewConnectionFileSeq(bufferedFile{bufio.NewWriter(t.file), t.file}, isClient, id,
			[]string{qlog.EventSchema, h3qlog.EventSchema})
		t.rec = t.seq.AddProducer()
		t.run.Go(t.seq.Run)
	}
	return t
}

// close ends the qlog file. Events that come later are dropped.
func (t *wireTrace) close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return nil
	}
	t.closed = true
	switch {
	case t.rec != nil:
		err := t.rec.Close() // the last producer: closes the file
		t.run.Wait()
		return err
	case t.file != nil: // nothing was ever sent
		return errors.Join(t.file.Close(), os.Remove(t.file.Name()))
	}
	return nil
}

// AddProducer gives every producer the same recorder: the file is one, and ends
// when the session says so, not when the last producer does.
func (t *wireTrace) AddProducer() qlogwriter.Recorder { return wireRecorder{t} }

// SupportsSchemas keeps HTTP/3 from producing events that nobody reads.
func (t *wireTrace) SupportsSchemas(schema string) bool {
	return schema == qlog.EventSchema || schema == h3qlog.EventSchema && t.file != nil
}

type wireRecorder struct{ t *wireTrace }

func (wireRecorder) Close() error { return nil }

// RecordEvent runs on QUIC's own goroutine, for every packet: keep it short.
func (r wireRecorder) RecordEvent(ev qlogwriter.Event) {
	t := r.t
	datagrams := 0
	switch e := ev.(type) {
	case qlog.PacketReceived:
		datagrams = countDatagrams(e.Frames)
		t.datagramsParsed.Add(uint64(datagrams))
	case qlog.DatagramDropped:
		if e.Direction == qlog.DirectionReceiving {
			t.datagramsDropped.Add(1)
		}
	case qlog.MTUUpdated:
		t.mtu.Store(int64(e.Value))
	}
	t.path.arrivals.event(ev, datagrams)
	t.path.departures.event(ev)
	if t.file == nil {
		return
	}
	t.mu.RLock()
	defer t.mu.RUnlock()
	if t.rec != nil && !t.closed {
		t.rec.RecordEvent(ev)
	}
}

// bufferedFile is a file that is written in blocks.
type bufferedFile struct {
	*bufio.Writer
	f *os.File
}

func (b bufferedFile) Close() error { return errors.Join(b.Flush(), b.f.Close()) }
