// Package gc is the embedded platform's global controller: the HTTP server that
// creates meetings and lets people join them, and the gRPC registry where MCs
// and MHs report for duty (platform contract, AC/GC 1, 4-8).
//
// It keeps everything in memory. As on the platform no meeting ever ends, so
// each one counts against its organisation's cap for good.
package gc

import (
	"log/slog"
	"net"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/trace"

	"github.com/dark-tower/prober/internal/devstack/fault"
	"github.com/dark-tower/prober/internal/devstack/token"
)

// Defaults of the platform's schema.
const (
	SchemaMaxMeetings     = 10
	SchemaMaxParticipants = 100
)

// Organisation is a tenant that meetings belong to.
type Organisation struct {
	ID              uuid.UUID
	MaxMeetings     int // scheduled or active at a time; default SchemaMaxMeetings
	MaxParticipants int // per meeting; default SchemaMaxParticipants
	Inactive        bool
}

// Times are GC's time constants; a zero field means the platform's default.
type Times struct {
	Request                time.Duration // whole request, then 408; default 30 s
	HeartbeatFresh         time.Duration // how old a heartbeat of a usable MC or MH may be; default 30 s
	FastHeartbeat          time.Duration // interval asked of MCs; default 10 s
	ComprehensiveHeartbeat time.Duration // interval asked of MCs; default 30 s
	LoadReport             time.Duration // interval asked of MHs; default 10 s
	Connect                time.Duration // to AC and to an MC; default 5 s
	AC                     time.Duration // whole request to AC; default 10 s
	Assign                 time.Duration // one AssignMeetingWithMh; default 10 s
	MeetingToken           time.Duration // lifetime asked of AC; default 900 s
	JWKS                   time.Duration // how long AC's keys are kept; default 300 s
}

// Config says how to run a GC.
type Config struct {
	HTTP          net.Listener // taken over: closed by Close and when Start fails
	GRPC          net.Listener // taken over likewise
	ACURL         string
	JWKSURL       string
	Service       *token.ServiceSource // GC's own credentials at AC
	ID            string               // default "gc-" and 8 hex digits
	Region        string               // of the MCs and MHs to use; empty: any
	Organisations []Organisation
	CORSOrigins   []string // allowed origins; empty: every preflight is denied
	Times         Times
	Faults        *fault.Panel         // nil: none
	Tracer        trace.TracerProvider // nil: no spans
	Log           *slog.Logger         // nil: silent
}
