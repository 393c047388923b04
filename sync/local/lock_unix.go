//go:build unix && !solaris && !aix

package local

import (
	"errors"
	"os"
	"syscall"
)

// flock takes an exclusive lock on an open file or directory. It belongs to the open
// file description and is gone with it, SIGKILL included (flock(2)).
func flock(f *os.File, wait bool) error {
	how := syscall.LOCK_EX
	if !wait {
		how |= syscall.LOCK_NB
	}
	for {
		err := syscall.Flock(int(f.Fd()), how)
		if err != syscall.EINTR {
			return err
		}
	}
}

// lockUnsupported says that the file system has no such locks: NFS emulates flock by
// byte ranges, which a directory or a file open for reading cannot have.
func lockUnsupported(err error) bool {
	return errors.Is(err, syscall.EBADF) || errors.Is(err, syscall.ENOLCK) ||
		errors.Is(err, syscall.ENOTSUP) || errors.Is(err, syscall.ENOSYS) || errors.Is(err, syscall.EINVAL)
}
