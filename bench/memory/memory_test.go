package main

import (
	"os"
	"runtime"
	"strings"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestItRunsToItsEnd(t *testing.T) {
	needsLinux(t)
	var out strings.Builder
	if err := run(t.Context(), []string{"-for", "2s", "-scrape", "1s", "-touch", "100ms"}, &out); err != nil {
		t.Fatalf("%v\n%s", err, &out)
	}
	for _, want := range []string{"\nleast         2s ", "\ndaemon        2s ", "\nof its file, touched in 100ms: ", "\ndaemon beside least: RSS "} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing of\n%s", want, &out)
		}
	}
}

func TestWhatAProcessHoldsIsItsFilesAndItsOwn(t *testing.T) {
	needsLinux(t)
	before, err := holdingOf(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if sum := before.file + before.anonymous; sum < before.rss-1 || sum > before.rss+1 || before.file == 0 {
		t.Errorf("%+v", before)
	}
	large := make([]byte, 64*mebibyte)
	for i := 0; i < len(large); i += 1024 {
		large[i] = 1
	}
	after, err := holdingOf(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	runtime.KeepAlive(large)
	if grown := after.anonymous - before.anonymous; grown < 60 {
		t.Errorf("64 MiB of its own are %.1f", grown)
	}
}

func TestOnlyPagesOfFilesThatAreReadCountAsTouched(t *testing.T) {
	needsLinux(t)
	some, err := touched(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	h, err := holdingOf(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if some <= 0 || some > h.file+1 {
		t.Errorf("%.1f MiB touched of %.1f", some, h.file)
	}
}

func TestAValueIsTheSumOfTheSeriesThatFit(t *testing.T) {
	counter := func(outcome string, n float64) *dto.Metric {
		return &dto.Metric{Label: []*dto.LabelPair{{Name: new("outcome"), Value: new(outcome)}}, Counter: &dto.Counter{Value: new(n)}}
	}
	lags := &dto.Metric{Histogram: &dto.Histogram{SampleCount: new(uint64(7)), Bucket: []*dto.Bucket{
		{UpperBound: new(0.005), CumulativeCount: new(uint64(4))}, {UpperBound: new(0.01), CumulativeCount: new(uint64(6))}}}}
	f := series{"runs": {Metric: []*dto.Metric{counter("success", 5), counter("failed", 2)}}, "lag": {Metric: []*dto.Metric{lags}}}
	for what, pair := range map[string][2]float64{
		"all": {f.value("runs"), 7}, "one outcome": {f.value("runs", "outcome", "success"), 5}, "none": {f.value("runs", "outcome", "aborted"), 0},
		"what is not there": {f.value("x"), 0}, "a count": {f.value("lag"), 7}, "beyond an edge": {f.beyond("lag", 0.005), 3},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s: %v, want %v", what, pair[0], pair[1])
		}
	}
}

func needsLinux(t *testing.T) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("there is no /proc")
	}
}
