package main

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/dark-tower/prober/internal/darktower/media"
	"github.com/dark-tower/prober/internal/link"
)

// What packets that hold frames are recognised by: their size. A frame comes in one
// QUIC datagram, with at most frameRoom bytes of its own around it; acknowledgements
// beside it take less than another frame would. Packets without a frame are
// smaller, once connections and streams are set up, or larger: the server probes
// for the path's MTU.
const (
	leastFramePacket = 230 // bytes
	mostFramePacket  = 1280
	packetRoom       = 20 // header and tag of a packet, in bytes, at least
	frameRoom        = 2  // around a frame, in bytes, at least
)

// framesIn is how many frames of a size a packet holds.
func framesIn(packet, frame int) int {
	if packet > mostFramePacket {
		return 0
	}
	return max(0, packet-packetRoom) / (frame + frameRoom)
}

// carried lists the packets of one direction of a link in the order in which they
// came, once for each frame in them.
func carried(packets []link.Packet, d link.Direction, since time.Time, frame int) []link.Packet {
	var out []link.Packet
	for _, p := range packets {
		if p.Direction != d || p.Copy || p.In.Before(since) {
			continue
		}
		for range framesIn(p.Size, frame) {
			out = append(out, p)
		}
	}
	slices.SortStableFunc(out, func(a, b link.Packet) int { return cmp.Compare(a.Number, b.Number) })
	return out
}

// trip is what the links know of one frame.
type trip struct {
	up, down link.Packet // the zero Packet when it did not come that far
	relayed  bool        // the handler forwarded it
}

// trips finds, for every frame from one person to another, the packets that it was
// in. QUIC seals packets, so frames are matched by order: the nth frame handed over
// is the nth that came to the link, and so on. That holds as long as every count
// agrees with every other; where one does not, there is no truth to compare with,
// which is an error.
func (w *world) trips(from, to *person) (map[uint32]trip, error) {
	var handed []media.Sent
	for _, s := range from.Sent() {
		if _, ok := s.Handed(); ok {
			handed = append(handed, s)
		}
	}
	if len(handed) == 0 {
		return nil, fmt.Errorf("%v sent nothing", from.Participant)
	}
	began, _ := handed[0].Handed()
	size := handed[0].Bytes
	upPackets, missedUp := from.book.Packets()
	downPackets, missedDown := to.book.Packets()
	if missedUp+missedDown > 0 {
		return nil, fmt.Errorf("the links' books are full")
	}
	up := carried(upPackets, link.Up, began, size)
	if len(up) != len(handed) {
		return nil, fmt.Errorf("%d frames were handed over and %d came to the link", len(handed), len(up))
	}
	out := make(map[uint32]trip, len(handed))
	for i, s := range handed {
		if s.Bytes != size {
			return nil, fmt.Errorf("frames of %d and %d bytes", size, s.Bytes)
		}
		out[s.Sequence] = trip{up: up[i]}
	}
	relayed := w.forwardedTo(to.SenderID())
	down := carried(downPackets, link.Down, began, size)
	if len(down) != len(relayed) {
		return nil, fmt.Errorf("%d frames were forwarded and %d came to the link", len(relayed), len(down))
	}
	for i, f := range relayed {
		t, ok := out[f.Sequence]
		if !ok || t.relayed {
			return nil, fmt.Errorf("frame %d was forwarded but not sent, or twice", f.Sequence)
		}
		t.relayed, t.down = true, down[i]
		out[f.Sequence] = t
	}
	return out, nil
}
