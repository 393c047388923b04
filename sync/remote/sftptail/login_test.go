package sftptail

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/pem"
	"errors"
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/crypto/ssh"

	"fsync/sync/remote"
)

// testKey returns a new private key: ed25519, ecdsa or rsa.
func testKey(t testing.TB, kind string) crypto.Signer {
	t.Helper()
	var key crypto.Signer
	var err error
	switch kind {
	case "ed25519":
		_, key, err = ed25519.GenerateKey(rand.Reader)
	case "ecdsa":
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case "rsa":
		key, err = rsa.GenerateKey(rand.Reader, 2048)
	}
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func testSigner(t testing.TB, kind string) ssh.Signer {
	t.Helper()
	return signerOf(t, testKey(t, kind))
}

func signerOf(t testing.TB, key crypto.Signer) ssh.Signer {
	t.Helper()
	s, err := ssh.NewSignerFromKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// testCert certifies a key.
func testCert(t testing.TB, public ssh.PublicKey, authority ssh.Signer, kind uint32, principals ...string) *ssh.Certificate {
	t.Helper()
	cert := &ssh.Certificate{Key: public, CertType: kind, ValidPrincipals: principals, ValidBefore: ssh.CertTimeInfinity}
	if err := cert.SignCert(rand.Reader, authority); err != nil {
		t.Fatal(err)
	}
	return cert
}

func certSigner(t testing.TB, cert *ssh.Certificate, key ssh.Signer) ssh.Signer {
	t.Helper()
	s, err := ssh.NewCertSigner(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func writeTest(t testing.TB, mode os.FileMode, text string, path ...string) string {
	t.Helper()
	file := filepath.Join(path...)
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	return file
}

// writeKey writes a private key in OpenSSH's form, encrypted if there is a passphrase.
func writeKey(t testing.TB, key crypto.Signer, pass string, path ...string) string {
	t.Helper()
	var block *pem.Block
	var err error
	if pass == "" {
		block, err = ssh.MarshalPrivateKey(key, "")
	} else {
		block, err = ssh.MarshalPrivateKeyWithPassphrase(key, "", []byte(pass))
	}
	if err != nil {
		t.Fatal(err)
	}
	return writeTest(t, 0o600, string(pem.EncodeToMemory(block)), path...)
}

// gate is a server at which one can do nothing but log in.
type gate struct {
	addr string
	done sync.WaitGroup

	mu    sync.Mutex
	conns []net.Conn
	ended bool
}

func startGate(t testing.TB, config *ssh.ServerConfig, keys ...ssh.Signer) *gate {
	t.Helper()
	for _, k := range keys {
		config.AddHostKey(k)
	}
	return startServer(t, func(c net.Conn) {
		s, chans, reqs, err := ssh.NewServerConn(c, config)
		if err != nil {
			return
		}
		go ssh.DiscardRequests(reqs)
		go func() {
			for ch := range chans {
				_ = ch.Reject(ssh.Prohibited, "")
			}
		}()
		_ = s.Wait()
	})
}

// startServer runs serve for each connection, until the test ends.
func startServer(t testing.TB, serve func(net.Conn)) *gate {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := &gate{addr: l.Addr().String()}
	t.Cleanup(func() {
		l.Close()
		g.mu.Lock()
		g.ended = true
		for _, c := range g.conns {
			c.Close()
		}
		g.mu.Unlock()
		g.done.Wait()
	})
	g.done.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			g.mu.Lock()
			if g.conns = append(g.conns, c); g.ended {
				c.Close()
			}
			g.mu.Unlock()
			g.done.Go(func() {
				defer c.Close()
				serve(c)
			})
		}
	})
	return g
}

// enter logs in once.
func (g *gate) enter(t testing.TB, l *logins, password string) error {
	t.Helper()
	target, err := l.resolve(&url.URL{Scheme: "sftp", Host: g.addr})
	if err != nil {
		t.Fatal(err)
	}
	return g.enterAs(t, l, target, password)
}

func (g *gate) enterAs(t testing.TB, l *logins, target *target, password string) error {
	t.Helper()
	login, err := l.login(t.Context(), target, password)
	if err != nil {
		return err
	}
	defer login.close()
	raw, err := net.Dial("tcp", g.addr)
	if err != nil {
		t.Fatal(err)
	}
	c, chans, reqs, err := ssh.NewClientConn(raw, target.addr(), login.config)
	if err != nil {
		raw.Close()
		return login.explain(err)
	}
	client := ssh.NewClient(c, chans, reqs)
	client.Close()
	_ = client.Wait()
	return nil
}

// testLogins are those of a person with a home of its own, who knows no host.
func testLogins(t testing.TB, config string, change ...func(*Options)) *logins {
	t.Helper()
	home := t.TempDir()
	file := writeTest(t, 0o600, config+"\nMatch all\nGlobalKnownHostsFile none\n", home, ".ssh", "config")
	o := Options{Home: home, User: "u", ConfigFiles: []string{file}, KnownHosts: []string{filepath.Join(home, "known_hosts")}}
	for _, f := range change {
		f(&o)
	}
	return newLogins(o)
}

// TestLoginExplain: what a server does instead of letting in, and what is made of it.
func TestLoginExplain(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name  string
		serve func(net.Conn)
		kind  remote.Kind
		want  string
	}{
		{"closed at once", func(net.Conn) {}, remote.Temporary, "before the login: "},
		{"http", func(c net.Conn) {
			_, _ = c.Read(make([]byte, 1))
			_, _ = io.WriteString(c, "HTTP/1.1 400 Bad Request\r\n\r\n")
		}, remote.Temporary, "before the login: "},
		{"noise", func(c net.Conn) {
			_, _ = io.WriteString(c, strings.Repeat("\x1b[31m", 1000))
			_, _ = io.Copy(io.Discard, c)
		}, remote.Final, "not an SSH server"},
		{"no common algorithm", func(c net.Conn) {
			config := &ssh.ServerConfig{Config: ssh.Config{Ciphers: []string{ssh.InsecureCipherTripleDESCBC}}, NoClientAuth: true}
			config.AddHostKey(testSigner(t, "ed25519"))
			_, _, _, _ = ssh.NewServerConn(c, config)
		}, remote.Final, "the server has only 3des-cbc"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			err := startServer(t, row.serve).enter(t, testLogins(t, ""), "")
			if err == nil || remote.KindOf(err) != row.kind || !strings.Contains(err.Error(), row.want) {
				t.Errorf("kind %d: %v", remote.KindOf(err), err)
			}
			if err != nil && strings.ContainsAny(err.Error(), "\n\x1b") {
				t.Errorf("%q", err)
			}
		})
	}
}

