package ac

import (
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/google/uuid"
	"golang.org/x/crypto/bcrypt"
)

// maxHashed is how much of a password bcrypt looks at, in bytes.
const maxHashed = 72

var errEmailTaken = errors.New("the email address is taken in this organisation")

// user is one row. It never leaves this package.
type user struct {
	id          uuid.UUID
	org         uuid.UUID
	email       string
	displayName string
	hash        []byte
	inactive    bool
}

type emailKey struct {
	org   uuid.UUID
	email string
}

// users is the table of users.
type users struct {
	cost  int
	dummy []byte // hashed against when there is no user, so that timing is flat

	mu      sync.Mutex // protects all following fields
	byID    map[uuid.UUID]*user
	byEmail map[emailKey]*user
}

func newUsers(cost int) (*users, error) {
	dummy, err := bcrypt.GenerateFromPassword([]byte("nobody"), cost)
	if err != nil {
		return nil, fmt.Errorf("hashing with bcrypt cost %d: %w", cost, err)
	}
	return &users{
		cost: cost, dummy: dummy,
		byID: make(map[uuid.UUID]*user), byEmail: make(map[emailKey]*user),
	}, nil
}

// taken reports whether email has an account in org.
func (t *users) taken(org uuid.UUID, email string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.byEmail[emailKey{org, email}] != nil
}

// add makes an account; errEmailTaken when there is one.
func (t *users) add(org uuid.UUID, email, password, displayName string) (user, error) {
	hash, err := bcrypt.GenerateFromPassword(hashed(password), t.cost)
	if err != nil {
		return user{}, fmt.Errorf("hashing a password: %w", err)
	}
	u := &user{id: uuid.New(), org: org, email: email, displayName: displayName, hash: hash}
	t.mu.Lock()
	defer t.mu.Unlock()
	key := emailKey{org, email}
	if t.byEmail[key] != nil {
		return user{}, errEmailTaken
	}
	t.byID[u.id], t.byEmail[key] = u, u
	return *u, nil
}

func (t *users) find(org uuid.UUID, email string) (user, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if u := t.byEmail[emailKey{org, email}]; u != nil {
		return *u, true
	}
	return user{}, false
}

func (t *users) get(id uuid.UUID) (user, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if u := t.byID[id]; u != nil {
		return *u, true
	}
	return user{}, false
}

// matches always computes one hash; the zero user matches nothing.
func (t *users) matches(u user, password string) bool {
	hash := u.hash
	if hash == nil {
		hash = t.dummy
	}
	err := bcrypt.CompareHashAndPassword(hash, hashed(password))
	return err == nil && u.hash != nil && !u.inactive
}

func hashed(password string) []byte {
	return []byte(password[:min(len(password), maxHashed)])
}

// validEmail is AC's whole rule: one @, something before it, and a domain of
// at least two non-empty labels.
func validEmail(s string) bool {
	local, domain, ok := strings.Cut(s, "@")
	if !ok || local == "" || strings.Contains(domain, "@") {
		return false
	}
	labels := strings.Split(domain, ".")
	for _, l := range labels {
		if l == "" {
			return false
		}
	}
	return len(labels) >= 2
}
