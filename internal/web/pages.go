package web

import (
	"bytes"
	"io"
	"net/http"
	"time"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/internal/history"
	"github.com/dark-tower/prober/internal/page"
)

const (
	// refresh is how often the overview renews itself.
	refresh = 5 * time.Second
	// failuresShown is how many failures a card lists.
	failuresShown = 5
)

func (s *Server) overview(w http.ResponseWriter, r *http.Request) {
	o := page.Overview{Version: s.o.Version, Platform: s.o.Platform, Now: now(), Refresh: refresh, Probes: s.cards()}
	for _, check := range []func() error{s.o.Alive, s.o.Ready} {
		if check == nil {
			continue
		}
		if err := check(); err != nil {
			o.Trouble = err.Error()
			break
		}
	}
	s.html(w, r, http.StatusOK, func(w io.Writer) error { return page.WriteOverview(w, o) })
}

func (s *Server) runPage(w http.ResponseWriter, r *http.Request) {
	e, ok := s.o.Runs.Get(r.PathValue("id"))
	if !ok {
		text := page.Message{Version: s.o.Version, Title: "This run is not kept",
			Text: "The latest runs are kept in memory, and the last failures of each probe for longer. It may have been one before; its trace may still be there."}
		s.html(w, r, http.StatusNotFound, func(w io.Writer) error { return page.WriteMessage(w, text) })
		return
	}
	p := page.RunPage{Version: s.o.Version, Platform: s.o.Platform, Now: now(), RunView: view(e)}
	for _, status := range s.o.Probes() {
		if status.Name == e.Run.Probe {
			p.Objectives = status.Objectives
		}
	}
	s.html(w, r, http.StatusOK, func(w io.Writer) error { return page.WriteRun(w, p) })
}

// cards puts together what schedule, objectives and finished runs say of each probe.
func (s *Server) cards() []page.Probe {
	var out []page.Probe
	for _, status := range s.o.Probes() {
		card := page.Probe{Status: status, Marks: s.o.Runs.Marks(status.Name)}
		if last, ok := s.o.Runs.Last(status.Name); ok {
			v := view(last)
			card.Last = &v
		}
		for _, e := range s.o.Runs.Recent(history.Query{Probe: status.Name}) {
			if len(card.Failures) < failuresShown && (e.Run.Outcome == flows.Failed || e.Run.Outcome == flows.Inconclusive) {
				card.Failures = append(card.Failures, view(e))
			}
		}
		out = append(out, card)
	}
	return out
}

func view(e history.Entry) page.RunView {
	return page.RunView{Run: e.Run, Series: e.Series, Log: e.Log, Kept: e.Kept}
}

// html writes a page as a whole or not at all: half a page could look green.
func (s *Server) html(w http.ResponseWriter, r *http.Request, status int, write func(io.Writer) error) {
	var b bytes.Buffer
	if err := write(&b); err != nil {
		s.o.Log.ErrorContext(r.Context(), "the page could not be rendered", "error", err)
		refuse(w, r, http.StatusInternalServerError, "the page could not be rendered; the log says why")
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes()) // who has gone away needs no page
}
