package local

import (
	"io/fs"
	"os"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// setModTime sets the file's modification time through its descriptor, futimens(3): the
// path may be another file by now.
func (w *Writer) setModTime(t time.Time) error {
	mtime, err := unix.TimeToTimespec(t)
	if err != nil { // 32-bit systems have no times beyond 2038
		return os.NewSyscallError("futimens", err)
	}
	ts := [2]unix.Timespec{{Nsec: unix.UTIME_OMIT}, mtime}
	_, _, errno := unix.Syscall6(unix.SYS_UTIMENSAT, w.f.Fd(), 0, uintptr(unsafe.Pointer(&ts)), 0, 0, 0)
	if errno != 0 {
		return os.NewSyscallError("futimens", errno)
	}
	return nil
}

// keepOwner gives the file the owner of another one, where that is allowed.
func keepOwner(f *os.File, fi fs.FileInfo) {
	if st, ok := fi.Sys().(*syscall.Stat_t); ok {
		_ = f.Chown(int(st.Uid), int(st.Gid))
	}
}

// xattrPossible asks whether the file system keeps extended attributes at all.
func xattrPossible(f *os.File) bool {
	_, err := unix.Fgetxattr(int(f.Fd()), attrName, nil)
	return err == nil || err == unix.ENODATA
}
