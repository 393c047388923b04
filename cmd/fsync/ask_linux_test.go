package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	gosync "sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"fsync/sync/remote/remotetest"
)

// pseudoTerminal is a terminal at which a test sits.
type pseudoTerminal struct {
	person, program *os.File

	mu  gosync.Mutex // guards out
	out bytes.Buffer // what was shown
}

func newTerminal(t *testing.T) *pseudoTerminal {
	t.Helper()
	person, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no pseudo-terminals: %v", err)
	}
	n, err := unix.IoctlGetInt(int(person.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(person.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no pseudo-terminals: %v", err)
	}
	p := &pseudoTerminal{person: person, program: program}
	var reader gosync.WaitGroup
	reader.Go(func() { io.Copy(p, person) })
	t.Cleanup(func() {
		program.Close() // the reader's end
		reader.Wait()
		person.Close()
	})
	return p
}

func (p *pseudoTerminal) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.Write(b)
}

func (p *pseudoTerminal) shown() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.String()
}

func (p *pseudoTerminal) types(t *testing.T, text string) {
	t.Helper()
	if _, err := p.person.WriteString(text); err != nil {
		t.Fatal(err)
	}
}

// flags are the local modes, of which ECHO is one.
func (p *pseudoTerminal) flags(t *testing.T) uint32 {
	t.Helper()
	s, err := unix.IoctlGetTermios(int(p.program.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	return s.Lflag
}

// sit makes the terminal the controlling one of a command.
func (p *pseudoTerminal) sit(cmd *exec.Cmd) {
	cmd.Stdin = p.program
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true, Ctty: 0}
}

func askServer(t *testing.T) *remotetest.SFTPServer {
	t.Helper()
	s := remotetest.NewSFTPServer(t)
	s.Configure(func(c *remotetest.SFTPConfig) { c.Password = sftpPassword })
	putFile(s, "pub/a", "one")
	putFile(s, "pub/b", "two")
	return s
}

// A person is asked once for all files, without echo, whatever standard input is.
func TestAsk(t *testing.T) {
	t.Parallel()
	s := askServer(t)
	p := newTerminal(t)
	before := p.flags(t)
	dest := filepath.Join(t.TempDir(), "dest")
	cmd, out, errs := command(t, "pull", "-d", dest, "--ssh-config", "none", "--known-hosts", s.KnownHosts(), "-j", "4", "-")
	p.sit(cmd)
	cmd.SysProcAttr.Ctty = 3
	cmd.ExtraFiles = []*os.File{p.program}
	cmd.Stdin = strings.NewReader(s.URL("pub/a").String() + "\n" + s.URL("pub/b").String() + "\n")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a question", func() bool { return strings.Contains(p.shown(), s.Addr()) || strings.Contains(p.shown(), "assword") })
	if p.flags(t)&unix.ECHO != 0 {
		t.Error("what is typed is shown")
	}
	p.types(t, sftpPassword+"\n")
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v\n%s%s%q", err, out, errs, p.shown())
	}
	if shown := p.shown(); strings.Contains(shown+errs.String(), sftpPassword) || strings.Count(shown, "assword") != 1 {
		t.Errorf("shown were %q and\n%s", shown, errs)
	}
	if p.flags(t) != before {
		t.Error("the terminal is not as it was")
	}
	if string(read(t, filepath.Join(dest, "b"))) != "two" {
		t.Error("b is wrong")
	}
}

// A shell, to which Ctrl-Z led and fg back, leaves the terminal as it likes it: with echo.
func TestAskAfterShell(t *testing.T) {
	t.Parallel()
	s := askServer(t)
	p := newTerminal(t)
	before, err := unix.IoctlGetTermios(int(p.program.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	cmd, out, errs := command(t, "pull", "-d", filepath.Join(t.TempDir(), "dest"), "--ssh-config", "none", "--known-hosts", s.KnownHosts(), s.URL("pub/").String())
	p.sit(cmd)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	asked := func(times int) func() bool {
		return func() bool { return strings.Count(p.shown(), "assword: ") == times }
	}
	eventually(t, "a question", asked(1))
	if err := unix.IoctlSetTermios(int(p.program.Fd()), unix.TCSETS, before); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the question again", asked(2))
	if p.flags(t)&unix.ECHO != 0 {
		t.Error("what is typed is shown")
	}
	p.types(t, sftpPassword+"\n")
	if err := cmd.Wait(); err != nil || strings.Contains(p.shown(), sftpPassword) {
		t.Errorf("%v\n%s%s%q", err, out, errs, p.shown())
	}
	if p.flags(t) != before.Lflag {
		t.Error("the terminal is not as it was")
	}
}

// A signal while a question is open, or the end of --max-runtime, leaves the terminal in
// order.
func TestAskStopped(t *testing.T) {
	t.Parallel()
	s := askServer(t)
	for _, c := range []struct {
		name string
		code int
		args []string
		stop func(p *pseudoTerminal, cmd *exec.Cmd)
	}{
		{"signal", exitTerminate, nil, func(_ *pseudoTerminal, cmd *exec.Cmd) { cmd.Process.Signal(syscall.SIGTERM) }},
		{"Ctrl-C", exitInterrupt, nil, func(p *pseudoTerminal, _ *exec.Cmd) { p.types(t, "abc\x03") }},
		{"time", exitLimit, []string{"--max-runtime", "500ms"}, func(*pseudoTerminal, *exec.Cmd) {}},
		{"Ctrl-D", exitUsage, nil, func(p *pseudoTerminal, _ *exec.Cmd) { p.types(t, "\x04\x04\x04\x04") }},
	} {
		for _, list := range []string{s.URL("pub/").String(), listOf(t, s.URL("pub/a").String())} {
			p := newTerminal(t)
			before := p.flags(t)
			args := append([]string{"pull", "-d", filepath.Join(t.TempDir(), "dest"), "--ssh-config", "none", "--known-hosts", s.KnownHosts(), list}, c.args...)
			cmd, out, errs := command(t, args...)
			p.sit(cmd)
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			eventually(t, "a question", func() bool { return strings.Contains(p.shown(), "assword") })
			began := time.Now()
			c.stop(p, cmd)
			cmd.Wait()
			want := c.code
			if want == exitUsage && strings.HasSuffix(list, "list") {
				want = exitFailed // the list is there, its entry is not
			}
			if code := cmd.ProcessState.ExitCode(); code != want {
				t.Errorf("%s: exit code %d, not %d\n%s%s%q", c.name, code, want, out, errs, p.shown())
			}
			if took := time.Since(began); took > 2*time.Second {
				t.Errorf("%s: it ended after %v", c.name, took)
			}
			if p.flags(t) != before {
				t.Errorf("%s: the terminal is not as it was", c.name)
			}
		}
	}
}
