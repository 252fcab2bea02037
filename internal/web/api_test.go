package web_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/internal/history"
	"github.com/dark-tower/prober/internal/page/pagetest"
	"github.com/dark-tower/prober/internal/report"
	"github.com/dark-tower/prober/internal/web"
)

var update = flag.Bool("update", false, "write the golden files")

func TestHealthAndReadinessSayWhatIsWrong(t *testing.T) {
	o := options(pagetest.Empty())
	o.Alive = func() error { return errors.New("the schedule has not turned for 2m") }
	h := serve(t, o)
	if got := ask(h, "GET", "/health"); got.Code != 503 || got.Body.String() != "the schedule has not turned for 2m\n" {
		t.Errorf("%d %s", got.Code, got.Body)
	}
	if got := ask(h, "GET", "/ready"); got.Code != 200 || got.Body.String() != "ok\n" {
		t.Errorf("%d %s", got.Code, got.Body)
	}
	if got := ask(h, "GET", "/"); !strings.Contains(got.Body.String(), "The prober itself is in trouble") || !strings.Contains(got.Body.String(), "has not turned") {
		t.Error("the page does not say it")
	}
}

func TestAMethodThatIsNotServedIsNamedWithThoseThatAre(t *testing.T) {
	h := serve(t, options(pagetest.Empty()))
	for path, allow := range map[string]string{"/": "GET, HEAD", "/metrics": "GET, HEAD", "/api/v1/probes": "GET, HEAD", "/api/v1/runs": "GET, HEAD", "/runs/1": "GET, HEAD"} {
		for _, method := range []string{"POST", "PUT", "DELETE", "TRACE"} {
			if got := ask(h, method, path); got.Code != 405 || got.Header().Get("Allow") != allow {
				t.Errorf("%s %s: %d, Allow %q", method, path, got.Code, got.Header().Get("Allow"))
			}
		}
	}
	if got := ask(h, "GET", "/api/v1/probes/join/run"); got.Code != 405 || got.Header().Get("Allow") != "POST" {
		t.Errorf("%d, Allow %q", got.Code, got.Header().Get("Allow"))
	}
	if got := ask(h, "GET", "/nowhere"); got.Code != 404 {
		t.Errorf("%d", got.Code)
	}
}

func TestTheAPIAnswersInJSONAlsoWhatItDoesNotHave(t *testing.T) {
	h := serve(t, options(pagetest.Healthy()))
	for request, want := range map[string]int{"GET /api/v1/nothing": 404, "GET /api/": 404, "DELETE /api/v1/runs": 405, "GET /api/v1/probes/join/run": 405,
		"GET /api/v1/runs?probe=nobody": 404, "GET /api/v1/runs?limit=x": 400} {
		method, path, _ := strings.Cut(request, " ")
		got := ask(h, method, path)
		var body struct{ Error string }
		if err := json.Unmarshal(got.Body.Bytes(), &body); err != nil || body.Error == "" || got.Code != want || got.Header().Get("Content-Type") != "application/json" {
			t.Errorf("%s: %d %s: %s", request, got.Code, got.Header().Get("Content-Type"), got.Body)
		}
	}
	if got := ask(h, "GET", "/nowhere"); got.Code != 404 || strings.HasPrefix(got.Body.String(), "{") {
		t.Errorf("%d %s", got.Code, got.Body)
	}
}

