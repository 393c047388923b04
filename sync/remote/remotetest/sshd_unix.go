//go:build unix

package remotetest

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// SSHDOptions say how OpenSSH's server is set up. The zero value is what Debian has, but
// for the ways to log in: by key only.
type SSHDOptions struct {
	MaxSessions    int  // of a connection; 0 means sshd's own 10
	ExternalServer bool // files are served by the program sftp-server, not by internal-sftp
	AllowTCP       bool // connections are forwarded, as a ProxyJump needs it

	HostCert bool // the host key has a certificate, and known_hosts only its authority
	AllKeys  bool // known_hosts has all host keys, not the ed25519 one alone
	Hash     bool // host names in known_hosts are hashed

	// Extra are lines of sshd_config(5). They win over all others but LogLevel.
	Extra []string
}

// SSHD is OpenSSH's server on a port of its own. It has host keys of three types. Its
// methods are for one goroutine at a time.
type SSHD struct {
	Addr string // host:port
	Port int
	User string // who the tests run as; nobody else can log in

	// KnownHosts is a known_hosts file. Identity is a private key that the server knows;
	// CertIdentity is one that it does not know, beside a certificate that it accepts
	// (CertIdentity + "-cert.pub").
	KnownHosts, Identity, CertIdentity string

	dir  string
	o    SSHDOptions
	keys sshdKeys

	cmd   *exec.Cmd
	ended chan struct{} // closed when cmd has ended
}

// StartSSHD starts sshd. It ends with the test, and its sessions with it.
func StartSSHD(t testing.TB, o SSHDOptions) *SSHD {
	t.Helper()
	if _, err := findSSHD(); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("CI has to have sshd: %v", err)
		}
		t.Skipf("nothing is known about OpenSSH's sshd: %v", err)
	}
	s, err := NewSSHD(t.TempDir(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.Close()
		if t.Failed() {
			t.Logf("sshd's log:\n%s", s.log())
		}
	})
	return s
}

// NewSSHD starts sshd with its files in a directory. Close ends it.
func NewSSHD(dir string, o SSHDOptions) (*SSHD, error) {
	me, err := user.Current()
	if err != nil {
		return nil, err
	}
	s := &SSHD{
		User: me.Username, dir: dir, o: o,
		KnownHosts:   filepath.Join(dir, "known_hosts"),
		Identity:     filepath.Join(dir, "id"),
		CertIdentity: filepath.Join(dir, "id_signed"),
	}
	if s.keys, err = makeSSHDKeys(); err != nil {
		return nil, err
	}
	if err := s.writeKeys(); err != nil {
		return nil, err
	}
	// Somebody else may take the free port before sshd does.
	for range 3 {
		if err = s.freePort(); err != nil {
			return nil, err
		}
		if err = s.Start(); !errors.Is(err, errNoBind) {
			break
		}
	}
	if err != nil {
		return nil, err
	}
	return s, s.writeKnownHosts(s.KnownHosts, s.Addr)
}

// findSSHD returns sshd's absolute path, which it needs to start itself again. It may lie
// where only root looks.
func findSSHD() (string, error) {
	if _, err := os.Stat("/proc/self/stat"); err != nil {
		return "", fmt.Errorf("its sessions cannot be found: %w", err)
	}
	path, err := exec.LookPath("sshd")
	if err != nil {
		if path, err = exec.LookPath("/usr/sbin/sshd"); err != nil {
			return "", err
		}
	}
	return filepath.Abs(path)
}

// freePort chooses a port that nobody listens on.
func (s *SSHD) freePort() error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer l.Close()
	s.Addr, s.Port = l.Addr().String(), l.Addr().(*net.TCPAddr).Port
	return nil
}

var errNoBind = errors.New("the port is taken")

// Start starts the server again, at the address that it had, after Close or a signal
// that ended it.
func (s *SSHD) Start() error {
	program, err := findSSHD()
	if err != nil {
		return err
	}
	config := filepath.Join(s.dir, "sshd_config")
	if err := s.writeConfig(program, config); err != nil {
		return err
	}
	log, err := os.OpenFile(s.logFile(), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	before := len(s.log())
	cmd := exec.Command(program, "-D", "-e", "-f", config)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C is for the tests
	if err := cmd.Start(); err != nil {
		return err
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		cmd.Wait()
	}()
	s.cmd, s.ended = cmd, ended
	return s.waitListening(before)
}

// waitListening waits until the log says so, which needs no connection.
func (s *SSHD) waitListening(before int) error {
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); {
		if bytes.Contains(s.log()[before:], []byte("Server listening on 127.0.0.1 port "+strconv.Itoa(s.Port))) {
			return nil
		}
		select {
		case <-s.ended:
			log := s.log()[before:]
			if bytes.Contains(log, []byte("Cannot bind any address")) {
				return fmt.Errorf("sshd: %w", errNoBind)
			}
			return fmt.Errorf("sshd ended: %s", log)
		case <-time.After(5 * time.Millisecond):
		}
	}
	s.Close()
	return fmt.Errorf("sshd does not listen: %s", s.log()[before:])
}

// Close ends the server and all its sessions.
func (s *SSHD) Close() { s.Signal(syscall.SIGKILL) }

// Signal sends a signal to the server and to all processes of its sessions. After
// SIGKILL the server has ended.
func (s *SSHD) Signal(sig syscall.Signal) {
	select {
	case <-s.ended:
		return
	default:
	}
	pid := s.cmd.Process.Pid
	if sig != syscall.SIGKILL {
		for _, p := range append(Descendants(pid), pid) {
			syscall.Kill(p, sig)
		}
		return
	}
	syscall.Kill(pid, syscall.SIGSTOP) // it accepts nobody any more
	s.KillSessions()
	syscall.Kill(pid, syscall.SIGKILL)
	<-s.ended
}

// KillSessions kills the processes of all sessions: connections are cut. The server
// stays and accepts others.
func (s *SSHD) KillSessions() { KillDescendants(s.cmd.Process.Pid) }

// URL returns the sftp URL of an absolute path.
func (s *SSHD) URL(path string) *url.URL {
	return &url.URL{Scheme: "sftp", User: url.User(s.User), Host: s.Addr, Path: path}
}

// KnownHostsFor returns a known_hosts file for another address that leads to the server.
func (s *SSHD) KnownHostsFor(addr string) (file string, err error) {
	file = filepath.Join(s.dir, "known_hosts."+strings.ReplaceAll(addr, ":", "_"))
	return file, s.writeKnownHosts(file, addr)
}

// Logins returns how many connections logged in by key.
func (s *SSHD) Logins() int { return bytes.Count(s.log(), []byte("Accepted publickey for ")) }

// Sessions returns how many sessions of SFTP were begun, or of what a ForceCommand made
// of them.
func (s *SSHD) Sessions() int {
	log := s.log()
	return bytes.Count(log, []byte("Starting session: subsystem 'sftp'")) +
		bytes.Count(log, []byte("Starting session: forced-command "))
}

func (s *SSHD) logFile() string { return filepath.Join(s.dir, "sshd.log") }

func (s *SSHD) log() []byte {
	p, _ := os.ReadFile(s.logFile())
	return p
}
