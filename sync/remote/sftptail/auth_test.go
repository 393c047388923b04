package sftptail

import (
	"context"
	"encoding/pem"
	"errors"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"fsync/sync/remote"
)

// doorman is a server that remembers who came.
type doorman struct {
	*gate
	logins *logins

	mu      sync.Mutex
	offered []string // fingerprints of keys, in order
	prompts []string // what a person was asked
	answers []string // what the person answers, in order
}

// startDoorman lets in who has one of the keys; or who is let in otherwise by what change
// makes of the configuration.
func startDoorman(t *testing.T, accept []ssh.PublicKey, change func(*ssh.ServerConfig), config string, options ...func(*Options)) *doorman {
	t.Helper()
	d := &doorman{}
	config += "\nHostKeyAlias door\n"
	server := &ssh.ServerConfig{MaxAuthTries: 100}
	if accept != nil {
		server.PublicKeyCallback = func(_ ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
			d.mu.Lock()
			d.offered = append(d.offered, ssh.FingerprintSHA256(key))
			d.mu.Unlock()
			if slices.ContainsFunc(accept, func(k ssh.PublicKey) bool { return sameKey(k, key) }) {
				return nil, nil
			}
			return nil, errors.New("no")
		}
	}
	if change != nil {
		change(server)
	}
	k := testKeys(t)
	d.gate = startGate(t, server, k.ed)
	d.logins = testLogins(t, config, options...)
	writeTest(t, 0o600, hostKeyLine("door", k.ed), d.logins.KnownHosts[0])
	return d
}

func (d *doorman) ask(_ context.Context, prompt string) (string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.prompts = append(d.prompts, prompt)
	if len(d.answers) == 0 {
		return "", errors.New("the terminal is gone")
	}
	answer := d.answers[0]
	d.answers = d.answers[1:]
	return answer, nil
}

func (d *doorman) will(answers ...string) { d.logins.Ask, d.answers = d.ask, answers }

// came returns the keys that were offered, each once.
func (d *doorman) came() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Compact(slices.Clone(d.offered))
}

func (d *doorman) wantIn(t *testing.T, password string) {
	t.Helper()
	if err := d.enter(t, d.logins, password); err != nil {
		t.Error(err)
	}
}

// wantOut wants a final AuthError whose text has all of the parts.
func (d *doorman) wantOut(t *testing.T, password string, parts ...string) *AuthError {
	t.Helper()
	err := d.enter(t, d.logins, password)
	e, ok := errors.AsType[*AuthError](err)
	if !ok || remote.KindOf(err) != remote.Final {
		t.Fatalf("kind %d: %v", remote.KindOf(err), err)
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q is not in: %v", part, err)
		}
	}
	if strings.ContainsAny(err.Error(), "\n\x1b") {
		t.Errorf("%q", err)
	}
	return e
}

// startAgent runs an agent and returns its socket.
func startAgent(t *testing.T, keys ...agent.AddedKey) string {
	t.Helper()
	ring := agent.NewKeyring()
	for _, k := range keys {
		if err := ring.Add(k); err != nil {
			t.Fatal(err)
		}
	}
	dir, err := os.MkdirTemp("", "") // t.TempDir may be too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", filepath.Join(dir, "s"))
	if err != nil {
		t.Skip(err)
	}
	var done sync.WaitGroup
	t.Cleanup(func() {
		l.Close()
		done.Wait()
		os.RemoveAll(dir)
	})
	done.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			done.Go(func() { // it ends when the login is closed, or the test hangs
				defer c.Close()
				_ = agent.ServeAgent(ring, c)
			})
		}
	})
	return l.Addr().String()
}

func TestAuthIdentities(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"ed25519", "ecdsa", "rsa"} {
		key := testKey(t, kind)
		d := startDoorman(t, []ssh.PublicKey{signerOf(t, key).PublicKey()}, nil, "")
		d.logins.Identities = []string{writeKey(t, key, "", d.logins.Home, "key")}
		d.wantIn(t, "")
	}
}

