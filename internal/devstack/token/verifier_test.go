package token

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
)

// authority is an AC as a verifier sees it.
type authority struct {
	*Signer
	url     string
	fetches atomic.Int32
	status  atomic.Int32 // of the JWKS endpoint; 0: 200
	set     atomic.Pointer[JWKS]
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	signer, err := NewSigner("auth-test-2026-01")
	if err != nil {
		t.Fatal(err)
	}
	a := &authority{Signer: signer}
	set := signer.JWKS()
	a.set.Store(&set)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		a.fetches.Add(1)
		if status := a.status.Load(); status != 0 {
			w.WriteHeader(int(status))
			return
		}
		if err := json.NewEncoder(w).Encode(a.set.Load()); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(server.Close)
	a.url = server.URL
	return a
}

func (a *authority) sign(t *testing.T, claims jwt.Claims) string {
	t.Helper()
	raw, err := a.Sign(claims)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func userClaims(now time.Time) UserClaims {
	return UserClaims{
		RegisteredClaims: Stamp(uuid.NewString(), now, time.Hour),
		OrgID:            uuid.NewString(), Email: "ada@probe.test", Roles: []string{"user"},
	}
}

func meetingClaims(now time.Time) MeetingClaims {
	return MeetingClaims{
		RegisteredClaims: Stamp(uuid.NewString(), now, 15*time.Minute),
		TokenType:        TypeMeeting, MeetingID: uuid.NewString(), MeetingOrgID: uuid.NewString(),
		ParticipantType: ParticipantMember, Role: RoleHost, Capabilities: []string{"audio"}, DisplayName: "Ada",
	}
}

func TestAGoodTokenGivesItsClaims(t *testing.T) {
	a := newAuthority(t)
	v := NewVerifier(a.url)

	user := userClaims(time.Now())
	gotUser, err := v.User(t.Context(), a.sign(t, user))
	if err != nil || gotUser.Subject != user.Subject || gotUser.OrgID != user.OrgID || gotUser.Email != user.Email || gotUser.ID == "" {
		t.Errorf("user token: %v", err)
	}
	meeting := meetingClaims(time.Now())
	gotMeeting, err := v.Meeting(t.Context(), a.sign(t, meeting), 5*time.Second)
	if err != nil || gotMeeting.MeetingID != meeting.MeetingID || gotMeeting.DisplayName != "Ada" || gotMeeting.Role != RoleHost {
		t.Errorf("meeting token: %v", err)
	}
	service := ServiceClaims{RegisteredClaims: Stamp("global-controller", time.Now(), time.Hour), Scope: "a b", ServiceType: GlobalController}
	gotService, err := v.Service(t.Context(), a.sign(t, service))
	if err != nil || gotService.Subject != "global-controller" || !gotService.HasScope("b") || gotService.HasScope("c") {
		t.Errorf("service token: %v %v", gotService, err)
	}
	if n := a.fetches.Load(); n != 1 {
		t.Errorf("the keys were fetched %d times, want once", n)
	}
}

func TestWhatIsWrongWithATokenIsNamed(t *testing.T) {
	a := newAuthority(t)
	now := time.Now()
	stranger, err := NewSigner("auth-elsewhere-2026-01")
	if err != nil {
		t.Fatal(err)
	}
	impostor, err := NewSigner("auth-test-2026-01") // the right name, another key
	if err != nil {
		t.Fatal(err)
	}
	signed := func(s *Signer, c jwt.Claims) string {
		raw, err := s.Sign(c)
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	at := func(issued, expires time.Time) string {
		c := userClaims(now)
		c.IssuedAt, c.ExpiresAt = jwt.NewNumericDate(issued), jwt.NewNumericDate(expires)
		return a.sign(t, c)
	}
	withHeader := func(header map[string]any) string {
		tok := jwt.NewWithClaims(jwt.SigningMethodEdDSA, userClaims(now))
		for k, v := range header {
			tok.Header[k] = v
		}
		raw, err := tok.SignedString(a.private)
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	hmac := jwt.NewWithClaims(jwt.SigningMethodHS256, userClaims(now))
	hmac.Header["kid"] = a.kid
	symmetric, err := hmac.SignedString([]byte(a.private.Public().(ed25519.PublicKey)))
	if err != nil {
		t.Fatal(err)
	}
	good := a.sign(t, userClaims(now))
	noSubject := userClaims(now)
	noSubject.Subject = ""

	tests := []struct {
		name string
		raw  string
		want error // nil: passes
	}{
		{"a token of 8193 bytes is not even parsed", strings.Repeat("x", MaxSize+1), ErrTooLarge},
		{"an empty token is malformed", "", ErrMalformed},
		{"two parts are malformed", "a.b", ErrMalformed},
		{"four parts are malformed", good + ".x", ErrMalformed},
		{"a header that is not JSON is malformed", "e30." + base64.RawURLEncoding.EncodeToString([]byte("no")) + ".x", ErrMalformed},
		{"another algorithm is malformed", symmetric, ErrMalformed},
		{"no kid", withHeader(nil), ErrNoKeyID},
		{"an empty kid", withHeader(map[string]any{"kid": ""}), ErrNoKeyID},
		{"a kid that is a number", withHeader(map[string]any{"kid": 7}), ErrNoKeyID},
		{"an unlisted key", signed(stranger, userClaims(now)), ErrUnknownKey},
		{"a listed name and another key", signed(impostor, userClaims(now)), ErrSignature},
		{"a cut signature", good[:len(good)-4], ErrSignature},
		{"expired 59 s ago is within the leeway", at(now.Add(-time.Hour), now.Add(-59*time.Second)), nil},
		{"expired 62 s ago", at(now.Add(-time.Hour), now.Add(-62*time.Second)), ErrExpired},
		{"issued 299 s in the future is within the skew", at(now.Add(299*time.Second), now.Add(time.Hour)), nil},
		{"issued 302 s in the future", at(now.Add(302*time.Second), now.Add(time.Hour)), ErrIssuedInFuture},
		{"no subject is malformed", a.sign(t, noSubject), ErrMalformed},
		{"no times are malformed", a.sign(t, UserClaims{RegisteredClaims: jwt.RegisteredClaims{Subject: "s"}, OrgID: "o", Roles: []string{}}), ErrMalformed},
		{"a meeting token is of another type", a.sign(t, meetingClaims(now)), ErrWrongType},
		{"a service token is of another type", a.sign(t, ServiceClaims{RegisteredClaims: Stamp("s", now, time.Hour), Scope: "a"}), ErrWrongType},
		{"a good token passes", good, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v := NewVerifier(a.url)
			v.Now = func() time.Time { return now }
			_, err := v.User(t.Context(), tt.raw)
			if tt.want == nil && err != nil || tt.want != nil && !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
			if err != nil && len(tt.raw) > 20 && strings.Contains(err.Error(), tt.raw[:20]) {
				t.Error("the error shows the token")
			}
		})
	}
}

func TestEachKindOfTokenOpensOnlyItsOwnDoor(t *testing.T) {
	a := newAuthority(t)
	v := NewVerifier(a.url)
	now := time.Now()
	user := a.sign(t, userClaims(now))
	guest := a.sign(t, GuestClaims{RegisteredClaims: Stamp(uuid.NewString(), now, time.Minute), TokenType: TypeGuest, MeetingID: uuid.NewString()})
	if _, err := v.Service(t.Context(), user); !errors.Is(err, ErrWrongType) {
		t.Errorf("a user token as a service token: %v", err)
	}
	if _, err := v.Meeting(t.Context(), user, time.Minute); !errors.Is(err, ErrWrongType) {
		t.Errorf("a user token as a meeting token: %v", err)
	}
	if _, err := v.Meeting(t.Context(), guest, time.Minute); !errors.Is(err, ErrWrongType) {
		t.Errorf("a guest token as a meeting token: %v", err)
	}
}

func TestTheSkewOfAMeetingTokenIsTheCallers(t *testing.T) {
	a := newAuthority(t)
	v := NewVerifier(a.url)
	c := meetingClaims(time.Now().Add(30 * time.Second))
	raw := a.sign(t, c)
	if _, err := v.Meeting(t.Context(), raw, 5*time.Second); !errors.Is(err, ErrIssuedInFuture) {
		t.Errorf("with 5 s: %v", err)
	}
	if _, err := v.Meeting(t.Context(), raw, 300*time.Second); err != nil {
		t.Errorf("with 300 s: %v", err)
	}
}

func TestClaimsDoNotShowWhoTheyAreAbout(t *testing.T) {
	now := time.Now()
	user, meeting := userClaims(now), meetingClaims(now)
	guest := GuestClaims{DisplayName: "Ada"}
	signer, err := NewSigner("k")
	if err != nil {
		t.Fatal(err)
	}
	source := NewServiceSource("http://ac.test", "client", "hush")
	for _, v := range []any{user, meeting, guest, &user, &meeting, signer, source} {
		for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
			if s := fmt.Sprintf(format, v); strings.Contains(s, "ada@") || strings.Contains(s, "Ada") || strings.Contains(s, user.Subject) || strings.Contains(s, "hush") {
				t.Errorf("%s of %T shows a secret: %s", format, v, s)
			}
		}
	}
}

func FuzzVerifier(f *testing.F) {
	s, err := NewSigner("k")
	if err != nil {
		f.Fatal(err)
	}
	v, err := NewLocalVerifier(s.JWKS())
	if err != nil {
		f.Fatal(err)
	}
	now := time.Now()
	for _, c := range []jwt.Claims{userClaims(now), meetingClaims(now)} {
		raw, err := s.Sign(c)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Add("")
	f.Add("..")
	other, err := NewSigner("k")
	if err != nil {
		f.Fatal(err)
	}
	forged, err := other.Sign(userClaims(now))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(forged)
	f.Fuzz(func(t *testing.T, raw string) {
		c, err := v.User(t.Context(), raw)
		if err != nil && c.OrgID != "" {
			t.Error("claims came with an error")
		}
		_, _ = v.Meeting(t.Context(), raw, 0)
		_, _ = v.Service(t.Context(), raw)
	})
}
