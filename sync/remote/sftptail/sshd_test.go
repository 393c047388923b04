//go:build unix

package sftptail

import (
	"bytes"
	"errors"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"fsync/sync/remote"
	"fsync/sync/remote/remotetest"
)

// The server here is OpenSSH's sshd as it is.

// sshdOptions are those of a client that may log in.
func sshdOptions(s *remotetest.SSHD) Options {
	return Options{Stall: 20 * time.Second, KnownHosts: []string{s.KnownHosts}, Identities: []string{s.Identity}}
}

// sshdClient returns a client that lives as long as the test.
func sshdClient(t *testing.T, o Options) *Client {
	t.Helper()
	c := New(o)
	t.Cleanup(c.Close)
	return c
}

var sshdTime = time.Date(2021, 3, 4, 5, 6, 7, 0, time.UTC)

// sshdFile puts a file where the server finds it and returns its path.
func sshdFile(t *testing.T, name string, content []byte, modTime time.Time) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(path, modTime, modTime); err != nil {
		t.Fatal(err)
	}
	return path
}

// sshdRead reads a file from an offset on.
func sshdRead(t *testing.T, c *Client, u *url.URL, off int64) ([]byte, error) {
	t.Helper()
	tail, err := c.Open(t.Context(), remote.Request{URL: u, Offset: off})
	if err != nil {
		return nil, err
	}
	remotetest.CheckTail(t, remote.Request{URL: u, Offset: off}, tail)
	defer tail.Body.Close()
	if tail.Start != off {
		t.Errorf("it starts at %d, not at %d", tail.Start, off)
	}
	return io.ReadAll(tail.Body)
}

func sshdWant(t *testing.T, c *Client, u *url.URL, off int64, want []byte) {
	t.Helper()
	got, err := sshdRead(t, c, u, off)
	if err != nil || !bytes.Equal(got, want[off:]) {
		t.Fatalf("from byte %d on: %d bytes, want %d: %v", off, len(got), int64(len(want))-off, err)
	}
}

func TestSSHDSource(t *testing.T) {
	for name, o := range map[string]remotetest.SSHDOptions{
		"Internal":    {},
		"External":    {ExternalServer: true},
		"MaxSessions": {MaxSessions: 1},
	} {
		t.Run(name, func(t *testing.T) {
			s := remotetest.StartSSHD(t, o)
			remotetest.TestSource(t, func(t *testing.T, name string, content []byte, modTime time.Time) (remotetest.Source, *url.URL) {
				return sshdClient(t, sshdOptions(s)), s.URL(sshdFile(t, name, content, modTime))
			})
		})
	}
}

// TestSSHDLogin: known_hosts and keys in each of the forms that they have.
func TestSSHDLogin(t *testing.T) {
	t.Parallel()
	content := remotetest.Content(1, 100_000)
	path := sshdFile(t, "file", content, sshdTime)
	for name, o := range map[string]remotetest.SSHDOptions{
		"ed25519 only": {}, "hashed": {Hash: true}, "all keys": {AllKeys: true},
		"certificate": {HostCert: true}, "certificate, hashed": {HostCert: true, Hash: true},
		"sftp only": {Extra: []string{"ForceCommand internal-sftp"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := remotetest.StartSSHD(t, o)
			c := sshdClient(t, sshdOptions(s))
			sshdWant(t, c, s.URL(path), 0, content)
			sshdWant(t, c, s.URL(path), 5, content)
			if s.Logins() != 1 {
				t.Errorf("%d logins", s.Logins())
			}

			signed := sshdOptions(s)
			signed.Identities = []string{s.CertIdentity}
			sshdWant(t, sshdClient(t, signed), s.URL(path), 0, content)
		})
	}
}

// TestSSHDRefused: who is not known is told nothing, and it is not asked again.
func TestSSHDRefused(t *testing.T) {
	t.Parallel()
	s, other := remotetest.StartSSHD(t, remotetest.SSHDOptions{}), remotetest.StartSSHD(t, remotetest.SSHDOptions{})
	u := s.URL(sshdFile(t, "file", remotetest.Content(1, 100), sshdTime))
	impostor, err := other.KnownHostsFor(s.Addr)
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*Options){
		"unknown host":     func(o *Options) { o.KnownHosts = []string{other.KnownHosts} },
		"changed host":     func(o *Options) { o.KnownHosts = []string{impostor} },
		"changed, accept":  func(o *Options) { o.KnownHosts, o.AcceptNew = []string{impostor}, true },
		"another's key":    func(o *Options) { o.Identities = []string{other.Identity} },
		"no key":           func(o *Options) { o.Identities = nil },
		"no known_hosts":   func(o *Options) { o.KnownHosts = []string{filepath.Join(t.TempDir(), "none")} },
		"identity missing": func(o *Options) { o.Identities = []string{filepath.Join(t.TempDir(), "none")} },
	} {
		t.Run(name, func(t *testing.T) {
			o := sshdOptions(s)
			change(&o)
			before := s.Logins()
			_, err := sshdRead(t, sshdClient(t, o), u, 0)
			if err == nil || remote.KindOf(err) != remote.Final {
				t.Errorf("kind %d: %v", remote.KindOf(err), err)
			}
			if s.Logins() != before {
				t.Error("it logged in")
			}
			t.Log(err)
		})
	}
}

