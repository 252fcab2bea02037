package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// subject is a process that is measured, and its port.
type subject struct {
	cmd     *exec.Cmd
	url     string
	drained chan struct{} // closed when its standard error has ended
}

// start runs a program and waits until it says where it listens.
func start(ctx context.Context, path string, args ...string) (*subject, error) {
	s := &subject{cmd: exec.CommandContext(ctx, path, args...), drained: make(chan struct{})}
	s.cmd.Cancel = func() error { return s.cmd.Process.Signal(syscall.SIGTERM) }
	s.cmd.WaitDelay = 40 * time.Second
	said, err := s.cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	lines, all := bufio.NewScanner(said), strings.Builder{}
	address := regexp.MustCompile(`listening on (http://\S+)`)
	for s.url == "" && lines.Scan() {
		fmt.Fprintln(&all, lines.Text())
		if found := address.FindStringSubmatch(lines.Text()); found != nil {
			s.url = found[1]
		}
	}
	go func() {
		defer close(s.drained)
		_, _ = io.Copy(io.Discard, said)
	}()
	if s.url == "" {
		return nil, errors.Join(fmt.Errorf("it ended: %s", &all), s.end())
	}
	return s, nil
}

func (s *subject) pid() int { return s.cmd.Process.Pid }

func (s *subject) end() error {
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	<-s.drained
	return s.cmd.Wait()
}

// series are what a scrape has brought.
type series map[string]*dto.MetricFamily

func (s *subject) scrape(ctx context.Context) (series, error) {
	body, err := s.get(ctx, "/metrics")
	if err != nil {
		return nil, err
	}
	defer body.Close()
	parser := expfmt.NewTextParser(model.LegacyValidation)
	return parser.TextToMetricFamilies(body)
}

// collect makes the process collect its garbage at once.
func (s *subject) collect(ctx context.Context) error {
	body, err := s.get(ctx, "/debug/pprof/heap?gc=1")
	if err != nil {
		return err
	}
	defer body.Close()
	_, err = io.Copy(io.Discard, body)
	return err
}

func (s *subject) get(ctx context.Context, path string) (io.ReadCloser, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+path, nil)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		response.Body.Close()
		return nil, fmt.Errorf("%s: %s", path, response.Status)
	}
	return response.Body, nil
}

// value sums what a metric's series with the given labels have; a histogram or
// summary has its count.
func (f series) value(name string, labels ...string) float64 {
	sum := 0.0
	for _, m := range f[name].GetMetric() {
		if has(m, labels) {
			sum += m.GetGauge().GetValue() + m.GetCounter().GetValue() + float64(m.GetHistogram().GetSampleCount()+m.GetSummary().GetSampleCount())
		}
	}
	return sum
}

// has reports whether a series has all of these names and values of labels.
func has(m *dto.Metric, labels []string) bool {
	for i := 0; i+1 < len(labels); i += 2 {
		found := false
		for _, l := range m.GetLabel() {
			found = found || l.GetName() == labels[i] && l.GetValue() == labels[i+1]
		}
		if !found {
			return false
		}
	}
	return true
}
