package signaling

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dark-tower/prober/internal/darktower/wire/signalingv1"
)

// messages expects n messages to have been read.
func messages(n uint64) Expectation {
	return Expectation{fmt.Sprintf("%d messages", n), func(v View) (string, error) {
		if v.Messages >= n {
			return "", nil
		}
		return fmt.Sprintf("%d so far", v.Messages), nil
	}}
}

func TestEveryWaiterWakesForTheViewItWaitsFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBoard()
		var all sync.WaitGroup
		for n := range uint64(50) {
			all.Go(func() {
				v, err := b.wait(t.Context(), PhaseSession, messages(n))
				if err != nil || v.Messages < n {
					t.Errorf("waiting for %d: view %d, error %v", n, v.Messages, err)
				}
			})
		}
		for n := range uint64(50) {
			b.post(View{Messages: n})
		}
		all.Wait()
	})
}

func TestAViewPostedBetweenLookAndSleepIsNotLost(t *testing.T) {
	b := newBoard()
	looked := 0
	v, err := b.wait(t.Context(), PhaseSession, Expectation{"two messages", func(v View) (string, error) {
		looked++
		if v.Messages == 2 {
			return "", nil
		}
		b.post(View{Messages: v.Messages + 1}) // arrives while this waiter is awake
		return "more", nil
	}})
	if err != nil || v.Messages != 2 || looked != 3 {
		t.Errorf("looked %d times, view %d, error %v", looked, v.Messages, err)
	}
}

func TestAWaitThatTimesOutTellsWhatWasMissing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBoard()
		v, err := fold(t, View{}, joinResponse(existing(person(bobID, 1))), directive(), assignments(vacant(0), active(1, 7)))
		if err != nil {
			t.Fatal(err)
		}
		b.post(v)
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		last, err := b.wait(ctx, PhaseSession, HearingIn(0, 1))
		var late *TimeoutError
		if !errors.As(err, &late) || !errors.Is(err, context.DeadlineExceeded) || late.After != 5*time.Second || !late.Timeout() {
			t.Fatalf("error %v", err)
		}
		if want := "MC session: timed out after 5s waiting for slot 0 to be ACTIVE with sender 1: slot 0 FEWER_SOURCES_THAN_SLOTS"; err.Error() != want {
			t.Errorf("it reads %q", err)
		}
		if last.Messages != 3 {
			t.Errorf("the last view has %d messages", last.Messages)
		}
		ctx, cancel = context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err = b.wait(ctx, PhaseSession, Hearing(1))
		for _, want := range []string{"sender 1 to be ACTIVE", "1 others on the roster", "to send nothing", "slot 0 FEWER_SOURCES_THAN_SLOTS", "slot 1 ACTIVE with sender 7"} {
			if !strings.Contains(fmt.Sprint(err), want) {
				t.Errorf("%q is not in %q", want, err)
			}
		}
	})
}

func TestACancelledWaitGivesTheCause(t *testing.T) {
	b := newBoard()
	enough := errors.New("the run was shut down")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(enough)
	_, err := b.wait(ctx, PhaseSession, messages(1))
	var late *TimeoutError
	if !errors.Is(err, enough) || errors.As(err, &late) {
		t.Errorf("error %v", err)
	}
}

func TestTheEndOfTheSessionEndsEveryWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBoard()
		var all sync.WaitGroup
		for range 10 {
			all.Go(func() {
				_, err := b.wait(t.Context(), PhaseSession, messages(3))
				var closed *ClosedError
				if !errors.As(err, &closed) || closed.Missing != "3 messages" || !errors.Is(err, io.EOF) {
					t.Errorf("error %v", err)
				}
			})
		}
		b.post(View{Messages: 1})
		synctest.Wait()
		b.end(&ClosedError{Phase: PhaseSession, Err: io.EOF})
		all.Wait()

		if err := b.ended(); err.(*ClosedError).Missing != "" {
			t.Errorf("a waiter changed the session's error to %v", err)
		}
	})
}

func TestTheLastViewCountsEvenWhenTheSessionEndsRightAfterIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBoard()
		done := make(chan error)
		go func() {
			_, err := b.wait(t.Context(), PhaseSession, messages(1))
			done <- err
		}()
		synctest.Wait()
		b.change(func() { b.view, b.err = View{Messages: 1}, io.EOF })
		if err := <-done; err != nil {
			t.Errorf("error %v", err)
		}
		if _, err := b.wait(t.Context(), PhaseSession, messages(1)); err != nil {
			t.Errorf("a waiter that looked late: error %v", err)
		}
		if _, err := b.wait(t.Context(), PhaseSession, messages(2)); !errors.Is(err, io.EOF) {
			t.Errorf("a view that will never come: error %v", err)
		}
	})
}

func TestStockExpectations(t *testing.T) {
	v := mustFold(t, joined(t), directive(urlX), assignments(active(4, 1), vacant(5)))
	idle := mustFold(t, joined(t), directive(), assignments(vacant(4)))
	muted := active(4, 1)
	muted.SlotState = signalingv1.SlotState_SLOT_STATE_SOURCE_MUTED
	silent := mustFold(t, joined(t), assignments(muted))
	for _, c := range []struct {
		e    Expectation
		v    View
		want bool
	}{
		{Directed(), v, true},
		{Directed(), idle, false},
		{Directed(), View{}, false},
		{Hearing(1), v, true},
		{Hearing(2), v, false},
		{Hearing(1), idle, false},
		{Hearing(1), silent, false},
		{HearingIn(4, 1), v, true},
		{HearingIn(5, 1), v, false},
		{HearingIn(9, 1), v, false},
		{HearingIn(4, 1), silent, false},
		{declared(audioSlots(4, 5), 0), v, true},
		{declared(audioSlots(5, 4), 0), v, false},
		{declared(audioSlots(4), 0), v, false},
		{declared(audioSlots(4), 0), silent, false}, // no directive yet
		{declared(nil, 0), View{}, false},
	} {
		missing, err := c.e.Missing(c.v)
		if err != nil || (missing == "") != c.want {
			t.Errorf("%s: missing %q, error %v, of view %v", c.e.What, missing, err, c.v)
		}
	}
}

func TestOnlyARefusalAfterTheDeclarationIsItsAnswer(t *testing.T) {
	tooMany := serverError(signalingv1.ErrorCode_ERROR_CODE_INVALID_REQUEST, "receive capability rejected: too many slots")
	other := serverError(signalingv1.ErrorCode_ERROR_CODE_FORBIDDEN, "Server mute request refused")
	old := mustFold(t, joined(t), tooMany)
	e := declared(audioSlots(0), old.RefusalCount)
	if _, err := e.Missing(mustFold(t, old, other)); err != nil {
		t.Errorf("another refusal: %v", err)
	}
	if _, err := e.Missing(mustFold(t, old, other, tooMany)); err == nil {
		t.Error("the refusal was not seen")
	}
	flood := mustFold(t, old, tooMany)
	for range 2 * MaxKept {
		flood = mustFold(t, flood, other)
	}
	if _, err := e.Missing(flood); err != nil {
		t.Errorf("a refusal that is not kept any more: %v", err)
	}
}
