package account

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dark-tower/prober/internal/darktower/httpapi"
)

// TestACallerWhoseTimeIsOverLearnsHowFarItGot: a port that is silently closed is no
// answer that did not come.
func TestACallerWhoseTimeIsOverLearnsHowFarItGot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		silent := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}}
		defer silent.CloseIdleConnections()
		c := client(t, Config{BaseURL: "http://127.0.0.1:8082", Timeout: time.Second, HTTP: &http.Client{Transport: silent}})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var phases []httpapi.Phases
		_, err := c.Token(httpapi.WithPhases(ctx, func(p httpapi.Phases) { phases = append(phases, p) }), ada)
		var got *httpapi.TransportError
		if !errors.As(err, &got) || got.Kind != httpapi.KindTimeout || got.Phase != httpapi.PhaseConnect || !strings.Contains(err.Error(), "127.0.0.1:8082") {
			t.Errorf("error %v", err)
		}
		if len(phases) != 1 {
			t.Errorf("%d phases reported", len(phases))
		}
	})
}

type slow time.Duration

func (s slow) RoundTrip(r *http.Request) (*http.Response, error) {
	time.Sleep(time.Duration(s))
	const body = `{"accessToken":"token","tokenType":"Bearer","expiresIn":3600}`
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
}

func TestATokenThatComesRightAfterTheCallersTimeIsLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := client(t, Config{BaseURL: "http://127.0.0.1:8082", Timeout: 3 * time.Second, HTTP: &http.Client{Transport: slow(time.Second + verdict/2)}})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var got *httpapi.TransportError
		if _, err := c.Token(ctx, ada); !errors.As(err, &got) || !got.Timeout() {
			t.Errorf("error %v", err)
		}
		if _, kept := c.Remembered(ada); !kept {
			t.Error("AC has done the work, and it is not remembered")
		}
	})
}
