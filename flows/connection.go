package flows

import "time"

// Connection is what is known of one connection to MC or MH when a run was judged.
// It names no address.
type Connection struct {
	Actor   string
	Hop     Hop
	Handler int    // which media handler, numbered as in HandlerLoss; 0: not one
	After   bool   // made after the cut
	Dialect string // of WebTransport: "legacy" or "modern"
	Mapped  bool   // the endpoint map named another address
	Family  string // of addresses: "ipv4" or "ipv6"

	Dialed    time.Duration // when, since the run's start; negative: before it
	Handshake time.Duration // QUIC and TLS
	LastHeard time.Duration // when the last packet came, since the run's start

	RTT          time.Duration // the smallest that QUIC measured; 0: none
	SmoothedRTT  time.Duration
	RTTVariation time.Duration // mean deviation

	// Totals of the whole connection, which may be older than the run.
	PacketsSent, PacketsReceived, PacketsLost int // lost: of those sent
	BytesSent, BytesReceived, BytesLost       int64
	DatagramsSent, DatagramsReceived          int
	DroppedDatagrams                          int // lost in this machine's own queues

	CongestionWindow int // bytes, at last
	MTU              int // largest packet, bytes; 0: not known

	Certificate      *Certificate // of the server itself; nil when it showed none
	CertificateUntil time.Time    // the first moment at which one of its chain has expired
	Ended            *Ending      // nil: open when the run was judged
}

// Certificate is what a server's certificate says, but for whom it names.
type Certificate struct {
	NotBefore, NotAfter time.Time
	Key                 string // such as "ECDSA P-256"
	Trust               Trust
}

// Trust is why a certificate was accepted.
type Trust string

// The ways to trust.
const (
	TrustName Trust = "name"       // chain and name were verified
	TrustPin  Trust = "pin"        // it is one of the pinned ones
	TrustNone Trust = "unverified" // nothing was verified, as configured
)

// Ending is how a connection ended.
type Ending struct {
	At   time.Duration // since the run's start
	By   EndedBy
	Via  string // such as "connection_close", "capsule", "idle_timeout"
	Code uint64 // as given; 0 when there was none
}

// EndedBy is who ended a connection.
type EndedBy string

// Who ends connections.
const (
	ByPlatform EndedBy = "platform"
	ByProber   EndedBy = "prober"  // by a cut, or because the run was over
	ByNobody   EndedBy = "silence" // the other side was not heard any more, or could not be reached
)

// Continuity tells whether a hop carried our trace on, as far as its answer to a
// join shows it. Only MC answers with a trace: AC and GC send no such header back
// (platform contract, AC/GC 9), and a handler does not answer.
type Continuity struct {
	Hop    Hop
	Result string // one of Continuities
}

// What becomes of our trace at a hop.
const (
	TraceContinued = "continued" // the answer belongs to our trace
	TraceLinked    = "linked"    // the answer belongs to a trace of the hop's own, which our span links to
	TraceAbsent    = "absent"    // the answer carries no trace
	TraceBroken    = "broken"    // what the answer carries is no trace, or our own span again
)

// Continuities lists the closed set.
func Continuities() []string {
	return []string{TraceContinued, TraceLinked, TraceAbsent, TraceBroken}
}
