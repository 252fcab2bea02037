package metrics

import (
	"bufio"
	"bytes"
	"errors"
	"flag"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"runtime"
	"strings"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/dark-tower/prober/flows"
)

var update = flag.Bool("update", false, "write the golden files")

const (
	asText        = "text/plain;version=0.0.4"
	asOpenMetrics = "application/openmetrics-text;version=1.0.0"
	asProtobuf    = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"
)

func scrape(t testing.TB, m *Metrics, accept string) (contentType string, body []byte) {
	t.Helper()
	server := httptest.NewServer(m.Handler())
	defer server.Close()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", accept)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err = io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %v: %s", resp.Status, err, body)
	}
	return resp.Header.Get("Content-Type"), body
}

// lived are metrics that have seen a success and a failure of a join, and a talk.
func lived() *Metrics {
	m := fresh(one()[:2]...)
	m.Reloaded(true, epoch)
	m.Started("join", 0)
	m.Observe(joined(), true)
	m.Finished("join")
	m.Observe(failed(joined(), flows.Failure{Step: flows.StepMCJoin, Hop: flows.MC, Reason: flows.Timeout, Detail: "canary-detail"}), true)
	m.Observe(talked(), true)
	m.Events("join-time-to-media", 2, 1)
	m.SetBudget("join-time-to-media", Budget{SLI: new(.5), Consumed: new(10.), Remaining: new(-9.), Coverage: new(.01), Burn: map[string]float64{"5m": 10}})
	return m
}

// What is 0 is left out of the golden file: TestEverySeriesOfFreshMetricsIsThereAndZero
// has it.
func TestTheExpositionOfASuccessAFailureAndATalk(t *testing.T) {
	_, body := scrape(t, lived(), asOpenMetrics)
	var b strings.Builder
	for line := range strings.Lines(string(body)) {
		if strings.Contains(line, Prefix) && !strings.HasSuffix(line, " 0.0\n") && !strings.HasSuffix(line, " 0\n") {
			b.WriteString(moments.ReplaceAllString(line, "$1 TIME\n"))
		}
	}
	got := strings.ReplaceAll(b.String(), runtime.Version(), "GOVERSION")
	const file = "testdata/lived.txt"
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("the exposition is not %s any more: look at it with -update and git diff", file)
	}
	if strings.Contains(string(body), "canary") {
		t.Error("a failure's detail is in the exposition")
	}
}

// moments are the timestamps of exemplars.
var moments = regexp.MustCompile(`(# \{.*\} \S+) \S+\n$`)

func TestTextIsParsedAndHasNeitherExemplarsNorCreationTimes(t *testing.T) {
	contentType, body := scrape(t, lived(), asText)
	if !strings.HasPrefix(contentType, asText[:len("text/plain")]) {
		t.Errorf("content type %s", contentType)
	}
	if bytes.Contains(body, []byte("_created")) || bytes.Contains(body, []byte("# {")) {
		t.Error("what text cannot carry is in it")
	}
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	var list []*dto.MetricFamily
	for _, f := range families {
		list = append(list, f)
	}
	complete(t, list)
}

func TestProtobufIsParsedAndHasExemplarsAndCreationTimes(t *testing.T) {
	contentType, body := scrape(t, lived(), asProtobuf)
	if !strings.HasPrefix(contentType, "application/vnd.google.protobuf") {
		t.Errorf("content type %s", contentType)
	}
	decoder := expfmt.NewDecoder(bytes.NewReader(body), expfmt.NewFormat(expfmt.TypeProtoDelim))
	var families []*dto.MetricFamily
	exemplars, born := 0, 0
	for {
		f := &dto.MetricFamily{}
		err := decoder.Decode(f)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		families = append(families, f)
		for _, s := range f.Metric {
			if s.GetCounter().GetExemplar() != nil {
				exemplars++
			}
			for _, b := range s.GetHistogram().GetBucket() {
				if b.Exemplar != nil {
					exemplars++
				}
			}
			if s.GetCounter().GetCreatedTimestamp() != nil {
				born++
			}
		}
	}
	complete(t, families)
	if exemplars == 0 || born == 0 {
		t.Errorf("%d exemplars, %d creation times", exemplars, born)
	}
}

// openMetrics is a line of OpenMetrics 1.0: metadata, a sample with or without an
// exemplar, or the end.
var openMetrics = regexp.MustCompile(`^(# (HELP|TYPE|UNIT) [a-z_:][a-zA-Z0-9_:]* .+` +
	`|[a-z_:][a-zA-Z0-9_:]*(\{[a-z_]+="[^"]*"(,[a-z_]+="[^"]*")*\})? [-+0-9.eE]+(Inf|NaN)?( # \{trace_id="[0-9a-f]{32}"\} [0-9.eE-]+ [0-9.]+(e\+[0-9]+)?)?|# EOF)$`)

func TestOpenMetricsIsWellFormedAndHasExemplarsButNoCreationTimes(t *testing.T) {
	contentType, body := scrape(t, lived(), asOpenMetrics)
	if !strings.HasPrefix(contentType, "application/openmetrics-text") {
		t.Errorf("content type %s", contentType)
	}
	exemplars, last := 0, ""
	families := make(map[string]bool)
	for lines := bufio.NewScanner(bytes.NewReader(body)); lines.Scan(); {
		last = lines.Text()
		if !openMetrics.MatchString(last) {
			t.Errorf("malformed: %s", last)
		}
		if strings.Contains(last, " # {") {
			exemplars++
		}
		if rest, ok := strings.CutPrefix(last, "# TYPE "); ok {
			name, _, _ := strings.Cut(rest, " ")
			families[name] = true
		}
	}
	if last != "# EOF" || exemplars == 0 || bytes.Contains(body, []byte("_created")) {
		t.Errorf("last line %q, %d exemplars", last, exemplars)
	}
	for _, d := range Catalogue() {
		if name := strings.TrimSuffix(d.Name, "_total"); !families[name] && present(d.Name) {
			t.Errorf("%s is missing", name)
		}
	}
}

// complete checks that what was parsed is all that was exposed.
func complete(t *testing.T, families []*dto.MetricFamily) {
	t.Helper()
	got := make(map[string]bool)
	for _, f := range families {
		got[f.GetName()] = true
	}
	for _, d := range Catalogue() {
		if !got[d.Name] && present(d.Name) {
			t.Errorf("%s is missing", d.Name)
		}
	}
	for _, name := range []string{"go_goroutines", "process_cpu_seconds_total"} {
		if !got[name] && runtime.GOOS == "linux" {
			t.Errorf("%s is missing", name)
		}
	}
}

// present are the metrics that lived has: it has no reconnect probe.
func present(name string) bool { return name != Prefix+timeToRestore }
