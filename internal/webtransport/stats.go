package webtransport

import "time"

// Timings are the phases of one dial. A phase that did not happen is zero; the
// phases that happened add up to Total.
type Timings struct {
	// Start is when Dial was called.
	Start time.Time
	// DNS is zero for an address that is a literal.
	DNS time.Duration
	// Socket is opening the UDP socket.
	Socket time.Duration
	// Handshake is the QUIC and TLS handshake.
	Handshake time.Duration
	// Settings is from the end of the handshake to the server's HTTP/3 SETTINGS.
	Settings time.Duration
	// Connect is the extended CONNECT request until its answer.
	Connect time.Duration
	// Total is all of Dial.
	Total time.Duration
	// FirstPacket is from the start of the handshake to the server's first
	// packet: part of Handshake.
	FirstPacket time.Duration
}

// Stats are the statistics of a connection so far. They stay readable after
// the session was closed.
type Stats struct {
	// Round-trip times as QUIC measures them; 0 until the first sample.
	MinRTT, LatestRTT, SmoothedRTT, MeanDeviation time.Duration

	PacketsSent, PacketsReceived, PacketsLost uint64
	BytesSent, BytesReceived, BytesLost       uint64

	// DatagramsSent were handed to QUIC by SendDatagram.
	DatagramsSent uint64
	// DatagramsParsed arrived in QUIC packets.
	DatagramsParsed uint64
	// DatagramsReceived were handed out by ReceiveDatagram.
	DatagramsReceived uint64
	// DatagramsDropped arrived and were dropped inside this process because the
	// application did not take them in time: the prober's own loss.
	DatagramsDropped uint64
	// DatagramsForeign arrived for no session of ours.
	DatagramsForeign uint64

	// CongestionWindow is in bytes; MTU is the largest packet in bytes.
	CongestionWindow, MTU int
}
