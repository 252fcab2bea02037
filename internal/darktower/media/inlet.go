package media

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/dark-tower/prober/internal/darktower/frame"
	"github.com/dark-tower/prober/internal/darktower/seal"
	"github.com/dark-tower/prober/internal/webtransport"
)

// source is what a receiver needs of a connection.
type source interface {
	ReceiveDatagram(context.Context) ([]byte, error)
}

// timedSource is a connection that knows when the kernel took a datagram from the
// network.
type timedSource interface {
	ReceiveArrival(context.Context) ([]byte, webtransport.Arrival, error)
}

// untimed is a connection that does not.
type untimed struct{ source }

func (u untimed) ReceiveArrival(ctx context.Context) ([]byte, webtransport.Arrival, error) {
	data, err := u.ReceiveDatagram(ctx)
	return data, webtransport.Arrival{At: time.Now()}, err
}

// An inlet is the way of datagrams from one connection. The reader touches only
// what it needs to read; everything else belongs to the decoder.
type inlet struct {
	url    string
	epoch  uint32
	to     *Receiver
	opener Opener
	slots  map[uint16]bool
	done   chan struct{} // closed when the reader has ended

	mu      sync.Mutex // protects all following fields
	hops    hopMonitor
	dropped int // for want of room in the queue
}

// stats returns the hop numbers' story and the datagrams lost in the queue.
func (in *inlet) stats() (HopStats, int) {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.hops.stats, in.dropped
}

// attach starts reading from a connection. The reader ends with the connection
// or with ctx.
func (r *Receiver) attach(ctx context.Context, url string, epoch uint32, from source) *inlet {
	r.mu.Lock()
	in := &inlet{
		url: url, epoch: epoch, to: r, opener: r.opener, slots: r.slots,
		hops: hopMonitor{slots: map[uint16]*hopState{}}, done: make(chan struct{}),
	}
	r.open++
	r.attached++
	r.mu.Unlock()
	go in.read(ctx, from)
	return in
}

// read does nothing but read, stamp and hand over.
func (in *inlet) read(ctx context.Context, from source) {
	defer close(in.done)
	timed, ok := from.(timedSource)
	if !ok {
		timed = untimed{from}
	}
	var last time.Time
	for {
		data, arrived, err := timed.ReceiveArrival(ctx)
		at := arrived.At
		if !arrived.Kernel.IsZero() {
			at = arrived.Kernel
		}
		if at.Before(last) {
			// Of the datagram before, only the later moment of reading is known, or two
			// processors disagree: datagrams stay in the order in which they came.
			at = last
		}
		last = at
		if err != nil {
			in.to.queue <- arrival{from: in, end: err} // the decoder always drains
			return
		}
		select {
		case in.to.queue <- arrival{at: at, read: arrived.At, data: data, from: in}:
		default:
			in.mu.Lock()
			in.dropped++
			in.mu.Unlock()
			in.to.queueFull(arrived.At)
		}
	}
}

// take decodes, opens and describes one datagram, in the order of the contract
// (platform contract, media B.8). It returns the buffer for the next plaintext.
func (in *inlet) take(a arrival, plaintext []byte) (Received, []byte) {
	rec := Received{At: a.at, ReadLateness: a.read.Sub(a.at), HandlerURL: in.url, ConnEpoch: in.epoch, Bytes: len(a.data)}
	v, err := frame.Decode(a.data)
	if err != nil {
		rec.Reject = reasonOf(err)
		return rec, plaintext
	}
	rec.Decoded = true
	rec.SlotID, rec.Hop, rec.Sequence = v.StreamID(), v.HopSequence(), v.StreamSequence()
	rec.Declared = in.slots[rec.SlotID]
	id, err := seal.KeyIDOf(v)
	if err != nil {
		rec.Reject = reasonOf(err)
		return rec, plaintext
	}
	rec.SenderID, rec.Stream, rec.Generation = id.Sender(), id.Stream(), id.Generation()
	if rec.Declared {
		in.mu.Lock()
		in.hops.see(rec.SlotID, rec.SenderID, rec.Hop)
		in.mu.Unlock()
	}
	if in.opener == nil {
		rec.Reject = frame.NoRosterEntry
		return rec, plaintext
	}
	opened, err := in.opener.Open(plaintext[:0], v, a.read)
	if err != nil {
		rec.Reject = reasonOf(err)
		return rec, plaintext
	}
	rec.Wrap = opened.WrapOutcome
	return rec, opened.Plaintext
}

func reasonOf(err error) frame.Reason {
	var reject *frame.RejectError
	if errors.As(err, &reject) {
		return reject.Reason
	}
	return frame.DecryptFailed
}
