package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// config is the configuration of the exporter "lines".
type config struct {
	Path string `mapstructure:"path"`
}

// Validate is called by the collector before anything is started.
func (c *config) Validate() error {
	if c.Path == "" {
		return errors.New("path is missing: the file that traces are written to")
	}
	return nil
}

// newLines makes the exporter "lines": every trace message becomes a line of a file.
func newLines() exporter.Factory {
	return exporter.NewFactory(component.MustNewType("lines"), func() component.Config { return &config{} },
		exporter.WithTraces(func(_ context.Context, _ exporter.Settings, c component.Config) (exporter.Traces, error) {
			return &lines{path: c.(*config).Path}, nil
		}, component.StabilityLevelDevelopment))
}

type lines struct {
	path    string
	marshal ptrace.JSONMarshaler

	mu   sync.Mutex // one line at a time
	file *os.File
}

func (l *lines) Start(context.Context, component.Host) (err error) {
	l.file, err = os.OpenFile(l.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	return err
}

func (l *lines) Shutdown(context.Context) error {
	if l.file == nil {
		return nil
	}
	return l.file.Close()
}

func (l *lines) Capabilities() consumer.Capabilities { return consumer.Capabilities{} }

func (l *lines) ConsumeTraces(_ context.Context, traces ptrace.Traces) error {
	line, err := l.marshal.MarshalTraces(traces)
	if err != nil {
		return fmt.Errorf("writing traces as JSON: %w", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	_, err = l.file.Write(append(line, '\n'))
	return err
}
