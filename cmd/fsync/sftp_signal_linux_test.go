package main

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"fsync/sync/remote/remotetest"
)

// sshArgs are the flags with which a run gets into a server of the tests.
func sshArgs(s *remotetest.SSHD, args ...string) []string {
	return append([]string{"--ssh-config", "none", "--known-hosts", s.KnownHosts, "--identity", s.Identity}, args...)
}

// sshSite is a directory that sshd serves, and its URL with a slash.
func sshSite(t *testing.T, sizes map[string]int64) (*site, *remotetest.SSHD, string) {
	t.Helper()
	s := newSite(t, sizes)
	if err := age(s.dir); err != nil {
		t.Fatal(err)
	}
	d := remotetest.StartSSHD(t, remotetest.SSHDOptions{})
	return s, d, d.URL(s.dir + "/").String()
}

func sizeOf(name string) int64 {
	var st unix.Stat_t
	if unix.Stat(name, &st) != nil {
		return -1
	}
	return st.Size
}

func TestSFTPSignals(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		signal syscall.Signal
		code   int
	}{{syscall.SIGINT, exitInterrupt}, {syscall.SIGTERM, exitTerminate}} {
		t.Run(c.signal.String(), func(t *testing.T) {
			t.Parallel()
			s, d, url := sshSite(t, map[string]int64{"large": 3_000_000, "sub/small": 1000, "medium": 600_000})
			dest := filepath.Join(t.TempDir(), "dest")
			cmd, out, errs := command(t, append([]string{"pull", "-d", dest, "--json", "--bwlimit", "500K", url}, sshArgs(d)...)...)
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			eventually(t, "a beginning of the large file", func() bool { return sizeOf(filepath.Join(dest, "large")) > 100_000 })
			stopped(t, cmd, c.signal, c.code, out, errs)
			s.checkPrefixes(t, dest)
			rs, _ := parseJSON(t, pullOK(t, append([]string{"-d", dest, "--json", url}, sshArgs(d)...)...))
			if r := rs["large"]; r.Result != "resumed" || r.Refetched != 64<<10 {
				t.Errorf("the next run says %+v", r)
			}
			if _, whole := s.checkPrefixes(t, dest); !whole {
				t.Error("after the next run something is missing")
			}
		})
	}
}

// As TestKill, over SFTP: by the program's own SSH, and by another's.
func TestSFTPKill(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"own", "command"} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			s, d, url := sshSite(t, map[string]int64{
				"empty": 0, "one": 1, "small": 4095, "page": 4096, "sub/a": 65_536, "sub/b": 65_537, "sub/deep/c": 200_000,
				"large": 3_000_000, "larger": 4_000_000,
			})
			args := sshArgs(d)
			if how == "command" {
				find(t, "ssh")
				args = []string{"--ssh-command", "ssh -F none -i " + d.Identity + " -o UserKnownHostsFile=" + d.KnownHosts}
			}
			dest := filepath.Join(t.TempDir(), "dest")
			kills := s.killLoop(t, dest, 15, 600*time.Millisecond, append([]string{"pull", "-d", dest, "--bwlimit", "2M", url}, args...)...)
			pullOK(t, append([]string{"-d", dest, url}, args...)...)
			if _, whole := s.checkPrefixes(t, dest); !whole {
				t.Error("at the end something is missing")
			}
			t.Logf("%d kills", kills)
		})
	}
}

// The server's processes are killed under a file: the run goes on by itself.
func TestSFTPServerKilled(t *testing.T) {
	t.Parallel()
	s, d, url := sshSite(t, map[string]int64{"large": 12_000_000})
	dest := filepath.Join(t.TempDir(), "dest")
	cmd, out, errs := command(t, append([]string{"pull", "-d", dest, "--json", "--bwlimit", "4M", url}, sshArgs(d)...)...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	// The rest of the file is more than what is read ahead, so that there is something to kill.
	for _, n := range []int64{300_000, 5_000_000} {
		eventually(t, "more of the file", func() bool { return sizeOf(filepath.Join(dest, "large")) > n })
		d.KillSessions()
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v\n%s%s", err, out, errs)
	}
	if _, whole := s.checkPrefixes(t, dest); !whole {
		t.Error("something is missing")
	}
	// The retry compared the end of what it had, each time.
	if rs, _ := parseJSON(t, out.String()); rs["large"].Requests < 3 || rs["large"].Refetched > int64(rs["large"].Requests)*(64<<10) {
		t.Errorf("it says %s", out)
	}
}

// A server that is there and does nothing is given up after --timeout.
func TestSFTPServerStopped(t *testing.T) {
	t.Parallel()
	s, d, url := sshSite(t, map[string]int64{"large": 3_000_000})
	dest := filepath.Join(t.TempDir(), "dest")
	args := sshArgs(d, "--timeout", "1s", "--retries", "0")
	cmd, out, errs := command(t, append([]string{"pull", "-d", dest, "--bwlimit", "300K", url}, args...)...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a beginning of the file", func() bool { return sizeOf(filepath.Join(dest, "large")) > 100_000 })
	d.Signal(syscall.SIGSTOP)
	defer d.Signal(syscall.SIGCONT)
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case <-ended:
	case <-time.After(20 * time.Second): // what was read ahead is written at the limit's rate first
		cmd.Process.Kill()
		<-ended
		t.Fatalf("the server is not given up\n%s%s", out, errs)
	}
	if code := cmd.ProcessState.ExitCode(); code != exitFailed || !strings.Contains(errs.String(), "no data for 1s") {
		t.Errorf("exit code %d: %s", code, errs)
	}
	d.Signal(syscall.SIGCONT)
	pullOK(t, append([]string{"-d", dest, url}, sshArgs(d)...)...)
	if _, whole := s.checkPrefixes(t, dest); !whole {
		t.Error("something is missing")
	}
}

// A key that the server lets do nothing but read files, as docs/sftp.md has it for cron.
func TestSFTPRestrictedKey(t *testing.T) {
	t.Parallel()
	s, d, url := sshSite(t, map[string]int64{"a": 100_000})
	keys := filepath.Join(filepath.Dir(d.Identity), "authorized_keys")
	put(t, keys, append([]byte(`restrict,command="internal-sftp -R" `), read(t, keys)...))
	dest := filepath.Join(t.TempDir(), "dest")
	pullOK(t, append([]string{"-d", dest, url}, sshArgs(d)...)...)
	if _, whole := s.checkPrefixes(t, dest); !whole {
		t.Error("something is missing")
	}
}
