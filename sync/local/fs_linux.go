package local

import (
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// filesystem says what the file system below a directory can do. The magic numbers are
// those of statfs(2).
type filesystem struct {
	trueHoles bool          // SEEK_HOLE reports what was never written, and nothing else
	syncfs    bool          // one syncfs(2) writes all files, and reports errors (Linux 5.8)
	reserve   bool          // fallocate helps: copy-on-write gains nothing, tmpfs fills pages twice
	late      bool          // a write can fail after it was acknowledged
	precision time.Duration // of modification times, where coarser than a second
}

const (
	btrfsMagic = 0x9123683E
	extMagic   = 0xEF53
	xfsMagic   = 0x58465342
	f2fsMagic  = 0xF2F52010
	tmpfsMagic = 0x01021994
	msdosMagic = 0x4d44
	nfsMagic   = 0x6969
	cifsMagic  = 0xFF534D42
	smb2Magic  = 0xFE534D42
	fuseMagic  = 0x65735546
)

func (r *root) filesystem() filesystem {
	var st unix.Statfs_t
	if unix.Fstatfs(int(r.f.Fd()), &st) != nil {
		return filesystem{}
	}
	switch uint32(st.Type) {
	case extMagic, xfsMagic, f2fsMagic:
		return filesystem{trueHoles: true, syncfs: true, reserve: true}
	case btrfsMagic, tmpfsMagic:
		return filesystem{trueHoles: true, syncfs: true}
	case nfsMagic, cifsMagic, smb2Magic, fuseMagic:
		return filesystem{late: true}
	case msdosMagic:
		return filesystem{precision: 2 * time.Second}
	}
	return filesystem{}
}

// syncAll writes everything of the file system to disk.
func (r *root) syncAll() error { return unix.Syncfs(int(r.f.Fd())) }

// seekHole returns the offset of the first hole, size if there is none or it can't be told.
func (s filesystem) seekHole(f *os.File, size int64) int64 {
	off, err := s.firstHole(int(f.Fd()), size)
	if err != nil || off > size {
		return size
	}
	return off
}

// firstHole asks lseek(2). Space that was reserved and never written counts as data there
// while it is in the page cache: whoever read the file since the power cut has put zeros
// into it. So where there is such space, clean pages are dropped first. Dirty ones stay, and
// are data. (Pages that another process has mapped stay, too; the digest is for those.)
func (s filesystem) firstHole(fd int, size int64) (int64, error) {
	if s.trueHoles && mayBeUnwritten(fd, size) {
		_ = unix.Fadvise(fd, 0, 0, unix.FADV_DONTNEED)
	}
	return unix.Seek(fd, 0, unix.SEEK_HOLE)
}

// reserve sets blocks aside for bytes [from, to) and leaves the size alone, so that a
// full disk is found before the transfer. It reports only that the disk is full.
func reserve(f *os.File, from, to int64) error {
	var st unix.Statfs_t
	if unix.Fstatfs(int(f.Fd()), &st) == nil && uint64(to-from) > st.Bfree*uint64(st.Bsize) {
		// Not even tried: it would take all there is before it failed.
		return os.NewSyscallError("fallocate", unix.ENOSPC)
	}
	err := unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_KEEP_SIZE, from, to-from)
	if err == unix.ENOSPC || err == unix.EDQUOT || err == unix.EFBIG {
		return os.NewSyscallError("fallocate", err)
	}
	return nil
}

func fdatasync(f *os.File) error {
	for {
		if err := unix.Fdatasync(int(f.Fd())); err != unix.EINTR {
			return os.NewSyscallError("fdatasync", err)
		}
	}
}

// bootDigits are enough to tell a boot from the one before it.
const bootDigits = 6

// bootID identifies this boot of the system, "" if it cannot be told.
func bootID() string {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil || len(id) < bootDigits {
		return ""
	}
	return string(id[:bootDigits])
}
