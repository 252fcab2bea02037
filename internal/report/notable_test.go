package report_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/internal/report"
)

// eventful are runs of which there is something to say besides what was measured.
func eventful() []flows.Run {
	message := func(at time.Duration, actor string, hop flows.Hop, d flows.Direction, kind string, bytes int, note string) flows.Message {
		return flows.Message{At: at, Actor: actor, Hop: hop, Direction: d, Kind: kind, Bytes: bytes, Note: note}
	}
	mh := flows.Connection{
		Actor: flows.Actor(1), Hop: flows.MH, Dialect: "legacy", Mapped: true, Family: "ipv6", Dialed: 20 * ms, Handshake: 3 * ms, LastHeard: 3200 * ms,
		RTT: ms, SmoothedRTT: 2 * ms, RTTVariation: 300 * time.Microsecond, PacketsSent: 200, PacketsReceived: 190, PacketsLost: 3,
		BytesSent: 50000, BytesReceived: 48000, BytesLost: 700, DatagramsSent: 150, DatagramsReceived: 148, DroppedDatagrams: 1,
		CongestionWindow: 40960, MTU: 1452, CertificateUntil: start.Add(47*time.Hour + 30*time.Minute),
		Certificate: &flows.Certificate{NotBefore: start.AddDate(0, 0, -12), NotAfter: start.Add(47*time.Hour + 30*time.Minute), Key: "ECDSA P-256", Trust: flows.TrustPin},
		Ended:       &flows.Ending{At: 1234 * ms, By: flows.ByPlatform, Via: "connection_close", Code: 0},
	}
	silent, cut, soon := mh, mh, mh
	silent.Actor, silent.Ended = flows.Actor(2), &flows.Ending{At: 3 * time.Second, By: flows.ByNobody, Via: "idle_timeout"}
	cut.Actor, cut.Ended = flows.Actor(2), &flows.Ending{At: 2 * time.Second, By: flows.ByProber, Via: "local"}
	soon.Hop, soon.Ended, soon.CertificateUntil = flows.MC, nil, start.Add(49*time.Hour)

	good := talked()
	good.Connections = []flows.Connection{soon, mh, silent, cut}
	good.Continuity = []flows.Continuity{{Hop: flows.MC, Result: flows.TraceLinked}, {Hop: flows.MC, Result: flows.TraceContinued},
		{Hop: flows.MC, Result: flows.TraceBroken}, {Hop: flows.MC, Result: flows.TraceLinked}}
	good.Pairs[1].Muted, good.Pairs[1].MissedDue = 40, 2
	good.Pairs[0].LeaveLateness = flows.Distribution{Count: 150, P50: 20 * time.Microsecond, P95: 40 * time.Microsecond, P99: 80 * time.Microsecond, Max: ms}
	good.Pairs[0].ReadLateness = flows.Distribution{Count: 150, P50: 30 * time.Microsecond, P95: 50 * time.Microsecond, P99: 90 * time.Microsecond, Max: 2 * ms}
	good.Transcript = flows.Transcript{Omitted: 4, Messages: []flows.Message{
		message(12*ms, flows.Actor(1), flows.MC, flows.SentMessage, "JoinRequest", 512, ""),
		message(15*ms, flows.Actor(1), flows.MC, flows.ReceivedMessage, "JoinResponse", 300, "0 participants, 2 handlers, key generation 0"),
	}}

	bad := platformsFault
	bad.Transcript.Messages = []flows.Message{
		message(ms, flows.ActorPerson, flows.MC, flows.SentMessage, "JoinRequest", 512, ""),
		message(2*ms, flows.ActorAnchor, flows.MC, flows.ReceivedMessage, "StreamAssignments", 40, "2 slots: 2 FEWER_SOURCES_THAN_SLOTS"),
	}
	slept := failed(flows.Inconclusive, &flows.Failure{Hop: flows.Prober, Reason: flows.Self, Cause: flows.CauseLag,
		Detail: "the prober's machine slept for 1h0m0s; the run ended with: MC join: timed out"})
	slept.Self.Slept, slept.Self.ClockSet = time.Hour, -time.Second
	slept.Transcript = bad.Transcript
	return []flows.Run{good, bad, slept}
}

func TestWhatIsNotableIsSaid(t *testing.T) {
	var text bytes.Buffer
	if err := (report.Text{}).Write(&text, eventful()); err != nil {
		t.Fatal(err)
	}
	var documents bytes.Buffer
	enc := json.NewEncoder(&documents)
	enc.SetIndent("", "  ")
	for _, r := range eventful() {
		if err := enc.Encode(report.DocumentOf(r)); err != nil {
			t.Fatal(err)
		}
	}
	for name, got := range map[string][]byte{"notable.txt": text.Bytes(), "notable.json": documents.Bytes()} {
		path := filepath.Join("testdata", name)
		if *update {
			if err := os.WriteFile(path, got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatalf("%v; make it with go test ./internal/report -update", err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("got:\n%s\nwant:\n%s", got, want)
		}
	}
}
