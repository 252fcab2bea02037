package people

import (
	"slices"
	"time"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/internal/darktower"
)

// handlers are the addresses of all media handlers that the people of the run know,
// in order. A handler's number is its place among them, from 1.
func (c *Cast) handlers() []string {
	var urls []string
	for _, p := range c.people {
		urls = append(urls, p.View().Handlers...)
		for _, conn := range p.Connections() {
			if !conn.MC {
				urls = append(urls, conn.URL)
			}
		}
	}
	slices.Sort(urls)
	return slices.Compact(urls)
}

// number is the number of the handler at url; 0 when it is not among handlers.
func number(handlers []string, url string) int { return slices.Index(handlers, url) + 1 }

// connection is what a run keeps of a connection: no address, no name, no key.
func connection(actor string, c darktower.Connection, handlers []string, started time.Time) flows.Connection {
	out := flows.Connection{
		Handler: number(handlers, c.URL),
		Actor:   actor, Hop: flows.MH, After: c.AfterCut, Dialect: c.Dialect, Mapped: c.Mapped, Family: c.Family,
		Dialed: c.Since.Sub(started), Handshake: c.Timings.Handshake, LastHeard: c.LastHeard.Sub(started),
		RTT: c.RTT, SmoothedRTT: c.Stats.SmoothedRTT, RTTVariation: c.Stats.MeanDeviation,
		PacketsSent: int(c.Stats.PacketsSent), PacketsReceived: int(c.Stats.PacketsReceived), PacketsLost: int(c.Stats.PacketsLost),
		BytesSent: int64(c.Stats.BytesSent), BytesReceived: int64(c.Stats.BytesReceived), BytesLost: int64(c.Stats.BytesLost),
		DatagramsSent: int(c.Stats.DatagramsSent), DatagramsReceived: int(c.Stats.DatagramsReceived), DroppedDatagrams: c.DroppedDatagrams,
		CongestionWindow: c.Stats.CongestionWindow, MTU: c.Stats.MTU, CertificateUntil: c.CertificateUntil,
	}
	if c.MC {
		out.Hop, out.Handler = flows.MC, 0
	}
	if len(c.Certificates) > 0 {
		leaf := c.Certificates[0]
		out.Certificate = &flows.Certificate{NotBefore: leaf.NotBefore, NotAfter: leaf.NotAfter, Key: leaf.Key, Trust: flows.Trust(c.Trust)}
	}
	if e := c.Ended; e != nil {
		by := map[darktower.Side]flows.EndedBy{
			darktower.SidePlatform: flows.ByPlatform, darktower.SideClient: flows.ByProber, darktower.SideNone: flows.ByNobody,
		}[e.By]
		out.Ended = &flows.Ending{At: e.At.Sub(started), By: by, Via: string(e.Via), Code: e.Code}
	}
	return out
}
