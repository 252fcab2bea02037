package httpapi

import (
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Service names, as they appear in errors.
const (
	AC = "AC"
	GC = "GC"
)

// StatusError is an answer that is not the success the operation asked for.
type StatusError struct {
	Service    string        // AC or GC
	Operation  string        // what was asked, such as "sign in"
	Status     int           // HTTP status
	Code       string        // code of the envelope, empty when there was none
	Message    string        // message of the envelope or the plain text, cleaned and cut
	RetryAfter time.Duration // how long the service asked to be left alone; 0: it did not say
	Envelope   bool          // the body was the service's JSON error envelope
}

// Error names the service, the operation and what came back.
func (e *StatusError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s refused to %s: %d", e.Service, e.Operation, e.Status)
	if e.Code != "" {
		b.WriteString(" " + e.Code)
	} else if text := http.StatusText(e.Status); text != "" {
		b.WriteString(" " + text)
	}
	if e.Message != "" {
		fmt.Fprintf(&b, ": %s", e.Message)
	}
	if e.RetryAfter > 0 {
		fmt.Fprintf(&b, " (retry after %s)", e.RetryAfter)
	}
	return b.String()
}

// Throttled reports whether the service asked for fewer requests (429).
func (e *StatusError) Throttled() bool { return e.Status == http.StatusTooManyRequests }

// Unavailable reports whether the service failed by itself (5xx).
func (e *StatusError) Unavailable() bool { return e.Status >= 500 && e.Status <= 599 }

// TimedOut reports whether the service gave up on its own request deadline (408 with
// an empty body after 30 s; platform contract, AC/GC 1).
func (e *StatusError) TimedOut() bool { return e.Status == http.StatusRequestTimeout }

// Kind says what went wrong below HTTP.
type Kind string

// The kinds of transport error.
const (
	KindLocal        Kind = "local"          // this machine: no files, no sockets, no network, no permission
	KindNoSuchHost   Kind = "no_such_host"   // the resolver answered that the name does not exist
	KindResolver     Kind = "resolver"       // the resolver did not answer, or not usefully
	KindUnreachable  Kind = "unreachable"    // a router or this host's neighbour table says that the host is not there
	KindRefused      Kind = "refused"        // the port is closed
	KindTimeout      Kind = "timeout"        // no answer in time
	KindTLSExpired   Kind = "tls_expired"    // the certificate has expired or is not valid yet
	KindTLSUnknownCA Kind = "tls_unknown_ca" // nobody that is trusted signed the certificate
	KindTLSWrongName Kind = "tls_wrong_name" // the certificate is for another name
	KindTLSOther     Kind = "tls_other"      // any other TLS failure
	KindReset        Kind = "reset"          // the peer reset the connection
	KindClosed       Kind = "closed"         // the peer closed the connection before the answer was complete
	KindCanceled     Kind = "canceled"       // the caller gave up
	KindProtocol     Kind = "protocol"       // what came back is not HTTP/1.1
)

// TransportError is a request that got no complete answer.
type TransportError struct {
	Service   string // AC or GC
	Operation string // what was asked
	Kind      Kind   // what went wrong
	Phase     string // the phase that was under way: PhaseDNS ... PhaseBody
	Addr      string // host:port that was dialed
	Err       error  // the cause, without the URL: paths can hold meeting codes
}

// Error names the service, the operation, the phase and the cause.
func (e *TransportError) Error() string {
	return fmt.Sprintf("asking %s at %s to %s: %s during %s: %v", e.Service, e.Addr, e.Operation, e.Kind, e.Phase, e.Err)
}

// Unwrap returns the cause.
func (e *TransportError) Unwrap() error { return e.Err }

// Timeout reports whether time ran out.
func (e *TransportError) Timeout() bool { return e.Kind == KindTimeout }

// AnswerError is a success whose body breaks the contract.
type AnswerError struct {
	Service   string
	Operation string
	Problem   string // what is wrong, naming fields and never their values
}

// Error names the service, the operation and the broken field.
func (e *AnswerError) Error() string {
	return fmt.Sprintf("%s answered to %s with a body that breaks its contract: %s", e.Service, e.Operation, e.Problem)
}