// TestAuthOrder: --identity first, then those of the configuration, then the agent's; and
// each once.
func TestAuthOrder(t *testing.T) {
	t.Parallel()
	a, b, c, e := testKey(t, "ed25519"), testKey(t, "ed25519"), testKey(t, "ecdsa"), testKey(t, "ed25519")
	print := func(keys ...any) (all []string) {
		for _, k := range keys {
			s, err := ssh.NewSignerFromKey(k)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, ssh.FingerprintSHA256(s.PublicKey()))
		}
		return all
	}
	socket := startAgent(t, agent.AddedKey{PrivateKey: e}, agent.AddedKey{PrivateKey: b}, agent.AddedKey{PrivateKey: c})
	for _, row := range []struct {
		name, config string
		identities   bool
		want         []string
	}{
		{"all", "IdentityFile ~/b\nIdentityFile ~/a\n", true, print(a, b, e, c)},
		{"only", "IdentityFile ~/b\nIdentitiesOnly yes\n", true, print(a, b)},
		{"no agent", "IdentityFile ~/b\nIdentityAgent none\n", false, print(b)},
		{"usual ones", "", false, print(e, b, c, a)},
		{"usual ones only", "IdentitiesOnly yes\n", false, print(a)},
		{"public half", "IdentityFile ~/c.pub\nIdentitiesOnly yes\n", false, print(c)},
		{"private half is elsewhere", "IdentityFile ~/c\nIdentitiesOnly yes\n", false, print(c)},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			d := startDoorman(t, []ssh.PublicKey{}, nil, row.config, func(o *Options) {
				o.Agent = socket
				file := writeKey(t, a, "", o.Home, "a")
				if row.identities {
					o.Identities = []string{file}
				}
				writeKey(t, b, "", o.Home, "b")
				writeKey(t, a, "", o.Home, ".ssh", "id_ed25519")
				writeTest(t, 0o600, string(ssh.MarshalAuthorizedKey(signerOf(t, c).PublicKey())), o.Home, "c.pub")
			})
			e := d.wantOut(t, "", "the server takes publickey")
			if got := d.came(); !slices.Equal(got, row.want) {
				t.Errorf("%q, want %q", got, row.want)
			}
			t.Log(e)
		})
	}
}

func TestAuthAgent(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"ed25519", "rsa"} {
		key := testKey(t, kind)
		d := startDoorman(t, []ssh.PublicKey{signerOf(t, key).PublicKey()}, nil, "")
		d.logins.Agent = startAgent(t, agent.AddedKey{PrivateKey: testKey(t, "ecdsa")}, agent.AddedKey{PrivateKey: key})
		d.wantIn(t, "")
	}
}

// TestAuthAgentGone: no agent is no failure by itself.
func TestAuthAgentGone(t *testing.T) {
	t.Parallel()
	key := testKey(t, "ed25519")
	d := startDoorman(t, []ssh.PublicKey{signerOf(t, key).PublicKey()}, nil, "")
	d.logins.Agent = filepath.Join(d.logins.Home, "none")
	e := d.wantOut(t, "", "the ssh-agent cannot be reached", "there was nothing to try")
	if !strings.Contains(e.Hint(), "--identity") {
		t.Errorf("hint: %q", e.Hint())
	}
	writeKey(t, key, "", d.logins.Home, ".ssh", "id_ed25519")
	d.wantIn(t, "")
}

