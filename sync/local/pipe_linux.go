package local

import (
	"errors"
	"io"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

const (
	// pipeSize is how much a pipe holds: the most that an unprivileged process may ask for
	// (the default of /proc/sys/fs/pipe-max-size).
	pipeSize = 1 << 20
	// leastPipe is how small a pipe is still worth it.
	leastPipe = 256 << 10
)

// NewPipe returns a pipe that bytes can be spliced into and out of. It fails where there
// is no splice(2), and where a pipe may not be large enough to gain anything (a user's
// pipes share /proc/sys/fs/pipe-user-pages-soft).
func NewPipe() (*Pipe, error) {
	var fds [2]int
	// Blocking, so that the runtime's poller is not woken by each splice.
	if err := unix.Pipe2(fds[:], unix.O_CLOEXEC); err != nil {
		return nil, os.NewSyscallError("pipe2", err)
	}
	p := &Pipe{R: os.NewFile(uintptr(fds[0]), "pipe"), W: os.NewFile(uintptr(fds[1]), "pipe")}
	size, err := unix.FcntlInt(uintptr(fds[1]), unix.F_SETPIPE_SZ, pipeSize)
	if err != nil || size < leastPipe {
		p.Close()
		return nil, errors.ErrUnsupported
	}
	return p, nil
}

// AppendPipe appends the n bytes that are in a pipe, without copying them through the
// program (splice(2)). The size counts what was written, also before an error; what is
// left in the pipe then is lost. spliced is false where the file system cannot do that:
// the bytes were then appended by Write.
func (w *Writer) AppendPipe(p *Pipe, n int) (spliced bool, err error) {
	rc, err := w.f.SyscallConn()
	if err != nil {
		return false, err
	}
	for n > 0 {
		var m int64
		var serr error
		off := w.size
		err := rc.Write(func(fd uintptr) bool {
			k, e := unix.Splice(int(p.R.Fd()), nil, int(fd), &off, n, unix.SPLICE_F_MOVE)
			m, serr = int64(k), e // the type of the count differs between architectures
			return true
		})
		switch {
		case err != nil:
			return true, err
		case serr == unix.EINTR || serr == unix.EAGAIN:
		case serr == unix.EINVAL || serr == unix.ENOSYS || serr == unix.EOPNOTSUPP:
			return false, w.appendRead(p, n)
		case serr != nil:
			return true, &fs.PathError{Op: "write", Path: w.f.Name(), Err: serr}
		case m == 0:
			return true, io.ErrUnexpectedEOF // there is less in the pipe than was said
		}
		w.size += max(0, m)
		n -= int(max(0, m))
	}
	return true, nil
}

// appendRead does it with read(2) and write(2).
func (w *Writer) appendRead(p *Pipe, n int) error {
	buf := make([]byte, n)
	if _, err := io.ReadFull(p.R, buf); err != nil {
		return err
	}
	_, err := w.Write(buf)
	return err
}
