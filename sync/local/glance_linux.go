package local

import (
	"io/fs"
	"runtime"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// glancerSystem holds what system calls read and write, so that none of it is allocated
// anew for each file. It lies on the heap, with its Glancer.
type glancerSystem struct {
	name  [256]byte // what was glanced at, ending in NUL
	st    unix.Statx_t
	args  xattrArgs
	raw   [MaxStamp]byte
	path  []byte // /proc/self/fd/N/NAME, ending in NUL
	stamp Stamp
}

// xattrArgs is struct xattr_args of linux/xattr.h.
type xattrArgs struct {
	value uint64 // the address of the buffer
	size  uint32
	flags uint32
}

var attrNameZ = append([]byte(attrName), 0)

const glanceMask = unix.STATX_TYPE | unix.STATX_SIZE | unix.STATX_MTIME | unix.STATX_NLINK | unix.STATX_INO

// glance asks statx(2) and for the attribute. Both refuse to follow a link. A State that does
// not Exist with ok says that nothing is there.
func (g *Glancer) glance(name string) (State, bool) {
	if len(name) >= len(g.name) || g.dir.glances.none.Load() {
		return State{}, false
	}
	g.name[copy(g.name[:], name)] = 0
	flags := unix.AT_SYMLINK_NOFOLLOW | unix.AT_NO_AUTOMOUNT
	if g.dir.fs.late {
		flags |= unix.AT_STATX_FORCE_SYNC // over a network an open asks the server, and a stat may not
	}
	_, _, errno := unix.Syscall6(unix.SYS_STATX, uintptr(g.parent.fd), uintptr(unsafe.Pointer(&g.name)), uintptr(flags), glanceMask, uintptr(unsafe.Pointer(&g.st)), 0)
	if errno == unix.ENOSYS {
		g.dir.glances.none.Store(true)
	}
	if errno == unix.ENOENT {
		return State{}, true
	}
	if errno != 0 || g.st.Mask&glanceMask != glanceMask || g.st.Mode&unix.S_IFMT != unix.S_IFREG {
		return State{}, false
	}
	s := State{
		Exists: true, Size: int64(g.st.Size), ModTime: time.Unix(g.st.Mtime.Sec, int64(g.st.Mtime.Nsec)),
		Links: uint64(g.st.Nlink), precision: g.dir.fs.precision,
	}
	if !g.dir.HasStamps() {
		return s, true
	}
	n, errno := g.attribute()
	switch errno {
	case 0:
	case unix.ENODATA, unix.EOPNOTSUPP:
		return s, true
	default: // not to be read, or longer than a stamp: for Look to tell
		return State{}, false
	}
	var err error
	if g.stamp, err = ParseStamp(string(g.raw[:n])); err == nil {
		s.Stamp = &g.stamp
	}
	return s, true
}

// glances remembers how a Dir's Glancers get at attributes.
type glances struct {
	none      atomic.Bool // no way: Look does it
	noXattrat atomic.Bool // getxattrat(2), Linux 6.13, is not there
}

// attribute reads the attribute of g.name into g.raw.
func (g *Glancer) attribute() (int, unix.Errno) {
	if !g.dir.glances.noXattrat.Load() {
		g.args = xattrArgs{value: uint64(uintptr(unsafe.Pointer(&g.raw))), size: uint32(len(g.raw))}
		n, _, errno := unix.Syscall6(unix.SYS_GETXATTRAT, uintptr(g.parent.fd), uintptr(unsafe.Pointer(&g.name)),
			unix.AT_SYMLINK_NOFOLLOW, uintptr(unsafe.Pointer(&attrNameZ[0])), uintptr(unsafe.Pointer(&g.args)), unsafe.Sizeof(g.args))
		runtime.KeepAlive(g)
		if errno != unix.ENOSYS && errno != unix.EPERM { // EPERM: a sandbox that does not know the call
			return int(n), errno
		}
		g.dir.glances.noXattrat.Store(true)
		if !procShows(g.parent.fd) {
			g.dir.glances.none.Store(true)
		}
	}
	if g.dir.glances.none.Load() {
		return 0, unix.ENOSYS
	}
	g.path = append(strconv.AppendInt(append(g.path[:0], procFD...), int64(g.parent.fd), 10), '/')
	g.path = append(g.path, unix.ByteSliceToString(g.name[:])...)
	g.path = append(g.path, 0)
	n, _, errno := unix.Syscall6(unix.SYS_LGETXATTR, uintptr(unsafe.Pointer(&g.path[0])),
		uintptr(unsafe.Pointer(&attrNameZ[0])), uintptr(unsafe.Pointer(&g.raw)), uintptr(len(g.raw)), 0, 0)
	return int(n), errno
}

const procFD = "/proc/self/fd/"

// procShows says that a descriptor's directory is what /proc shows it to be: it may not be
// mounted, or be something else.
func procShows(fd int) bool {
	var a, b unix.Stat_t
	return unix.Stat(procFD+strconv.Itoa(fd), &a) == nil && unix.Fstat(fd, &b) == nil && a.Dev == b.Dev && a.Ino == b.Ino
}

// id is the identity of the file that was glanced at.
func (g *Glancer) id() fileID {
	return fileID{unix.Mkdev(g.st.Dev_major, g.st.Dev_minor), g.st.Ino}
}

func idOf(fi fs.FileInfo) fileID {
	st, ok := fi.Sys().(*syscall.Stat_t)
	if !ok {
		return fileID{}
	}
	return fileID{st.Dev, st.Ino}
}

// holes opens the file, which has to be the one that was glanced at.
func (g *Glancer) holes(s State) (holes, ok bool) {
	if g.parent == nil {
		return false, false
	}
	fd, err := retryEINTR(func() (int, error) {
		return unix.Openat(g.parent.fd, unix.ByteSliceToString(g.name[:]), unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	})
	if err != nil {
		return false, false
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if unix.Fstat(fd, &st) != nil || st.Mode&unix.S_IFMT != unix.S_IFREG || st.Ino != g.st.Ino || st.Dev != unix.Mkdev(g.st.Dev_major, g.st.Dev_minor) ||
		st.Size != s.Size || !time.Unix(st.Mtim.Unix()).Equal(s.ModTime) {
		return false, false
	}
	off, err := g.dir.fs.firstHole(fd, s.Size)
	return err == nil && off < s.Size, true
}
