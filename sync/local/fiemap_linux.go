package local

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// fiemap is struct fiemap of linux/fiemap.h with room for some extents.
type fiemap struct {
	start, length        uint64
	flags, mapped, count uint32
	_                    uint32
	extents              [64]struct {
		logical, physical, length uint64
		_                         [2]uint64
		flags                     uint32
		_                         [3]uint32
	}
}

const (
	fsIocFiemap     = 0xc020660b // FS_IOC_FIEMAP, on most architectures
	extentLast      = 0x1        // FIEMAP_EXTENT_LAST
	extentUnwritten = 0x800      // FIEMAP_EXTENT_UNWRITTEN
)

// mayBeUnwritten says whether space was reserved ahead of the end of a file and not written to
// by the disk's account, so that SEEK_HOLE may take it for data; or that this cannot be told.
func mayBeUnwritten(fd int, size int64) bool {
	var m fiemap
	for m.start < uint64(size) {
		m.length, m.count = uint64(size)-m.start, uint32(len(m.extents))
		_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), fsIocFiemap, uintptr(unsafe.Pointer(&m)))
		switch {
		case errno == unix.EOPNOTSUPP: // tmpfs: what is there was written
			return false
		case errno != 0:
			return true
		case m.mapped == 0:
			return false
		}
		for _, e := range m.extents[:min(int(m.mapped), len(m.extents))] {
			if e.flags&extentUnwritten != 0 {
				return true
			}
			m.start = max(m.start+1, e.logical+e.length)
			if e.flags&extentLast != 0 {
				return false
			}
		}
	}
	return false
}
