package report

import (
	"time"

	"github.com/dark-tower/prober/flows"
)

type connectionOf struct {
	Actor            string         `json:"actor"`
	Hop              flows.Hop      `json:"hop"`
	Handler          int            `json:"handler,omitempty"` // of hop mh, numbered as in lost_by_handler
	After            bool           `json:"after_cut,omitempty"`
	Dialect          string         `json:"dialect"`
	Mapped           bool           `json:"address_mapped"`
	Family           string         `json:"address_family,omitempty"`
	Dialed           float64        `json:"dialed_at_seconds"` // since the run's start; negative: before it
	Handshake        float64        `json:"handshake_seconds"`
	LastHeard        float64        `json:"last_heard_at_seconds"` // since the run's start
	RTT              float64        `json:"rtt_seconds"`
	SmoothedRTT      float64        `json:"rtt_smoothed_seconds"`
	RTTVariation     float64        `json:"rtt_variation_seconds"`
	PacketsSent      int            `json:"packets_sent"`
	PacketsReceived  int            `json:"packets_received"`
	PacketsLost      int            `json:"packets_lost"`
	BytesSent        int64          `json:"bytes_sent"`
	BytesReceived    int64          `json:"bytes_received"`
	BytesLost        int64          `json:"bytes_lost"`
	Datagrams        int            `json:"datagrams_sent"`
	Received         int            `json:"datagrams_received"`
	Dropped          int            `json:"datagrams_dropped_by_prober"`
	CongestionWindow int            `json:"congestion_window_bytes,omitempty"`
	MTU              int            `json:"mtu_bytes,omitempty"`
	CertificateUntil *time.Time     `json:"certificate_not_after,omitempty"` // the first of the chain
	Certificate      *certificateOf `json:"certificate,omitempty"`           // of the server itself
	Ended            *endingOf      `json:"ended,omitempty"`
}

type certificateOf struct {
	NotBefore time.Time   `json:"not_before"`
	NotAfter  time.Time   `json:"not_after"`
	Key       string      `json:"key"`
	Trust     flows.Trust `json:"trusted_for"`
}

type endingOf struct {
	At   float64       `json:"at_seconds"`
	By   flows.EndedBy `json:"by"`
	Via  string        `json:"via"`
	Code uint64        `json:"code"`
}

func jsonConnection(c flows.Connection) connectionOf {
	out := connectionOf{
		Actor: c.Actor, Hop: c.Hop, Handler: c.Handler, After: c.After, Dialect: c.Dialect, Mapped: c.Mapped, Family: c.Family,
		Dialed: c.Dialed.Seconds(), Handshake: c.Handshake.Seconds(), LastHeard: c.LastHeard.Seconds(),
		RTT: c.RTT.Seconds(), SmoothedRTT: c.SmoothedRTT.Seconds(), RTTVariation: c.RTTVariation.Seconds(),
		PacketsSent: c.PacketsSent, PacketsReceived: c.PacketsReceived, PacketsLost: c.PacketsLost,
		BytesSent: c.BytesSent, BytesReceived: c.BytesReceived, BytesLost: c.BytesLost,
		Datagrams: c.DatagramsSent, Received: c.DatagramsReceived, Dropped: c.DroppedDatagrams,
		CongestionWindow: c.CongestionWindow, MTU: c.MTU,
	}
	if !c.CertificateUntil.IsZero() {
		out.CertificateUntil = &c.CertificateUntil
	}
	if x := c.Certificate; x != nil {
		out.Certificate = &certificateOf{NotBefore: x.NotBefore, NotAfter: x.NotAfter, Key: x.Key, Trust: x.Trust}
	}
	if e := c.Ended; e != nil {
		out.Ended = &endingOf{At: e.At.Seconds(), By: e.By, Via: e.Via, Code: e.Code}
	}
	return out
}

type transcriptOf struct {
	Messages []messageOf `json:"messages"`
	Omitted  int         `json:"omitted"`
}

type messageOf struct {
	At        float64         `json:"at_seconds"`
	Actor     string          `json:"actor"`
	Hop       flows.Hop       `json:"hop"`
	Direction flows.Direction `json:"direction"`
	Kind      string          `json:"kind"`
	Bytes     int             `json:"bytes"`
	Note      string          `json:"note,omitempty"`
}

func jsonTranscript(t flows.Transcript) *transcriptOf {
	if len(t.Messages) == 0 {
		return nil
	}
	out := &transcriptOf{Omitted: t.Omitted}
	for _, m := range t.Messages {
		out.Messages = append(out.Messages, messageOf{
			At: m.At.Seconds(), Actor: m.Actor, Hop: m.Hop, Direction: m.Direction, Kind: m.Kind, Bytes: m.Bytes, Note: m.Note,
		})
	}
	return out
}
