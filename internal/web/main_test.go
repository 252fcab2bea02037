package web_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/internal/page/pagetest"
	"github.com/dark-tower/prober/internal/web"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const token = "a-token-that-nobody-guesses"

// options serve a world, on loopback.
func options(w pagetest.World) web.Options {
	return web.Options{
		Metrics: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "dt_synthetic_up 1\n") }),
		Runs:    w.Store(), Probes: func() []web.ProbeStatus { return w.Status },
		Trigger: func(_ context.Context, name string) (flows.Run, error) {
			switch name {
			case "join":
				return w.Last("join", flows.Success).Run, nil
			case "media":
				return flows.Run{}, &web.BusyError{Why: "a run goes already"}
			}
			return flows.Run{}, web.ErrUnknownProbe
		},
		Loopback: true, Version: "1.2.3", Log: slog.New(slog.DiscardHandler),
	}
}

func serve(t *testing.T, o web.Options) http.Handler {
	t.Helper()
	s, err := web.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return s.Handler()
}

// present is a world as it is now.
func present(w pagetest.World) pagetest.World { return w.At(time.Now()) }

// ask sends a request; headers are "Name: value", Host among them.
func ask(h http.Handler, method, path string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(""))
	r.Host = "localhost:8084"
	for _, line := range headers {
		name, value, _ := strings.Cut(line, ": ")
		if name == "Host" {
			r.Host = value
			continue
		}
		r.Header.Add(name, value)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}
