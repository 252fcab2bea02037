package media

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/dark-tower/prober/internal/darktower/seal"
)

// SenderConfig says how a Sender talks. The zero value talks like the platform's
// own client: 50 frames/s of about 32 kbit/s.
type SenderConfig struct {
	Interval     time.Duration // between due times; default 20 ms
	PlaintextLen int           // bytes in each frame; default DefaultPlaintextLen, at most MaxPlaintextLen
	RotateEvery  time.Duration // of the transmit key, from Start on; default 60 s
	QueueFrames  int           // per connection; default 10 frames (200 ms)
	MaxRecords   int           // frames recorded; default 1 << 17 (44 minutes)
}

const defaultMaxRecords = 1 << 17

func (c SenderConfig) withDefaults() (SenderConfig, error) {
	if c.Interval <= 0 {
		c.Interval = 20 * time.Millisecond
	}
	if c.PlaintextLen == 0 {
		c.PlaintextLen = DefaultPlaintextLen
	}
	if c.RotateEvery <= 0 {
		c.RotateEvery = time.Minute
	}
	if c.QueueFrames <= 0 {
		c.QueueFrames = 10
	}
	if c.MaxRecords <= 0 {
		c.MaxRecords = defaultMaxRecords
	}
	return c, checkPlaintextLen(c.PlaintextLen)
}

// A Sealer builds whole frames. *seal.Sealer is one.
type Sealer interface {
	// Rotate makes the next frame carry a new transmit key.
	Rotate()
	// Append appends one sealed frame around plaintext to dst.
	Append(dst, plaintext []byte) ([]byte, seal.Sealed, error)
}

// A Voice is an identity to send under. All frames of a Sealer's life must go
// through one Voice: a second one would repeat nonces.
type Voice struct {
	Sealer   Sealer
	SenderID uint16
	Stream   uint8
}

// Sender builds frames at a steady pace and hands each to every target of the
// directive, over connections that exist already: it never dials.
//
// Pacing. Frame k is due at start + k*Interval, absolutely: lateness never
// shifts what follows. A frame that is late is sent at once, and the next one
// keeps its own due time. Due times that have passed by then are not made up
// for: no two frames are sent in one burst because of the sender's own lateness.
// They are counted in Sent.Missed of the next frame.
//
// The transmit key is rotated each RotateEvery, when the set of targets becomes
// non-empty, on unmute, and by the Sealer itself when a newer meeting key is
// current (platform contract, media B.6).
//
// A Sender outlives connections and identities: its record spans them all.
type Sender struct {
	cfg SenderConfig

	mu      sync.Mutex // protects all following fields
	voice   *Voice
	epoch   uint32
	epochOf map[uint16]uint32 // newest epoch of each sender id
	targets []string
	muted   bool
	rotate  bool // before the next frame
	outlets map[string]*outlet
	count   uint64 // frames built under any voice
	stop    chan struct{}
	stopped chan struct{}

	recMu   sync.Mutex // protects all following fields, and the entries of the log; taken after mu
	sent    log[Sent]
	targetR []SentTo // room for the targets of frames to come
	stats   SenderStats
}

// SenderStats are a sender's totals.
type SenderStats struct {
	Built     int                // frames sealed
	Handed    int                // datagrams that a transport took
	Dropped   map[DropReason]int // datagrams that none took
	Missed    int                // due times passed because the sender was late
	Failed    int                // due times at which no frame could be sealed
	FailedFor string             // the last reason
	Rotations int                // of the transmit key, as far as the sender asked for them
	Truncated int                // frames that the full record does not show
	// Lateness of hand-over against the due time; the largest.
	MaxLateness time.Duration
}

// NewSender returns a Sender that is not talking. It fails on a configuration
// that cannot be sent.
func NewSender(cfg SenderConfig) (*Sender, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	return &Sender{
		cfg:     cfg,
		outlets: map[string]*outlet{},
		epochOf: map[uint16]uint32{},
		sent:    log[Sent]{limit: cfg.MaxRecords},
		stats:   SenderStats{Dropped: map[DropReason]int{}},
	}, nil
}

// Adopt makes v the identity of all frames from now on and starts a new epoch.
// The targets of the previous identity are forgotten.
func (s *Sender) Adopt(v Voice) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.voice = &v
	s.epoch++
	s.epochOf[v.SenderID] = s.epoch
	s.targets = nil
	s.rotate = false
}

// Rotate makes the next frame carry a new transmit key, as after a session was
// resumed.
func (s *Sender) Rotate() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rotate = true
}

// Direct sets the handlers to send to, by the URLs of the directive. With none,
// nothing is built and no sequence number is used.
func (s *Sender) Direct(urls []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.targets) == 0 && len(urls) > 0 {
		s.rotate = true
	}
	s.targets = slices.Clone(urls)
}

