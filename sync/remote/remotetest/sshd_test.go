//go:build unix

package remotetest

import (
	"bytes"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

// logIn logs in with the files that the server wrote.
func logIn(s *SSHD, addr, identity string) (*ssh.Client, error) {
	key, err := os.ReadFile(identity)
	if err != nil {
		return nil, err
	}
	signer, err := ssh.ParsePrivateKey(key)
	if err != nil {
		return nil, err
	}
	if text, err := os.ReadFile(identity + "-cert.pub"); err == nil {
		cert, _, _, _, err := ssh.ParseAuthorizedKey(text)
		if err != nil {
			return nil, err
		}
		if signer, err = ssh.NewCertSigner(cert.(*ssh.Certificate), signer); err != nil {
			return nil, err
		}
	}
	known, err := knownhosts.New(s.KnownHosts)
	if err != nil {
		return nil, err
	}
	algorithm := ssh.KeyAlgoED25519
	if s.o.HostCert {
		algorithm = ssh.CertAlgoED25519v01
	}
	return ssh.Dial("tcp", addr, &ssh.ClientConfig{
		User: s.User, Auth: []ssh.AuthMethod{ssh.PublicKeys(signer)}, Timeout: 10 * time.Second,
		HostKeyCallback: known, HostKeyAlgorithms: []string{algorithm},
	})
}

func newSFTP(t *testing.T, s *SSHD) (*ssh.Client, *sftp.Client) {
	t.Helper()
	conn, err := logIn(s, s.Addr, s.Identity)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	client, err := sftp.NewClient(conn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return conn, client
}

func TestSSHD(t *testing.T) {
	t.Parallel()
	content := Content(1, 300_000)
	file := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(file, content, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, o := range map[string]SSHDOptions{
		"default":  {},
		"external": {ExternalServer: true},
		"cert":     {HostCert: true},
		"hash":     {Hash: true},
		"all keys": {AllKeys: true},
		"both":     {HostCert: true, Hash: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := StartSSHD(t, o)
			_, client := newSFTP(t, s)
			f, err := client.Open(s.URL(file).Path)
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(io.NewSectionReader(f, 0, int64(len(content))))
			if err != nil || !bytes.Equal(got, content) {
				t.Errorf("%d bytes, %v", len(got), err)
			}
			if s.Logins() != 1 || s.Sessions() != 1 {
				t.Errorf("%d logins, %d sessions", s.Logins(), s.Sessions())
			}
			known, err := os.ReadFile(s.KnownHosts)
			if err != nil || bytes.Contains(known, []byte(sshdHost)) == o.Hash ||
				bytes.HasPrefix(known, []byte("@cert-authority ")) != o.HostCert ||
				bytes.Count(known, []byte("\n")) != map[bool]int{false: 1, true: 3}[o.AllKeys] {
				t.Errorf("known_hosts: %s, %v", known, err)
			}
			external := strings.Contains(processNames(Descendants(s.cmd.Process.Pid)), "sftp-server")
			if external != o.ExternalServer {
				t.Errorf("sftp-server runs: %t", external)
			}
		})
	}
}

// processNames returns the command lines of processes.
func processNames(pids []int) string {
	var all strings.Builder
	for _, pid := range pids {
		line, _ := os.ReadFile(filepath.Join("/proc", itoa(int64(pid)), "cmdline"))
		all.Write(append(line, '\n'))
	}
	return all.String()
}

func TestSSHDLogin(t *testing.T) {
	t.Parallel()
	s := StartSSHD(t, SSHDOptions{})
	conn, err := logIn(s, s.Addr, s.CertIdentity)
	if err != nil {
		t.Fatalf("with a certificate: %v", err)
	}
	conn.Close()
	if err := os.Remove(s.CertIdentity + "-cert.pub"); err != nil {
		t.Fatal(err)
	}
	if conn, err := logIn(s, s.Addr, s.CertIdentity); err == nil {
		conn.Close()
		t.Error("the key does without its certificate")
	}
	d := NewDelay(t, s.Addr, 0, 0)
	if s.KnownHosts, err = s.KnownHostsFor(d.Addr()); err != nil {
		t.Fatal(err)
	}
	if conn, err = logIn(s, d.Addr(), s.Identity); err != nil {
		t.Fatalf("by another address: %v", err)
	}
	conn.Close()
	if s.Logins() != 2 || s.Sessions() != 0 {
		t.Errorf("%d logins, %d sessions", s.Logins(), s.Sessions())
	}
}

func TestSSHDMaxSessions(t *testing.T) {
	t.Parallel()
	s := StartSSHD(t, SSHDOptions{MaxSessions: 1})
	conn, _ := newSFTP(t, s)
	if second, err := sftp.NewClient(conn); err == nil {
		second.Close()
		t.Error("there is a second session")
	}
	if s.Sessions() != 1 {
		t.Errorf("%d sessions", s.Sessions())
	}
}

func TestSSHDAllowTCP(t *testing.T) {
	t.Parallel()
	for _, allow := range []bool{false, true} {
		s := StartSSHD(t, SSHDOptions{AllowTCP: allow})
		conn, _ := newSFTP(t, s)
		through, err := conn.Dial("tcp", s.Addr)
		if (err == nil) != allow {
			t.Errorf("AllowTCP %t: %v", allow, err)
		}
		if err == nil {
			through.Close()
		}
	}
}

func TestSSHDExtra(t *testing.T) {
	t.Parallel()
	s := StartSSHD(t, SSHDOptions{Extra: []string{"ForceCommand echo forced", "AllowTcpForwarding yes"}})
	conn, err := logIn(s, s.Addr, s.Identity)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	through, err := conn.Dial("tcp", s.Addr)
	if err != nil {
		t.Fatal(err)
	}
	through.Close()
	session, err := conn.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	if out, err := session.Output("echo asked"); string(out) != "forced\n" {
		t.Errorf("%q, %v", out, err)
	}
	if s.Sessions() != 1 {
		t.Errorf("%d sessions", s.Sessions())
	}
	if _, err := NewSSHD(t.TempDir(), SSHDOptions{Extra: []string{"NoSuchWord yes"}}); err == nil || !strings.Contains(err.Error(), "NoSuchWord") {
		t.Errorf("a line that sshd does not know: %v", err)
	}
}

// waitClosed waits until a connection is found to have ended.
func waitClosed(t *testing.T, conn *ssh.Client) {
	t.Helper()
	ended := make(chan error, 1)
	go func() { ended <- conn.Wait() }()
	select {
	case <-ended:
	case <-time.After(10 * time.Second):
		t.Fatal("the connection is still there")
	}
}

func TestSSHDKillSessions(t *testing.T) {
	t.Parallel()
	s := StartSSHD(t, SSHDOptions{ExternalServer: true})
	first, _ := newSFTP(t, s)
	second, _ := newSFTP(t, s)
	if n := len(Descendants(s.cmd.Process.Pid)); n < 4 {
		t.Errorf("%d processes for two sessions", n)
	}
	s.KillSessions()
	waitClosed(t, first)
	waitClosed(t, second)
	if all := Descendants(s.cmd.Process.Pid); len(all) != 0 {
		t.Errorf("left: %s", processNames(all))
	}
	newSFTP(t, s)
}

func TestSSHDSignal(t *testing.T) {
	t.Parallel()
	s := StartSSHD(t, SSHDOptions{})
	conn, client := newSFTP(t, s)
	s.Signal(syscall.SIGSTOP)
	answered := make(chan error, 1)
	go func() {
		_, err := client.Stat("/")
		answered <- err
	}()
	select {
	case err := <-answered:
		t.Fatalf("a stopped server answers: %v", err)
	case <-time.After(100 * time.Millisecond):
	}
	s.Signal(syscall.SIGCONT)
	if err := <-answered; err != nil {
		t.Error(err)
	}

	// Killed, also when it is stopped; then started again where it was.
	s.Signal(syscall.SIGSTOP)
	s.Signal(syscall.SIGKILL)
	waitClosed(t, conn)
	if conn, err := net.DialTimeout("tcp", s.Addr, time.Second); err == nil {
		conn.Close()
		t.Error("a killed server accepts")
	}
	s.Signal(syscall.SIGKILL)
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	newSFTP(t, s)
	if s.Logins() != 2 {
		t.Errorf("%d logins", s.Logins())
	}
}
