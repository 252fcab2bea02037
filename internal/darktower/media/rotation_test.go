package media

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestSenderRotatesItsTransmitKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		speaker, end := newSpeaker(t), newWireEnd()
		talking(t, SenderConfig{}, speaker, map[string]*wireEnd{hereURL: end}, func(s *Sender) {
			generation := func() uint64 {
				pass(40 * time.Millisecond)
				sent := s.Sent()
				return sent[len(sent)-1].Generation
			}
			s.Start()
			pass(10 * time.Second)
			s.Direct([]string{hereURL})
			if g := generation(); g != 1 {
				t.Fatalf("the first directive: generation %d, want 1", g)
			}
			s.Direct([]string{hereURL, thereURL})
			if g := generation(); g != 1 {
				t.Fatalf("a further target: generation %d, want 1 still", g)
			}
			s.Direct(nil)
			pass(time.Second)
			s.Direct([]string{hereURL})
			if g := generation(); g != 2 {
				t.Fatalf("after an empty directive: generation %d, want 2", g)
			}
			s.SetMuted(true)
			pass(time.Second)
			s.SetMuted(false)
			if g := generation(); g != 3 {
				t.Fatalf("after a mute: generation %d, want 3", g)
			}
			speaker.rekey(t, 1)
			if g := generation(); g != 4 {
				t.Fatalf("after a newer meeting key: generation %d, want 4", g)
			}
			s.Rotate()
			if g := generation(); g != 5 {
				t.Fatalf("when asked: generation %d, want 5", g)
			}
			pass(46 * time.Second) // 60 s since Start have not passed yet
			if g := generation(); g != 5 {
				t.Fatalf("before a minute: generation %d, want 5 still", g)
			}
			pass(3 * time.Second)
			if g := generation(); g != 6 {
				t.Fatalf("after a minute: generation %d, want 6", g)
			}
			pass(time.Minute)
			if g := generation(); g != 7 {
				t.Fatalf("after two minutes: generation %d, want 7", g)
			}
		})
	})
}
