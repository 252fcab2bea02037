package signaling

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/dark-tower/prober/internal/webtransport"
)

func TestNothingPrintsASecret(t *testing.T) {
	const token, name, binding = "token-of-the-meeting", "Grace Brewster Hopper", "binding-token-of-this-session"
	v := joined(t)
	grace := person(eveID, 4)
	grace.Name = name
	v = mustFold(t, v, participantJoined(grace), kekUpdate(bytes.Repeat([]byte("SECRETS!"), 4), 1, 60))
	request := JoinRequest{MeetingID: "m", Token: token, Name: name, BindingToken: binding}
	b := newBoard()
	b.post(v)

	type outer struct {
		Exported any
		Values   []any
		View     View
		hidden   View
		person   Person
		key      Key
		kek      *KEK
		board    *board
	}
	p, _ := v.PersonOf(4)
	wrapped := outer{v, []any{v.KEK, p, v.Self, request}, v, v, p, v.KEK.Key, v.KEK, b}

	var out strings.Builder
	for _, value := range []any{v, &v, v.KEK, *v.KEK, v.KEK.Key, v.Self, p, v.Roster, p.Name, request, &request, wrapped, &wrapped} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x", "%X"} {
			fmt.Fprintf(&out, verb+"\n", value)
		}
		fmt.Fprintln(&out, value)
		slog.New(slog.NewTextHandler(&out, nil)).Info("text", "value", value)
		slog.New(slog.NewJSONHandler(&out, nil)).Info("json", "value", value)
		encoded, err := json.Marshal(value)
		if err != nil {
			t.Errorf("%T: %v", value, err)
		}
		out.Write(encoded)
	}
	text := out.String()
	for _, secret := range []string{
		token, name, binding, "SECRETS!",
		fmt.Sprint([]byte("SECRETS!"))[1:24], fmt.Sprintf("%x", "SECRETS!"), fmt.Sprintf("%X", "SECRETS!"), fmt.Sprintf("%x", name), "U0VDUkVUUyFTRUNSRVRT",
	} {
		if i := strings.Index(text, secret); i >= 0 {
			t.Errorf("%q is shown: ...%s...", secret, text[max(0, i-200):min(len(text), i+200)])
		}
	}
	if !strings.Contains(text, redacted) || !strings.Contains(text, "joined as sender 3") {
		t.Error("nothing was shown at all")
	}
}

func TestSecretsThatMCRepeatsAreTakenOutOfItsText(t *testing.T) {
	mc := startMC(t, func(p *peer) {
		p.receive()
		p.send(serverError(2, "no such token the.meeting.token of Ada Lovelace"))
		hold(p)
	})
	var log bytes.Buffer
	s := mc.connect(func(c *Config) {
		c.Log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	_, err := s.Join(mc.ctx, request())
	if want := `MC refused in join: UNAUTHORIZED "no such token [redacted] of [redacted]"`; err == nil || err.Error() != want {
		t.Errorf("error %v", err)
	}
	if text := log.String(); !strings.Contains(text, "message=error") || strings.Contains(text, "the.meeting.token") || strings.Contains(text, "Ada") {
		t.Errorf("log %s", text)
	}
}

func TestASecretInTheReasonOfACloseIsTakenOutToo(t *testing.T) {
	mc := startMC(t, func(p *peer) {
		p.receive()
		_ = p.conn.CloseWithError(7, "no\nthe.meeting.token here")
	})
	_, err := mc.connect().Join(mc.ctx, request())
	var end *webtransport.SessionError
	if !errors.As(err, &end) || end.Code != 7 || end.Reason != "no [redacted] here" || strings.Contains(err.Error(), "the.meeting.token") {
		t.Errorf("error %v", err)
	}
}

func TestASecretCanBeRevealed(t *testing.T) {
	s := newSecret("hush")
	if s.Reveal() != "hush" || s.Empty() || s.String() != redacted {
		t.Errorf("secret %v", s)
	}
	var none Secret
	if none.Reveal() != "" || !none.Empty() || none.String() != "" || newSecret("") != none {
		t.Errorf("empty secret %v", none)
	}
	var k Key
	if k.Bytes() != nil {
		t.Error("the zero key has bytes")
	}
}

func TestAKeyIsHandedOutAsACopy(t *testing.T) {
	v := joined(t)
	v.KEK.Key.Bytes()[0] ^= 0xff
	if !bytes.Equal(v.KEK.Key.Bytes(), kek(0x42)) {
		t.Error("the view's key has changed")
	}
}

func TestTheSummaryOfAViewStaysShort(t *testing.T) {
	v := joined(t)
	for i := range MaxSlots {
		v.Slots = append(v.Slots, Assignment{SlotID: uint16(i)})
		v.Unreachable = append(v.Unreachable, uint16(i+1))
	}
	if s := v.String(); len(s) > 1000 || !strings.Contains(s, "and 56 more slots") {
		t.Errorf("%d bytes: %s", len(s), s)
	}
}

func TestTextIsCutBetweenCharacters(t *testing.T) {
	for _, c := range []struct {
		in    string
		limit int
		want  string
	}{
		{"short", 256, "short"},
		{"exact", 5, "exact"},
		{"a€b", 3, "a"},
		{"a€b", 4, "a€"},
		{"a\xff\xfeb", 256, "a\uFFFDb"},
		{"€", 2, ""},
		{"", 0, ""},
		{"x", 0, ""},
	} {
		if got := cut(c.in, c.limit); got != c.want {
			t.Errorf("cut(%q, %d) = %q, want %q", c.in, c.limit, got, c.want)
		}
	}
}
