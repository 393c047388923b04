package sftptail

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"golang.org/x/crypto/ssh"
	xknownhosts "golang.org/x/crypto/ssh/knownhosts"

	"fsync/sync/remote"
)

// keyRing are the keys of the servers here.
type keyRing struct{ ed, ec, rsa, other, ca, ca2 ssh.Signer }

var theKeys = struct {
	sync.Once
	keyRing
}{}

func testKeys(t testing.TB) *keyRing {
	theKeys.Do(func() {
		theKeys.keyRing = keyRing{
			testSigner(t, "ed25519"), testSigner(t, "ecdsa"), testSigner(t, "rsa"),
			testSigner(t, "ed25519"), testSigner(t, "ecdsa"), testSigner(t, "ed25519"),
		}
	})
	return &theKeys.keyRing
}

func hostKeyLine(host string, s ssh.Signer) string {
	return strings.TrimSpace(host + " " + string(ssh.MarshalAuthorizedKey(s.PublicKey())))
}

// TestHostKey: what known_hosts says, what the server has, and whether that is enough.
func TestHostKey(t *testing.T) {
	t.Parallel()
	k := testKeys(t)
	all := []ssh.Signer{k.rsa, k.ec, k.ed}
	cert := func(authority ssh.Signer, principals ...string) []ssh.Signer {
		return []ssh.Signer{certSigner(t, testCert(t, k.ed.PublicKey(), authority, ssh.HostCert, principals...), k.ed)}
	}
	expired := func() []ssh.Signer {
		c := &ssh.Certificate{Key: k.ed.PublicKey(), CertType: ssh.HostCert, ValidBefore: 1}
		if err := c.SignCert(nothing{}, k.ca); err != nil {
			t.Fatal(err)
		}
		return []ssh.Signer{certSigner(t, c, k.ed)}
	}
	for _, row := range []struct {
		name   string
		known  string // HOST is [127.0.0.1]:port, HASH the same hashed
		server []ssh.Signer
		reason HostKeyReason // 0: it gets in
		want   string
	}{
		{"one of three, ed25519", hostKeyLine("HOST", k.ed), all, 0, ""},
		{"one of three, ecdsa", hostKeyLine("HOST", k.ec), all, 0, ""},
		{"one of three, rsa", hostKeyLine("HOST", k.rsa), all, 0, ""},
		{"two lines, one is right", hostKeyLine("HOST", k.other) + "\n" + hostKeyLine("HOST", k.ed), all, 0, ""},
		{"hashed", hostKeyLine("HASH", k.ed), all, 0, ""},
		{"without the port", hostKeyLine("127.0.0.1", k.ed), all, 0, ""},
		{"wildcard", hostKeyLine("127.0.*", k.ed), all, 0, ""},
		{"comments and empty lines", "# x\n\n" + hostKeyLine("HOST", k.ed) + " comment\r\n", all, 0, ""},
		{"unknown", hostKeyLine("other", k.ed), all, HostKeyUnknown, "is not known: ssh-ed25519 SHA256:"},
		{"another port", hostKeyLine("[127.0.0.1]:1", k.ed), all, HostKeyUnknown, ""},
		{"negated", hostKeyLine("!HOST,HOST", k.ed), all, HostKeyUnknown, ""},
		{"empty", "", all, HostKeyUnknown, ""},
		{"changed", "\n" + hostKeyLine("HOST", k.other), all, HostKeyChanged, "known_hosts:2)"},
		{"changed, of another type", hostKeyLine("HOST", k.ed), []ssh.Signer{k.rsa}, HostKeyChanged, "got ssh-rsa SHA256:"},
		{"changed, with the port", hostKeyLine("HOST", k.other) + "\n" + hostKeyLine("127.0.0.1", k.ed), all, HostKeyChanged, ""},
		{"another one is at the usual port", hostKeyLine("127.0.0.1", k.other), all, HostKeyUnknown, ""},
		{"revoked", hostKeyLine("HOST", k.ed) + "\n" + hostKeyLine("@revoked *", k.ed), []ssh.Signer{k.ed}, HostKeyRevoked, "known_hosts:2)"},
		{"revoked and unknown", hostKeyLine("@revoked *", k.ed), all, HostKeyRevoked, ""},

		{"certificate", hostKeyLine("@cert-authority HOST", k.ca), cert(k.ca), 0, ""},
		{"certificate for the host", hostKeyLine("@cert-authority 127.*", k.ca), cert(k.ca, "x", "127.0.0.1"), 0, ""},
		{"certificate beside keys", hostKeyLine("@cert-authority HOST", k.ca), append(cert(k.ca), all...), 0, ""},
		{"certificate for another host", hostKeyLine("@cert-authority HOST", k.ca), cert(k.ca, "x"), HostKeyUnknown, "its certificate does not count"},
		{"certificate expired", hostKeyLine("@cert-authority HOST", k.ca), expired(), HostKeyUnknown, "expired"},
		{"certificate expired, key known", hostKeyLine("@cert-authority HOST", k.ca) + "\n" + hostKeyLine("HOST", k.ed), expired(), 0, ""},
		{"certificate of another authority", hostKeyLine("@cert-authority HOST", k.ca), cert(k.ca2), HostKeyUnknown, ""},
		{"certificate, key known", hostKeyLine("HOST", k.ed), cert(k.ca), 0, ""},
		{"certificate, other key known", hostKeyLine("HOST", k.other), cert(k.ca), HostKeyChanged, ""},
		{"authority revoked", hostKeyLine("@cert-authority HOST", k.ca) + "\n" + hostKeyLine("@revoked *", k.ca), cert(k.ca), HostKeyRevoked, "known_hosts:2)"},
		{"authority revoked, key known", hostKeyLine("HOST", k.ed) + "\n" + hostKeyLine("@revoked *", k.ca), cert(k.ca), HostKeyRevoked, ""},
		{"key of the certificate revoked", hostKeyLine("@cert-authority HOST", k.ca) + "\n" + hostKeyLine("@revoked *", k.ed), cert(k.ca), HostKeyRevoked, ""},
		{"an authority is no host", hostKeyLine("@cert-authority HOST", k.ed), []ssh.Signer{k.ed}, HostKeyUnknown, ""},
		{"only an authority is known", hostKeyLine("@cert-authority *", k.ca), all, HostKeyUnknown, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			g := startGate(t, &ssh.ServerConfig{NoClientAuth: true}, row.server...)
			l := testLogins(t, "")
			host := xknownhosts.Normalize(g.addr)
			known := strings.NewReplacer("HOST", host, "HASH", xknownhosts.HashHostname(host)).Replace(row.known)
			writeTest(t, 0o600, known, l.KnownHosts[0])
			err := g.enter(t, l, "")
			if row.reason == 0 {
				if err != nil {
					t.Error(err)
				}
				return
			}
			e, ok := errors.AsType[*HostKeyError](err)
			if !ok || e.Reason != row.reason || remote.KindOf(err) != remote.Final {
				t.Fatalf("%v", err)
			}
			if !strings.Contains(err.Error(), row.want) || !strings.Contains(err.Error(), host) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%q", err)
			}
			if e.Hint() == "" && row.reason != HostKeyRevoked {
				t.Error("no hint")
			}

			l.AcceptNew = true // which changes nothing about what is changed or revoked
			err = g.enter(t, l, "")
			if (err == nil) != (row.reason == HostKeyUnknown) {
				t.Errorf("accepting new ones: %v", err)
			}
			text, err := os.ReadFile(l.KnownHosts[0])
			if err != nil || (string(text) == known) != (row.reason != HostKeyUnknown) {
				t.Errorf("%q, %v", text, err)
			}
		})
	}
}

