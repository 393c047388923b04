//go:build unix && !linux

package local

import (
	"errors"
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// device identifies the file system that a directory is on.
func device(_ *os.File, fi fs.FileInfo) (uint64, error) {
	st, ok := fi.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, errors.ErrUnsupported
	}
	return uint64(st.Dev), nil
}

// renameBetween renames a name of one open directory to one of another.
func renameBetween(from *os.File, name string, to *os.File, toName string) error {
	return unix.Renameat(int(from.Fd()), name, int(to.Fd()), toName)
}
