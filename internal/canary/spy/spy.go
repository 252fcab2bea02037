// Package spy stands between the prober and the embedded platform and knows every
// secret that passes: it plants them, so that whatever comes out of the prober can be
// searched for them. It can give them away besides, as a careless server does. It is
// for tests.
package spy

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/dark-tower/prober/internal/canary"
	"github.com/dark-tower/prober/internal/darktower/framing"
	"github.com/dark-tower/prober/internal/darktower/wire/signalingv1"
	"github.com/dark-tower/prober/internal/devstack"
	"github.com/dark-tower/prober/internal/devstack/wtserver"
	"github.com/dark-tower/prober/internal/devstack/wtserver/wttest"
	"github.com/dark-tower/prober/internal/webtransport"
)

// Cages hold what was met: secrets, and who and where people, meetings and handlers
// are, which is no secret and not everybody's business.
type Cages struct{ Secrets, Identities canary.Cage }

// WatchKeys plants every key that is made in this process from now on: the meeting
// keys of the embedded platform and the transmit keys of the prober are 32 random
// bytes. It is called once, before anything else runs.
func WatchKeys(into *canary.Cage) { rand.Reader = keyWatcher{rand.Reader, into} }

type keyWatcher struct {
	random io.Reader
	into   *canary.Cage
}

func (w keyWatcher) Read(b []byte) (int, error) {
	n, err := w.random.Read(b)
	if n == 32 {
		w.into.PlantKey("random key", bytes.Clone(b))
	}
	return n, err
}

// Spy stands between the prober and the embedded platform, and plants whatever secret
// passes.
type Spy struct {
	AC, GC, MC string // what the prober is to be told
	CAPEM      []byte // who signs the certificates that it will meet

	EchoAC, EchoGC atomic.Int64 // answer with this HTTP status, and all that was asked in the message
	EchoMC         atomic.Bool  // refuse joins with all that was sent in the message

	cages *Cages

	stack    *devstack.Stack
	upstream http.Transport
	mcURL    atomic.Value // string: where MC really is
}

// New starts a spy before a platform, until the test ends.
func New(t *testing.T, stack *devstack.Stack, cages *Cages) *Spy {
	t.Helper()
	s := &Spy{stack: stack, cages: cages}
	ac := httptest.NewServer(s.between(t, stack.ACURL, &s.EchoAC))
	gc := httptest.NewServer(s.between(t, stack.GCURL, &s.EchoGC))
	certificate := wttest.Certificate(t)
	conn := wttest.Listen(t)
	s.AC, s.GC, s.MC = ac.URL, gc.URL, "https://"+conn.LocalAddr().String()
	s.CAPEM = append(bytes.Clone(stack.CAPEM), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Certificate[0]})...)
	mc, err := wtserver.Serve(wtserver.Config{Conn: conn, Certificate: certificate, OnSession: s.relay})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ac.Close()
		gc.Close()
		s.upstream.CloseIdleConnections()
		if err := mc.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// between is a proxy in front of AC or GC.
func (s *Spy) between(t *testing.T, to string, echo *atomic.Int64) http.Handler {
	t.Helper()
	target, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{
		Transport: &s.upstream,
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.Host = r.In.Host // it names the organisation
		},
		ModifyResponse: s.overhear,
		ErrorHandler:   func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if bearer, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
			s.cages.Secrets.Plant("user token", bearer)
		}
		if status := echo.Load(); status != 0 {
			body, _ := io.ReadAll(r.Body)
			said := fmt.Sprintf("you asked %s with %q and said %s", r.URL, r.Header, body)
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(int(status))
			_ = json.NewEncoder(w).Encode(map[string]any{"error": map[string]string{"code": "INVALID_REQUEST", "message": said}})
			return
		}
		proxy.ServeHTTP(w, r)
	})
}