func TestLoginDisconnect(t *testing.T) {
	t.Parallel()
	l := testLogins(t, "")
	target, err := l.resolve(&url.URL{Scheme: "sftp", Host: "host"})
	if err != nil {
		t.Fatal(err)
	}
	login, err := l.login(t.Context(), target, "")
	if err != nil {
		t.Fatal(err)
	}
	defer login.close()
	for _, row := range []struct {
		text   string
		rounds int
		kind   remote.Kind
		auth   bool
	}{
		{`ssh: disconnect, reason 2: "Too many authentication failures"`, 3, remote.Final, true},
		{`ssh: disconnect, reason 2: "corrupted MAC"`, 0, remote.Temporary, false},
		{`ssh: disconnect, reason 12: "too many connections"`, 0, remote.Temporary, false},
		{`ssh: disconnect, reason 14: "no more"`, 1, remote.Final, true},
		{`ssh: disconnect, reason 8: "version"`, 0, remote.Final, false},
		{`ssh: something else`, 0, remote.Temporary, false},
	} {
		login.auth.rounds = row.rounds
		err := login.explain(errors.New("ssh: handshake failed: " + row.text))
		_, auth := errors.AsType[*AuthError](err)
		if remote.KindOf(err) != row.kind || auth != row.auth {
			t.Errorf("%s: kind %d: %v", row.text, remote.KindOf(err), err)
		}
	}
}
