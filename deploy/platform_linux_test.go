package deploy_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"

	"go.uber.org/goleak"
	"golang.org/x/net/dns/dnsmessage"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/dark-tower/prober/internal/devstack"
	"github.com/dark-tower/prober/internal/link"
)

// role makes this binary the cluster's platform instead of the tests.
const role = "DARKTOWER_TEST_PLATFORM"

func TestMain(m *testing.M) {
	if os.Getenv(role) == "" {
		goleak.VerifyTestMain(m)
		return
	}
	if err := platform(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// Where everybody is. The cluster's services and their pods are one here.
const (
	acAddr, gcAddr     = "10.96.0.82", "10.96.0.80"
	mc0, mc1, mh0, mh1 = "10.96.0.43", "10.96.0.44", "10.96.0.53", "10.96.0.54"
	collectorAddr      = "10.96.0.17"
	dnsAddr            = "10.96.0.10"
	prometheusAddr     = "10.96.0.90"
	strangerAddr       = "10.96.0.99"
	proberAddr         = "10.77.0.1"
	gatewayAddr        = "10.77.0.2"
)

// addresses are all of the cluster's.
func addresses() []string {
	return []string{acAddr, gcAddr, mc0, mc1, mh0, mh1, collectorAddr, dnsAddr, prometheusAddr, strangerAddr}
}

// services are the names that the cluster's DNS knows.
func services() map[string]string {
	const zone = ".dark-tower.svc.cluster.local."
	return map[string]string{
		"ac-service" + zone: acAddr, "gc-service" + zone: gcAddr, "otel-collector" + zone: collectorAddr,
		"mc-service-0" + zone: mc0, "mc-service-1" + zone: mc1, "mh-service-0" + zone: mh0, "mh-service-1" + zone: mh1,
	}
}

// hello is the first line that the platform prints; every line after it is the name of
// an RPC at the collector.
type hello struct {
	CA string `json:"ca"`
}

// platform runs what is in the development cluster, as it is there: AC and GC over
// plain HTTP, MC and MH advertised as the host's 127.0.0.1:4433 to 4436, each with a
// service of its own in front. It goes on until stdin ends.
func platform(stdin io.Reader, stdout io.Writer) (err error) {
	stack, err := devstack.Start(context.Background(), devstack.Options{MCs: 2, Handlers: 2, Addresses: devstack.Addresses{
		AC: acAddr + ":8082", GC: gcAddr + ":8080",
		MC: []string{"127.0.0.1:4433", "127.0.0.1:4435"}, MH: []string{"127.0.0.1:4434", "127.0.0.1:4436"},
	}})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stack.Close()) }()
	for server, service := range map[string]string{
		"127.0.0.1:4433": mc0 + ":4433", "127.0.0.1:4435": mc1 + ":4433", "127.0.0.1:4434": mh0 + ":4434", "127.0.0.1:4436": mh1 + ":4434",
	} {
		l, err := link.Listen(server, link.Config{Listen: service})
		if err != nil {
			return err
		}
		defer func() { _ = l.Close() }() // the process ends
	}
	names, err := net.ListenPacket("udp4", dnsAddr+":53")
	if err != nil {
		return err
	}
	go answer(names)
	otlp, err := net.Listen("tcp4", collectorAddr+":4317")
	if err != nil {
		return err
	}
	collector := grpc.NewServer(grpc.UnknownServiceHandler(func(_ any, s grpc.ServerStream) error {
		if err := s.RecvMsg(new(emptypb.Empty)); err != nil { // whatever was sent is unknown fields
			return err
		}
		method, _ := grpc.MethodFromServerStream(s)
		fmt.Fprintln(stdout, method)
		return s.SendMsg(new(emptypb.Empty))
	}))
	go func() { _ = collector.Serve(otlp) }() // until the process ends
	if err := json.NewEncoder(stdout).Encode(hello{CA: string(stack.CAPEM)}); err != nil {
		return err
	}
	_, _ = io.Copy(io.Discard, bufio.NewReader(stdin))
	return nil
}

// answer is the cluster's DNS: it has the services' addresses, and nothing else.
func answer(conn net.PacketConn) {
	buffer := make([]byte, 1500)
	for {
		n, from, err := conn.ReadFrom(buffer)
		if err != nil {
			return
		}
		var m dnsmessage.Message
		if m.Unpack(buffer[:n]) != nil || len(m.Questions) != 1 {
			continue
		}
		q := m.Questions[0]
		addr, known := services()[strings.ToLower(q.Name.String())]
		reply := dnsmessage.Message{Header: dnsmessage.Header{ID: m.ID, Response: true, RecursionDesired: m.RecursionDesired, RecursionAvailable: true}, Questions: m.Questions}
		if !known {
			reply.RCode = dnsmessage.RCodeNameError
		} else if q.Type == dnsmessage.TypeA {
			reply.Answers = []dnsmessage.Resource{{
				Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class, TTL: 30},
				Body:   &dnsmessage.AResource{A: netip.MustParseAddr(addr).As4()},
			}}
		}
		if packed, err := reply.Pack(); err == nil {
			_, _ = conn.WriteTo(packed, from)
		}
	}
}
