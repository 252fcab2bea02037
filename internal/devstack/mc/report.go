package mc

import (
	"context"
	"unicode/utf8"

	"go.opentelemetry.io/otel/trace"

	"github.com/dark-tower/prober/internal/darktower/wire/signalingv1"
)

// Bounds of a MediaConnectionUpdate (platform contract, MC B.9).
const (
	maxStatuses   = 64
	maxReportURLs = 16
	maxReportText = 256 // bytes
)

// report keeps what a client says of its handler connections. Nothing is ever
// routed by it.
func (m *meeting) report(ctx context.Context, p *participant, u *signalingv1.MediaConnectionUpdate) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if p.reported == nil {
		p.reported = make(map[string]signalingv1.ConnectionState)
	}
	statuses := u.GetStatuses()
	if len(statuses) > maxStatuses {
		statuses = statuses[:maxStatuses]
	}
	for _, s := range statuses {
		url := cut(s.MhUrl, maxReportText)
		if _, known := p.reported[url]; !known && len(p.reported) >= maxReportURLs {
			continue
		}
		state := s.State
		if _, known := signalingv1.ConnectionState_name[int32(state)]; !known {
			state = signalingv1.ConnectionState_CONNECTION_STATE_UNSPECIFIED
		}
		p.reported[url] = state
		trace.SpanFromContext(ctx).AddEvent(state.String())
	}
}

// cut shortens s to at most n bytes on a character boundary.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
