package mh

import (
	"errors"
	"fmt"
	"net/url"

	"github.com/dark-tower/prober/internal/darktower/wire/internalv1"
	"github.com/dark-tower/prober/internal/darktower/wire/signalingv1"
)

// Bounds of a RegisterMeeting request (platform contract, media C.5 and C.6).
const (
	maxIDLen          = 256  // bytes
	maxEndpointLen    = 2048 // bytes
	maxEdges          = 512  // per meeting
	maxCandidates     = 16   // per edge
	maxMuted          = 512  // per meeting
	maxTotalEdges     = 65536
	maxSenderID       = 65535
	maxSlotID         = 65535
	maxStreamNumber   = 255
	transportModeNone = signalingv1.TransportMode_TRANSPORT_MODE_UNSPECIFIED
)

// edge is one egress stream: who is to hear a sender, and in which slot.
type edge struct {
	stream     uint32
	subscriber uint16
	slot       uint16
}

// policy is one meeting's forwarding snapshot, compiled for the forward path.
// It is immutable.
type policy struct {
	bySender map[uint16][]edge
	muted    map[uint16]struct{}
	streams  int
	mode     signalingv1.TransportMode
}

// compile checks a request as the platform does, as a whole, and compiles its
// policy.
func compile(req *internalv1.RegisterMeetingRequest) (*policy, error) {
	if err := checkID("meeting_id", req.GetMeetingId()); err != nil {
		return nil, err
	}
	if err := checkID("mc_id", req.GetMcId()); err != nil {
		return nil, err
	}
	if _, err := mcTarget(req.GetMcGrpcEndpoint()); err != nil {
		return nil, err
	}
	if n := len(req.GetEgressStreams()); n > maxEdges {
		return nil, fmt.Errorf("%d egress streams, more than %d", n, maxEdges)
	}
	p := &policy{bySender: make(map[uint16][]edge), muted: make(map[uint16]struct{}), streams: len(req.GetEgressStreams())}
	streams := make(map[uint32]struct{})
	slots := make(map[[2]uint32]struct{})
	for i, es := range req.GetEgressStreams() {
		if err := p.add(es, streams, slots); err != nil {
			return nil, fmt.Errorf("egress stream %d of the list: %w", i, err)
		}
	}
	if n := len(req.GetServerMutedSources()); n > maxMuted {
		return nil, fmt.Errorf("%d muted sources, more than %d", n, maxMuted)
	}
	for _, m := range req.GetServerMutedSources() {
		if err := checkSender(m.GetSenderId()); err != nil {
			return nil, fmt.Errorf("muted source: %w", err)
		}
		if _, twice := p.muted[uint16(m.GetSenderId())]; twice {
			return nil, fmt.Errorf("muted source %d is listed twice", m.GetSenderId())
		}
		p.muted[uint16(m.GetSenderId())] = struct{}{}
	}
	return p, nil
}

func (p *policy) add(es *internalv1.EgressStream, streams map[uint32]struct{}, slots map[[2]uint32]struct{}) error {
	id, sub := es.GetEgressStreamId(), es.GetSubscriber()
	if _, twice := streams[id]; twice {
		return fmt.Errorf("egress_stream_id %d is listed twice", id)
	}
	streams[id] = struct{}{}
	if err := checkSender(sub.GetSenderId()); err != nil {
		return fmt.Errorf("subscriber: %w", err)
	}
	if sub.GetSlotId() > maxSlotID {
		return fmt.Errorf("slot_id %d is out of range", sub.GetSlotId())
	}
	slot := [2]uint32{sub.GetSenderId(), sub.GetSlotId()}
	if _, twice := slots[slot]; twice {
		return fmt.Errorf("slot %d of subscriber %d is listed twice", slot[1], slot[0])
	}
	slots[slot] = struct{}{}
	switch mode := es.GetTransportMode(); {
	case mode != signalingv1.TransportMode_TRANSPORT_MODE_DATAGRAM && mode != signalingv1.TransportMode_TRANSPORT_MODE_STREAM_PER_GROUP:
		return errors.New("transport_mode is unspecified or unknown")
	case p.mode != transportModeNone && p.mode != mode:
		return errors.New("transport modes are mixed")
	default:
		p.mode = mode
	}
	if n := len(es.GetCandidateSources()); n > maxCandidates {
		return fmt.Errorf("%d candidate sources, more than %d", n, maxCandidates)
	}
	e := edge{stream: id, subscriber: uint16(sub.GetSenderId()), slot: uint16(sub.GetSlotId())}
	listed := make(map[uint16]struct{})
	for _, c := range es.GetCandidateSources() {
		if err := checkSender(c.GetSenderId()); err != nil {
			return fmt.Errorf("candidate source: %w", err)
		}
		if c.GetStreamNumber() > maxStreamNumber {
			return fmt.Errorf("stream_number %d is out of range", c.GetStreamNumber())
		}
		// The forward path matches candidates on their sender alone.
		sender := uint16(c.GetSenderId())
		if _, twice := listed[sender]; !twice {
			listed[sender] = struct{}{}
			p.bySender[sender] = append(p.bySender[sender], e)
		}
	}
	return nil
}

func checkID(field, id string) error {
	if id == "" || len(id) > maxIDLen {
		return fmt.Errorf("%s has %d bytes, not 1 to %d", field, len(id), maxIDLen)
	}
	return nil
}

func checkSender(id uint32) error {
	if id == 0 || id > maxSenderID {
		return fmt.Errorf("sender_id %d is out of range", id)
	}
	return nil
}

// mcTarget returns host:port of MC's gRPC endpoint, a URL.
func mcTarget(endpoint string) (string, error) {
	if endpoint == "" || len(endpoint) > maxEndpointLen {
		return "", fmt.Errorf("mc_grpc_endpoint has %d bytes, not 1 to %d", len(endpoint), maxEndpointLen)
	}
	u, err := url.Parse(endpoint)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" && u.Scheme != "grpc" {
		return "", errors.New("mc_grpc_endpoint is not an http, https or grpc URL")
	}
	return u.Host, nil
}
