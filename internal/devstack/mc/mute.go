package mc

import (
	"context"
	"time"

	"github.com/dark-tower/prober/internal/darktower/wire/signalingv1"
)

const serverMuteRefused = "Server mute request refused"

// muteSelf records what a client says of itself. Only the audio flag has an
// effect: the slots that hold it (platform contract, MC B.9 and D.8).
func (m *meeting) muteSelf(ctx context.Context, p *participant, c *client, want kinds) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if p.client != c || p.muted == want || !c.muteLimit.allow(time.Now()) {
		return
	}
	p.muted = want
	m.refreshLocked(ctx)
}

// muteOther is a ServerMuteRequest. Only a host's has an effect; a refusal of
// anybody else's does not tell a known target from an unknown one (platform
// contract, MC D.8).
func (m *meeting) muteOther(ctx context.Context, p *participant, c *client, target string, want kinds) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if p.client != c {
		return
	}
	now := time.Now()
	if p.host && !c.serverMuteLimit.allow(now) {
		return
	}
	t := m.byIDLocked(target)
	if !p.host || t == nil {
		if c.serverMuteRefusals.allow(now) {
			c.out.put(ctx, errorMessage(signalingv1.ErrorCode_ERROR_CODE_FORBIDDEN, serverMuteRefused))
		}
		return
	}
	if t.server == want {
		return
	}
	t.server, t.by = want, ""
	if want.any() {
		t.by = p.id
	}
	m.broadcastLocked(ctx, nil, t.muteUpdate())
	m.refreshLocked(ctx)
}

// askUnmute relays a server-muted participant's wish to the connected hosts.
func (m *meeting) askUnmute(ctx context.Context, p *participant, c *client, want kinds) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if p.client != c || !c.unmuteLimit.allow(time.Now()) {
		return
	}
	if !(want.audio && p.server.audio || want.video && p.server.video) {
		return
	}
	for _, h := range m.roster {
		if h == p || !h.host || h.client == nil {
			continue
		}
		h.client.out.put(ctx, &signalingv1.ServerMessage{Message: &signalingv1.ServerMessage_UnmuteRequest{
			UnmuteRequest: &signalingv1.UnmuteRequest{RequestAudio: want.audio, RequestVideo: want.video, ParticipantId: p.id},
		}})
	}
}

func (p *participant) muteUpdate() *signalingv1.ServerMessage {
	return &signalingv1.ServerMessage{Message: &signalingv1.ServerMessage_ParticipantMuteUpdate{
		ParticipantMuteUpdate: &signalingv1.ParticipantMuteUpdate{
			ParticipantId:    p.id,
			AudioSelfMuted:   p.muted.audio,
			VideoSelfMuted:   p.muted.video,
			AudioServerMuted: p.server.audio,
			VideoServerMuted: p.server.video,
			ServerMutedBy:    p.by,
		},
	}}
}

// byIDLocked returns the rostered participant with this id, or nil.
func (m *meeting) byIDLocked(id string) *participant {
	for _, p := range m.roster {
		if p.id == id {
			return p
		}
	}
	return nil
}