func TestAuthCertificates(t *testing.T) {
	t.Parallel()
	key, ca := testKey(t, "rsa"), testSigner(t, "ed25519")
	plain := signerOf(t, key).PublicKey()
	cert := testCert(t, plain, ca, ssh.UserCert, "u")
	text := string(ssh.MarshalAuthorizedKey(cert))
	trust := func(c *ssh.ServerConfig) {
		callback := c.PublicKeyCallback
		checker := ssh.CertChecker{IsUserAuthority: func(k ssh.PublicKey) bool { return sameKey(k, ca.PublicKey()) }}
		c.PublicKeyCallback = func(m ssh.ConnMetadata, k ssh.PublicKey) (*ssh.Permissions, error) {
			_, _ = callback(m, k)
			return checker.Authenticate(m, k)
		}
	}
	for name, prepare := range map[string]func(t *testing.T, o *Options){
		"beside the key": func(t *testing.T, o *Options) {
			o.Identities = []string{writeKey(t, key, "", o.Home, "key")}
			writeTest(t, 0o600, text, o.Home, "key-cert.pub")
		},
		"configured": func(t *testing.T, o *Options) {
			o.Identities = []string{writeKey(t, key, "", o.Home, "key")}
			writeTest(t, 0o600, text, o.Home, "cert")
		},
		"agent has the key": func(t *testing.T, o *Options) {
			o.Agent = startAgent(t, agent.AddedKey{PrivateKey: key})
			writeTest(t, 0o600, text, o.Home, "cert")
		},
		"agent has it": func(t *testing.T, o *Options) {
			o.Agent = startAgent(t, agent.AddedKey{PrivateKey: key, Certificate: cert})
		},
		"named": func(t *testing.T, o *Options) {
			o.Agent = startAgent(t, agent.AddedKey{PrivateKey: key})
			o.Identities = []string{writeTest(t, 0o600, text, o.Home, "x")}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := startDoorman(t, []ssh.PublicKey{}, trust, "CertificateFile ~/cert\n", func(o *Options) { prepare(t, o) })
			d.wantIn(t, "")
			if got := d.came(); len(got) == 0 || got[0] != ssh.FingerprintSHA256(cert) {
				t.Errorf("%q", got)
			}
		})
	}
}

// TestAuthPassphrase: it is asked for when the server would take the key, and once.
func TestAuthPassphrase(t *testing.T) {
	t.Parallel()
	wrong, right := testKey(t, "ed25519"), testKey(t, "ecdsa")
	d := startDoorman(t, []ssh.PublicKey{signerOf(t, right).PublicKey()}, nil, "")
	d.logins.Identities = []string{
		writeKey(t, wrong, "other", d.logins.Home, "wrong"), writeKey(t, right, "secret", d.logins.Home, "right"),
	}
	e := d.wantOut(t, "", "right: it needs a passphrase, and there is nobody to ask")
	if !strings.Contains(e.Hint(), "ssh-add") {
		t.Errorf("hint: %q", e.Hint())
	}

	d.will("bad", "worse", "worst", "secret")
	d.wantOut(t, "", "right: it needs a passphrase, and none was given that opens it")
	if len(d.prompts) != 3 {
		t.Errorf("%q", d.prompts)
	}

	d.prompts = nil
	d.will("bad", "secret")
	d.wantIn(t, "")
	d.wantIn(t, "") // remembered
	if len(d.prompts) != 2 || !strings.Contains(d.prompts[0], d.logins.Identities[1]) {
		t.Errorf("%q", d.prompts)
	}
}

// TestAuthPassphraseDeclined: the next key is tried.
func TestAuthPassphraseDeclined(t *testing.T) {
	t.Parallel()
	first, second := testKey(t, "ed25519"), testKey(t, "ecdsa")
	d := startDoorman(t, []ssh.PublicKey{signerOf(t, first).PublicKey(), signerOf(t, second).PublicKey()}, nil, "")
	d.logins.Identities = []string{
		writeKey(t, first, "secret", d.logins.Home, "first"), writeKey(t, second, "", d.logins.Home, "second"),
	}
	d.will("")
	d.wantIn(t, "")
	d.will() // no answer at all
	d.wantIn(t, "")
}

// TestAuthOldPassphrase: a PEM file does not tell its public key. One beside it does.
func TestAuthOldPassphrase(t *testing.T) {
	t.Parallel()
	keygen := findKeygen(t)
	dir := t.TempDir()
	file := filepath.Join(dir, "key")
	if out, err := exec.Command(keygen, "-q", "-t", "rsa", "-b", "2048", "-m", "PEM", "-N", "secret", "-f", file).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	public, err := readPublic(file + ".pub")
	if err != nil {
		t.Fatal(err)
	}
	accepting := startDoorman(t, []ssh.PublicKey{public}, nil, "")
	refusing := startDoorman(t, []ssh.PublicKey{}, nil, "")
	accepting.logins.Identities, refusing.logins.Identities = []string{file}, []string{file}

	refusing.will("secret")
	refusing.wantOut(t, "")
	if len(refusing.prompts) != 0 {
		t.Errorf("%q", refusing.prompts)
	}
	accepting.will("secret")
	accepting.wantIn(t, "")

	if err := os.Remove(file + ".pub"); err != nil {
		t.Fatal(err)
	}
	refusing.wantOut(t, "")
	if len(refusing.prompts) != 1 {
		t.Errorf("%q", refusing.prompts)
	}
	refusing.logins = newLogins(refusing.logins.Options)
	refusing.logins.Ask = nil
	refusing.wantOut(t, "", "it needs a passphrase", "there was nothing to try")
}

