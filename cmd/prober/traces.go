package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"time"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/internal/telemetry/logging"
	"github.com/dark-tower/prober/internal/telemetry/tracing"
)

// flushTime is what nobody minds to wait for the last traces at the end of a command.
const flushTime = 3 * time.Second

// traces are those of a command's runs and of the embedded platform's services.
type traces struct {
	runs     *tracing.Tracing
	services *tracing.Services
}

// openTraces exports to where the environment says; a collector that is away is
// mentioned on complaints.
func openTraces(ctx context.Context, complaints io.Writer) (traces, error) {
	version, _ := build()
	log := logging.New(complaints, logging.Options{Format: logging.Text, Level: slog.LevelWarn})
	runs, err := tracing.Open(ctx, tracing.Options{Version: version, Log: log})
	if err != nil {
		return traces{}, err
	}
	services, err := tracing.OpenServices(ctx, version, log)
	if err != nil {
		return traces{}, errors.Join(err, runs.Shutdown(ctx))
	}
	return traces{runs, services}, nil
}

// keep exports a run: whoever runs one by hand wants to see it.
func (t traces) keep(run flows.Run) { t.runs.Settle(run, true) }

func (t traces) close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushTime)
	defer cancel()
	return errors.Join(t.runs.Shutdown(ctx), t.services.Shutdown(ctx))
}
