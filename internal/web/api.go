package web

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/internal/history"
	"github.com/dark-tower/prober/internal/report"
)

// How many runs a list has.
const (
	usualRuns = 50
	mostRuns  = 200
)

type apiError struct {
	Error string     `json:"error"`
	Until *time.Time `json:"until,omitempty"` // when that ends, where it is known
}

// runDetail is a run with what is kept beside it.
type runDetail struct {
	report.RunDocument
	TraceKept bool     `json:"trace_exported"`
	Log       []string `json:"log,omitempty"`
}

type runList struct {
	FormatVersion int                  `json:"format_version"`
	Runs          []report.RunDocument `json:"runs"`
}

func (s *Server) listProbes(w http.ResponseWriter, _ *http.Request) {
	list := probeList{FormatVersion: report.FormatVersion, Now: now(), Probes: []probeOf{}}
	for _, p := range s.cards() {
		list.Probes = append(list.Probes, jsonProbe(p, list.Now))
	}
	writeJSON(w, http.StatusOK, list)
}

func (s *Server) listRuns(w http.ResponseWriter, r *http.Request) {
	q := history.Query{Probe: r.FormValue("probe"), Outcome: flows.Outcome(r.FormValue("outcome")), Limit: usualRuns}
	if q.Outcome != "" && !slices.Contains(flows.Outcomes(), q.Outcome) {
		writeJSON(w, http.StatusBadRequest, apiError{Error: fmt.Sprintf("outcome must be one of %v", flows.Outcomes())})
		return
	}
	if limit := r.FormValue("limit"); limit != "" {
		n, err := strconv.Atoi(limit)
		if err != nil || n < 1 || n > mostRuns {
			writeJSON(w, http.StatusBadRequest, apiError{Error: fmt.Sprintf("limit must be a number from 1 to %d", mostRuns)})
			return
		}
		q.Limit = n
	}
	list := runList{FormatVersion: report.FormatVersion, Runs: []report.RunDocument{}}
	for _, e := range s.o.Runs.Recent(q) {
		list.Runs = append(list.Runs, report.DocumentOf(e.Run))
	}
	if len(list.Runs) == 0 && q.Probe != "" && !s.knows(q.Probe) {
		writeJSON(w, http.StatusNotFound, apiError{Error: ErrUnknownProbe.Error()})
		return
	}
	writeJSON(w, http.StatusOK, list)
}

// knows reports whether a probe has the name.
func (s *Server) knows(probe string) bool {
	return slices.ContainsFunc(s.o.Probes(), func(p ProbeStatus) bool { return p.Name == probe })
}

func (s *Server) getRun(w http.ResponseWriter, r *http.Request) {
	e, ok := s.o.Runs.Get(r.PathValue("id"))
	if !ok {
		writeJSON(w, http.StatusNotFound, apiError{Error: "no run with this id is kept"})
		return
	}
	writeJSON(w, http.StatusOK, runDetail{RunDocument: report.DocumentOf(e.Run), TraceKept: e.Kept, Log: e.Log})
}

func (s *Server) runProbe(w http.ResponseWriter, r *http.Request) {
	if s.o.Trigger == nil {
		writeJSON(w, http.StatusForbidden, apiError{Error: "runs cannot be started here"})
		return
	}
	name := r.PathValue("name")
	patient(w)
	run, err := s.o.Trigger(r.Context(), name)
	var busy *BusyError
	switch {
	case err == nil:
		writeJSON(w, http.StatusOK, report.DocumentOf(run))
	case errors.Is(err, ErrUnknownProbe):
		writeJSON(w, http.StatusNotFound, apiError{Error: ErrUnknownProbe.Error()})
	case errors.As(err, &busy):
		refusal := apiError{Error: busy.Error(), Until: known(busy.Until.UTC())}
		if wait := time.Until(busy.Until); wait > 0 {
			w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(wait.Seconds()))))
		}
		writeJSON(w, http.StatusConflict, refusal)
	case r.Context().Err() != nil: // whoever asked has gone, and the run with it: its own line says so
	default:
		s.o.Log.ErrorContext(r.Context(), "a run could not be started on demand", "error", err)
		writeJSON(w, http.StatusInternalServerError, apiError{Error: "the run could not be started; the log says why"})
	}
}

func writeJSON(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	_ = enc.Encode(value) // who has gone away needs no answer
}

// inJSON answers what the API does not have as the API answers.
func inJSON(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h, pattern := mux.Handler(r)
		if pattern != "" || !strings.HasPrefix(r.URL.Path, "/api/") {
			mux.ServeHTTP(w, r)
			return
		}
		only := &statusOnly{ResponseWriter: w}
		h.ServeHTTP(only, r)
		writeJSON(w, only.status, apiError{Error: strings.ToLower(http.StatusText(only.status))})
	})
}

// statusOnly keeps an answer's status and headers, and nothing of its text.
type statusOnly struct {
	http.ResponseWriter
	status int
}

func (s *statusOnly) WriteHeader(status int)      { s.status = status }
func (s *statusOnly) Write(p []byte) (int, error) { return len(p), nil }
