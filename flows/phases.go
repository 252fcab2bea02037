package flows

import "github.com/dark-tower/prober/internal/darktower/httpapi"

// The phases of opening a WebTransport session, in order.
const (
	PhaseDNS       = "dns"            // until the name is resolved
	PhaseSocket    = "socket"         // until there is a UDP socket
	PhaseHandshake = "quic_handshake" // until QUIC and TLS are established
	PhaseSettings  = "h3_settings"    // until the server's HTTP/3 settings are here
	PhaseConnect   = "connect"        // until CONNECT is answered; over HTTP until TCP is connected
)

// PhaseRest names what no other phase of a step accounts for: building and
// parsing, and waiting for our own turn.
const PhaseRest = "rest"

// PhasesOf lists the phases that a step can have: none but those in which
// something is dialed or asked over HTTP.
func PhasesOf(s Step) []string {
	switch {
	case overHTTP(s):
		return []string{httpapi.PhaseDNS, httpapi.PhaseConnect, httpapi.PhaseTLS, httpapi.PhaseFirstByte, httpapi.PhaseBody, PhaseRest}
	case s == StepMCConnect, s == StepMHConnect:
		return []string{PhaseDNS, PhaseSocket, PhaseHandshake, PhaseSettings, PhaseConnect, PhaseRest}
	}
	return nil
}
