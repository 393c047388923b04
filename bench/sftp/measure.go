//go:build linux

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"fsync/sync/remote/remotetest"
)

// cost is what one run took.
type cost struct {
	Wall, CPU time.Duration
	RSS       int64 // bytes, of the largest of its processes
	Exit      int
	Timeout   bool
}

// sample is one run.
type sample struct {
	cost
	connections int
	received    int64
	wrong       string // "" if it was right
}

// measure lets the programs take turns, each time into a new directory. On disk the old
// ones stay until the end: that files were deleted shortly before slows ext4 down.
func (b *bed) measure(ctx context.Context, title string, tools []tool) error {
	samples := make([][]sample, len(tools))
	for i := range b.runs {
		for j, t := range tools {
			dest := filepath.Join(b.data, fmt.Sprintf("dest-%d-%d", j, i))
			s, err := b.sample(ctx, t, dest)
			if err != nil {
				return err
			}
			samples[j] = append(samples[j], s)
			if b.data != b.dir {
				os.RemoveAll(dest)
			}
		}
	}
	printTable(title, tools, samples, b.delay != nil)
	return nil
}

// again lets each program run once and measures what it does then.
func (b *bed) again(ctx context.Context, title string, tools []tool) error {
	samples := make([][]sample, len(tools))
	for i := range b.runs + 1 {
		for j, t := range tools {
			s, err := b.sample(ctx, t, filepath.Join(b.data, fmt.Sprintf("dest-%d", j)))
			if err != nil {
				return err
			}
			if i > 0 {
				samples[j] = append(samples[j], s)
			}
		}
	}
	printTable(title, tools, samples, false)
	return nil
}

// sample runs a program once and looks at what it made.
func (b *bed) sample(ctx context.Context, t tool, dest string) (s sample, err error) {
	home := filepath.Join(b.dir, "home", strings.Map(func(r rune) rune {
		if r == ' ' || r == '/' {
			return '-'
		}
		return r
	}, t.name))
	for _, dir := range []string{dest, filepath.Join(home, ".ssh")} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return s, err
		}
	}
	unix.Sync() // what others wrote is not to be written now
	if b.delay != nil {
		s.connections, s.received = -b.delay.Connections(), -b.delay.Received()
	}
	var stderr string
	if s.cost, stderr, err = b.start(ctx, t, dest, home); err != nil {
		return s, err
	}
	if b.delay != nil {
		s.connections, s.received = s.connections+b.delay.Connections(), s.received+b.delay.Received()
	}
	switch {
	case s.Timeout:
		s.wrong = "TIMEOUT"
	case s.Exit != 0:
		s.wrong = fmt.Sprintf("exit %d: %s", s.Exit, lastLine(stderr))
	case !t.unseen:
		s.wrong = b.compare(dest)
	}
	fmt.Fprintf(os.Stderr, "%-40s %8.3f s  %s\n", t.name, s.Wall.Seconds(), s.wrong)
	return s, nil
}

// start runs a command in a process that measures it, with an environment of its own.
func (b *bed) start(ctx context.Context, t tool, dest, home string) (c cost, stderr string, err error) {
	path := "/dev/null"
	if t.stdout != "" {
		path = filepath.Join(dest, t.stdout)
	}
	stdout, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return c, "", err
	}
	defer stdout.Close()
	errFile, err := os.CreateTemp(b.dir, "stderr")
	if err != nil {
		return c, "", err
	}
	defer os.Remove(errFile.Name())
	defer errFile.Close()
	r, w, err := os.Pipe()
	if err != nil {
		return c, "", err
	}
	defer r.Close()
	cmd := exec.CommandContext(ctx, b.self, append([]string{"measure", b.timeout.String()}, t.argv(dest)...)...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + home, "LANG=C.UTF-8"}
	cmd.Dir, cmd.Stdout, cmd.Stderr, cmd.ExtraFiles = home, stdout, errFile, []*os.File{w}
	err = cmd.Start()
	w.Close()
	if err != nil {
		return c, "", err
	}
	bad := json.NewDecoder(r).Decode(&c)
	if err := errors.Join(cmd.Wait(), bad, context.Cause(ctx)); err != nil {
		return c, "", err
	}
	text, err := os.ReadFile(errFile.Name())
	return c, string(text), err
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	last := lines[len(lines)-1]
	return last[:min(len(last), 120)]
}

// measureMain runs a command, for a time at most, and tells file descriptor 3 the cost.
// As a process of its own it has no other children, and whatever of the command outlives
// its parent becomes its child, so getrusage(2) knows all of it.
func measureMain(args []string) int {
	c, err := measured(args)
	if err == nil {
		err = json.NewEncoder(os.NewFile(3, "cost")).Encode(c)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "measure:", err)
		return 1
	}
	return 0
}

func measured(args []string) (c cost, err error) {
	timeout, err := time.ParseDuration(args[0])
	if err != nil {
		return c, err
	}
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return c, err
	}
	unix.CloseOnExec(3)
	cmd := exec.Command(args[1], args[2:]...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return c, err
	}
	stop := make(chan os.Signal, 1)
	notify(stop)
	ended := make(chan struct{})
	go func() {
		select {
		case <-ended:
			return
		case <-stop:
		case <-time.After(timeout):
		}
		c.Timeout = true
		remotetest.KillDescendants(os.Getpid())
		ended <- struct{}{}
	}()
	cmd.Wait()
	c.Wall = time.Since(began)
	select {
	case ended <- struct{}{}:
	case <-ended:
	}
	c.Exit = cmd.ProcessState.ExitCode()
	reap()
	var all unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_CHILDREN, &all); err != nil {
		return c, err
	}
	c.CPU = time.Duration(all.Utime.Nano() + all.Stime.Nano())
	c.RSS = int64(all.Maxrss) << 10
	return c, nil
}

// reap waits for what the command left behind, not for long.
func reap() {
	for deadline := time.Now().Add(3 * time.Second); ; time.Sleep(time.Millisecond) {
		pid, err := unix.Wait4(-1, nil, unix.WNOHANG, nil)
		if errors.Is(err, unix.ECHILD) {
			return
		}
		if pid == 0 && time.Now().After(deadline) {
			remotetest.KillDescendants(os.Getpid())
		}
	}
}
