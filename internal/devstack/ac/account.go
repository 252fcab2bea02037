package ac

import (
	"errors"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/dark-tower/prober/internal/devstack/rest"
	"github.com/dark-tower/prober/internal/devstack/token"
)

// minPassword is counted in bytes.
const minPassword = 8

// tokenAnswer is what every endpoint says that hands out an access token.
type tokenAnswer struct {
	AccessToken string `json:"accessToken"`
	TokenType   string `json:"tokenType"`
	ExpiresIn   int    `json:"expiresIn"` // seconds
}

func bearerAnswer(raw string, lifetime time.Duration) tokenAnswer {
	return tokenAnswer{AccessToken: raw, TokenType: "Bearer", ExpiresIn: int(lifetime / time.Second)}
}

// register answers POST /api/v1/auth/register (platform contract, AC/GC 3.2).
func (s *Server) register(w http.ResponseWriter, r *http.Request, o Organisation) {
	var email, password, displayName string
	if rejection := rest.ReadJSON(w, r,
		rest.Need("email", &email), rest.Need("password", &password), rest.Need("displayName", &displayName),
	); rejection != nil {
		rejection.Answer(w)
		return
	}
	if f := s.faults.Get().AC; f.RegisterStatus != 0 {
		forced(w, f.RegisterStatus, f.RetryAfter, s.times.RegisterLimit, textTooManyRegisters)
		return
	}
	peer, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		peer = r.RemoteAddr
	}
	now := time.Now()
	if s.registrations.full(peer, now) {
		tooMany(w, textTooManyRegisters, s.times.RegisterLimit)
		return
	}
	s.registrations.add(peer, now) // whatever comes of it

	switch {
	case !validEmail(email):
		invalidRequest(w, "Invalid email format")
		return
	case len(password) < minPassword:
		invalidRequest(w, "Password must be at least 8 characters")
		return
	case strings.TrimSpace(displayName) == "":
		invalidRequest(w, "Display name cannot be empty")
		return
	case s.users.taken(o.ID, email):
		emailTaken(w)
		return
	}
	u, err := s.users.add(o.ID, email, password, displayName)
	switch {
	case errors.Is(err, errEmailTaken):
		emailTaken(w)
		return
	case err != nil:
		s.log.ErrorContext(r.Context(), "registering a user", "error", err)
		internalError(w)
		return
	}
	raw, err := s.userToken(u)
	if err != nil {
		s.log.ErrorContext(r.Context(), "registering a user", "error", err)
		internalError(w)
		return
	}
	rest.Write(w, http.StatusOK, struct {
		UserID      string `json:"userId"`
		Email       string `json:"email"`
		DisplayName string `json:"displayName"`
		tokenAnswer
	}{u.id.String(), u.email, u.displayName, bearerAnswer(raw, s.times.UserToken)})
}

func emailTaken(w http.ResponseWriter) {
	fail(w, http.StatusConflict, "CONFLICT", "An account with this email already exists")
}

// unlessHung keeps sign-ins waiting for ever while the fault is set. That is
// outside of AC's own deadline: a process that hangs does not keep it either.
func (s *Server) unlessHung(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.faults.Get().AC.SignInNever {
			rest.Hang(r)
		}
		h.ServeHTTP(w, r)
	})
}

// signIn answers POST /api/v1/auth/user/token (platform contract, AC/GC 3.3).
func (s *Server) signIn(w http.ResponseWriter, r *http.Request, o Organisation) {
	var email, password string
	if rejection := rest.ReadJSON(w, r, rest.Need("email", &email), rest.Need("password", &password)); rejection != nil {
		rejection.Answer(w)
		return
	}
	f := s.faults.Get().AC
	if rest.Sleep(r.Context(), f.SignInDelay) != nil {
		return
	}
	if f.SignInStatus != 0 && s.faults.Every("ac.sign_in", max(1, f.SignInEvery)) {
		forced(w, f.SignInStatus, f.RetryAfter, s.times.SignInLimit, textTooManySignIns)
		return
	}

	u, found := s.users.find(o.ID, email)
	key := u.id.String()
	if found && s.failedSignIns.full(key, time.Now()) {
		tooMany(w, textTooManySignIns, s.times.SignInLimit)
		return
	}
	if !s.users.matches(u, password) {
		if found {
			s.failedSignIns.add(key, time.Now())
		}
		invalidCredentials(w)
		return
	}
	raw, err := s.userToken(u)
	if err != nil {
		s.log.ErrorContext(r.Context(), "signing a user in", "error", err)
		internalError(w)
		return
	}
	rest.Write(w, http.StatusOK, bearerAnswer(raw, s.times.UserToken))
}

func (s *Server) userToken(u user) (string, error) {
	return s.clientSigner().Sign(token.UserClaims{
		RegisteredClaims: token.Stamp(u.id.String(), time.Now(), s.times.UserToken),
		OrgID:            u.org.String(),
		Email:            u.email,
		Roles:            []string{"user"},
	})
}

// clientSigner signs what clients present. Service tokens keep the right key
// under fault.AC.WrongKey, so that the platform itself stays up.
func (s *Server) clientSigner() *token.Signer {
	if s.faults.Get().AC.WrongKey {
		return s.stranger
	}
	return s.signer
}
