package provision

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/dark-tower/prober/internal/darktower/httpapi"
	"github.com/dark-tower/prober/internal/darktower/meeting"
)

const (
	fileVersion = 1
	maxFile     = 1 << 20 // bytes
	maxLanes    = 1024
)

// day is the window of the ceiling on creates.
const day = 24 * time.Hour

// Identity is the platform that a lane file belongs to.
type Identity struct {
	GCURL        string `json:"gc_url"`
	Organisation string `json:"organisation"`
}

func (i Identity) normal() Identity {
	i.GCURL = strings.TrimSuffix(i.GCURL, "/")
	return i
}

// Lanes is the content of a lane file: the meeting of each lane. It prints no codes.
type Lanes struct {
	platform Identity
	entries  map[string]entry
	creates  []time.Time // attempts to create a meeting within the last day
}

type entry struct {
	code      httpapi.Secret
	meetingID string
	createdAt time.Time
}

// file is Lanes on disk. Codes are plain here and nowhere else.
type file struct {
	Version  int                  `json:"version"`
	Platform Identity             `json:"platform"`
	Lanes    map[string]fileEntry `json:"lanes"`
	Creates  []time.Time          `json:"creates"`
}

type fileEntry struct {
	Code      string    `json:"code"`
	MeetingID string    `json:"meeting_id"`
	CreatedAt time.Time `json:"created_at"`
}

// LoadLanes reads a lane file.
func LoadLanes(path string) (*Lanes, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("reading the lane file: %w", err)
	}
	defer func() { _ = f.Close() }() // read only
	content, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("reading the lane file: %w", err)
	}
	lanes, err := ParseLanes(content)
	if err != nil {
		return nil, fmt.Errorf("lane file %s: %w", path, err)
	}
	return lanes, nil
}

// ParseLanes reads the content of a lane file. Its errors show no code.
func ParseLanes(content []byte) (*Lanes, error) {
	if len(content) > maxFile {
		return nil, fmt.Errorf("larger than %d bytes", maxFile)
	}
	var f file
	decoder := json.NewDecoder(bytes.NewReader(content))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&f); err != nil {
		return nil, errors.New("not a lane file: it is not the JSON that \"prober provision\" writes")
	}
	switch {
	case decoder.More():
		return nil, errors.New("not a lane file: something follows the JSON")
	case f.Version != fileVersion:
		return nil, fmt.Errorf("version %d is not known; this program reads version %d", f.Version, fileVersion)
	case f.Platform.GCURL == "" || f.Platform.Organisation == "":
		return nil, errors.New("the platform is missing")
	case len(f.Lanes) > maxLanes || len(f.Creates) > maxLanes:
		return nil, fmt.Errorf("more than %d lanes or creates", maxLanes)
	}
	lanes := &Lanes{platform: f.Platform.normal(), entries: make(map[string]entry, len(f.Lanes)), creates: f.Creates}
	for name, e := range f.Lanes {
		if name == "" || !meeting.IsCode(e.Code) {
			return nil, fmt.Errorf("lane %q has no meeting code", name)
		}
		lanes.entries[name] = entry{code: httpapi.Secret(e.Code), meetingID: e.MeetingID, createdAt: e.CreatedAt}
	}
	return lanes, nil
}

// openLanes reads the file at path, or begins a new one.
func openLanes(path string, platform Identity) (*Lanes, error) {
	if platform.GCURL == "" || platform.Organisation == "" {
		return nil, errors.New("provisioning: the platform is not named")
	}
	lanes, err := LoadLanes(path)
	if errors.Is(err, fs.ErrNotExist) {
		return &Lanes{platform: platform.normal(), entries: make(map[string]entry)}, nil
	}
	if err != nil {
		return nil, err
	}
	return lanes, lanes.Check(platform)
}

// PlatformError says that a lane file belongs to another platform.
type PlatformError struct {
	File, Asked Identity
}

