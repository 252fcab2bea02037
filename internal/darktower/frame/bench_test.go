package frame_test

import (
	"testing"

	"github.com/dark-tower/prober/internal/darktower/frame"
)

func BenchmarkDecode(b *testing.B) {
	raw := build(b, shapes["key"], filled(104, 0), 1, 2)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := frame.Decode(raw); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRewriteRelay(b *testing.B) {
	raw := build(b, shapes["key"], filled(104, 0), 1, 2)
	b.ReportAllocs()
	for b.Loop() {
		if err := frame.RewriteRelay(raw, 3, 4); err != nil {
			b.Fatal(err)
		}
	}
}
