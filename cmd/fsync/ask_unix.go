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
	// In the background, the terminal's change would stop the process.
	if group, err := unix.IoctlGetInt(fd, unix.TIOCGPGRP); err != nil || group != unix.Getpgrp() {
		return "", errNobody
	}
	before, err := unix.IoctlGetTermios(fd, getTermios)
	if err != nil {
		return "", err
	}
	silent := *before
	silent.Lflag &^= unix.ECHO
	silent.Lflag |= unix.ICANON | unix.ISIG
	silent.Iflag |= unix.ICRNL
	if err := unix.IoctlSetTermios(fd, setTermios, &silent); err != nil {
		return "", err
	}
	defer unix.Write(fd, []byte("\n"))
	defer unix.IoctlSetTermios(fd, setTermios, before)
	if _, err := unix.Write(fd, []byte(prompt)); err != nil {
		return "", err
	}
	return readLine(ctx, fd)
}

// readLine reads up to the end of a line, looking at ctx ten times a second.
func readLine(ctx context.Context, fd int) (string, error) {
	var line []byte
	buf := make([]byte, 4096)
	for {
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
