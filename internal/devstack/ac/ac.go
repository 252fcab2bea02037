// Package ac is the embedded platform's auth controller: a real HTTP server
// that registers users, signs them in, issues service, meeting and guest tokens
// and publishes its keys (platform contract, AC/GC 1-4).
//
// It keeps everything in memory and knows nothing of meetings.
package ac

import (
	"log/slog"
	"net"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/trace"

	"github.com/dark-tower/prober/internal/devstack/fault"
)

// Bcrypt costs. The platform's 12 takes about 200 ms of CPU per sign-in.
const (
	PlatformBcryptCost = 12
	QuickBcryptCost    = 4
)

// Organisation is a tenant that users register in, found by the first label
// of the Host header.
type Organisation struct {
	Subdomain string
	ID        uuid.UUID
	Inactive  bool
}

// ServiceCredential lets one of the platform's services in.
type ServiceCredential struct {
	ClientID, Secret string
	ServiceType      string
	Scopes           []string
}

// SeededCredentials returns what every development cluster seeds (platform
// contract, AC/GC 10.2).
func SeededCredentials() []ServiceCredential {
	return []ServiceCredential{
		{"global-controller", "global-controller-secret-dev-001", "global-controller", []string{"service.write.mc", "internal:meeting-token"}},
		{"meeting-controller", "meeting-controller-secret-dev-002", "meeting-controller", []string{"service.write.mh", "service.write.gc"}},
		{"media-handler", "media-handler-secret-dev-003", "media-handler", []string{"service.write.mc", "service.write.gc"}},
		{"test-client", "test-client-secret-dev-999", "global-controller", []string{"test:all"}},
	}
}

// Times are AC's time constants; a zero field means the platform's default.
type Times struct {
	Request       time.Duration // whole request, then 408; default 30 s
	UserToken     time.Duration // lifetime; default 3600 s
	ServiceToken  time.Duration // lifetime; default 3600 s
	MeetingToken  time.Duration // longest lifetime of meeting and guest tokens; default 900 s
	RegisterLimit time.Duration // window of the registration limit; default 1 min, as shipped
	SignInLimit   time.Duration // window of the failed sign-in limit; default 1 min, as shipped
}

// Limits are AC's budgets; a zero field means what the platform's Kubernetes
// configuration ships.
type Limits struct {
	Registrations int // per TCP peer and window; default 100
	FailedSignIns int // per user, and per service credential, and window; default 100
}

// Config says how to run an AC.
type Config struct {
	Listener      net.Listener // taken over: closed by Close and when Start fails
	Organisations []Organisation
	Credentials   []ServiceCredential // default SeededCredentials
	Times         Times
	Limits        Limits
	BcryptCost    int                  // default QuickBcryptCost
	Faults        *fault.Panel         // nil: none
	Tracer        trace.TracerProvider // nil: no spans
	Log           *slog.Logger         // nil: silent
}