// overhear plants the tokens and codes in an answer, and sends the prober to the
// spy's own MC.
func (s *Spy) overhear(r *http.Response) error {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	_ = r.Body.Close()
	var answer struct {
		AccessToken  string `json:"accessToken"`
		Token        string `json:"token"`
		MeetingCode  string `json:"meetingCode"`
		MCAssignment struct {
			Endpoint string `json:"webtransportEndpoint"`
		} `json:"mcAssignment"`
	}
	if json.Unmarshal(body, &answer) == nil {
		for kind, value := range map[string]string{"user token": answer.AccessToken, "meeting token": answer.Token, "meeting code": answer.MeetingCode} {
			if value != "" {
				s.cages.Secrets.Plant(kind, value)
			}
		}
		if mc := answer.MCAssignment.Endpoint; mc != "" {
			s.mcURL.Store(mc)
			body = bytes.ReplaceAll(body, []byte(mc), []byte(s.MC))
		}
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	r.ContentLength = int64(len(body))
	r.Header.Set("Content-Length", strconv.Itoa(len(body)))
	return nil
}

// relay carries one session on to MC.
func (s *Spy) relay(ctx context.Context, client *wtserver.Session) {
	down, err := client.AcceptStream(ctx)
	if err != nil {
		return
	}
	first, err := framing.Read(down, nil)
	if err != nil {
		return
	}
	s.plantMessage(first, new(signalingv1.ClientMessage))
	if s.EchoMC.Load() {
		s.refuse(client, down, first)
		return
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(s.stack.CAPEM)
	session, err := webtransport.Dial(ctx, s.mcURL.Load().(string), webtransport.Config{RootCAs: pool, ServerName: s.stack.ServerName})
	if err != nil {
		return
	}
	var onward sync.WaitGroup
	defer onward.Wait()
	defer func() { _ = session.CloseConnection(0, "") }()
	up, err := session.OpenStream(ctx)
	if err != nil || framing.Write(up, first) != nil {
		return
	}
	onward.Go(func() {
		s.carry(up, down, func() proto.Message { return new(signalingv1.ClientMessage) })
		_ = session.CloseConnection(0, "") // the client has left
	})
	s.carry(down, up, func() proto.Message { return new(signalingv1.ServerMessage) })
	client.Drop()
}

// refuse answers a join with an error that repeats all of it.
func (s *Spy) refuse(client *wtserver.Session, down *wtserver.Stream, join []byte) {
	m := new(signalingv1.ClientMessage)
	_ = proto.Unmarshal(join, m)
	r := m.GetJoinRequest()
	answer, err := proto.Marshal(&signalingv1.ServerMessage{Message: &signalingv1.ServerMessage_Error{Error: &signalingv1.ErrorMessage{
		Code:    signalingv1.ErrorCode_ERROR_CODE_INTERNAL_ERROR,
		Message: fmt.Sprintf("no %s for %s (%s)", r.GetBindingToken(), r.GetParticipantName(), r.GetJoinToken()),
	}}})
	if err == nil && framing.Write(down, answer) == nil {
		client.Finish(0)
	}
}

// carry copies messages until one side ends, and plants the secrets in them.
func (s *Spy) carry(to io.Writer, from io.Reader, message func() proto.Message) {
	for {
		body, err := framing.Read(from, nil)
		if err != nil {
			return
		}
		s.plantMessage(body, message())
		if framing.Write(to, body) != nil {
			return
		}
	}
}

func (s *Spy) plantMessage(body []byte, m proto.Message) {
	if proto.Unmarshal(body, m) == nil {
		s.plantFields(m.ProtoReflect())
	}
}

// SecretFields are the secrets of the signaling protocol.
func SecretFields() []protoreflect.Name {
	return []protoreflect.Name{"join_token", "binding_token", "meeting_kek"}
}

// IdentityFields are the names that the signaling protocol has for people and places.
func IdentityFields() []protoreflect.Name {
	return []protoreflect.Name{"participant_id", "meeting_id", "correlation_id", "media_handler_url", "mh_url", "name", "participant_name", "identity_public_key"}
}

func (s *Spy) plantFields(m protoreflect.Message) {
	m.Range(func(field protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		secret := slices.Contains(SecretFields(), field.Name())
		identity := slices.Contains(IdentityFields(), field.Name())
		switch {
		case field.IsList() && field.Kind() == protoreflect.MessageKind:
			for i := range v.List().Len() {
				s.plantFields(v.List().Get(i).Message())
			}
		case field.IsList() || field.IsMap():
		case field.Kind() == protoreflect.MessageKind:
			s.plantFields(v.Message())
		case identity && field.Kind() == protoreflect.BytesKind && len(v.Bytes()) > 0:
			s.cages.Identities.PlantKey(string(field.Name()), v.Bytes())
		case identity && v.String() != "":
			s.cages.Identities.Plant(string(field.Name()), strings.TrimPrefix(v.String(), "https://"))
		case secret && field.Kind() == protoreflect.BytesKind:
			s.cages.Secrets.PlantKey(string(field.Name()), v.Bytes())
		case secret && v.String() != "":
			s.cages.Secrets.Plant(string(field.Name()), v.String())
		}
		return true
	})
}
