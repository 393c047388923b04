package sftptail

import (
	"context"
	"errors"
	"io"
	"os/exec"
	"strings"

	"fsync/sync/remote"
)

// addCommand opens a lane by an external command, in place of the own SSH. Each lane is a
// process; whether they share a connection is the command's business (ControlMaster).
func (h *host) addCommand(ctx context.Context) error {
	if err := checkForCommand(h.url); err != nil {
		return remote.Errorf(remote.Final, "%s: %w", remote.Redact(h.url), err)
	}
	p, err := start(exec.Command("sh", h.arguments()...))
	if err != nil {
		kind := remote.Temporary
		if errors.Is(err, exec.ErrNotFound) {
			kind = remote.Final
		}
		return remote.Errorf(kind, "running --ssh-command: %w", err)
	}
	h.client.done.Add(2)
	go func() {
		defer h.client.done.Done()
		_, _ = p.cmd.Process.Wait() // cmd.Wait would close what is still read from
	}()
	go func() {
		defer h.client.done.Done()
		<-p.said.done
	}()
	l := &lane{}
	l.cut = func(cause error) {
		l.blame(cause)
		p.kill()
	}
	stop := context.AfterFunc(ctx, func() { l.cut(context.Cause(ctx)) })
	err = h.within(func() { l.cut(silence(h.client.opts.Stall)) }, func() error {
		_, err := h.newLane(l, p.out, p.in, p.said)
		return err
	})
	if err != nil {
		p.kill()
		stop()
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return commandError(remote.Redact(h.url), l.why(err))
	}
	go func() {
		<-l.gone
		p.kill()
		stop()
	}()
	h.follow(l)
	return nil
}

// arguments are those of sh, which gives the rest to the command: as sftp(1) does with
// ssh, and with no port and no user where the URL has none, so that the command's own
// configuration decides.
func (h *host) arguments() []string {
	args := []string{"-c", `exec ` + h.client.opts.Command + ` "$@"`, "sh"}
	if port := h.url.Port(); port != "" {
		args = append(args, "-p", port)
	}
	if user := h.url.User.Username(); user != "" {
		args = append(args, "-l", user)
	}
	return append(args, "-s", "--", h.url.Hostname(), "sftp")
}

// process is a command that runs.
type process struct {
	cmd       *exec.Cmd
	in        io.WriteCloser
	out, errs io.ReadCloser
	said      *said
}

func start(cmd *exec.Cmd) (p *process, err error) {
	p = &process{cmd: cmd}
	if p.in, err = cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if p.out, err = cmd.StdoutPipe(); err != nil {
		return nil, err
	}
	if p.errs, err = cmd.StderrPipe(); err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p.said = newSaid(p.errs)
	return p, nil
}

// kill ends the command. What it started itself may live on and hold the other ends of
// the pipes (a ControlMaster does): these are given up.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	p.in.Close()
	p.out.Close()
	p.errs.Close()
}

// commandError tells what OpenSSH's ssh says when asking again cannot help.
func commandError(name string, err error) error {
	kind := remote.Temporary
	for _, final := range []string{"Permission denied", "Host key verification failed", "not found", "subsystem request failed"} {
		if strings.Contains(err.Error(), final) {
			kind = remote.Final
		}
	}
	if errors.Is(err, errNotSFTP) || errors.Is(err, errOtherVersion) {
		kind = remote.Final
	}
	return remote.Errorf(kind, "%s: --ssh-command: %w", name, err)
}
