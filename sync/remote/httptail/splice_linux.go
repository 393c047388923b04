package httptail

import (
	"errors"
	"io"
	"os"
	"syscall"
)

const (
	spliceMove     = 0x1 // SPLICE_F_MOVE
	spliceNonblock = 0x2 // SPLICE_F_NONBLOCK
)

// splice moves the next bytes of the body, at most n and at least one, from the socket into
// a pipe. 0 without an error means that the next bytes are to be read instead: they are in
// the program already, or the pipe is full.
func (b *directBody) splice(pipe *os.File, n int) (int, error) {
	raw, ok := b.body.(*rawBody)
	if !ok {
		return 0, errors.ErrUnsupported
	}
	if b.ended || raw.left == 0 || b.c.br.Buffered() > 0 {
		return 0, nil
	}
	sc, ok := b.c.Conn.(syscall.Conn)
	if !ok {
		return 0, errors.ErrUnsupported
	}
	rc, err := sc.SyscallConn()
	if err != nil {
		return 0, errors.ErrUnsupported
	}
	n = int(min(int64(n), raw.left))
	m, err := 0, b.c.wait(nil)
	for err == nil {
		if m, err = spliceOnce(rc, pipe, n); m > 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
			break
		}
		err = b.c.wait(err)
	}
	switch {
	case m > 0:
		raw.left -= int64(m)
		return m, nil
	case err == nil:
		err = io.ErrUnexpectedEOF
	case err == errPipeFull:
		return 0, nil
	case err == syscall.EINVAL || err == syscall.ENOSYS || err == syscall.EOPNOTSUPP:
		return 0, errors.ErrUnsupported // and nothing was taken from the socket
	}
	b.end(false)
	return 0, err
}

// errPipeFull is told from a socket that has nothing yet: for both the kernel says EAGAIN.
var errPipeFull = errors.New("the pipe is full")

// spliceOnce waits for the socket to have bytes and moves them. 0 is its end.
func spliceOnce(rc syscall.RawConn, pipe *os.File, n int) (m int, err error) {
	werr := rc.Read(func(fd uintptr) (done bool) {
		for {
			// The types of the counts differ between architectures.
			k, serr := syscall.Splice(int(fd), nil, int(pipe.Fd()), nil, n, spliceMove|spliceNonblock)
			m, err = max(0, int(k)), serr
			if err != syscall.EINTR {
				break
			}
		}
		if err != syscall.EAGAIN {
			return true
		}
		if waiting(fd) {
			err = errPipeFull
			return true
		}
		return false
	})
	if err == syscall.EAGAIN || err == nil && m == 0 && werr != nil {
		err = werr
	}
	if errno, ok := err.(syscall.Errno); ok && errno != syscall.EINVAL && errno != syscall.ENOSYS && errno != syscall.EOPNOTSUPP {
		err = os.NewSyscallError("splice", err)
	}
	return m, err
}

// waiting says whether a read from the socket would not wait.
func waiting(fd uintptr) bool {
	var b [1]byte
	_, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
	return err != syscall.EAGAIN && err != syscall.EINTR
}
