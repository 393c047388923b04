package sftptail

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"
)

// key is a key to log in with.
type key struct {
	name  string // for messages: a file, or what the agent calls it
	agent bool   // an agent signs with it

	// public is nil if it cannot be known without the passphrase. signer is nil as long
	// as the key is locked, and then locked is the file's text.
	public ssh.PublicKey
	signer ssh.Signer
	locked []byte

	certs []*ssh.Certificate // offered before the key itself

	// problem says why the file itself is of no use. An agent may hold its key.
	problem error
}

// loadKey reads a private key file and what lies beside it: its public key, and a
// certificate. A file that names a public key stands for the key that an agent holds.
func loadKey(file string) *key {
	k := &key{name: visible(file)}
	text, err := os.ReadFile(file)
	if err == nil {
		err = k.parse(file, text)
	} else if e, ok := errors.AsType[*fs.PathError](err); ok {
		err = e.Err
	}
	k.problem = err
	if k.public == nil {
		k.public, _ = readPublic(file + ".pub")
	}
	if cert, ok := k.public.(*ssh.Certificate); ok {
		k.certs, k.public = append(k.certs, cert), cert.Key
	}
	if beside, err := readPublic(file + "-cert.pub"); err == nil {
		if cert, ok := beside.(*ssh.Certificate); ok {
			k.certs = append(k.certs, cert)
		}
	}
	return k
}

var errOnlyPublic = errors.New("it is a public key, and no ssh-agent holds the private one")

func (k *key) parse(file string, text []byte) error {
	if block, _ := pem.Decode(text); block == nil {
		public, _, _, _, err := ssh.ParseAuthorizedKey(text)
		if err != nil {
			return errors.New("it holds no key")
		}
		k.public = public
		return errOnlyPublic
	}
	info, err := os.Stat(file)
	if err != nil {
		return err
	}
	if err := tooOpen(info); err != nil {
		return err
	}
	signer, err := ssh.ParsePrivateKey(text)
	if e, ok := errors.AsType[*ssh.PassphraseMissingError](err); ok {
		k.locked, k.public = text, e.PublicKey
		return nil
	}
	if err != nil {
		return fmt.Errorf("it cannot be used without an ssh-agent: %s", visible(strings.TrimPrefix(err.Error(), "ssh: ")))
	}
	k.signer, k.public = signer, signer.PublicKey()
	return nil
}

// readPublic reads a file that holds a public key or a certificate.
func readPublic(file string) (ssh.PublicKey, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	public, _, _, _, err := ssh.ParseAuthorizedKey(text)
	return public, err
}

// maxAsks is how often a person is asked for a secret, as in ssh.
const maxAsks = 3

var (
	errLocked = errors.New("it needs a passphrase, and there is nobody to ask for it")
	errGaveUp = errors.New("it needs a passphrase, and none was given that opens it")
)

// unlock returns the signer of a key, for which it may ask the passphrase. Only one at a
// time is asked for, and one that was given for the same file counts for all logins.
func (l *logins) unlock(ctx context.Context, k *key) (ssh.Signer, error) {
	if k.signer != nil {
		return k.signer, nil
	}
	if k.locked == nil {
		return nil, k.problem
	}
	if signer := l.shared.unlocked(k.locked); signer != nil {
		return k.opened(signer)
	}
	select {
	case l.shared.unlocking <- struct{}{}:
		defer func() { <-l.shared.unlocking }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	signer := l.shared.unlocked(k.locked)
	if signer == nil {
		var err error
		if signer, err = l.askToUnlock(ctx, k); err != nil {
			return nil, err
		}
		l.shared.keep(k.locked, signer)
	}
	return k.opened(signer)
}

func (k *key) opened(signer ssh.Signer) (ssh.Signer, error) {
	if k.public != nil && !sameKey(k.public, signer.PublicKey()) {
		return nil, errors.New("the public key beside it is of another one")
	}
	k.signer, k.public = signer, signer.PublicKey()
	return signer, nil
}

func (l *logins) askToUnlock(ctx context.Context, k *key) (ssh.Signer, error) {
	if l.Ask == nil {
		return nil, errLocked
	}
	for range maxAsks {
		pass, err := l.ask(ctx, fmt.Sprintf("Enter passphrase for key '%s': ", k.name))
		if err != nil {
			return nil, err
		}
		if pass == "" { // as in ssh: not this key
			break
		}
		signer, err := ssh.ParsePrivateKeyWithPassphrase(k.locked, []byte(pass))
		if err == nil {
			return signer, nil
		}
		if !errors.Is(err, x509.IncorrectPasswordError) {
			return nil, errors.New("it cannot be decrypted here")
		}
	}
	return nil, errGaveUp
}

// offer is a key, or a certificate of it, as it is offered to a server. It unlocks the key
// when it is to sign, which is when the server has said that it would accept it.
type offer struct {
	key    *key
	public ssh.PublicKey // nil if only the passphrase tells
	unlock func() (ssh.Signer, error)

	reached bool // the server was asked, or is about to be
	failed  error
}

// PublicKey is called when it is this offer's turn.
func (o *offer) PublicKey() ssh.PublicKey {
	o.reached = true
	return o.public
}

func (o *offer) plain() ssh.PublicKey {
	if cert, ok := o.public.(*ssh.Certificate); ok {
		return cert.Key
	}
	return o.public
}

// Algorithms returns those that the key can sign with. An RSA key's last one is SHA-1, of
// use to servers that do not say what else they know.
func (o *offer) Algorithms() []string {
	if t := o.plain().Type(); t != ssh.KeyAlgoRSA {
		return []string{t}
	}
	return []string{ssh.KeyAlgoRSASHA256, ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSA}
}

func (o *offer) Sign(rand io.Reader, data []byte) (*ssh.Signature, error) {
	return o.SignWithAlgorithm(rand, data, "")
}

func (o *offer) SignWithAlgorithm(rand io.Reader, data []byte, algorithm string) (*ssh.Signature, error) {
	sig, err := o.sign(rand, data, algorithm)
	o.failed = err
	return sig, err
}

func (o *offer) sign(rand io.Reader, data []byte, algorithm string) (*ssh.Signature, error) {
	signer, err := o.unlock()
	if err != nil {
		return nil, err
	}
	if s, ok := signer.(ssh.AlgorithmSigner); ok && algorithm != "" {
		return s.SignWithAlgorithm(rand, data, algorithm)
	}
	return signer.Sign(rand, data)
}

// certsOf returns those of the certificates that are for a user, and for that key.
func certsOf(certs []*ssh.Certificate, public ssh.PublicKey) []*ssh.Certificate {
	return slices.DeleteFunc(slices.Clone(certs), func(c *ssh.Certificate) bool {
		return c.CertType != ssh.UserCert || public == nil || !bytes.Equal(c.Key.Marshal(), public.Marshal())
	})
}
