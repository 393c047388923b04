package sftptail

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"fsync/sync/remote"
)

// AuthError says that a server let nobody in.
type AuthError struct {
	User, Host string
	Offered    []string // the methods that the server would go on with
	Tried      []string // keys by name, and methods
	Notes      []string // on what could not be tried, and why

	reason string
	hint   string
}

func (e *AuthError) Error() string {
	text := fmt.Sprintf("cannot log in to %s as %s", visible(e.Host), visible(e.User))
	if e.reason != "" {
		text += ": " + e.reason
	}
	if len(e.Offered) > 0 {
		text += ": the server takes " + visible(strings.Join(e.Offered, ", "))
	}
	if len(e.Tried) > 0 {
		text += "; tried: " + strings.Join(e.Tried, ", ")
	} else {
		text += "; there was nothing to try"
	}
	if len(e.Notes) > 0 {
		text += "; " + strings.Join(e.Notes, "; ")
	}
	return text
}

// Hint says what a person may do about it.
func (e *AuthError) Hint() string { return e.hint }

// auth logs in: by public keys, then by answers, then by a password. x/crypto asks it,
// from one goroutine, for one method after the other.
type auth struct {
	logins   *logins
	ctx      context.Context // of the login, which lasts as long as this
	target   *target
	password string // known beforehand, "" if none is
	who      string // user@host:port, whose password it is

	keys  []*key // files, in order
	certs []*ssh.Certificate

	rounds   int // methods that were asked for
	offered  []string
	partial  int // steps of the login that went well
	offers   []*offer
	prepared bool // offers are complete
	batch    []*offer
	gone     bool // the connection ended

	answering, answered bool // keyboard-interactive: begun, and given the password
	questions           int
	typing              bool // password: begun

	unproven string   // a password that a person just gave
	tried    []string // methods, but for keys
	notes    []string
	help     string

	dialled   bool
	agentConn net.Conn
	agent     agent.Agent
	agentKeys []*key
}

// load reads the key files. One that was asked for and is of no use ends the login, unless
// an agent holds its key.
func (a *auth) load() error {
	a.notes = slices.Clone(a.target.notes)
	for _, id := range a.target.identities {
		k := loadKey(id.file)
		missing := errors.Is(k.problem, fs.ErrNotExist)
		switch {
		case k.problem == nil:
		case id.explicit && a.held(k.public) == nil:
			return remote.Errorf(remote.Final, "identity %s: %w", k.name, k.problem)
		case k.public == nil && !missing:
			a.note("%s: %v", k.name, k.problem)
			continue
		case k.public == nil:
			continue
		}
		a.keys = append(a.keys, k)
	}
	for _, file := range a.target.certificates {
		public, err := readPublic(file)
		if cert, ok := public.(*ssh.Certificate); ok {
			a.certs = append(a.certs, cert)
		} else if !errors.Is(err, fs.ErrNotExist) {
			a.note("%s: it holds no certificate", visible(file))
		}
	}
	return nil
}

func (a *auth) note(format string, args ...any) {
	if text := fmt.Sprintf(format, args...); !slices.Contains(a.notes, text) {
		a.notes = append(a.notes, text)
	}
}

const (
	// An agent lists its keys at once; to sign, it may ask its owner.
	longestList = 10 * time.Second
	longestSign = 2 * time.Minute
)

func (a *auth) close() {
	if a.agentConn != nil {
		a.agentConn.Close()
		a.agentConn = nil
	}
}

// next returns the method to try next, nil if there is none left.
func (a *auth) next(c *ssh.ClientAuthContext) (ssh.AuthMethod, error) {
	a.rounds++
	further := len(c.PartialSuccessMethods) > a.partial
	a.partial = len(c.PartialSuccessMethods)
	if further {
		a.unproven = ""
	} else {
		a.refused()
	}
	if len(c.AllowedMethods) > 0 {
		a.offered = c.AllowedMethods
	}
	if a.ctx.Err() != nil {
		return nil, context.Cause(a.ctx)
	}
	allowed := func(method string) bool { return slices.Contains(c.AllowedMethods, method) }
	if allowed("publickey") {
		if m := a.publicKeys(further); m != nil {
			return m, nil
		}
	}
	if a.gone || a.ctx.Err() != nil {
		return nil, context.Cause(a.ctx)
	}
	known := a.knownPassword() != ""
	tries := 0
	if known {
		tries++
	}
	if a.logins.Ask != nil {
		tries += maxAsks
	}
	switch {
	case tries == 0:
	case allowed("keyboard-interactive") && !a.answering:
		a.answering = true
		a.tried = append(a.tried, "keyboard-interactive")
		return ssh.RetryableAuthMethod(ssh.KeyboardInteractive(a.answer), tries), nil
	case allowed("password") && !a.typing:
		a.typing = true
		a.tried = append(a.tried, "password")
		return ssh.RetryableAuthMethod(a.passwords(), tries), nil
	}
	return nil, nil
}