// nothing is a source of no randomness, for nonces of no consequence.
type nothing struct{}

func (nothing) Read(p []byte) (int, error) { return len(p), nil }

func TestHostKeyHints(t *testing.T) {
	t.Parallel()
	k := testKeys(t)
	l := testLogins(t, "Host c\nPort 2222\nHost b\nHostKeyAlias real\nHost d\nProxyJump x\n")
	l.KnownHosts = []string{writeTest(t, 0o600, hostKeyLine("[c]:2222", k.other)+"\n"+hostKeyLine("e", k.other)+"\n", l.Home, ".ssh", "a b")}
	for _, row := range []struct {
		host string
		key  ssh.Signer
		want string
	}{
		{"a", k.ed, "then: echo '" + hostKeyLine("a", k.ed) + "' >>FILE; or --accept-new-host-keys"},
		{"a:33", k.ec, "then: echo '" + hostKeyLine("[a]:33", k.ec) + "' >>FILE; or"},
		{"b:5", k.ed, "echo 'real ssh-ed25519 AAAA"},
		{"d:5", k.ed, "echo '[d]:5 ssh-ed25519 AAAA"},
		{"c", k.ed, "ssh-keygen -R '[c]:2222' -f FILE"},
		{"e", k.ed, "ssh-keygen -R e -f FILE"},
		{"e:8", k.ed, "echo '[e]:8 ssh-ed25519 AAAA"},
	} {
		target, err := l.resolve(&url.URL{Scheme: "sftp", Host: row.host})
		if err != nil {
			t.Fatal(err)
		}
		keys, err := l.hostKeys(target)
		if err != nil {
			t.Fatal(err)
		}
		e, _ := errors.AsType[*HostKeyError](keys.check("", nil, row.key.PublicKey()))
		want := strings.ReplaceAll(row.want, "FILE", "'"+l.KnownHosts[0]+"'")
		if e == nil || !strings.Contains(e.Hint(), want) {
			t.Errorf("%s: %+v, want %q", row.host, e, want)
		}
	}
	if got := l.shellFile(filepath.Join(l.Home, ".ssh", "known_hosts")); runtime.GOOS != "windows" && got != "~/.ssh/known_hosts" {
		t.Error(got)
	}
}