// Directed reports whether there is anyone to send to.
func (s *Sender) Directed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.targets) > 0
}

// SetMuted stops or resumes the building of frames within one interval.
func (s *Sender) SetMuted(muted bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.muted && !muted {
		s.rotate = true
	}
	s.muted = muted
}

// Start begins to talk: the first frame is due now. Starting twice is starting
// once. Stop must be called.
func (s *Sender) Start() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stop != nil {
		return
	}
	s.stop, s.stopped = make(chan struct{}), make(chan struct{})
	go s.pace(s.stop, s.stopped)
}

// Stop ends the talking and waits for the frame in hand. The record stays, and
// Start can be called again.
func (s *Sender) Stop() {
	s.mu.Lock()
	stop, stopped := s.stop, s.stopped
	s.stop = nil
	s.mu.Unlock()
	if stop != nil {
		close(stop)
		<-stopped
	}
}

// Talking reports whether Start was called and Stop was not.
func (s *Sender) Talking() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stop != nil
}

// attach makes to the connection for frames to url. The caller closes the outlet
// after the connection has ended.
func (s *Sender) attach(url string, epoch uint32, to datagrams) *outlet {
	o := newOutlet(url, epoch, to, s, s.cfg.QueueFrames)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.outlets[url] = o
	return o
}

// detach forgets o, unless a newer connection has taken its place.
func (s *Sender) detach(o *outlet) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.outlets[o.url] == o {
		delete(s.outlets, o.url)
	}
}

// pace waits for each due time and sends what is due.
func (s *Sender) pace(stop, stopped chan struct{}) {
	defer close(stopped)
	start := time.Now()
	rotateAt := start.Add(s.cfg.RotateEvery)
	timer := time.NewTimer(0)
	defer timer.Stop()
	var plaintext, buf []byte
	missed := 0
	for k := int64(0); ; {
		due := start.Add(time.Duration(k) * s.cfg.Interval)
		timer.Reset(time.Until(due))
		select {
		case <-stop:
			return
		case <-timer.C:
		}
		if !time.Now().Before(rotateAt) {
			s.Rotate()
			for !time.Now().Before(rotateAt) {
				rotateAt = rotateAt.Add(s.cfg.RotateEvery)
			}
		}
		var sending bool
		plaintext, buf, sending = s.send(plaintext, buf, due, missed)
		next := nextDue(k, time.Since(start), s.cfg.Interval)
		missed = 0
		if sending {
			missed = int(next - k - 1)
		}
		k = next
	}
}

// nextDue is the first due time after k that has not passed yet.
func nextDue(k int64, elapsed, interval time.Duration) int64 {
	return max(k+1, int64(elapsed/interval)+1)
}

// send builds the frame that is due and queues it for each target. It reports
// whether there was one to be sent.
func (s *Sender) send(plaintext, buf []byte, due time.Time, missed int) ([]byte, []byte, bool) {
	s.mu.Lock()
	voice, epoch, targets := s.voice, s.epoch, s.targets
	if voice == nil || s.muted || len(targets) == 0 {
		s.mu.Unlock()
		return plaintext, buf, false
	}
	if s.rotate {
		s.rotate = false
		voice.Sealer.Rotate()
		s.recMu.Lock()
		s.stats.Rotations++
		s.recMu.Unlock()
	}
	s.count++
	plaintext = appendSilence(plaintext[:0], s.cfg.PlaintextLen, s.count)
	s.mu.Unlock()

	out, sealed, err := voice.Sealer.Append(buf[:0], plaintext)
	if err != nil {
		s.recMu.Lock()
		defer s.recMu.Unlock()
		s.stats.Failed++
		s.stats.FailedFor = fmt.Sprintf("sealing a frame: %v", err)
		return plaintext, buf, true
	}
	rec := s.record(Sent{
		Epoch: epoch, SenderID: voice.SenderID, Stream: voice.Stream,
		Generation: sealed.Generation, Sequence: sealed.Sequence,
		Due: due, Built: time.Now(), Missed: missed, Bytes: len(out),
	}, targets)
	s.fanOut(out, rec, targets)
	return plaintext, out, true
}

// fanOut queues one frame at every target.
func (s *Sender) fanOut(frame []byte, rec *Sent, targets []string) {
	for i, url := range targets {
		s.mu.Lock()
		o := s.outlets[url]
		s.mu.Unlock()
		if o == nil {
			s.dropped(rec, i, DropNotConnected)
			continue
		}
		s.recMu.Lock()
		if rec != nil {
			rec.Targets[i].ConnEpoch = o.epoch
		}
		s.recMu.Unlock()
		o.push(frame, rec, i)
	}
}
