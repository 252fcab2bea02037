package signaling

import (
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strings"
)

// maxShown bounds how many entries of a list a summary spells out.
const maxShown = 8

// String tells the state of the session in one line, for the person who reads
// why a wait failed. It holds no name, no token and no key.
func (v View) String() string {
	if !v.Joined {
		return "not joined" + v.oddities()
	}
	var b strings.Builder
	fmt.Fprintf(&b, "joined as sender %d, %d others on the roster, %d handlers", v.Self.SenderID, len(v.Roster), len(v.Handlers))
	fmt.Fprintf(&b, ", key generation %d, %s", v.KEK.generation(), v.Directive)
	if !v.SlotsKnown {
		b.WriteString(", no slot assignments")
	}
	for i, a := range v.Slots {
		if i == maxShown {
			fmt.Fprintf(&b, ", and %d more slots", len(v.Slots)-i)
			break
		}
		fmt.Fprintf(&b, ", %s", a)
	}
	if n := len(v.Unreachable); n > 0 {
		fmt.Fprintf(&b, ", unreachable senders %v", v.Unreachable[:min(n, maxShown)])
	}
	if n := len(v.Refusals); n > 0 {
		fmt.Fprintf(&b, ", %d refusals, the last: %v", v.RefusalCount, v.Refusals[n-1])
	}
	b.WriteString(v.oddities())
	return b.String()
}

// oddities lists what could not be used of MC's messages.
func (v View) oddities() string {
	var b strings.Builder
	for _, c := range []struct {
		title  string
		counts map[string]uint64
	}{{"unhandled", v.Unhandled}, {"refused from MC", v.Invalid}} {
		for i, name := range slices.Sorted(maps.Keys(c.counts)) {
			if i == 0 {
				fmt.Fprintf(&b, ", %s:", c.title)
			}
			fmt.Fprintf(&b, " %s=%d", name, c.counts[name])
		}
	}
	return b.String()
}

// Format prints String for every verb.
func (v View) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, v.String()) }

// LogValue logs String.
func (v View) LogValue() slog.Value { return slog.StringValue(v.String()) }

// String tells the directive in a few words.
func (d *Directive) String() string {
	if d == nil {
		return "no send directive"
	}
	audio, ok := d.Audio()
	if !ok || len(audio.Targets) == 0 {
		return fmt.Sprintf("directed (header version %d) to send nothing", d.HeaderVersion)
	}
	return fmt.Sprintf("directed (header version %d) to send stream %d to %d handlers", d.HeaderVersion, audio.Number, len(audio.Targets))
}

// String tells the slot's state.
func (a Assignment) String() string {
	state := strings.TrimPrefix(a.State.String(), "SLOT_STATE_")
	if id, ok := a.Sender(); ok {
		return fmt.Sprintf("slot %d %s with sender %d", a.SlotID, state, id)
	}
	return fmt.Sprintf("slot %d %s", a.SlotID, state)
}

func (k *KEK) generation() int {
	if k == nil {
		return -1
	}
	return int(k.Generation)
}