func TestHostKeyFirstAsked(t *testing.T) {
	t.Parallel()
	l := testLogins(t, "")
	target, err := l.resolve(&url.URL{Scheme: "sftp", Host: "h"})
	if err != nil {
		t.Fatal(err)
	}
	keys, err := l.hostKeys(target)
	if err != nil {
		t.Fatal(err)
	}
	algos := keys.algorithms()
	if algos[0] != ssh.KeyAlgoED25519 || len(algos) != len(ssh.SupportedAlgorithms().HostKeys) {
		t.Errorf("%q", algos)
	}
}

func TestHostKeyAlias(t *testing.T) {
	t.Parallel()
	k := testKeys(t)
	g := startGate(t, &ssh.ServerConfig{NoClientAuth: true}, k.ed)
	l := testLogins(t, "HostKeyAlias real\n")
	writeTest(t, 0o600, hostKeyLine("real", k.ed), l.KnownHosts[0])
	if err := g.enter(t, l, ""); err != nil {
		t.Error(err)
	}
}

// TestHostKeyBadLine: a line that cannot be read might have revoked a key.
func TestHostKeyBadLine(t *testing.T) {
	t.Parallel()
	k := testKeys(t)
	for _, bad := range []string{"rubbish", "h ssh-ed25519 AAAA", "@evil " + hostKeyLine("h", k.ed), "h ssh-rsa " + strings.Fields(hostKeyLine("h", k.ed))[2]} {
		l := testLogins(t, "")
		l.AcceptNew = true
		writeTest(t, 0o600, hostKeyLine("h", k.ed)+"\n"+bad+"\n", l.KnownHosts[0])
		target, err := l.resolve(&url.URL{Scheme: "sftp", Host: "h"})
		if err != nil {
			t.Fatal(err)
		}
		_, err = l.login(t.Context(), target, "")
		if err == nil || remote.KindOf(err) != remote.Final || !strings.Contains(err.Error(), l.KnownHosts[0]+":2: ") {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

func TestHostKeyAcceptNew(t *testing.T) {
	t.Parallel()
	k := testKeys(t)
	g := startGate(t, &ssh.ServerConfig{NoClientAuth: true}, k.rsa, k.ed)
	var warnings []string
	l := testLogins(t, "", func(o *Options) {
		o.KnownHosts = []string{filepath.Join(o.Home, "new", "known_hosts"), filepath.Join(o.Home, "second")}
		o.AcceptNew = true
		o.Warn = func(text string) { warnings = append(warnings, text) }
	})
	file := l.KnownHosts[0]
	line := hostKeyLine(xknownhosts.Normalize(g.addr), k.ed) + "\n"
	for range 2 { // the second time it is known
		if err := g.enter(t, l, ""); err != nil {
			t.Fatal(err)
		}
		wantFile(t, file, line)
	}
	if len(warnings) != 1 || !strings.Contains(warnings[0], ssh.FingerprintSHA256(k.ed.PublicKey())) {
		t.Errorf("%q", warnings)
	}
	if runtime.GOOS != "windows" {
		for path, want := range map[string]os.FileMode{file: 0o600, filepath.Dir(file): 0o700} {
			if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
				t.Errorf("%s: %v, %v", path, info.Mode(), err)
			}
		}
	}

	writeTest(t, 0o600, "# no end", file)
	if err := g.enter(t, l, ""); err != nil {
		t.Fatal(err)
	}
	wantFile(t, file, "# no end\n"+line)

	writeTest(t, 0o600, "", l.KnownHosts[0], "..", "file")
	l.KnownHosts = []string{filepath.Join(filepath.Dir(file), "file", "known_hosts")}
	if err := g.enter(t, l, ""); err == nil || remote.KindOf(err) != remote.Final {
		t.Error(err)
	}
}

func wantFile(t *testing.T, file, want string) {
	t.Helper()
	if text, err := os.ReadFile(file); err != nil || string(text) != want {
		t.Errorf("%q, %v, want %q", text, err, want)
	}
}

// TestHostKeyAcceptTogether: of several logins at a time to each of several hosts one adds
// the key.
func TestHostKeyAcceptTogether(t *testing.T) {
	t.Parallel()
	k := testKeys(t)
	l := testLogins(t, "", func(o *Options) { o.AcceptNew = true })
	var all sync.WaitGroup
	for host := range 3 {
		target, err := l.resolve(&url.URL{Scheme: "sftp", Host: fmt.Sprintf("h%d", host)})
		if err != nil {
			t.Fatal(err)
		}
		for range 4 {
			keys, err := l.hostKeys(target)
			if err != nil {
				t.Fatal(err)
			}
			all.Go(func() {
				if err := keys.check("", &net.TCPAddr{}, k.ed.PublicKey()); err != nil {
					t.Error(err)
				}
			})
		}
	}
	all.Wait()
	text, err := os.ReadFile(l.KnownHosts[0])
	if err != nil || strings.Count(string(text), "\n") != 3 {
		t.Errorf("%s %v", text, err)
	}
}

// TestHostKeyOpenSSH: the files that ssh-keygen writes.
func TestHostKeyOpenSSH(t *testing.T) {
	t.Parallel()
	keygen := findKeygen(t)
	k := testKeys(t)
	g := startGate(t, &ssh.ServerConfig{NoClientAuth: true}, k.rsa, k.ec, k.ed)
	l := testLogins(t, "", func(o *Options) { o.AcceptNew = true })
	if err := g.enter(t, l, ""); err != nil {
		t.Fatal(err)
	}
	l.AcceptNew = false
	if out, err := exec.Command(keygen, "-H", "-f", l.KnownHosts[0]).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if err := g.enter(t, l, ""); err != nil {
		t.Error(err)
	}
	if out, err := exec.Command(keygen, "-R", xknownhosts.Normalize(g.addr), "-f", l.KnownHosts[0]).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if e, ok := errors.AsType[*HostKeyError](g.enter(t, l, "")); !ok || e.Reason != HostKeyUnknown {
		t.Errorf("%v", e)
	}
}