func TestAuthBadIdentity(t *testing.T) {
	t.Parallel()
	key := testKey(t, "ed25519")
	d := startDoorman(t, []ssh.PublicKey{signerOf(t, key).PublicKey()}, nil, "IdentityFile ~/key\nIdentityFile ~/none\n")
	home := d.logins.Home
	file := writeKey(t, key, "", home, "key")
	rows := map[string]string{
		filepath.Join(home, "none"):               "no such file",
		writeTest(t, 0o600, "x", home, "rubbish"): "it holds no key",
		writeTest(t, 0o600, string(pem.EncodeToMemory(&pem.Block{Type: "OPENSSH PRIVATE KEY"})), home, "empty"): "it cannot be used",
		writeTest(t, 0o600, string(ssh.MarshalAuthorizedKey(signerOf(t, key).PublicKey())), home, "key.pub"):    "no ssh-agent holds",
	}
	if runtime.GOOS != "windows" {
		open := writeKey(t, key, "", home, "open")
		if err := os.Chmod(open, 0o640); err != nil {
			t.Fatal(err)
		}
		rows[open] = "others can read it (mode 0640)"
	}
	if runtime.GOOS == "windows" {
		delete(rows, filepath.Join(home, "none")) // in other words there
	}
	for bad, want := range rows {
		d.logins.Identities = []string{bad}
		err := d.enter(t, d.logins, "")
		if err == nil || remote.KindOf(err) != remote.Final || !strings.Contains(err.Error(), bad) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", bad, err)
		}
	}
	if len(d.came()) != 0 {
		t.Error("a key was offered")
	}

	d.logins.Identities = nil
	d.wantIn(t, "")
	if runtime.GOOS != "windows" {
		if err := os.Chmod(file, 0o644); err != nil {
			t.Fatal(err)
		}
		d.wantOut(t, "", file+": others can read it")
	}
}

func TestAuthPassword(t *testing.T) {
	t.Parallel()
	right := func(c *ssh.ServerConfig) {
		c.PasswordCallback = func(_ ssh.ConnMetadata, p []byte) (*ssh.Permissions, error) {
			if string(p) == "secret" {
				return nil, nil
			}
			return nil, errors.New("no")
		}
	}
	d := startDoorman(t, nil, right, "")
	d.wantIn(t, "secret")
	e := d.wantOut(t, "", "the server takes password; there was nothing to try")
	if e.Hint() == "" {
		t.Error("no hint")
	}
	e = d.wantOut(t, "hunter2", "tried: password")
	if strings.Contains(e.Error()+e.Hint(), "hunter2") {
		t.Error(e)
	}

	d.will("bad", "worse", "worst", "secret")
	d.wantOut(t, "hunter2")
	if len(d.prompts) != 3 || d.prompts[0] != "u@127.0.0.1's password: " {
		t.Errorf("%q", d.prompts)
	}
	d.prompts = nil
	d.will("bad", "secret")
	d.wantIn(t, "")
	d.wantIn(t, "") // remembered
	if len(d.prompts) != 2 {
		t.Errorf("%q", d.prompts)
	}
}

