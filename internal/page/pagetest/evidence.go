package pagetest

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/dark-tower/prober/flows"
)

// talk is ten seconds of conversation, in which so many frames of a hundred are
// lost on the downlink of one of the two.
func talk(n, lost int) flows.Run {
	r := begin(n, "media", flows.Media)
	s := script{&r, r.Started}
	for who := range 2 {
		s.enter(flows.Actor(who+1), true, flows.StepGCJoin, wobble(n+who))
		s.step(flows.Actor(who+1), true, false, flows.StepFirstMedia, 4*ms)
	}
	began := s.at.Sub(r.Started)
	s.step(flows.Actor(1), true, false, flows.StepTalk, 10*time.Second)
	r.Pairs = []flows.Pair{
		pair(n, flows.Actor(1), flows.Actor(2), began, lost),
		pair(n+1, flows.Actor(2), flows.Actor(1), began, 0),
	}
	r.Leaves.Clean = 2
	r.Connections = connections(flows.Actor(1), flows.Actor(2))
	r.Transcript = transcript(flows.Actor(1))
	for _, p := range r.Pairs {
		r.Self.TaintedFrames += p.Tainted
	}
	return r
}

func pair(n int, from, to string, began time.Duration, lost int) flows.Pair {
	random := rand.New(rand.NewPCG(uint64(n), 3))
	p := flows.Pair{From: from, To: to, Sent: 500, Jitter: 260 * time.Microsecond, LongestSilence: 38 * ms, RelayShare: new(210 * time.Microsecond),
		SendLateness: flows.Distribution{Count: 500, P50: 60 * time.Microsecond, P95: 90 * time.Microsecond, P99: 300 * time.Microsecond, Max: ms}}
	var all []time.Duration
	for i := range 500 {
		if random.IntN(100) < lost {
			p.LostDownlink++
			continue
		}
		latency := time.Duration(620 * math.Exp(random.NormFloat64()*0.3) * float64(time.Microsecond))
		if lost > 0 && i > 300 && i < 360 {
			latency *= 40 // a queue that fills and empties
		}
		sample := flows.Sample{At: began + time.Duration(i)*20*ms + latency, Latency: latency, Tainted: i >= 100 && i < 104}
		if sample.Tainted {
			p.Tainted++
		}
		p.Samples, all = append(p.Samples, sample), append(all, latency)
	}
	if p.LostDownlink > 0 {
		p.LostAt = []flows.HandlerLoss{{Handler: 2, Downlink: p.LostDownlink}}
	}
	p.Delivered, p.Latency = len(all), flows.Summarise(all)
	if lost > 0 {
		p.LongestSilence = 140 * ms
	}
	return p
}

func connections(actors ...string) []flows.Connection {
	var out []flows.Connection
	for _, a := range actors {
		for i, hop := range []flows.Hop{flows.MC, flows.MH, flows.MH} {
			c := flows.Connection{Actor: a, Hop: hop, Handler: i, Dialect: "legacy", Family: "ipv4", Mapped: true, Dialed: 210 * ms, Handshake: 6 * ms,
				RTT: 410 * time.Microsecond, SmoothedRTT: 620 * time.Microsecond, RTTVariation: 120 * time.Microsecond,
				PacketsSent: 620, PacketsReceived: 590, PacketsLost: i, BytesSent: 141_200, BytesReceived: 139_800,
				CongestionWindow: 40_000, MTU: 1452, CertificateUntil: Now.Add(11 * 24 * time.Hour),
				Certificate: &flows.Certificate{NotBefore: Now.Add(-3 * 24 * time.Hour), NotAfter: Now.Add(11 * 24 * time.Hour), Key: "ECDSA P-256", Trust: flows.TrustName},
				Ended:       &flows.Ending{At: 10800 * ms, By: flows.ByProber, Via: "connection_close"}}
			if hop == flows.MH {
				c.DatagramsSent, c.DatagramsReceived = 540, 530
			}
			out = append(out, c)
		}
	}
	return out
}

func transcript(actor string) flows.Transcript {
	message := func(at time.Duration, hop flows.Hop, d flows.Direction, kind string, bytes int, note string) flows.Message {
		return flows.Message{At: at, Actor: actor, Hop: hop, Direction: d, Kind: kind, Bytes: bytes, Note: note}
	}
	return flows.Transcript{Omitted: 3, Messages: []flows.Message{
		message(212*ms, flows.MC, flows.SentMessage, "JoinRequest", 812, ""),
		message(217*ms, flows.MC, flows.ReceivedMessage, "JoinResponse", 1204, "1 participant, 2 handlers, a meeting key"),
		message(224*ms, flows.MH, flows.SentMessage, "MediaHello", 640, ""),
		message(229*ms, flows.MH, flows.ReceivedMessage, "MediaHelloAck", 12, ""),
		message(230*ms, flows.MC, flows.SentMessage, "ReceiveCapability", 31, "2 slots"),
		message(236*ms, flows.MC, flows.ReceivedMessage, "SlotAssignment", 88, "2 slots: 1 ACTIVE, 1 EMPTY"),
	}}
}

func logOf(r flows.Run) []string {
	out := []string{fmt.Sprintf(`%s INFO prober.%s run started`, r.Started.Format(time.RFC3339Nano), r.Flow)}
	for _, s := range r.Steps {
		line := fmt.Sprintf(`%s INFO prober.%s step=%s actor=%q duration=%s`, s.Started.Add(s.Duration).Format(time.RFC3339Nano), r.Flow, s.Step, s.Actor, s.Duration)
		if s.Failure != nil {
			line = strings.Replace(line, "INFO", "WARN", 1) + fmt.Sprintf(` hop=%s reason=%s error=%q`, s.Failure.Hop, s.Failure.Reason, s.Failure.Detail)
		}
		out = append(out, line)
	}
	return append(out, fmt.Sprintf(`%s INFO prober.%s run finished outcome=%s`, r.Started.Add(r.Duration).Format(time.RFC3339Nano), r.Flow, r.Outcome))
}
