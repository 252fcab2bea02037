package token

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"
)

// ServicePath is where AC hands out service tokens.
const ServicePath = "/api/v1/auth/service/token"

// ServiceSource gets service tokens from AC with a client's credentials and
// keeps each until shortly before it expires. It is safe for concurrent use
// and keeps no connection open.
type ServiceSource struct {
	url, clientID, secret string
	client                *http.Client

	turn  chan struct{} // holds one token; whoever has it may touch the fields below
	raw   string
	until time.Time // when to ask for another
}

// NewServiceSource returns a source that asks the AC at acURL, such as
// http://127.0.0.1:8082. Nothing is fetched yet.
func NewServiceSource(acURL, clientID, secret string) *ServiceSource {
	return &ServiceSource{
		url:      strings.TrimSuffix(acURL, "/") + ServicePath,
		clientID: clientID,
		secret:   secret,
		client:   &http.Client{Timeout: fetchTimeout, Transport: oneShotTransport()},
		turn:     make(chan struct{}, 1),
	}
}

// Token returns a service token that is good for a while yet.
func (s *ServiceSource) Token(ctx context.Context) (string, error) {
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return "", fmt.Errorf("getting a service token for %s: %w", s.clientID, ctx.Err())
	}
	if s.raw != "" && time.Now().Before(s.until) {
		return s.raw, nil
	}
	asked := time.Now()
	raw, lifetime, err := s.fetch(ctx)
	if err != nil {
		return "", fmt.Errorf("getting a service token for %s: %w", s.clientID, err)
	}
	s.raw, s.until = raw, asked.Add(lifetime-min(time.Minute, lifetime/10))
	return raw, nil
}

func (s *ServiceSource) fetch(ctx context.Context) (string, time.Duration, error) {
	body, err := json.Marshal(map[string]string{
		"grant_type": "client_credentials", "client_id": s.clientID, "client_secret": s.secret,
	})
	if err != nil {
		return "", 0, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url, bytes.NewReader(body))
	if err != nil {
		return "", 0, err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := s.client.Do(req)
	if err != nil {
		return "", 0, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return "", 0, fmt.Errorf("AC answered %s", resp.Status)
	}
	var answer struct {
		AccessToken string `json:"accessToken"`
		ExpiresIn   int64  `json:"expiresIn"`
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxDocument)).Decode(&answer); err != nil {
		return "", 0, errors.New("AC's answer is not JSON of the right shape")
	}
	if answer.AccessToken == "" || answer.ExpiresIn <= 0 {
		return "", 0, errors.New("AC's answer holds no token")
	}
	return answer.AccessToken, time.Duration(answer.ExpiresIn) * time.Second, nil
}

// String names the client without its secret.
func (s *ServiceSource) String() string { return "service credentials of " + s.clientID }

// GoString names the client without its secret.
func (s *ServiceSource) GoString() string { return s.String() }

// LogValue names the client without its secret.
func (s *ServiceSource) LogValue() slog.Value { return slog.StringValue(s.String()) }

// GRPC returns credentials that put the token into the metadata of every call.
// The platform's services speak gRPC in the clear.
func (s *ServiceSource) GRPC() credentials.PerRPCCredentials { return perRPC{s} }

type perRPC struct{ source *ServiceSource }

func (p perRPC) GetRequestMetadata(ctx context.Context, _ ...string) (map[string]string, error) {
	raw, err := p.source.Token(ctx)
	if err != nil {
		return nil, status.Error(codes.Unavailable, err.Error())
	}
	return map[string]string{"authorization": "Bearer " + raw}, nil
}

func (perRPC) RequireTransportSecurity() bool { return false }
