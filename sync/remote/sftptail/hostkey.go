package sftptail

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/skeema/knownhosts"
	"golang.org/x/crypto/ssh"
	xknownhosts "golang.org/x/crypto/ssh/knownhosts"

	"fsync/sync/remote"
)

// HostKeyReason says what is wrong with a host key.
type HostKeyReason uint8

const (
	HostKeyUnknown HostKeyReason = iota + 1 // no known_hosts file has one for the host
	HostKeyChanged                          // another one is known
	HostKeyRevoked                          // it, or the one it is certified by, is revoked
)

// HostKeyError says that a server did not prove to be the host it was taken for.
type HostKeyError struct {
	Host        string // as known_hosts names it
	Reason      HostKeyReason
	Type        string   // of the key that the server has
	Fingerprint string   // of that key, SHA256
	Known       []string // where those that are known stand, as file:line
	Certificate string   // what is wrong with the server's certificate, "" if nothing

	hint string
}

func (e *HostKeyError) Error() string {
	host, key := visible(e.Host), e.Type+" "+e.Fingerprint
	var text string
	switch e.Reason {
	case HostKeyChanged:
		text = fmt.Sprintf("the host key of %s is not the known one: got %s, known is another (%s)", host, key, strings.Join(e.Known, ", "))
	case HostKeyRevoked:
		text = fmt.Sprintf("the host key of %s is revoked: %s (%s)", host, key, strings.Join(e.Known, ", "))
	default:
		text = fmt.Sprintf("the host key of %s is not known: %s", host, key)
	}
	if e.Certificate != "" {
		text += "; its certificate does not count: " + visible(e.Certificate)
	}
	return text
}

// Hint says what a person may do about it, "" if nothing.
func (e *HostKeyError) Hint() string { return e.hint }

// hostKeys checks the host key of one login.
type hostKeys struct {
	logins *logins
	target *target

	mu       sync.Mutex // guards what follows: keys are exchanged again and again
	db       *knownhosts.HostKeyDB
	accepted []byte
	err      error // what the check ended in
}

// hostKeys opens the known_hosts files. A line that cannot be read fails the login: it
// might revoke a key.
func (l *logins) hostKeys(t *target) (*hostKeys, error) {
	k := &hostKeys{logins: l, target: t}
	if err := k.open(); err != nil {
		return nil, err
	}
	return k, nil
}

func (k *hostKeys) open() error {
	var files []string
	for _, file := range slices.Concat(k.target.knownHosts, k.target.global) {
		_, err := os.Stat(file)
		if err == nil && !slices.Contains(files, file) {
			files = append(files, file)
		} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return remote.Errorf(remote.Final, "known hosts: %w", err)
		}
	}
	db, err := knownhosts.NewDB(files...)
	if err != nil {
		return remote.Errorf(remote.Final, "known hosts: %s", visible(strings.TrimPrefix(err.Error(), "knownhosts: ")))
	}
	k.db = db
	return nil
}

// names are those that the host is looked up by: its alias; or its name and port, and if
// that is not known, as in ssh, its name alone. What another port of the host shows may be
// the key here too, but need not be.
func (k *hostKeys) names() []string {
	if k.target.alias != "" {
		return []string{net.JoinHostPort(k.target.alias, "22")}
	}
	host := strings.ToLower(k.target.host)
	names := []string{net.JoinHostPort(host, k.target.port)}
	if k.target.port != "22" {
		names = append(names, net.JoinHostPort(host, "22"))
	}
	return names
}

// shown is the host as known_hosts has it.
func (k *hostKeys) shown() string { return knownhosts.Normalize(k.names()[0]) }

// principal is the host as certificates have it.
func (k *hostKeys) principal() string {
	return firstOf(k.target.alias, strings.ToLower(k.target.host))
}

// knownKey is a key that known_hosts has for a host.
type knownKey struct {
	ssh.PublicKey
	at        string // file:line
	authority bool   // it signs certificates, and is none of the host's own
}

// nowhere stands for the server's address, which nothing is looked up by.
var nowhere = &net.TCPAddr{IP: net.IPv4zero}

// lookUp returns what is known of one of the names.
func (k *hostKeys) lookUp(name string) []knownKey {
	e, ok := errors.AsType[*xknownhosts.KeyError](k.db.HostKeyCallback()(name, nowhere, noKey{}))
	if !ok {
		return nil
	}
	slices.SortFunc(e.Want, func(a, b xknownhosts.KnownKey) int {
		return cmp.Or(cmp.Compare(a.Filename, b.Filename), cmp.Compare(a.Line, b.Line))
	})
	var known []knownKey
	for i, key := range k.db.HostKeys(name) { // the same ones, in that order
		known = append(known, knownKey{key.PublicKey, fmt.Sprintf("%s:%d", visible(e.Want[i].Filename), e.Want[i].Line), key.Cert})
	}
	return known
}

// noKey is a key that nobody has, to ask which ones are known.
type noKey struct{}

func (noKey) Type() string                        { return "none" }
func (noKey) Marshal() []byte                     { return []byte("none") }
func (noKey) Verify([]byte, *ssh.Signature) error { return errors.New("no key") }

// keyOrder is the order in which ssh asks for host keys. x/crypto would ask for ed25519
// last, and a server that has more than one would show one that nobody knows.
var keyOrder = []string{
	ssh.KeyAlgoED25519, ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521, ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256,
}

