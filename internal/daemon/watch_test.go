package daemon

import (
	"context"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestAChangeThatStaysIsTakenOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var content atomic.Value // []byte
		var changes atomic.Int32
		content.Store([]byte("a"))
		asked := make(chan struct{})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			look := func() []byte { return content.Load().([]byte) }
			follow(ctx, 10*time.Second, asked, []byte("before"), look, func() []byte { changes.Add(1); return look() })
		}()
		wait := func(d time.Duration) { time.Sleep(d); synctest.Wait() }
		expect := func(n int32, what string) {
			t.Helper()
			if got := changes.Load(); got != n {
				t.Fatalf("%s: %d reloads, want %d", what, got, n)
			}
		}
		wait(21 * time.Second)
		expect(1, "changed since it was first read")
		wait(time.Minute)
		expect(1, "nothing changed")
		content.Store([]byte("b"))
		wait(10 * time.Second)
		expect(1, "seen once: somebody may still be writing")
		content.Store([]byte("bc"))
		wait(10 * time.Second)
		expect(1, "seen once again")
		wait(10 * time.Second)
		expect(2, "it has stayed")
		wait(time.Minute)
		expect(2, "nothing new")
		asked <- struct{}{}
		synctest.Wait()
		expect(3, "asked for, with the same content")
		content.Store([]byte("d"))
		wait(11 * time.Second)
		content.Store([]byte("bc"))
		wait(time.Minute)
		expect(3, "changed back before it was taken")
		cancel()
		<-done
	})
}

func TestAMountedFolderIsOneContent(t *testing.T) {
	dir := t.TempDir()
	config, other := filepath.Join(dir, "probes.yaml"), filepath.Join(dir, "ca.pem")
	write := func(path, text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(config, "one")
	write(other, "one")
	plain := contentOf(config)
	write(other, "two")
	if string(contentOf(config)) != string(plain) {
		t.Error("a file beside the configuration changed, and the folder is nobody's mount")
	}
	if err := os.Symlink(dir, filepath.Join(dir, "..data")); err != nil {
		t.Fatal(err)
	}
	before := contentOf(config)
	write(other, "three")
	if string(contentOf(config)) == string(before) {
		t.Error("a file of the mounted folder changed, and nobody noticed")
	}
	before = contentOf(config)
	write(config, "two")
	if string(contentOf(config)) == string(before) {
		t.Error("the configuration changed, and nobody noticed")
	}
	lanes := filepath.Join(t.TempDir(), "lanes.json")
	before = contentOf(config, lanes)
	write(lanes, "{}")
	if string(contentOf(config, lanes)) == string(before) {
		t.Error("the lane file came, and nobody noticed")
	}
}
