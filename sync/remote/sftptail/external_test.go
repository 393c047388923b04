//go:build unix

package sftptail

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"fsync/sync/remote"
	"fsync/sync/remote/remotetest"
)

// sshCommand returns a command that runs OpenSSH's ssh, without anybody's configuration.
func sshCommand(s *remotetest.SSHD, more ...string) string {
	return fmt.Sprintf("ssh -F none -i '%s' -o UserKnownHostsFile='%s' -o IdentitiesOnly=yes -o BatchMode=yes %s",
		s.Identity, s.KnownHosts, strings.Join(more, " "))
}

func TestCommand(t *testing.T) {
	t.Parallel()
	s := remotetest.StartSSHD(t, remotetest.SSHDOptions{})
	content := remotetest.Content(1, 3_000_000)
	path := sshdFile(t, "a file", content, sshdTime)
	c := sshdClient(t, Options{Command: sshCommand(s), Stall: 20 * time.Second})
	var all sync.WaitGroup
	for i := range int64(20) {
		all.Go(func() {
			got, err := sshdRead(t, c, s.URL(path), i)
			if err != nil || !bytes.Equal(got, content[i:]) {
				t.Errorf("%d bytes, %v", len(got), err)
			}
		})
	}
	all.Wait()
	if n := s.Logins(); n < 1 || n > lanesPerConn {
		t.Errorf("%d logins", n)
	}
	found := 0
	for f, err := range c.Walk(t.Context(), s.URL(filepath.Dir(path)+"/"), nil) {
		if err != nil || f.Path != "a file" {
			t.Errorf("%q, %v", f.Path, err)
		}
		found++
	}
	if found != 1 {
		t.Errorf("%d files", found)
	}

	s.KillSessions() // and the next request runs it again
	for range 3 {
		if _, err := sshdRead(t, c, s.URL(path), 0); err == nil {
			return
		} else if remote.KindOf(err) != remote.Temporary {
			t.Fatalf("kind %d: %v", remote.KindOf(err), err)
		}
	}
	t.Error("it does not come back")
}

// TestCommandFails: what a command says of its failure is told, and how it fails decides
// about another try.
func TestCommandFails(t *testing.T) {
	t.Parallel()
	s := remotetest.StartSSHD(t, remotetest.SSHDOptions{})
	other := remotetest.StartSSHD(t, remotetest.SSHDOptions{})
	path := sshdFile(t, "file", remotetest.Content(1, 100), sshdTime)
	const stall = 500 * time.Millisecond
	for name, test := range map[string]struct {
		command string
		kind    remote.Kind
		text    string
	}{
		"exit 255":      {"sh -c 'echo first >&2; echo kex trouble >&2; exit 255'", remote.Temporary, "kex trouble"},
		"no text":       {"false", remote.Temporary, "ended"},
		"not found":     {"no-such-command-here", remote.Final, "not found"},
		"garbage":       {"sh -c 'echo Welcome to the jungle; sleep 100'", remote.Final, "does not speak SFTP"},
		"bytes":         {`sh -c 'printf "\000\000\000\005\007\000\000\000\003"; sleep 100'`, remote.Final, "does not speak SFTP"},
		"other version": {`sh -c 'printf "\000\000\000\005\002\000\000\000\004"; sleep 100'`, remote.Final, "version 4"},
		"hangs":         {"sleep 100 --", remote.Temporary, ""},
		"child hangs":   {"sh -c 'sleep 5 & cat >/dev/null; wait'", remote.Temporary, remote.ErrStall.Error()},
		"escapes":       {`sh -c 'printf "\033[31mred\007" >&2; exit 1'`, remote.Temporary, `\x1b`},
		"refused":       {sshCommand(s, "-o IdentityFile=none -o PubkeyAuthentication=no"), remote.Final, "Permission denied"},
		"unknown host":  {strings.Replace(sshCommand(s), s.KnownHosts, other.KnownHosts, 1), remote.Final, "Host key verification failed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := Options{Command: test.command, Stall: stall}
			if name == "refused" || name == "unknown host" {
				o.Stall = 20 * time.Second
			}
			c := sshdClient(t, o)
			begin := time.Now()
			_, err := sshdRead(t, c, s.URL(path), 0)
			t.Logf("%v: %v", time.Since(begin).Round(time.Millisecond), err)
			if err == nil || remote.KindOf(err) != test.kind || !strings.Contains(err.Error(), test.text) {
				t.Errorf("kind %d: %v", remote.KindOf(err), err)
			}
			begin = time.Now()
			within(t, patience, "Close", c.Close)
			if took := time.Since(begin); took > 3*time.Second {
				t.Errorf("Close took %v", took)
			}
		})
	}
}

