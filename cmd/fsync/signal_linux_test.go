package main

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestSignals(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		signal syscall.Signal
		code   int
	}{{syscall.SIGINT, exitInterrupt}, {syscall.SIGTERM, exitTerminate}} {
		t.Run(c.signal.String(), func(t *testing.T) {
			t.Parallel()
			s := newSite(t, map[string]int64{"large": 3_000_000, "sub/small": 1000, "medium": 600_000})
			slow := serve(t, s.dir, serverOptions{rate: 300_000})
			fast := serve(t, s.dir, serverOptions{})
			dest := filepath.Join(t.TempDir(), "dest")

			cmd, out, errs := command(t, "pull", "-d", dest, "--json", "--base", slow.url, s.list)
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			eventually(t, "a beginning of the large file", func() bool {
				var st unix.Stat_t
				return unix.Stat(filepath.Join(dest, "large"), &st) == nil && st.Size > 100_000
			})
			stopped(t, cmd, c.signal, c.code, out, errs)
			n, _ := s.checkPrefixes(t, dest)
			if n < 100_000 {
				t.Errorf("%d bytes were kept", n)
			}

			rs, sum := parseJSON(t, pullOK(t, "-d", dest, "--json", "--base", fast.url, s.list))
			if r := rs["large"]; r.Result != "resumed" || r.Refetched > 64<<10 {
				t.Errorf("the next run says %+v", r)
			}
			if _, whole := s.checkPrefixes(t, dest); !whole || sum.Left != 0 {
				t.Error("after the next run something is missing")
			}
		})
	}
}

// stopped ends a run, which is in the middle of the file large, by a signal: soon, with that
// code, and saying so.
func stopped(t *testing.T, cmd *exec.Cmd, signal syscall.Signal, code int, out, errs *bytes.Buffer) {
	t.Helper()
	began := time.Now()
	if err := cmd.Process.Signal(signal); err != nil {
		t.Fatal(err)
	}
	cmd.Wait()
	if took := time.Since(began); took > time.Second {
		t.Errorf("it ended after %v", took)
	}
	if got := cmd.ProcessState.ExitCode(); got != code {
		t.Errorf("exit code %d, not %d\n%s%s", got, code, out, errs)
	}
	rs, sum := parseJSON(t, out.String())
	if rs["large"].Result != "stopped" || sum.Left == 0 || sum.Stopped == "" {
		t.Errorf("it says %s%s", out, errs)
	}
}

// A second signal does not wait for anything.
func TestSignalTwice(t *testing.T) {
	t.Parallel()
	s := newSite(t, map[string]int64{"large": 3_000_000})
	slow := serve(t, s.dir, serverOptions{rate: 300_000})
	dest := filepath.Join(t.TempDir(), "dest")
	cmd, _, _ := command(t, "pull", "-d", dest, "--base", slow.url, s.list)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a request", func() bool { return len(slow.requests()) > 0 })
	began := time.Now()
	for range 2 {
		cmd.Process.Signal(syscall.SIGINT)
	}
	cmd.Wait()
	if took, code := time.Since(began), cmd.ProcessState.ExitCode(); took > time.Second || code != exitInterrupt {
		t.Errorf("exit code %d after %v", code, took)
	}
	s.checkPrefixes(t, dest)
}

// A signal while the list itself is coming in.
func TestSignalInList(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	put(t, filepath.Join(dir, "list"), []byte(strings.Repeat("# a comment\n", 200_000)+"a\n"))
	slow := serve(t, dir, serverOptions{rate: 100_000})
	dest := filepath.Join(t.TempDir(), "dest")
	cmd, _, errs := command(t, "pull", "-d", dest, slow.url+"/list")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a request", func() bool { return len(slow.requests()) > 0 })
	began := time.Now()
	cmd.Process.Signal(syscall.SIGTERM)
	cmd.Wait()
	if took, code := time.Since(began), cmd.ProcessState.ExitCode(); took > time.Second || code != exitTerminate {
		t.Errorf("exit code %d after %v: %s", code, took, errs)
	}
}

// The program may be killed at any instant: what is here is always the beginning of what
// is there, there is nothing else, and the next run goes on.
func TestKill(t *testing.T) {
	t.Parallel()
	s := newSite(t, map[string]int64{
		"empty": 0, "one": 1, "small": 4095, "page": 4096, "sub/a": 65_536, "sub/b": 65_537, "sub/deep/c": 200_000,
		"large": 6_000_000, "larger": 9_000_000,
	})
	slow := serve(t, s.dir, serverOptions{rate: 2_000_000})
	fast := serve(t, s.dir, serverOptions{})
	dest := filepath.Join(t.TempDir(), "dest")
	kills := s.killLoop(t, dest, 25, 400*time.Millisecond, "pull", "-d", dest, "--base", slow.url, s.list)
	pullOK(t, "-d", dest, "--base", fast.url, s.list)
	if _, whole := s.checkPrefixes(t, dest); !whole {
		t.Error("at the end something is missing")
	}
	for name, want := range s.files {
		var st unix.Stat_t
		if err := unix.Stat(filepath.Join(dest, name), &st); err != nil {
			t.Error(err)
		} else if took := st.Blocks * 512; took > int64(len(want))+8192 {
			t.Errorf("%s has %d bytes and takes %d", name, len(want), took)
		}
	}
	t.Logf("%d kills", kills)
}

// With several streams, too: what waits in memory is lost, and nothing else.
func TestKillStreams(t *testing.T) {
	t.Parallel()
	s := newSite(t, map[string]int64{"large": 40_000_001, "small": 1000})
	slow := serve(t, s.dir, serverOptions{rate: 8_000_000})
	fast := serve(t, s.dir, serverOptions{})
	dest := filepath.Join(t.TempDir(), "dest")
	kills := s.killLoop(t, dest, 12, 500*time.Millisecond, "pull", "-d", dest, "--streams", "4", "--base", slow.url, s.list)
	parts := 0
	for _, r := range slow.requests() {
		if strings.Contains(r, "bytes=") && !strings.HasSuffix(r, "-") {
			parts++
		}
	}
	if parts == 0 {
		t.Error("there was no request for a part")
	}
	pullOK(t, "-d", dest, "--streams", "4", "--base", fast.url, s.list)
	if _, whole := s.checkPrefixes(t, dest); !whole {
		t.Error("at the end something is missing")
	}
	t.Logf("%d kills, %d parts asked for", kills, parts)
}

// killLoop runs the program again and again and kills it each time, within a time, until it
// has all or most kills are done. It returns how many there were.
func (s *site) killLoop(t *testing.T, dest string, most int, within time.Duration, args ...string) (kills int) {
	t.Helper()
	r := random(t)
	var had int64
	for kills < most {
		cmd, out, errs := command(t, args...)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- cmd.Wait() }()
		select {
		case err := <-ended:
			if err != nil {
				t.Fatalf("%v\n%s%s", err, out, errs)
			}
		case <-time.After(20*time.Millisecond + time.Duration(r.Int64N(int64(within)))):
			cmd.Process.Kill()
			<-ended
			kills++
		}
		has, whole := s.checkPrefixes(t, dest)
		if has < had {
			t.Errorf("after kill %d there are %d bytes, %d before", kills, has, had)
		}
		had = has
		if whole || t.Failed() {
			break
		}
	}
	if kills < 3 {
		t.Errorf("only %d kills", kills)
	}
	return kills
}
