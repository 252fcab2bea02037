package mh_test

import (
	"testing"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"google.golang.org/protobuf/proto"

	"github.com/dark-tower/prober/internal/darktower/wire/signalingv1"
	"github.com/dark-tower/prober/internal/devstack/mh"
)

func connectionSpans[T sdktrace.ReadOnlySpan](spans []T) []T {
	var found []T
	for _, sp := range spans {
		if sp.Name() == "mh.webtransport.connection" {
			found = append(found, sp)
		}
	}
	return found
}

func TestTheConnectionSpanIsAChildOfTheClientsTrace(t *testing.T) {
	const traceID, spanID = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
	tests := []struct {
		name, parent, state string
		joined              bool
	}{
		{"a good context", "00-" + traceID + "-" + spanID + "-01", "vendor=1", true},
		{"no context", "", "", false},
		{"a malformed context", "00-zz-zz-01", "", false},
		{"a context that is too long", "00-" + traceID + "-" + spanID + "-01-more", "", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			spans := tracetest.NewSpanRecorder()
			s := newStand(t, func(cfg *mh.Config) {
				cfg.Tracer = sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans))
			})
			s.register(s.request())
			s.mc.admit("user-a", 1)
			msg, err := proto.Marshal(&signalingv1.MhClientMessage{
				Message: &signalingv1.MhClientMessage_ConnectRequest{
					ConnectRequest: &signalingv1.MhConnectRequest{JoinToken: s.meetingToken("user-a")}},
				TraceParent: tt.parent, TraceState: tt.state,
			})
			if err != nil {
				t.Fatal(err)
			}
			c := s.connect(msg)
			s.poll("the session to start", func(st mh.Stats) bool { return st.Starts[mh.SessionStarted] == 1 })
			c.stream.Close()
			receive(s, s.mc.disconnected, "the end")
			s.poll("the span to end", func(mh.Stats) bool { return len(connectionSpans(spans.Ended())) == 1 })

			conn := connectionSpans(spans.Ended())[0]
			if joined := conn.SpanContext().TraceID().String() == traceID && conn.Parent().SpanID().String() == spanID && conn.Parent().IsRemote(); joined != tt.joined {
				t.Errorf("parent %v, want joined to be %v", conn.Parent(), tt.joined)
			}
			calls := 0
			for _, sp := range spans.Ended() {
				if sp.Parent().SpanID() == conn.SpanContext().SpanID() {
					calls++
				}
			}
			if calls != 2 {
				t.Errorf("%d calls to MC under the connection's span, want both reports", calls)
			}
		})
	}
}
