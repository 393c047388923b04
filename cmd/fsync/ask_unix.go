//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package main

import (
	"bytes"
	"context"
	"errors"
	"io"

	"golang.org/x/sys/unix"
)

const ttyName = "/dev/tty" // the controlling terminal, wherever standard input comes from

// canAsk says that there is a terminal. A job of cron has none.
func canAsk() bool {
	fd, err := openTTY()
	if err != nil {
		return false
	}
	unix.Close(fd)
	return true
}

func openTTY() (int, error) {
	return unix.Open(ttyName, unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
}

// readSecret reads a line from the terminal that is not echoed. It does not use
// term.ReadPassword, which nothing can interrupt: a signal has to find the terminal's echo
// switched on again.
func readSecret(ctx context.Context, prompt string) (string, error) {
	fd, err := openTTY()
	if err != nil {
		return "", errNobody
	}
	defer unix.Close(fd)
	if !inForeground(fd) {
		return "", errNobody
	}
	before, err := unix.IoctlGetTermios(fd, getTermios)
	if err != nil {
		return "", err
	}
	defer func() {
		if inForeground(fd) { // else a shell has done it
			unix.IoctlSetTermios(fd, setTermios, before)
			unix.Write(fd, []byte("\n"))
		}
	}()
	return readLine(ctx, fd, prompt)
}

// inForeground says that the terminal may be changed. In the background, that would stop
// the process.
func inForeground(fd int) bool {
	group, err := unix.IoctlGetInt(fd, unix.TIOCGPGRP)
	return err == nil && group == unix.Getpgrp()
}

// silence switches the echo off, and says whether it had to.
func silence(fd int) (bool, error) {
	now, err := unix.IoctlGetTermios(fd, getTermios)
	if err != nil {
		return false, err
	}
	silent := *now
	silent.Lflag &^= unix.ECHO
	silent.Lflag |= unix.ICANON | unix.ISIG
	silent.Iflag |= unix.ICRNL
	if silent == *now {
		return false, nil
	}
	return true, unix.IoctlSetTermios(fd, setTermios, &silent)
}

// readLine reads up to the end of a line, looking ten times a second at ctx, and whether a
// shell, to which Ctrl-Z led, has switched the echo on again.
func readLine(ctx context.Context, fd int, prompt string) (string, error) {
	var line []byte
	buf := make([]byte, 4096)
	for asked := false; ; {
		if inForeground(fd) {
			changed, err := silence(fd)
			if err == nil && (changed || !asked) {
				_, err = unix.Write(fd, []byte(prompt))
			}
			if err != nil {
				return "", err
			}
			asked = true
		}
		ready, err := isReady(fd)
		if ctx.Err() != nil {
			return "", context.Cause(ctx)
		}
		n := 0
		if err == nil && ready {
			n, err = unix.Read(fd, buf)
		}
		switch {
		case errors.Is(err, unix.EINTR) || errors.Is(err, unix.EAGAIN):
			continue
		case err != nil:
			return "", err
		case !ready:
			continue
		case n == 0: // Ctrl-D
			return "", io.ErrUnexpectedEOF
		}
		line = append(line, buf[:n]...)
		if i := bytes.IndexByte(line, '\n'); i >= 0 {
			return string(line[:i]), nil
		}
	}
}

// isReady waits a little for a line. Select, as poll knows no terminals on macOS.
func isReady(fd int) (bool, error) {
	if fd >= unix.FD_SETSIZE {
		return false, unix.EMFILE
	}
	var fds unix.FdSet
	fds.Set(fd)
	n, err := unix.Select(fd+1, &fds, nil, nil, &unix.Timeval{Usec: 100_000})
	return n > 0, err
}
