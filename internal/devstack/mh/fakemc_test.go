package mh_test

import (
	"context"
	"sync"
	"testing"

	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/dark-tower/prober/internal/darktower/wire/internalv1"
)

// fakeMC answers connection reports.
type fakeMC struct {
	internalv1.UnimplementedMediaCoordinationServiceServer
	url          string
	connected    chan *internalv1.NotifyParticipantConnectedRequest
	disconnected chan *internalv1.NotifyParticipantDisconnectedRequest

	mu      sync.Mutex // protects all following fields
	senders map[string]uint32
	fail    []error // one per call of NotifyParticipantConnected, then none
	held    <-chan struct{}
	spans   []trace.SpanContext
}

func newFakeMC(t *testing.T) *fakeMC {
	t.Helper()
	l := listenTCP(t)
	mc := &fakeMC{url: "http://" + l.Addr().String(), senders: make(map[string]uint32),
		connected:    make(chan *internalv1.NotifyParticipantConnectedRequest, 100),
		disconnected: make(chan *internalv1.NotifyParticipantDisconnectedRequest, 100)}
	srv := grpc.NewServer()
	internalv1.RegisterMediaCoordinationServiceServer(srv, mc)
	var wg sync.WaitGroup
	wg.Go(func() { srv.Serve(l) })
	t.Cleanup(func() { srv.Stop(); wg.Wait() })
	return mc
}

func (m *fakeMC) NotifyParticipantConnected(ctx context.Context, req *internalv1.NotifyParticipantConnectedRequest) (*internalv1.NotifyParticipantConnectedResponse, error) {
	m.connected <- req
	m.mu.Lock()
	held := m.held
	m.spans = append(m.spans, trace.SpanContextFromContext(ctx))
	m.mu.Unlock()
	if held != nil {
		<-held
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.fail) > 0 {
		err := m.fail[0]
		m.fail = m.fail[1:]
		return nil, err
	}
	return &internalv1.NotifyParticipantConnectedResponse{Acknowledged: true, SenderId: m.senders[req.GetParticipantId()]}, nil
}

func (m *fakeMC) NotifyParticipantDisconnected(_ context.Context, req *internalv1.NotifyParticipantDisconnectedRequest) (*internalv1.NotifyParticipantDisconnectedResponse, error) {
	m.disconnected <- req
	return &internalv1.NotifyParticipantDisconnectedResponse{Acknowledged: true}, nil
}

func (m *fakeMC) admit(user string, sender uint32) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.senders[user] = sender
}

// hold keeps further answers back until ch is closed.
func (m *fakeMC) hold(ch <-chan struct{}) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.held = ch
}

func (m *fakeMC) failNext(n int, code codes.Code) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for range n {
		m.fail = append(m.fail, status.Error(code, "not now"))
	}
}
