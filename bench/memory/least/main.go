// Command least is the smallest program that links what the daemon cannot do
// without, and uses each a little: QUIC, gRPC, and a Prometheus registry that is
// scraped. What it takes of memory, no daemon made of these can save.
package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/quic-go/quic-go"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	own, err := certificate()
	if err != nil {
		return err
	}
	answering, err := quic.ListenAddr("127.0.0.1:0", own.server(), nil)
	if err != nil {
		return err
	}
	accepting := make(chan struct{})
	defer func() { answering.Close(); <-accepting }()
	go func() {
		defer close(accepting)
		for {
			if _, err := answering.Accept(ctx); err != nil {
				return
			}
		}
	}()

	rpc, err := grpc.NewClient(answering.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials())) // nobody answers
	if err != nil {
		return err
	}
	defer rpc.Close()

	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	port, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{Handler: promhttp.HandlerFor(registry, promhttp.HandlerOpts{}), ReadHeaderTimeout: time.Second}
	served := make(chan error, 1)
	go func() { served <- server.Serve(port) }()
	fmt.Fprintf(os.Stderr, "listening on http://%s\n", port.Addr())

	every := time.NewTicker(5 * time.Second)
	defer every.Stop()
	for ctx.Err() == nil {
		if err := meet(ctx, answering.Addr(), own); err != nil && ctx.Err() == nil {
			return err
		}
		asking, cancel := context.WithTimeout(ctx, time.Second)
		_, _ = grpc_health_v1.NewHealthClient(rpc).Check(asking, &grpc_health_v1.HealthCheckRequest{})
		cancel()
		select {
		case <-every.C:
		case <-ctx.Done():
		}
	}
	err = server.Close()
	if stopped := <-served; !errors.Is(stopped, http.ErrServerClosed) {
		err = errors.Join(err, stopped)
	}
	return err
}

// meet is one connection, opened and closed.
func meet(ctx context.Context, addr net.Addr, own identity) error {
	c, err := quic.DialAddr(ctx, addr.String(), own.client(), nil)
	if err != nil {
		return err
	}
	return c.CloseWithError(0, "")
}
