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

// start runs a command in a process that measures it, with an environment of its own. It is
// killed when the context ends, which shows as a timeout.
func (b *bed) start(ctx context.Context, t tool, dest string) (c cost, stderr string, err error) {
	home, err := b.home(t)
	if err != nil {
		return c, "", err
	}
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
	cmd := exec.Command(b.self, append([]string{"measure", b.timeout.String()}, t.argv(dest)...)...)
	cmd.Env = environ(home)
	cmd.Dir, cmd.Stdout, cmd.Stderr, cmd.ExtraFiles = dest, stdout, errFile, []*os.File{w}
	err = cmd.Start()
	w.Close()
	if err != nil {
		return c, "", err
	}
	stop := context.AfterFunc(ctx, func() { cmd.Process.Signal(syscall.SIGTERM) })
	defer stop()
	bad := json.NewDecoder(r).Decode(&c)
	if err := errors.Join(cmd.Wait(), bad); err != nil {
		return c, "", err
	}
	text, err := os.ReadFile(errFile.Name())
	return c, string(text), err
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
