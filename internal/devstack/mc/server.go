// Package mc is the meeting controller of the embedded platform: what a client
// sees of it over WebTransport, and its gRPC conversations with the global
// controller and the media handlers.
//
// It knows the platform's signalling contract and nothing of the prober: it
// imports the wire messages and no client code.
package mc

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"

	"go.opentelemetry.io/otel/trace"

	"github.com/dark-tower/prober/internal/devstack/fault"
)

// Config describes one meeting controller. The caller keeps ownership of
// nothing: Start takes Conn and GRPC over and Close closes them.
type Config struct {
	ID           string          // controller id, as it registers at GC
	Region       string          // region it registers for; empty: "dev"
	AdvertiseURL string          // https://host:port that clients are told
	Conn         net.PacketConn  // WebTransport socket
	Certificate  tls.Certificate // WebTransport certificate
	GRPC         net.Listener    // gRPC socket for GC and MH
	GCAddr       string          // host:port of GC's gRPC; empty: no GC, nothing is registered
	JWKSURL      string          // AC's key set

	// Service supplies this controller's service token for its calls to GC and MH.
	Service ServiceCredentials
	Times   Times // zero fields: platform defaults

	// AsDeployed ignores the correlation id and binding token of a join, as the
	// platform does today (platform contract, MC E). Otherwise a valid pair
	// restores the participant, as the platform's design says.
	AsDeployed bool

	MaxMeetings     int // meetings accepted from GC; 0: 1000
	MaxParticipants int // connections; 0: 10000
	MaxSlots        int // receive slots per participant; 0: 8
	MaxDeclarations int // accepted receive declarations per connection; 0: 64
	Outbound        int // queued messages per connection; 0: 100

	Faults *fault.Panel         // nil: behave
	Tracer trace.TracerProvider // nil: no spans and empty trace fields on the wire
	Log    *slog.Logger         // nil: silent
}

// Server is a running meeting controller.
type Server struct{}

// Start serves WebTransport and gRPC until Close. ctx bounds the start only.
func Start(ctx context.Context, cfg Config) (*Server, error) {
	return nil, errors.New("meeting controller: not built yet")
}

// Close ends every session without a message, stops both servers and waits for
// all of the controller's goroutines.
func (s *Server) Close() error { return nil }

// Meetings returns the number of meetings that are active or being torn down.
func (s *Server) Meetings() int { return 0 }