// TestCommandStops: a command that stands still is given up, and a FIFO that it stands
// still for is not asked for again.
func TestCommandStops(t *testing.T) {
	t.Parallel()
	s := remotetest.StartSSHD(t, remotetest.SSHDOptions{})
	path := sshdFile(t, "file", remotetest.Content(1, 100), sshdTime)
	fifo := filepath.Join(filepath.Dir(path), "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	c := sshdClient(t, Options{Command: sshCommand(s), Stall: 2 * time.Second})
	if _, err := sshdRead(t, c, s.URL(path), 0); err != nil {
		t.Fatal(err)
	}
	if _, err := sshdRead(t, c, s.URL(fifo), 0); !errors.Is(err, remote.ErrStall) || remote.KindOf(err) != remote.Temporary {
		t.Errorf("kind %d: %v", remote.KindOf(err), err)
	}
	if _, err := sshdRead(t, c, s.URL(fifo), 0); remote.KindOf(err) != remote.Final || err == nil {
		t.Errorf("kind %d: %v", remote.KindOf(err), err)
	}
	if _, err := sshdRead(t, c, s.URL(path), 0); err != nil {
		t.Error(err)
	}
}

// TestCommandArguments: what is in a URL is not taken for an option, nor for shell by the
// configuration of the command.
func TestCommandArguments(t *testing.T) {
	t.Parallel()
	said := filepath.Join(t.TempDir(), "said")
	c := sshdClient(t, Options{Command: "sh -c 'printf \"<%s>\" \"$@\" >" + said + "; exit 1' sh", Stall: 5 * time.Second})
	for url, want := range map[string]string{
		"sftp://u@h:99/x":          "<-p><99><-l><u><-s><--><h><sftp>",
		"sftp://h/x":               "<-s><--><h><sftp>",
		`sftp://D%5Cu$:pw@[::1]/`:  `<-l><D\u$><-s><--><::1><sftp>`,
		"sftp://-oProxyCommand=x/": "",
		"sftp://-x@h/":             "",
		// The command's configuration may hand them to a shell, by a ProxyCommand with %h or %r.
		"sftp://h$(id>x)/":   "",
		"sftp://$(id)@h/":    "",
		"sftp://%60id%60@h/": "",
		"sftp://u%20-x@h/":   "",
		"sftp://u%0Ax@h/":    "",
	} {
		u := mustURL(t, url)
		err := openOnce(t, c, u)
		if err == nil {
			t.Error("it opened")
		}
		got, _ := os.ReadFile(said)
		_ = os.Remove(said)
		if string(got) != want {
			t.Errorf("%s: %s, want %s: %v", url, got, want, err)
		}
	}
}

// throughJump returns a client that reaches target over jump.
func throughJump(t *testing.T, jump, target *remotetest.SSHD, stall time.Duration) *Client {
	t.Helper()
	dir := t.TempDir()
	config := filepath.Join(dir, "config")
	text := fmt.Sprintf("Match host localhost\nHostName 127.0.0.1\nPort %d\nUser %s\nProxyJump %s@%s\n", target.Port, target.User, jump.User, jump.Addr)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var ids []string // the keys of both
	for i, s := range []*remotetest.SSHD{jump, target} {
		id := filepath.Join(dir, fmt.Sprint("id", i))
		for _, end := range []string{"", ".pub"} {
			key, err := os.ReadFile(s.Identity + end)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(id+end, key, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		ids = append(ids, id)
	}
	return sshdClient(t, Options{Stall: stall, ConfigFiles: []string{config}, KnownHosts: []string{jump.KnownHosts, target.KnownHosts}, Identities: ids})
}

// TestJump: files come over another host, and one that stands still in the middle is
// noticed, whenever it does.
func TestJump(t *testing.T) {
	t.Parallel()
	content := remotetest.Content(5, 8<<20)
	path := sshdFile(t, "file", content, sshdTime)
	for name, frozen := range map[string]string{"well": "", "jump stops": "jump", "target stops": "target", "target stops before the login": "early", "jump killed": "kill"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			jump := remotetest.StartSSHD(t, remotetest.SSHDOptions{AllowTCP: true})
			target := remotetest.StartSSHD(t, remotetest.SSHDOptions{})
			c := throughJump(t, jump, target, 2*time.Second)
			u := target.URL(path)
			u.Host, u.User = "localhost", nil
			if frozen == "early" {
				target.Signal(syscall.SIGSTOP)
				if _, err := sshdRead(t, c, u, 0); !errors.Is(err, remote.ErrStall) {
					t.Errorf("kind %d: %v", remote.KindOf(err), err)
				}
				target.Signal(syscall.SIGCONT)
			}
			sshdWant(t, c, u, 5, content)
			if frozen == "" || frozen == "early" {
				return
			}
			tail, err := c.Open(t.Context(), remote.Request{URL: u})
			if err != nil {
				t.Fatal(err)
			}
			defer tail.Body.Close()
			stopped := map[string]*remotetest.SSHD{"jump": jump, "target": target}[frozen]
			if stopped != nil {
				stopped.Signal(syscall.SIGSTOP)
			} else {
				jump.KillSessions()
			}
			var got []byte
			within(t, patience, "Read", func() { got, err = io.ReadAll(tail.Body) })
			if err == nil || remote.KindOf(err) != remote.Temporary || stopped != nil && !errors.Is(err, remote.ErrStall) {
				t.Errorf("kind %d: %v", remote.KindOf(err), err)
			}
			if !bytes.HasPrefix(content, got) {
				t.Error("wrong bytes")
			}
			h := c.host(u)
			until(t, "nothing is left of it", func() bool {
				h.mu.Lock()
				defer h.mu.Unlock()
				return len(h.conns)+len(h.lanes) == 0
			})
			if frozen == "jump" { // and while it is dialed through
				within(t, patience, "Open", func() { _, err = sshdRead(t, c, u, 0) })
				if !errors.Is(err, remote.ErrStall) {
					t.Errorf("kind %d: %v", remote.KindOf(err), err)
				}
			}
			if stopped != nil {
				stopped.Signal(syscall.SIGCONT)
			}
			sshdWant(t, c, u, 8<<20-1000, content)
			within(t, patience, "Close", c.Close)
		})
	}
}

// TestSSHDWalk: OpenSSH's answers for what there is in a directory.
func TestSSHDWalk(t *testing.T) {
	t.Parallel()
	s := remotetest.StartSSHD(t, remotetest.SSHDOptions{})
	dir := filepath.Dir(sshdFile(t, "d/file", []byte("12345"), then))
	for name, target := range map[string]string{
		"loop": "loop", "dangling": "nowhere", "inside": "file", "absolute": filepath.Join(dir, "file"), "up": "..",
		"out": "/etc/passwd", "pipe": "fifo", "under a file": "file/x",
	} {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Mkfifo(filepath.Join(dir, "fifo"), 0o600); err != nil {
		t.Fatal(err)
	}
	wantWalk(t, sshdClient(t, sshdOptions(s)), s.URL(dir+"/"), map[string]string{
		"file": "5", "inside": "5", "absolute": "5", "fifo": "skipped: a FIFO", "pipe": "skipped: a symbolic link to a FIFO",
		"loop": "skipped: a symbolic link to nothing", "dangling": "skipped: a symbolic link to nothing",
		"under a file": "skipped: a symbolic link to nothing",
		"up":           "skipped: a symbolic link to a directory", "out": "skipped: a symbolic link out of",
	})
	if _, err := walkAll(t, sshdClient(t, sshdOptions(s)), s.URL(dir+"/file/")); err == nil || remote.KindOf(err) != remote.Final {
		t.Errorf("a file: kind %d: %v", remote.KindOf(err), err)
	}
}