// TestSSHDAcceptNew: a new host is written down, and known from then on.
func TestSSHDAcceptNew(t *testing.T) {
	t.Parallel()
	s := remotetest.StartSSHD(t, remotetest.SSHDOptions{})
	content := remotetest.Content(1, 100)
	u := s.URL(sshdFile(t, "file", content, sshdTime))
	o := sshdOptions(s)
	o.KnownHosts = []string{filepath.Join(t.TempDir(), "known_hosts")}
	for _, accept := range []bool{true, false} {
		o.AcceptNew = accept
		sshdWant(t, sshdClient(t, o), u, 0, content)
	}
}

// TestSSHDCrowd: files at a time, over as many sessions as the server lets the client
// have.
func TestSSHDCrowd(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]remotetest.SSHDOptions{
		"MaxSessions 10": {}, "MaxSessions 2": {MaxSessions: 2}, "MaxSessions 1": {MaxSessions: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := remotetest.StartSSHD(t, o)
			content := remotetest.Content(2, 500_003)
			u := s.URL(sshdFile(t, "file", content, sshdTime))
			c := sshdClient(t, sshdOptions(s))
			var wg sync.WaitGroup
			for i := range int64(48) {
				wg.Go(func() {
					got, err := sshdRead(t, c, u, i*1000)
					if err != nil || !bytes.Equal(got, content[i*1000:]) {
						t.Errorf("from byte %d on: %d bytes, %v", i*1000, len(got), err)
					}
				})
			}
			wg.Wait()
			t.Logf("%d logins, %d sessions", s.Logins(), s.Sessions())
			if n := s.Logins(); n < 1 || n > mostConns {
				t.Errorf("%d logins", n)
			}
		})
	}
}

const (
	sshdStall = time.Second
	// sshdSoon is when silence must have been noticed, on a busy machine too: what is in
	// buffers comes first.
	sshdSoon = 8 * time.Second
)

// TestSSHDStopped: a server that hangs is noticed wherever it hangs, and once it goes on
// so does the client.
func TestSSHDStopped(t *testing.T) {
	t.Parallel()
	content := remotetest.Content(3, 8<<20) // more than is asked for ahead
	large, small := sshdFile(t, "large", content, sshdTime), sshdFile(t, "small", content[:100], sshdTime)
	for name, hang := range map[string]func(t *testing.T, s *remotetest.SSHD, c *Client) error{
		"in a body": func(t *testing.T, s *remotetest.SSHD, c *Client) error {
			tail, err := c.Open(t.Context(), remote.Request{URL: s.URL(large)})
			if err != nil {
				t.Fatal(err)
			}
			defer tail.Body.Close()
			got := make([]byte, 100_000)
			if _, err := io.ReadFull(tail.Body, got); err != nil {
				t.Fatal(err)
			}
			s.Signal(syscall.SIGSTOP)
			rest, err := io.ReadAll(tail.Body)
			if got = append(got, rest...); !bytes.HasPrefix(content, got) {
				t.Error("bytes that are not the file's")
			}
			return err
		},
		"before the banner": func(t *testing.T, s *remotetest.SSHD, c *Client) error {
			s.Signal(syscall.SIGSTOP)
			_, err := sshdRead(t, c, s.URL(small), 0)
			return err
		},
		"between files": func(t *testing.T, s *remotetest.SSHD, c *Client) error {
			sshdWant(t, c, s.URL(small), 0, content[:100])
			s.Signal(syscall.SIGSTOP)
			_, err := sshdRead(t, c, s.URL(small), 0)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := remotetest.StartSSHD(t, remotetest.SSHDOptions{})
			o := sshdOptions(s)
			o.Stall = sshdStall
			c := sshdClient(t, o)
			begin := time.Now()
			err := hang(t, s, c)
			took := time.Since(begin)
			t.Logf("%s: %v", took.Round(time.Millisecond), err)
			if !errors.Is(err, remote.ErrStall) || remote.KindOf(err) != remote.Temporary {
				t.Errorf("kind %d: %v", remote.KindOf(err), err)
			}
			if took < sshdStall || took > sshdSoon {
				t.Errorf("it took %s", took)
			}
			s.Signal(syscall.SIGCONT)
			sshdWant(t, c, s.URL(large), 8<<20-1000, content)
		})
	}
}

