package sftptail

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/crypto/ssh"

	"fsync/sync/remote"
)

// logins make logins. A copy with other Options shares what is remembered.
type logins struct {
	Options
	shared *secrets
}

func newLogins(o Options) *logins { return &logins{Options: o, shared: newSecrets()} }

func (l *logins) warn(text string) {
	if l.Warn != nil {
		l.Warn(text)
	}
}

var errNobody = errors.New("there is nobody to ask")

// ask asks a person. That it could not be done is nothing that a connection ended by,
// whatever the error of the terminal is.
func (l *logins) ask(ctx context.Context, prompt string) (string, error) {
	if l.Ask == nil {
		return "", errNobody
	}
	answer, err := l.Ask(ctx, prompt)
	if err != nil && ctx.Err() != nil {
		return "", context.Cause(ctx)
	}
	if err != nil {
		return "", errors.New("no answer: " + visible(err.Error()))
	}
	return answer, nil
}

// warnOnce warns of something that comes up with each login.
func (l *logins) warnOnce(key, text string) {
	if l.shared.first(key) {
		l.warn(text)
	}
}

// secrets are what a person gave, for the life of the process, so that nobody is asked
// twice. They are nowhere else.
type secrets struct {
	adding    sync.Mutex    // one host key at a time
	unlocking chan struct{} // one passphrase at a time; it holds a token while one is asked for

	mu        sync.Mutex              // guards what follows
	signers   map[[32]byte]ssh.Signer // by the hash of the encrypted key
	passwords map[string]string       // by user@host:port
	warned    map[string]bool
}

func newSecrets() *secrets {
	return &secrets{
		unlocking: make(chan struct{}, 1),
		signers:   make(map[[32]byte]ssh.Signer), passwords: make(map[string]string), warned: make(map[string]bool),
	}
}

func (s *secrets) first(key string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	was := s.warned[key]
	s.warned[key] = true
	return !was
}

func (s *secrets) unlocked(locked []byte) ssh.Signer {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.signers[sha256.Sum256(locked)]
}

func (s *secrets) keep(locked []byte, signer ssh.Signer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.signers[sha256.Sum256(locked)] = signer
}

func (s *secrets) password(who string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.passwords[who]
}

func (s *secrets) keepPassword(who, password string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.passwords[who] = password
}

// dropPassword forgets a password that was refused.
func (s *secrets) dropPassword(who, password string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.passwords[who] == password {
		delete(s.passwords, who)
	}
}

// login is what one handshake needs.
type login struct {
	config *ssh.ClientConfig

	target *target
	keys   *hostKeys
	auth   *auth
}

// login prepares a handshake. password is "" if none is known. An --identity that is of no
// use is found out here, before anything is sent.
func (l *logins) login(ctx context.Context, t *target, password string) (*login, error) {
	keys, err := l.hostKeys(t)
	if err != nil {
		return nil, err
	}
	a := &auth{logins: l, ctx: ctx, target: t, password: password, who: t.user + "@" + t.addr()}
	if err := a.load(); err != nil {
		a.close()
		return nil, err
	}
	return &login{target: t, keys: keys, auth: a, config: &ssh.ClientConfig{
		User:              t.user,
		HostKeyCallback:   keys.check,
		HostKeyAlgorithms: keys.algorithms(),
		AuthCallback:      a.next,
	}}, nil
}

// close ends the connection to the agent.
func (l *login) close() { l.auth.close() }

// explain says what it means that a handshake failed. Asking again helps where the
// connection broke off or the server is busy, and where it is not known what happened; it
// does not where the server or we refused the other.
func (l *login) explain(err error) error {
	l.auth.refused()
	if known := l.keys.verdict(); known != nil {
		return known
	}
	if cause := context.Cause(l.auth.ctx); cause != nil {
		return cause
	}
	where := visible(net.JoinHostPort(l.target.name, l.target.port))
	if e, ok := errors.AsType[*ssh.AlgorithmNegotiationError](err); ok {
		return remote.Errorf(remote.Final, "%s: no common algorithm for the %s: the server has only %s",
			where, visible(e.What), visible(strings.Join(e.RequestedAlgorithms, ", ")))
	}
	if code, ok := disconnected(err); ok {
		return l.disconnect(where, code, err)
	}
	if text := broken(err); text != "" {
		stage := "logging in"
		if l.auth.rounds == 0 {
			stage = "before the login"
		}
		if errors.Is(err, io.EOF) && !l.keys.asked() {
			text += " (too many connections at a time, or no SSH server)"
		}
		return remote.Errorf(remote.Temporary, "%s: %s: %w", where, stage, &told{text, err})
	}
	switch {
	case l.auth.rounds > 0:
		return &remote.Error{Kind: remote.Final, Err: l.auth.failure("")}
	case strings.Contains(err.Error(), "reading version string"):
		return remote.Errorf(remote.Final, "%s: not an SSH server", where)
	}
	return remote.Errorf(remote.Temporary, "%s: %w", where, &told{visible(strings.TrimPrefix(err.Error(), "ssh: ")), err})
}

// told is an error in words that are safe to show. What it wraps is for errors.Is only.
type told struct {
	text string
	err  error
}

func (t *told) Error() string { return t.text }
func (t *told) Unwrap() error { return t.err }

// broken says how a connection broke off, "" if it did not.
func broken(err error) string {
	if errno, ok := errors.AsType[syscall.Errno](err); ok {
		return errno.Error()
	}
	if e, ok := errors.AsType[net.Error](err); ok && e.Timeout() {
		return "timed out"
	}
	for _, end := range []error{io.EOF, io.ErrUnexpectedEOF, io.ErrClosedPipe, net.ErrClosed} {
		if errors.Is(err, end) {
			return "the connection was closed"
		}
	}
	return ""
}

// The reasons of RFC 4253 §11.1 that matter here.
const (
	disconnectNotAllowed    = 1
	disconnectProtocolError = 2 // sshd's, when too many keys were tried
	disconnectNoKex         = 3
	disconnectVersion       = 8
	disconnectNoMoreMethods = 14
	disconnectIllegalUser   = 15
)

// disconnected returns the reason that a server gave for its farewell. x/crypto has it in
// a type of its own; its text is all there is.
func disconnected(err error) (code int, ok bool) {
	_, rest, found := strings.Cut(err.Error(), "ssh: disconnect, reason ")
	if !found {
		return 0, false
	}
	_, scanErr := fmt.Sscanf(rest, "%d:", &code)
	return code, scanErr == nil
}

func (l *login) disconnect(where string, code int, err error) error {
	_, said, _ := strings.Cut(err.Error(), "ssh: disconnect, reason ")
	final := []int{disconnectNotAllowed, disconnectNoKex, disconnectVersion, disconnectNoMoreMethods, disconnectIllegalUser}
	switch {
	case l.auth.rounds > 0 && slices.Contains([]int{disconnectProtocolError, disconnectNoMoreMethods, disconnectIllegalUser}, code):
		return &remote.Error{Kind: remote.Final, Err: l.auth.failure("the server allows no more attempts")}
	case slices.Contains(final, code):
		return remote.Errorf(remote.Final, "%s: the server hung up: reason %s", where, visible(said))
	}
	return remote.Errorf(remote.Temporary, "%s: the server hung up: reason %s", where, visible(said))
}