func TestWhoeverGoesAwayDuringARunIsNoErrorOfTheProber(t *testing.T) {
	var log bytes.Buffer
	o := options(pagetest.Healthy())
	o.Log = slog.New(slog.NewTextHandler(&log, nil))
	ctx, leave := context.WithCancel(t.Context())
	o.Trigger = func(ctx context.Context, _ string) (flows.Run, error) { leave(); return flows.Run{}, ctx.Err() }
	r := httptest.NewRequestWithContext(ctx, "POST", "http://127.0.0.1:8084/api/v1/probes/join/run", nil)
	serve(t, o).ServeHTTP(httptest.NewRecorder(), r)
	if log.Len() > 0 {
		t.Errorf("the log says %s", log.String())
	}
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v; make it with go test ./internal/web -update", err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

// steady takes out of a list of probes what depends on the moment it was asked.
func steady(t *testing.T, body []byte) []byte {
	t.Helper()
	var doc map[string]any
	if err := json.Unmarshal(body, &doc); err != nil {
		t.Fatal(err)
	}
	delete(doc, "now")
	for _, p := range doc["probes"].([]any) {
		delete(p.(map[string]any), "why") // has ages in it
		delete(p.(map[string]any), "state")
		delete(p.(map[string]any), "since")
	}
	out, err := json.MarshalIndent(doc, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return append(out, '\n')
}

func TestProbesAreListedWithTheirBudgets(t *testing.T) {
	for name, w := range map[string]pagetest.World{"probes-failing.json": pagetest.Failing(), "probes-empty.json": pagetest.Empty()} {
		got := ask(serve(t, options(w)), "GET", "/api/v1/probes")
		if got.Code != 200 || got.Header().Get("Content-Type") != "application/json" {
			t.Errorf("%d %s", got.Code, got.Header())
		}
		golden(t, name, steady(t, got.Body.Bytes()))
	}
}

func TestWhatIsNotKnownIsNullAndNever0(t *testing.T) {
	got := ask(serve(t, options(present(pagetest.Empty()))), "GET", "/api/v1/probes")
	var doc struct {
		Probes []struct {
			State      string
			LastRun    *struct{} `json:"last_run"`
			Objectives []map[string]any
		}
	}
	if err := json.Unmarshal(got.Body.Bytes(), &doc); err != nil || len(doc.Probes) != 5 {
		t.Fatal(err, len(doc.Probes))
	}
	for _, p := range doc.Probes {
		if p.State != "no evidence" || p.LastRun != nil {
			t.Errorf("%+v", p)
		}
		for _, o := range p.Objectives {
			for _, key := range []string{"good_ratio", "budget_consumed_ratio", "budget_remaining_ratio"} {
				if v, there := o[key]; !there || v != nil {
					t.Errorf("%s: %v", key, v)
				}
			}
		}
	}
}

type list struct {
	Runs []struct{ ID, Probe, Outcome string }
}

func runsOf(t *testing.T, h http.Handler, query string) list {
	t.Helper()
	got := ask(h, "GET", "/api/v1/runs"+query)
	var l list
	if err := json.Unmarshal(got.Body.Bytes(), &l); err != nil || got.Code != 200 {
		t.Fatalf("%s: %d %v", query, got.Code, err)
	}
	return l
}

func TestRunsAreListedNewestFirstAndBounded(t *testing.T) {
	w := pagetest.Failing()
	h := serve(t, options(w))
	all := runsOf(t, h, "")
	if len(all.Runs) != 50 || all.Runs[0].ID != w.Runs[len(w.Runs)-1].Run.ID {
		t.Errorf("%d runs, the first %s", len(all.Runs), all.Runs[0].ID)
	}
	if l := runsOf(t, h, "?limit=200"); len(l.Runs) != len(w.Runs) {
		t.Errorf("%d of %d runs", len(l.Runs), len(w.Runs))
	}
	for _, r := range runsOf(t, h, "?probe=join&outcome=failure&limit=5").Runs {
		if r.Probe != "join" || r.Outcome != "failure" {
			t.Errorf("%+v", r)
		}
	}
	if l := runsOf(t, h, "?probe=join&outcome=failure&limit=5"); len(l.Runs) != 5 {
		t.Errorf("%d runs", len(l.Runs))
	}
	if got := ask(h, "GET", "/api/v1/runs?probe=join&outcome=aborted"); !strings.Contains(got.Body.String(), `"runs": []`) {
		t.Errorf("%s", got.Body)
	}
	for _, bad := range []string{"?limit=0", "?limit=201", "?limit=-1", "?limit=9999999999999999999", "?limit=x", "?outcome=bad", "?limit=1e2"} {
		if got := ask(h, "GET", "/api/v1/runs"+bad); got.Code != 400 || !strings.Contains(got.Body.String(), `"error"`) {
			t.Errorf("%s: %d %s", bad, got.Code, got.Body)
		}
	}
}

func TestARunIsShownAsInACheckAndWithItsLog(t *testing.T) {
	f := pagetest.Failing().Last("join", flows.Failed)
	got := ask(serve(t, options(pagetest.Failing())), "GET", "/api/v1/runs/"+f.Run.ID)
	var shown map[string]any
	if err := json.Unmarshal(got.Body.Bytes(), &shown); err != nil || got.Code != 200 {
		t.Fatal(got.Code, err)
	}
	log, _ := shown["log"].([]any)
	if len(log) != len(f.Log) || shown["trace_exported"] != true {
		t.Errorf("%d lines of log, exported: %v", len(log), shown["trace_exported"])
	}
	delete(shown, "log")
	delete(shown, "trace_exported")
	text, err := json.Marshal(report.DocumentOf(f.Run))
	if err != nil {
		t.Fatal(err)
	}
	var want map[string]any
	if err := json.Unmarshal(text, &want); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(shown, want) || want["id"] != f.Run.ID {
		t.Errorf("got %v, want %v", shown, want)
	}
}

func TestNoIDIsTakenForAnythingElse(t *testing.T) {
	h := serve(t, options(pagetest.Failing()))
	for _, id := range []string{"x", "../../etc/passwd", "..%2f..%2fetc%2fpasswd", "%00", "<script>alert(1)</script>", "'; drop table runs; --", strings.Repeat("a", 4000), "%", "."} {
		for _, path := range []string{"/runs/", "/api/v1/runs/"} {
			escaped := id
			if !strings.Contains(id, "%") {
				escaped = url.PathEscape(id)
			}
			if _, err := url.Parse(path + escaped); err != nil {
				continue // no server ever sees it
			}
			got := ask(h, "GET", path+escaped)
			if got.Code != 404 && got.Code != 307 && got.Code != 301 {
				t.Errorf("%s%s: %d", path, id, got.Code)
			}
			if strings.Contains(got.Body.String(), "alert(1)") {
				t.Errorf("%s is shown", id)
			}
		}
	}
}

func TestAProbeCanBeRunNow(t *testing.T) {
	w := pagetest.Healthy()
	var log bytes.Buffer
	o := options(w)
	o.Log = slog.New(slog.NewTextHandler(&log, nil))
	h := serve(t, o)
	if got := ask(h, "POST", "/api/v1/probes/join/run"); got.Code != 200 || !strings.Contains(got.Body.String(), w.Last("join", flows.Success).Run.ID) {
		t.Errorf("%d %s", got.Code, got.Body)
	}
	if got := ask(h, "POST", "/api/v1/probes/nobody/run"); got.Code != 404 || !strings.Contains(got.Body.String(), "no probe has that name") {
		t.Errorf("%d %s", got.Code, got.Body)
	}
	if got := ask(h, "POST", "/api/v1/probes/media/run"); got.Code != 409 || !strings.Contains(got.Body.String(), "a run goes already") || got.Header().Get("Retry-After") != "" || strings.Contains(got.Body.String(), "until") {
		t.Errorf("%d %s", got.Code, got.Body)
	}
	o.Trigger = func(context.Context, string) (flows.Run, error) {
		return flows.Run{}, &web.BusyError{Why: "it rests", Until: time.Now().Add(3500 * time.Millisecond)}
	}
	if got := ask(serve(t, o), "POST", "/api/v1/probes/join/run"); got.Code != 409 || got.Header().Get("Retry-After") != "4" || !strings.Contains(got.Body.String(), `"until": "20`) {
		t.Errorf("%d, %s: %s", got.Code, got.Header(), got.Body)
	}
	o.Trigger = func(context.Context, string) (flows.Run, error) { return flows.Run{}, errors.New("inner secret") }
	if got := ask(serve(t, o), "POST", "/api/v1/probes/join/run"); got.Code != 500 || strings.Contains(got.Body.String(), "inner") {
		t.Errorf("%d %s", got.Code, got.Body)
	}
	if !strings.Contains(log.String(), "inner secret") {
		t.Error("nobody is told why")
	}
	o.Trigger = nil
	if got := ask(serve(t, o), "POST", "/api/v1/probes/join/run"); got.Code != 403 {
		t.Errorf("%d", got.Code)
	}
}

func TestThePagesShowWhatTheStoreHas(t *testing.T) {
	w := present(pagetest.Failing())
	h := serve(t, options(w))
	got := ask(h, "GET", "/")
	if got.Code != 200 || got.Header().Get("Content-Type") != "text/html; charset=utf-8" {
		t.Errorf("%d %s", got.Code, got.Header())
	}
	failed := w.Last("join", flows.Failed).Run
	for _, want := range []string{"MC is unavailable at mc_connect", "downlink loss", "/runs/" + failed.ID, failed.TraceID, "somebody was in the lane"} {
		if !strings.Contains(got.Body.String(), want) {
			t.Errorf("the overview does not have %q", want)
		}
	}
	got = ask(h, "GET", "/runs/"+w.Last("media", flows.Success).Run.ID)
	if got.Code != 200 || !strings.Contains(got.Body.String(), "threshold 150 ms") || !strings.Contains(got.Body.String(), "SlotAssignment") {
		t.Errorf("%d: the run's page lacks its chart or its conversation", got.Code)
	}
	if got := ask(h, "GET", "/runs/gone"); got.Code != 404 || !strings.Contains(got.Body.String(), "This run is not kept") {
		t.Errorf("%d %.100s", got.Code, got.Body)
	}
}

func TestOneRunOfARemovedProbeIsStillShown(t *testing.T) {
	o := options(pagetest.Healthy())
	o.Probes = func() []web.ProbeStatus { return nil }
	o.Runs.Add(history.Finished{Run: flows.Run{ID: "left", Probe: "removed", Flow: flows.Join, Outcome: flows.Success, Started: time.Now()}})
	if got := ask(serve(t, o), "GET", "/runs/left"); got.Code != 200 {
		t.Errorf("%d", got.Code)
	}
}
