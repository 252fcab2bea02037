package mh

import (
	"maps"
	"sync"
)

// DropReason is why a frame was dropped: the platform's label values, of which
// the codec's are frame.Reasons (platform contract, media E), and Injected.
type DropReason string

// The reasons that are not the codec's.
const (
	IngressQueueOverflow    DropReason = "ingress_queue_overflow"
	OversizeDatagram        DropReason = "oversize_datagram"
	NoPolicy                DropReason = "no_policy"
	ServerMuted             DropReason = "server_muted"
	TransportReceiveDropped DropReason = "transport_receive_dropped"
	NoMediaSession          DropReason = "no_media_session"

	EgressQueueOverflow  DropReason = "egress_queue_overflow"
	TransportSendRefused DropReason = "transport_send_refused"
	ConnectionClosed     DropReason = "connection_closed"
	NoSubscriber         DropReason = "no_subscriber"
	NoLocalSubscriber    DropReason = "no_local_subscriber"
	RelayRewriteFailed   DropReason = "relay_rewrite_failed"

	// Injected is a loss that a fault switch asked for; the platform has no such
	// reason.
	Injected DropReason = "injected"
)

// SessionStart is the outcome of one connect message (platform contract, media E).
type SessionStart string

// The closed set of outcomes, and the ways to fail before there is one.
const (
	SessionStarted                  SessionStart = "started"
	DeclinedNoSenderBinding         SessionStart = "declined_no_sender_binding"
	DeclinedSenderBindingOutOfRange SessionStart = "declined_sender_binding_out_of_range"
	DeclinedSenderBindingConflict   SessionStart = "declined_sender_binding_conflict"
	DeclinedMCUnavailable           SessionStart = "declined_mc_unavailable"
	DeclinedMCAuthRejected          SessionStart = "declined_mc_auth_rejected"
	DeclinedMCEndpointUnknown       SessionStart = "declined_mc_endpoint_unknown"
	ConnectMessageRefused           SessionStart = "connect_message_refused"
	TokenRefused                    SessionStart = "token_refused"
	RegisterMeetingTimedOut         SessionStart = "register_meeting_timeout"
	ConnectAbandoned                SessionStart = "abandoned" // the client left first, or the handler closed
	ConnectRejectedByFault          SessionStart = "injected"
)

// Connection statuses (platform contract, media E).
const (
	ConnectionAccepted = "accepted"
	ConnectionRejected = "rejected"
	ConnectionError    = "error"
)

// Stats is what a handler has counted since it started.
type Stats struct {
	Active      int // sessions open now
	Meetings    int // registered now
	Streams     int // egress streams installed now, over all meetings
	Connections map[string]uint64
	Starts      map[SessionStart]uint64

	ForwardedIngress uint64 // frames that were taken in: decoded, with a policy
	ForwardedEgress  uint64 // frames that were handed to a subscriber's connection
	Dropped          map[DropReason]uint64
}

// Forwarded says that a frame was rewritten for one subscriber.
type Forwarded struct {
	MeetingID  string
	Sender     uint16 // as bound to the publishing connection
	Sequence   uint32 // stream_sequence
	Subscriber uint16 // sender id of who is to receive it
	Slot       uint16 // the subscriber's slot: the stream_id written
	Hop        uint32 // the hop_sequence written
}

// Dropped says that a frame was dropped.
type Dropped struct {
	MeetingID string
	Reason    DropReason
	Sender    uint16
	Sequence  uint32 // stream_sequence; 0 when Decoded is false
	Decoded   bool   // the frame's header could be, and was, read

	// Relayed is true when the frame had been rewritten for a subscriber; the
	// following fields then say for whom and with which hop number.
	Relayed    bool
	Subscriber uint16
	Slot       uint16
	Hop        uint32
}

// counts is safe for concurrent use.
type counts struct {
	mu sync.Mutex // protects all following fields
	st Stats
}

func newCounts() *counts {
	return &counts{st: Stats{
		Connections: make(map[string]uint64),
		Starts:      make(map[SessionStart]uint64),
		Dropped:     make(map[DropReason]uint64),
	}}
}

func (c *counts) connection(status string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.st.Connections[status]++
}

func (c *counts) start(outcome SessionStart) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.st.Starts[outcome]++
}

func (c *counts) open(delta int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.st.Active += delta
}

func (c *counts) active() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.st.Active
}

func (c *counts) dropped(reason DropReason, n int) {
	if n == 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.st.Dropped[reason] += uint64(n)
}

func (c *counts) ingested() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.st.ForwardedIngress++
}

func (c *counts) sent() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.st.ForwardedEgress++
}

func (c *counts) snapshot() Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	st := c.st
	st.Connections = maps.Clone(st.Connections)
	st.Starts = maps.Clone(st.Starts)
	st.Dropped = maps.Clone(st.Dropped)
	return st
}

// drop counts a dropped frame and tells the hook.
func (s *Server) drop(d Dropped) {
	s.counts.dropped(d.Reason, 1)
	if s.cfg.OnDrop != nil {
		s.cfg.OnDrop(d)
	}
}