// algorithms returns what is asked of the server: what can be checked first. The rest
// follows, for a message that says what the server has.
func (k *hostKeys) algorithms() []string {
	var keys, certs []string
	for _, algo := range ssh.SupportedAlgorithms().HostKeys {
		if strings.Contains(algo, "-cert-") {
			certs = append(certs, algo)
		} else {
			keys = append(keys, algo)
		}
	}
	var types []string
	authority := false
	for _, name := range k.names() {
		for _, key := range k.lookUp(name) {
			authority = authority || key.authority
			if !key.authority {
				types = append(types, key.Type())
			}
		}
		if types != nil || authority {
			break
		}
	}
	rank := func(algo string) int {
		plain := algo
		if n := strings.Index(algo, "-cert-"); n >= 0 {
			plain = algo[:n]
		}
		n := slices.Index(keyOrder, plain)
		if n < 0 {
			n = len(keyOrder)
		}
		if !slices.Contains(types, keyType(plain)) {
			n += 100
		}
		return n
	}
	byRank := func(a, b string) int { return cmp.Compare(rank(a), rank(b)) }
	slices.SortStableFunc(keys, byRank)
	slices.SortStableFunc(certs, byRank)
	if authority {
		return append(certs, keys...)
	}
	return append(keys, certs...)
}

// keyType is the type of the keys that an algorithm signs with (RFC 8332 §2).
func keyType(algo string) string {
	if algo == ssh.KeyAlgoRSASHA256 || algo == ssh.KeyAlgoRSASHA512 {
		return ssh.KeyAlgoRSA
	}
	return algo
}

// check is an ssh.HostKeyCallback.
func (k *hostKeys) check(_ string, _ net.Addr, key ssh.PublicKey) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.accepted != nil && bytes.Equal(k.accepted, key.Marshal()) {
		return nil
	}
	err := k.judge(key)
	if e, ok := errors.AsType[*HostKeyError](err); ok && e.Reason == HostKeyUnknown && k.logins.AcceptNew {
		err = k.acceptNew(key)
	}
	k.err = err
	if err == nil {
		k.accepted = key.Marshal()
	}
	return err
}

// verdict returns what the check ended in, nil if it went well or did not come about.
func (k *hostKeys) verdict() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.err
}

// asked says whether the server showed a key.
func (k *hostKeys) asked() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.err != nil || k.accepted != nil
}

// judge looks a key up, in the order of ssh: a revoked one never counts; a certificate
// counts if an authority of the host signed it and it is valid; else it is its key that
// counts. A host of which only authorities are known is unknown by its key.
func (k *hostKeys) judge(key ssh.PublicKey) error {
	plain := key
	cert, certified := key.(*ssh.Certificate)
	if certified {
		plain = cert.Key
		if err := k.revoked(cert.SignatureKey, plain); err != nil {
			return err
		}
	}
	if err := k.revoked(plain, plain); err != nil {
		return err
	}
	problem := ""
	for i, name := range k.names() {
		var others []string
		for _, known := range k.lookUp(name) {
			switch {
			case known.authority && certified && sameKey(known, cert.SignatureKey):
				if problem = certificateProblem(cert, k.principal()); problem == "" {
					return nil
				}
			case known.authority:
			case sameKey(known, plain):
				return nil
			case i == 0:
				others = append(others, known.at)
			}
		}
		if others != nil {
			return k.changed(plain, others, problem)
		}
	}
	return k.fail(HostKeyUnknown, plain, nil, problem)
}

func sameKey(a, b ssh.PublicKey) bool { return bytes.Equal(a.Marshal(), b.Marshal()) }

func certificateProblem(cert *ssh.Certificate, principal string) string {
	if cert.CertType != ssh.HostCert {
		return "it is not for a host"
	}
	if err := new(ssh.CertChecker).CheckCert(principal, cert); err != nil {
		return strings.TrimPrefix(err.Error(), "ssh: ")
	}
	return ""
}

// revoked says whether a key, or the one that certified it, is revoked.
func (k *hostKeys) revoked(key, plain ssh.PublicKey) error {
	err := k.db.HostKeyCallback()(k.names()[0], nowhere, key)
	if e, ok := errors.AsType[*xknownhosts.RevokedError](err); ok {
		at := fmt.Sprintf("%s:%d", visible(e.Revoked.Filename), e.Revoked.Line)
		return k.fail(HostKeyRevoked, plain, []string{at}, "")
	}
	return nil
}

func (k *hostKeys) fail(reason HostKeyReason, key ssh.PublicKey, known []string, certificate string) error {
	e := &HostKeyError{
		Host: k.shown(), Reason: reason, Type: key.Type(), Fingerprint: ssh.FingerprintSHA256(key),
		Known: known, Certificate: certificate,
	}
	if reason == HostKeyUnknown {
		e.hint = k.addHint(key)
	}
	return &remote.Error{Kind: remote.Final, Err: e}
}

// changed tells of a key that is not the known one, and how to be rid of that.
func (k *hostKeys) changed(key ssh.PublicKey, known []string, certificate string) error {
	err := k.fail(HostKeyChanged, key, known, certificate)
	if e, ok := errors.AsType[*HostKeyError](err); ok {
		e.hint = k.removeHint(known)
	}
	return err
}