// Error names both platforms.
func (e *PlatformError) Error() string {
	return fmt.Sprintf("the lane file belongs to organisation %s at %s, not to %s at %s; use another lane file",
		e.File.Organisation, e.File.GCURL, e.Asked.Organisation, e.Asked.GCURL)
}

// Check returns a *PlatformError when the lanes belong to another platform.
func (l *Lanes) Check(platform Identity) error {
	if l.platform != platform.normal() {
		return &PlatformError{File: l.platform, Asked: platform.normal()}
	}
	return nil
}

// Platform returns whose lanes these are.
func (l *Lanes) Platform() Identity { return l.platform }

// Code returns the code of a lane's meeting.
func (l *Lanes) Code(lane string) (httpapi.Secret, bool) {
	e, ok := l.entries[lane]
	return e.code, ok
}

// CreatedAt returns when a lane's meeting was created.
func (l *Lanes) CreatedAt(lane string) (time.Time, bool) {
	e, ok := l.entries[lane]
	return e.createdAt, ok
}

// Names returns the lanes, sorted.
func (l *Lanes) Names() []string { return slices.Sorted(maps.Keys(l.entries)) }

// String counts the lanes.
func (l *Lanes) String() string {
	return fmt.Sprintf("lanes of organisation %s at %s: %d", l.platform.Organisation, l.platform.GCURL, len(l.entries))
}

// Format keeps every verb from showing a code.
func (l *Lanes) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, l.String()) }

// LogValue returns the same as String.
func (l *Lanes) LogValue() slog.Value { return slog.StringValue(l.String()) }

// CeilingError says that too many meetings were created lately.
type CeilingError struct {
	Ceiling int
	Next    time.Time // when the next create is allowed
}

// Error says why there is a ceiling, and until when it holds.
func (e *CeilingError) Error() string {
	return fmt.Sprintf("%d meetings were created within 24 hours, which is the ceiling: meetings can never be ended and use up the organisation's cap; the next may be created at %s",
		e.Ceiling, e.Next.UTC().Format(time.RFC3339))
}

// permit refuses a create over the ceiling.
func (l *Lanes) permit(now time.Time, ceiling int) error {
	// Times in the future (a clock that was set back) count too.
	l.creates = slices.DeleteFunc(l.creates, func(t time.Time) bool { return now.Sub(t) >= day })
	if over := len(l.creates) - ceiling; over >= 0 {
		slices.SortFunc(l.creates, time.Time.Compare)
		return &CeilingError{Ceiling: ceiling, Next: l.creates[over].Add(day)}
	}
	return nil
}

func (l *Lanes) attempt(now time.Time) { l.creates = append(l.creates, now.UTC().Round(0)) }

// withdraw takes the last attempt back.
func (l *Lanes) withdraw() { l.creates = l.creates[:len(l.creates)-1] }

func (l *Lanes) set(lane string, m meeting.Meeting, now time.Time) {
	l.entries[lane] = entry{code: m.Code, meetingID: m.ID, createdAt: now.UTC().Round(0)}
}

func (l *Lanes) encode() ([]byte, error) {
	f := file{Version: fileVersion, Platform: l.platform, Lanes: make(map[string]fileEntry, len(l.entries)), Creates: l.creates}
	for name, e := range l.entries {
		f.Lanes[name] = fileEntry{Code: e.code.Reveal(), MeetingID: e.meetingID, CreatedAt: e.createdAt}
	}
	content, err := json.MarshalIndent(f, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encoding the lane file: %w", err)
	}
	return append(content, '\n'), nil
}

// save replaces the file at path in one step, readable by its owner only. After it
// returns, the content survives a crash.
func (l *Lanes) save(path string) (err error) {
	content, err := l.encode()
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("writing the lane file: %w", err)
		}
	}()
	temporary, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*") // mode 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(temporary.Name()) // the first error counts
		}
	}()
	_, err = temporary.Write(content)
	if err == nil {
		err = temporary.Sync()
	}
	if err = errors.Join(err, temporary.Close()); err != nil {
		return err
	}
	if err = os.Rename(temporary.Name(), path); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