func TestAuthKeyboardInteractive(t *testing.T) {
	t.Parallel()
	type question struct {
		text, answer string
		echo         bool
	}
	asking := func(rounds ...[]question) func(*ssh.ServerConfig) {
		return func(c *ssh.ServerConfig) {
			c.KeyboardInteractiveCallback = func(_ ssh.ConnMetadata, challenge ssh.KeyboardInteractiveChallenge) (*ssh.Permissions, error) {
				for _, round := range rounds {
					var texts []string
					var echos []bool
					for _, q := range round {
						texts, echos = append(texts, q.text), append(echos, q.echo)
					}
					got, err := challenge("", "", texts, echos)
					if err != nil {
						return nil, err
					}
					for i, q := range round {
						if got[i] != q.answer {
							return nil, errors.New("no")
						}
					}
				}
				return nil, nil
			}
		}
	}
	password := question{"Password: ", "secret", false}
	code := question{"Code\x1b: ", "123", false}

	d := startDoorman(t, nil, asking([]question{password}, nil), "")
	d.wantIn(t, "secret")
	d.wantOut(t, "", "the server takes keyboard-interactive; there was nothing to try")
	d.wantOut(t, "bad", "tried: keyboard-interactive")
	d.will("bad", "secret")
	d.wantIn(t, "wrong")
	d.wantIn(t, "") // remembered
	if len(d.prompts) != 2 || d.prompts[0] != "(u@127.0.0.1) Password: " {
		t.Errorf("%q", d.prompts)
	}

	d = startDoorman(t, nil, asking([]question{password}, []question{code}), "")
	d.wantOut(t, "secret", "the server asks")
	d.will("123", "123")
	d.wantIn(t, "secret")
	d.wantIn(t, "secret") // a code is good for once
	if len(d.prompts) != 2 || strings.Contains(d.prompts[0], "\x1b") {
		t.Errorf("%q", d.prompts)
	}

	d = startDoorman(t, nil, asking([]question{{"Name", "secret", true}}), "")
	d.wantOut(t, "secret") // which is not for showing

	var endless []([]question)
	for range 1000 {
		endless = append(endless, nil)
	}
	d = startDoorman(t, nil, asking(endless...), "")
	d.wantOut(t, "secret", "too many questions")
}

// TestAuthSteps: a server may want a key and a password.
func TestAuthSteps(t *testing.T) {
	t.Parallel()
	key := testKey(t, "ed25519")
	then := func(c *ssh.ServerConfig) {
		c.PublicKeyCallback = func(_ ssh.ConnMetadata, k ssh.PublicKey) (*ssh.Permissions, error) {
			return nil, &ssh.PartialSuccessError{Next: ssh.ServerAuthCallbacks{
				PasswordCallback: func(_ ssh.ConnMetadata, p []byte) (*ssh.Permissions, error) {
					if string(p) != "secret" {
						return nil, errors.New("no")
					}
					return nil, nil
				},
			}}
		}
	}
	d := startDoorman(t, []ssh.PublicKey{}, then, "")
	d.logins.Identities = []string{writeKey(t, key, "", d.logins.Home, "key")}
	d.wantIn(t, "secret")
	d.wantOut(t, "", "the server takes password; tried: "+d.logins.Identities[0])
}

func TestAuthTooMany(t *testing.T) {
	t.Parallel()
	d := startDoorman(t, []ssh.PublicKey{}, func(c *ssh.ServerConfig) { c.MaxAuthTries = 2 }, "")
	var keys []agent.AddedKey
	for range 4 {
		keys = append(keys, agent.AddedKey{PrivateKey: testKey(t, "ed25519")})
	}
	d.logins.Agent = startAgent(t, keys...)
	e := d.wantOut(t, "", "the server allows no more attempts")
	if !strings.Contains(e.Hint(), "IdentitiesOnly") {
		t.Errorf("hint: %q", e.Hint())
	}
}

// TestAuthCancelled: who is asked may have left.
func TestAuthCancelled(t *testing.T) {
	t.Parallel()
	d := startDoorman(t, nil, func(c *ssh.ServerConfig) {
		c.PasswordCallback = func(ssh.ConnMetadata, []byte) (*ssh.Permissions, error) { return nil, errors.New("no") }
	}, "")
	why := errors.New("interrupted")
	ctx, cancel := context.WithCancelCause(t.Context())
	d.logins.Ask = func(ctx context.Context, _ string) (string, error) {
		cancel(why)
		return "", ctx.Err()
	}
	target, err := d.logins.resolve(&url.URL{Scheme: "sftp", Host: d.addr})
	if err != nil {
		t.Fatal(err)
	}
	login, err := d.logins.login(ctx, target, "")
	if err != nil {
		t.Fatal(err)
	}
	defer login.close()
	raw, err := net.Dial("tcp", d.addr)
	if err != nil {
		t.Fatal(err)
	}
	_, _, _, err = ssh.NewClientConn(raw, target.addr(), login.config)
	if err == nil {
		t.Fatal("it got in")
	}
	if err := login.explain(err); !errors.Is(err, why) {
		t.Error(err)
	}
}