// TestSSHDKilled: a connection that is lost in the middle of a file is a failure that may
// pass, and the next request connects again.
func TestSSHDKilled(t *testing.T) {
	t.Parallel()
	content := remotetest.Content(4, 8<<20)
	path := sshdFile(t, "file", content, sshdTime)
	for name, kill := range map[string]func(t *testing.T, s *remotetest.SSHD){
		"sessions": func(t *testing.T, s *remotetest.SSHD) { s.KillSessions() },
		"server":   func(t *testing.T, s *remotetest.SSHD) { s.Signal(syscall.SIGKILL) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := remotetest.StartSSHD(t, remotetest.SSHDOptions{})
			c := sshdClient(t, sshdOptions(s))
			tail, err := c.Open(t.Context(), remote.Request{URL: s.URL(path)})
			if err != nil {
				t.Fatal(err)
			}
			defer tail.Body.Close()
			got := make([]byte, 100_000)
			if _, err := io.ReadFull(tail.Body, got); err != nil {
				t.Fatal(err)
			}
			kill(t, s)
			rest, err := io.ReadAll(tail.Body)
			got = append(got, rest...)
			if err == nil || remote.KindOf(err) != remote.Temporary {
				t.Errorf("kind %d: %v", remote.KindOf(err), err)
			}
			if !bytes.HasPrefix(content, got) || len(got) == len(content) {
				t.Errorf("%d bytes that are not the file's", len(got))
			}
			t.Logf("after %d bytes: %v", len(got), err)
			if name == "server" {
				if _, err := sshdRead(t, c, s.URL(path), 0); err == nil || remote.KindOf(err) != remote.Temporary {
					t.Errorf("nobody listens: kind %d: %v", remote.KindOf(err), err)
				}
				if err := s.Start(); err != nil {
					t.Fatal(err)
				}
			}
			sshdWant(t, c, s.URL(path), int64(len(got)), content)
		})
	}
}

// TestSSHDFar: over a long way more is under way than one window of a channel.
func TestSSHDFar(t *testing.T) {
	t.Parallel()
	s := remotetest.StartSSHD(t, remotetest.SSHDOptions{})
	d := remotetest.NewDelay(t, s.Addr, 40*time.Millisecond, 0)
	known, err := s.KnownHostsFor(d.Addr())
	if err != nil {
		t.Fatal(err)
	}
	content := remotetest.Content(5, 32<<20)
	u := s.URL(sshdFile(t, "file", content, sshdTime))
	u.Host = d.Addr()
	o := sshdOptions(s)
	o.KnownHosts = []string{known}
	c := sshdClient(t, o)
	begin := time.Now()
	sshdWant(t, c, u, 0, content)
	t.Logf("%s for %d MiB, %d connections, %d sessions", time.Since(begin).Round(time.Millisecond), len(content)>>20, d.Connections(), s.Sessions())
	if most := int64(len(content)) * 102 / 100; d.Received() > most {
		t.Errorf("%d bytes came for %d", d.Received(), len(content))
	}
}

// TestSSHDLinks: what is behind a symbolic link is pulled, what is no file is not.
func TestSSHDLinks(t *testing.T) {
	t.Parallel()
	s := remotetest.StartSSHD(t, remotetest.SSHDOptions{})
	o := sshdOptions(s)
	o.Stall = sshdStall // sftp-server opens a FIFO and waits for a writer
	c := sshdClient(t, o)
	content := remotetest.Content(6, 1000)
	path := sshdFile(t, "file", content, sshdTime)
	dir := filepath.Dir(path)
	if err := os.Symlink("file", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	sshdWant(t, c, s.URL(filepath.Join(dir, "link")), 0, content)
	if err := os.Symlink("nowhere", filepath.Join(dir, "dangling")); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(filepath.Join(dir, "fifo"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"dangling", "fifo", "."} {
		begin := time.Now()
		_, err := sshdRead(t, c, s.URL(dir+"/"+name), 0)
		if err == nil || name != "fifo" && remote.KindOf(err) != remote.Final {
			t.Errorf("%s: kind %d: %v", name, remote.KindOf(err), err)
		}
		t.Logf("%s: %s: %v", name, time.Since(begin).Round(time.Millisecond), err)
	}
	sshdWant(t, c, s.URL(path), 0, content)
}

// TestSSHDAgain: once a body has said that its connection is lost, the next request does
// not meet the same connection.
func TestSSHDAgain(t *testing.T) {
	t.Parallel()
	s := remotetest.StartSSHD(t, remotetest.SSHDOptions{})
	c := sshdClient(t, sshdOptions(s))
	content := remotetest.Content(7, 8<<20)
	u := s.URL(sshdFile(t, "file", content, sshdTime))
	for range 10 {
		tail, err := c.Open(t.Context(), remote.Request{URL: u})
		if err != nil {
			t.Fatal(err)
		}
		s.KillSessions()
		if _, err := io.Copy(io.Discard, tail.Body); err == nil {
			t.Log("all of it had come")
		}
		sshdWant(t, c, u, 8<<20-1000, content)
		tail.Body.Close()
	}
}
