package people

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestAMeetingIsEnteredTooSoonWithinTheTimeThatNewsOfItsEndMayTake(t *testing.T) {
	now := time.Date(2024, 4, 1, 9, 20, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		left time.Duration // before now
		want time.Duration
	}{
		"left in this moment":          {0, 1},
		"left a second ago":            {time.Second, time.Second},
		"left as long as a lane rests": {lateEnd, 0},
		"left long ago":                {time.Hour, 0},
	} {
		var v Visits
		v.over("one", now.Add(-time.Hour))
		v.over("one", now.Add(-c.left))
		if got := v.haste("one", now); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
		if got := v.haste("another", now); got != 0 {
			t.Errorf("a meeting that was never left: %v", got)
		}
	}
}

func TestVisitsShowNoMeeting(t *testing.T) {
	type holder struct{ visits Visits }
	var h holder
	h.visits.over("c0de", time.Now())
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%q"} {
		if got := fmt.Sprintf(verb, &h); strings.Contains(got, "c0de") || strings.Contains(got, fmt.Sprintf("%x", "c0de")) {
			t.Errorf("%s: %s", verb, got)
		}
	}
}

func TestVisitsAreForgottenWhenTheyMatterNoMore(t *testing.T) {
	var v Visits
	now := time.Now()
	v.over("one", now)
	v.over("another", now.Add(lateEnd-1))
	if len(v.left) != 2 {
		t.Errorf("%d are remembered", len(v.left))
	}
	v.over("another", now.Add(lateEnd))
	if len(v.left) != 1 {
		t.Errorf("%d are remembered", len(v.left))
	}
}
