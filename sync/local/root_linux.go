package local

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"
)

// root is the handle of the destination directory. On Linux files are reached by
// descriptors alone: openat2(2) refuses symbolic links and ".." on the way in one call;
// kernels and sandboxes without it are served by one openat(2) an element.
type root struct {
	f         *os.File
	dev       uint64
	noOpenat2 atomic.Bool
	trash     atomic.Pointer[fileID] // of OpenTrash
}

func openRoot(dir string) (*root, error) {
	f, err := os.OpenFile(dir, os.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil, err
	}
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		f.Close()
		return nil, pathError("stat", dir, err)
	}
	return &root{f: f, dev: st.Dev}, nil
}

func (r *root) close() error { return r.f.Close() }

func (r *root) lock(wait bool) error { return flock(r.f, wait) }

// parent is the handle of one directory below the root.
type parent struct {
	path      string
	refs      int  // guarded by Dir.mu
	elsewhere bool // on another file system than the root
	dropped   bool // out of the cache: closed at the last release; guarded by Dir.mu
	stages    stages
	fd        int
}

const dirFlags = unix.O_PATH | unix.O_DIRECTORY | unix.O_NOFOLLOW | unix.O_CLOEXEC

func (r *root) openParent(dir string, create bool) (*parent, error) {
	fd, err := r.openDir(dir)
	if err == nil {
		p := &parent{fd: fd}
		var st unix.Stat_t
		p.elsewhere = unix.Fstat(fd, &st) == nil && st.Dev != r.dev
		return p, nil
	}
	if !create || !errors.Is(err, fs.ErrNotExist) {
		return nil, dirError(dir, err)
	}
	fd, made, err := r.walk(dir, true)
	if err != nil {
		return nil, dirError(dir, err)
	}
	p := &parent{fd: fd}
	if made {
		p.stages.state.Store(stagesNone)
	}
	return p, nil
}

// dirError says in words what openat reports for a link where a directory should be.
func dirError(dir string, err error) error {
	if errors.Is(err, unix.ELOOP) || errors.Is(err, unix.ENOTDIR) {
		return fmt.Errorf("%q: %w: a symbolic link or a file is where a directory is needed", dir, ErrNotRegular)
	}
	return &fs.PathError{Op: "open", Path: dir, Err: err}
}

func (r *root) openDir(dir string) (int, error) {
	if dir == "" {
		dir = "."
	}
	if !r.noOpenat2.Load() {
		how := unix.OpenHow{Flags: dirFlags, Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS}
		fd, err := retryEINTR(func() (int, error) { return unix.Openat2(int(r.f.Fd()), dir, &how) })
		if err != unix.ENOSYS && err != unix.EPERM {
			return fd, err
		}
		r.noOpenat2.Store(true)
	}
	fd, _, err := r.walk(dir, false)
	return fd, err
}

// walk opens dir element by element, none of which may be a symbolic link. made says that
// the last one was not there before.
func (r *root) walk(dir string, create bool) (fd int, made bool, err error) {
	fd, err = retryEINTR(func() (int, error) { return unix.Openat(int(r.f.Fd()), ".", dirFlags, 0) })
	if err != nil {
		return -1, false, err
	}
	for elem := range strings.SplitSeq(dir, "/") {
		if elem == "" || elem == "." {
			continue
		}
		var next int
		next, made, err = openElement(fd, elem, create)
		unix.Close(fd)
		if err != nil {
			return -1, false, err
		}
		fd = next
	}
	return fd, made, nil
}

func openElement(fd int, elem string, create bool) (next int, made bool, err error) {
	if elem == ".." {
		return -1, false, unix.ELOOP
	}
	open := func() (int, error) { return unix.Openat(fd, elem, dirFlags, 0) }
	next, err = retryEINTR(open)
	if err == unix.ENOENT && create {
		err := unix.Mkdirat(fd, elem, 0o777)
		if err != nil && err != unix.EEXIST {
			return -1, false, err
		}
		next, openErr := retryEINTR(open)
		return next, err == nil, openErr
	}
	return next, false, err
}

// open opens a file of the directory without following a link or waiting for a FIFO.
func (p *parent) open(name string, flag int) (*os.File, error) {
	if flag&unix.O_EXCL == 0 {
		flag |= unix.O_NONBLOCK // there may be a FIFO
	}
	fd, err := retryEINTR(func() (int, error) {
		return unix.Openat(p.fd, name, flag|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o666)
	})
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	return os.NewFile(uintptr(fd), name), nil
}

// kind returns what is at name, without following a link.
func (p *parent) kind(name string) (fs.FileMode, error) {
	var st unix.Stat_t
	if err := unix.Fstatat(p.fd, name, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return 0, &fs.PathError{Op: "stat", Path: name, Err: err}
	}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		return 0, nil
	case unix.S_IFDIR:
		return fs.ModeDir, nil
	case unix.S_IFLNK:
		return fs.ModeSymlink, nil
	case unix.S_IFIFO:
		return fs.ModeNamedPipe, nil
	case unix.S_IFSOCK:
		return fs.ModeSocket, nil
	}
	return fs.ModeDevice, nil
}

// names reports whether name still is the file that fi describes.
func (p *parent) names(name string, fi fs.FileInfo) bool {
	var a unix.Stat_t
	b, ok := fi.Sys().(*syscall.Stat_t)
	return ok && unix.Fstatat(p.fd, name, &a, unix.AT_SYMLINK_NOFOLLOW) == nil && a.Dev == b.Dev && a.Ino == b.Ino
}

func (p *parent) rename(from, to string) error {
	return pathError("rename", from, unix.Renameat(p.fd, from, p.fd, to))
}

// renameNew renames unless there is something of the new name.
func (p *parent) renameNew(from, to string) error {
	err := unix.Renameat2(p.fd, from, p.fd, to, unix.RENAME_NOREPLACE)
	if err != unix.EINVAL && err != unix.ENOSYS { // NFS and others can't
		return pathError("rename", from, err)
	}
	if _, err := p.kind(to); !errors.Is(err, fs.ErrNotExist) {
		return fs.ErrExist
	}
	return p.rename(from, to)
}

func (p *parent) remove(name string) error {
	return pathError("remove", name, unix.Unlinkat(p.fd, name, 0))
}

func (p *parent) link(from, to string) error {
	return pathError("link", from, unix.Linkat(p.fd, from, p.fd, to, 0))
}

// sync makes the directory's names durable.
func (p *parent) sync() error {
	fd, err := retryEINTR(func() (int, error) {
		return unix.Openat(p.fd, ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	})
	if err != nil {
		return pathError("open", p.path, err)
	}
	defer unix.Close(fd)
	return pathError("fsync", p.path, unix.Fsync(fd))
}

func (p *parent) close() { unix.Close(p.fd) }

func pathError(op, name string, err error) error {
	if err == nil {
		return nil
	}
	return &fs.PathError{Op: op, Path: name, Err: err}
}

func retryEINTR(f func() (int, error)) (int, error) {
	for {
		n, err := f()
		if err != unix.EINTR {
			return n, err
		}
	}
}