// publicKeys returns the method that offers the keys which were not offered yet, nil if
// there are none. It ends before a key that has to be unlocked to be offered at all, and
// where a key that the server would accept does not sign; then it is asked for the rest.
func (a *auth) publicKeys(further bool) ssh.AuthMethod {
	a.prepare()
	cut := !further && slices.ContainsFunc(a.batch, func(o *offer) bool { return !o.reached })
	for _, o := range a.batch {
		if o.failed != nil {
			cut = false
			a.note("%s: %s", o.key.name, visible(o.failed.Error()))
			a.help = "ssh-add adds a key to an ssh-agent, which asks for the passphrase once"
			o.failed = nil
		}
	}
	a.batch = nil
	if cut { // nobody answers any more, and a person would be asked in vain
		a.gone = true
		return nil
	}
	var signers []ssh.Signer
	for _, o := range a.offers {
		if o.reached {
			continue
		}
		if o.public == nil {
			if len(signers) > 0 {
				break
			}
			if !a.unlockToOffer(o) {
				continue
			}
		}
		a.batch, signers = append(a.batch, o), append(signers, o)
	}
	if len(signers) == 0 {
		return nil
	}
	return ssh.PublicKeys(signers...)
}

// unlockToOffer unlocks a key whose public part nothing else tells.
func (a *auth) unlockToOffer(o *offer) bool {
	signer, err := o.unlock()
	if err != nil {
		o.reached = true
		a.note("%s: %s", o.key.name, visible(err.Error()))
		a.help = "ssh-add adds a key to an ssh-agent, which asks for the passphrase once"
		return false
	}
	o.public = signer.PublicKey()
	return true
}

// prepare puts the keys in order: those that are configured, others that the agent holds,
// those that are looked for where none is configured. Each is offered once.
func (a *auth) prepare() {
	if a.prepared {
		return
	}
	a.prepared = true
	a.connectAgent()
	usual := slices.ContainsFunc(a.target.identities, func(id identity) bool { return id.usual })
	if !usual || a.target.identitiesOnly {
		a.offerFiles()
	}
	if !a.target.identitiesOnly {
		for _, k := range a.agentKeys {
			var beside []*ssh.Certificate
			for _, file := range a.keys {
				beside = append(beside, file.certs...)
			}
			a.offer(k, beside)
		}
	}
	if usual && !a.target.identitiesOnly {
		a.offerFiles()
	}
}

func (a *auth) offerFiles() {
	for _, k := range a.keys {
		switch held := a.held(k.public); {
		case held != nil:
			a.offer(held, k.certs)
		case k.problem != nil:
			if !errors.Is(k.problem, fs.ErrNotExist) {
				a.note("%s: %v", k.name, k.problem)
			}
		default:
			a.offer(k, k.certs)
		}
	}
}

// offer adds a key, after its certificates.
func (a *auth) offer(k *key, certs []*ssh.Certificate) {
	unlock := func() (ssh.Signer, error) { return a.logins.unlock(a.ctx, k) }
	var all []ssh.PublicKey
	for _, c := range certsOf(slices.Concat(certs, a.certs), k.public) {
		all = append(all, c)
	}
	for _, public := range append(all, k.public) {
		again := func(o *offer) bool { return o.public != nil && public != nil && sameKey(o.public, public) }
		if !slices.ContainsFunc(a.offers, again) {
			a.offers = append(a.offers, &offer{key: k, public: public, unlock: unlock})
		}
	}
}

// triedKeys names the key files that were offered, and counts the agent's keys.
func (a *auth) triedKeys() (names []string) {
	held := 0
	for _, o := range a.offers {
		switch {
		case !o.reached || o.public == nil:
		case o.key.agent:
			held++
		case !slices.Contains(names, o.key.name):
			names = append(names, o.key.name)
		}
	}
	if held == 1 {
		return append(names, "1 key of the ssh-agent")
	} else if held > 1 {
		names = append(names, fmt.Sprintf("%d keys of the ssh-agent", held))
	}
	return names
}

// failure tells what the server wanted and what it got.
func (a *auth) failure(reason string) *AuthError {
	e := &AuthError{
		User: a.target.user, Host: a.target.name, Offered: a.offered, Tried: append(a.triedKeys(), a.tried...), Notes: a.notes,
		reason: reason, hint: a.help,
	}
	for _, o := range a.batch {
		if o.failed != nil {
			e.Notes = append(e.Notes, o.key.name+": "+visible(o.failed.Error()))
		}
	}
	switch {
	case reason != "" && len(a.offers) > 1:
		e.hint = "name the right key with --identity, and set IdentitiesOnly in the ssh configuration"
	case e.hint == "" && len(a.offers) == 0 && slices.Contains(a.offered, "publickey"):
		e.hint = "name a key with --identity, or start an ssh-agent"
	case e.hint == "" && slices.Contains(a.offered, "publickey"):
		e.hint = "none of these keys is known there: add one to its authorized_keys, or name another with --identity"
	case e.hint == "" && a.logins.Ask == nil && !slices.Contains(a.offered, "publickey"):
		e.hint = "without a terminal nobody can be asked for a password"
	}
	return e
}
