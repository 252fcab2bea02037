package mc

import (
	"bytes"
	"context"
	"math"
	"strings"
	"testing"
	"time"

	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/protobuf/proto"

	"github.com/dark-tower/prober/internal/darktower/wire/signalingv1"
)

func FuzzReadFrame(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{0, 0, 0, 0})
	f.Add([]byte{0, 0, 0, 1, 7, 0, 0, 0, 2, 1})
	f.Add([]byte{0, 1, 0, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		r, read := bytes.NewReader(b), 0
		var buf []byte
		for {
			body, err := readFrame(r, &buf)
			if err != nil {
				break
			}
			if len(body) == 0 || len(body) > maxFrame {
				t.Fatalf("a frame of %d bytes", len(body))
			}
			again := appendFrame(nil, body)
			if !bytes.Equal(again, b[read:read+len(again)]) {
				t.Fatal("a frame read is not the frame written")
			}
			read += len(again)
		}
		if cap(buf) > maxFrame {
			t.Fatalf("%d bytes were set aside", cap(buf))
		}
	})
}

func TestFramesAreBounded(t *testing.T) {
	var buf []byte
	largest := appendFrame(nil, make([]byte, maxFrame))
	if body, err := readFrame(bytes.NewReader(largest), &buf); err != nil || len(body) != maxFrame {
		t.Errorf("the largest frame: %d bytes, %v", len(body), err)
	}
	for name, b := range map[string][]byte{
		"length zero": {0, 0, 0, 0},
		"too large":   {0, 1, 0, 1, 9},
		"cut short":   {0, 0, 0, 2, 9},
		"half a head": {0, 0},
	} {
		if _, err := readFrame(bytes.NewReader(b), &buf); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}

func TestAMessageFromTheFutureDecodesToNothingKnown(t *testing.T) {
	var m signalingv1.ServerMessage
	if err := proto.Unmarshal(fromTheFuture(), &m); err != nil || m.Message != nil || len(m.ProtoReflect().GetUnknown()) == 0 {
		t.Errorf("decoded as %v, %v", &m, err)
	}
}

func TestTraceContextsOutOfBoundsAreIgnored(t *testing.T) {
	const good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	members := func(n int) string {
		var b strings.Builder
		for i := range n {
			if i > 0 {
				b.WriteByte(',')
			}
			b.WriteString("k" + strings.Repeat("a", i) + "=1")
		}
		return b.String()
	}
	on := newTracing(sdk.NewTracerProvider())
	for _, tc := range []struct {
		name, parent, state string
		want                bool
	}{
		{"a good parent", good, "", true},
		{"a good state", good, "a=1,b=2", true},
		{"no parent", "", "a=1", false},
		{"a malformed parent", strings.ToUpper(good), "", false},
		{"a parent too long", good + "-00", "", false},
		{"a malformed state", good, "=", false},
		{"a state too long", good, "a=" + strings.Repeat("x", 511), false},
		{"too many members", good, members(33), false},
	} {
		got := trace.SpanContextFromContext(on.remote(context.Background(), tc.parent, tc.state))
		if got.IsValid() != tc.want {
			t.Errorf("%s: valid = %t", tc.name, got.IsValid())
		}
		if off := newTracing(nil).remote(context.Background(), tc.parent, tc.state); trace.SpanContextFromContext(off).IsValid() {
			t.Errorf("%s: taken with tracing off", tc.name)
		}
	}
}

func TestMessagesCarryTheSpanThatCausedThemOrTheConnections(t *testing.T) {
	provider := sdk.NewTracerProvider(sdk.WithSyncer(tracetest.NewInMemoryExporter()))
	on := newTracing(provider)
	connection, s1 := on.tracer.Start(context.Background(), "connection")
	reason, s2 := on.tracer.Start(context.Background(), "cause")
	defer s1.End()
	defer s2.End()
	m := errorMessage(signalingv1.ErrorCode_ERROR_CODE_FORBIDDEN, "x")
	o := newOutbox(1, on, connection, nil, "c")
	if got := o.stamped(reason, m); !strings.Contains(got.TraceParent, s2.SpanContext().SpanID().String()) {
		t.Errorf("caused by a span: %q", got.TraceParent)
	}
	if got := o.stamped(context.Background(), m); !strings.Contains(got.TraceParent, s1.SpanContext().SpanID().String()) {
		t.Errorf("caused by no span: %q", got.TraceParent)
	}
	if got := newOutbox(1, newTracing(nil), connection, nil, "c").stamped(reason, m); got.TraceParent != "" || got.TraceState != "" {
		t.Errorf("with tracing off: %q", got.TraceParent)
	}
}

func TestHeartbeatIntervals(t *testing.T) {
	const platform = 10 * time.Second
	for _, tc := range []struct {
		configured time.Duration
		answered   uint64
		want       time.Duration
	}{
		{0, 0, platform}, {0, 5000, 5 * time.Second}, {time.Second, 5000, time.Second}, {0, math.MaxUint64, platform},
	} {
		if got := interval(tc.configured, tc.answered, platform); got != tc.want {
			t.Errorf("configured %s, answered %d ms: %s, want %s", tc.configured, tc.answered, got, tc.want)
		}
	}
}

func TestEndpointsMayHaveAScheme(t *testing.T) {
	for in, want := range map[string]string{
		"127.0.0.1:50053": "127.0.0.1:50053", "http://mh:50053": "mh:50053", "grpc://[::1]:1": "[::1]:1",
	} {
		if got, err := hostPort(in); err != nil || got != want {
			t.Errorf("%s becomes %s, %v", in, got, err)
		}
	}
	for _, in := range []string{"http://", "http://%zz"} {
		if _, err := hostPort(in); err == nil {
			t.Errorf("%s is accepted", in)
		}
	}
}
