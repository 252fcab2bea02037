package mc

import (
	"errors"
	"testing"
	"testing/synctest"

	"github.com/dark-tower/prober/internal/darktower/wire/internalv1"
)

func TestAMeetingIsReleasedBeforeItCanBeJoinedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		go1 := make(chan struct{})
		tab := newTable(r.opts, 1, func(m *meeting) { <-go1; m.releaseAt(t.Context()) })
		r.opts.Over = tab.over
		defer tab.close()

		if _, err := tab.open("meeting"); !errors.Is(err, errNotHere) {
			t.Errorf("before it is assigned: %v", err)
		}
		if got := tab.assign("meeting", twoHandlers()); got != 0 {
			t.Fatalf("assigning: %v", got)
		}
		if got := tab.assign("meeting", twoHandlers()); got != 0 {
			t.Errorf("assigning again: %v", got)
		}
		if got := tab.assign("another", twoHandlers()); got != internalv1.RejectionReason_REJECTION_REASON_AT_CAPACITY {
			t.Errorf("assigning a second: %v", got)
		}
		if tab.occupied() != 0 || tab.size() != 1 {
			t.Errorf("%d occupied of %d", tab.occupied(), tab.size())
		}
		var err error
		if r.m, err = tab.open("meeting"); err != nil {
			t.Fatal(err)
		}
		a := r.join("ann")
		if tab.occupied() != 1 || tab.find("meeting") != r.m {
			t.Error("it is not occupied")
		}
		a.leave(true)
		synctest.Wait()
		if _, err := tab.open("meeting"); !errors.Is(err, errReleasing) || tab.occupied() != 1 || tab.find("meeting") != nil {
			t.Errorf("while it is released: %v", err)
		}
		if got := tab.assign("meeting", twoHandlers()); got != 0 {
			t.Errorf("assigning meanwhile: %v", got)
		}
		close(go1)
		synctest.Wait()
		again, err := tab.open("meeting")
		if err != nil || again == r.m || tab.occupied() != 0 {
			t.Errorf("after the release: %v", err)
		}
		for _, h := range r.mh {
			if h.ended != 1 {
				t.Errorf("%s was told of the end %d times", h.id, h.ended)
			}
		}
		r.m = again
		if got := r.join("ann"); got.sender() != 1 || string(got.response.MeetingKek) == string(a.response.MeetingKek) {
			t.Error("the new meeting has the old one's ids or key")
		}
		tab.drain()
		if _, err := tab.open("meeting"); !errors.Is(err, errShuttingDown) {
			t.Errorf("while draining: %v", err)
		}
		if got := tab.assign("third", twoHandlers()); got != internalv1.RejectionReason_REJECTION_REASON_DRAINING {
			t.Errorf("assigning while draining: %v", got)
		}
	})
}

func TestABadAssignmentIsRejected(t *testing.T) {
	r := newRig(t)
	tab := newTable(r.opts, 1, func(*meeting) {})
	defer tab.close()
	for _, got := range []internalv1.RejectionReason{tab.assign("", twoHandlers()), tab.assign("meeting", nil)} {
		if got != internalv1.RejectionReason_REJECTION_REASON_INVALID_REQUEST {
			t.Errorf("answered %v", got)
		}
	}
}

func TestASnapshotUnderWayIsNotOvertakenByTheMeetingsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		tab := newTable(r.opts, 1, func(m *meeting) { m.releaseAt(t.Context()) })
		r.opts.Over = tab.over
		defer tab.close()
		tab.assign("meeting", twoHandlers())
		r.m, _ = tab.open("meeting")
		hold := make(chan struct{})
		r.mh[0].set(hold, false)
		a := r.join("ann")
		synctest.Wait()
		a.leave(true)
		synctest.Wait()
		if r.mh[0].ended != 0 || r.mh[1].ended != 0 {
			t.Error("a handler was told of the end before the snapshot under way was done")
		}
		close(hold)
		synctest.Wait()
		if r.mh[0].ended != 1 || r.mh[1].ended != 1 {
			t.Error("the handlers were not told of the end")
		}
	})
}
