package darktower

import (
	"net/netip"
	"time"

	"github.com/dark-tower/prober/internal/darktower/media"
	"github.com/dark-tower/prober/internal/webtransport"
)

// Connection is what is known of one connection, open or ended.
type Connection struct {
	MC        bool   // to MC; else to a media handler
	URL       string // as the platform advertised it
	ConnEpoch uint32 // counts the connections to a handler, from 1; 0 for MC
	Since     time.Time
	AfterCut  bool // made after the first cut
	Open      bool
	Err       error   // why it is not
	Ended     *Ending // nil while Open

	Dialed  string // address
	Family  string // of Dialed: "ipv4" or "ipv6"
	Mapped  bool   // Dialed comes from the endpoint map
	Dialect string
	Timings webtransport.Timings
	RTT     time.Duration // the smallest that QUIC measured; 0: none
	Stats   webtransport.Stats

	Certificates     []webtransport.Certificate // leaf first
	Trust            webtransport.Trust         // why they were accepted
	CertificateUntil time.Time                  // the first moment at which one of them has expired

	// DroppedDatagrams arrived and were lost on this machine: in the socket's buffer,
	// where a packet counts as one, in the receive queue of the QUIC stack, or between
	// reader and decoder.
	DroppedDatagrams int
	LastHeard        time.Time      // when the last packet came; zero: never
	Hops             media.HopStats // of a handler
}

// Connections are all connections there ever were: those to MC, oldest first,
// then those to handlers, oldest first. They stay readable after Release.
func (p *Participant) Connections() []Connection {
	p.mu.Lock()
	var firstCut time.Time
	if len(p.cuts) > 0 {
		firstCut = p.cuts[0].At
	}
	var out []Connection
	for _, s := range p.sessions {
		c := describe(s.Transport())
		c.MC, c.Err = true, s.Err()
		c.Ended = ending(c.Err, s.Transport().EndedAt())
		out = append(out, c)
	}
	p.mu.Unlock()
	for _, h := range p.handlers.Status() {
		c := describe(h.Session)
		c.ConnEpoch, c.Err, c.Hops = h.ConnEpoch, h.Err, h.Hops
		c.DroppedDatagrams += h.QueueDropped
		c.Ended = ending(c.Err, h.Session.EndedAt())
		out = append(out, c)
	}
	for i := range out {
		out[i].Open = out[i].Err == nil
		out[i].AfterCut = !firstCut.IsZero() && out[i].Since.After(firstCut)
	}
	return out
}

// LastHeard is when a packet last came on any connection; zero: never.
func (p *Participant) LastHeard() time.Time {
	var last time.Time
	note := func(t *webtransport.Session) {
		if at := t.Path().Stats().LastReceived; at.After(last) {
			last = at
		}
	}
	p.mu.Lock()
	for _, s := range p.sessions {
		note(s.Transport())
	}
	p.mu.Unlock()
	for _, h := range p.handlers.Status() {
		note(h.Session)
	}
	return last
}

func describe(t *webtransport.Session) Connection {
	stats, path := t.Stats(), t.Path().Stats()
	c := Connection{
		URL: t.URL(), Since: t.Timings().Start, Dialed: t.Dialed(), Family: family(t.Dialed()), Mapped: t.Mapped(), Dialect: t.Dialect().String(),
		Timings: t.Timings(), RTT: stats.MinRTT, Stats: stats, Certificates: t.Certificates(), Trust: t.Trust(),
		DroppedDatagrams: int(stats.DatagramsDropped + path.KernelDrops), LastHeard: path.LastReceived,
	}
	for _, cert := range c.Certificates {
		if c.CertificateUntil.IsZero() || cert.NotAfter.Before(c.CertificateUntil) {
			c.CertificateUntil = cert.NotAfter
		}
	}
	return c
}

func family(addr string) string {
	if a, err := netip.ParseAddrPort(addr); err == nil && a.Addr().Is6() {
		return "ipv6"
	}
	return "ipv4"
}

// Sent is the record of all frames built, oldest first.
func (p *Participant) Sent() []media.Sent { return p.sender.Sent() }

// SentStats are the sender's totals.
func (p *Participant) SentStats() media.SenderStats { return p.sender.Stats() }

// Received is the record of all datagrams that arrived, in order.
func (p *Participant) Received() []media.Received { return p.receiver.Received() }

// ReceivedStats are the receiver's totals.
func (p *Participant) ReceivedStats() media.ReceiverStats { return p.receiver.Stats() }

// OwnDrops counts the datagrams that had arrived and were lost within this
// process.
func (p *Participant) OwnDrops() int {
	n := 0
	for _, c := range p.Connections() {
		n += c.DroppedDatagrams
	}
	return n
}

// LostRecords counts the frames, sent and received, that the full records do not
// show.
func (p *Participant) LostRecords() int {
	return p.sender.Stats().Truncated + p.receiver.Stats().Truncated
}

// Obedience is the last reason why the participant could not do what MC said,
// such as a meeting key that had to be refused; nil when there was none.
func (p *Participant) Obedience() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.obeyErr
}
