package local

import (
	"context"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// fileID tells a file from all others of the system.
type fileID struct{ dev, ino uint64 }

func (id fileID) same(other fileID) bool { return id == other }

// place is a directory, and where it is mounted.
type place struct {
	id    fileID
	mount uint64 // 0 if the kernel does not say: before 5.8, and in some sandboxes
}

// with says that nothing is mounted between two directories: they are on one file system,
// and names can be renamed from one to the other.
func (p place) with(other place) bool {
	return p.id.dev == other.id.dev && (p.mount == other.mount || p.mount == 0 || other.mount == 0)
}

func placeOf(fd int, path string) (place, error) {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return place{}, pathError("stat", path, err)
	}
	at := place{id: fileID{st.Dev, st.Ino}}
	var stx unix.Statx_t
	err := unix.Statx(fd, "", unix.AT_EMPTY_PATH, unix.STATX_MNT_ID, &stx)
	if err == nil && stx.Mask&unix.STATX_MNT_ID != 0 {
		at.mount = stx.Mnt_id
	}
	return at, nil
}

func (r *root) place() (place, error) { return placeOf(int(r.f.Fd()), r.f.Name()) }

func (p *parent) place() (place, error) { return placeOf(p.fd, p.path) }

// find looks at a name without following a link. The Path is left to the caller.
func (p *parent) find(name string) (Found, error) {
	var st unix.Stat_t
	if err := unix.Fstatat(p.fd, name, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return Found{}, pathError("stat", name, err)
	}
	f := Found{Kind: KindOther, ModTime: time.Unix(st.Mtim.Unix()), id: fileID{st.Dev, st.Ino}}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		f.Kind, f.Size = KindFile, st.Size
	case unix.S_IFDIR:
		f.Kind = KindDir
	case unix.S_IFLNK:
		f.Kind = KindSymlink
	}
	return f, nil
}

// list returns the names in the directory, in no order. With an error it returns those
// that were read before.
func (p *parent) list(ctx context.Context) ([]string, error) {
	f, err := p.openSelf()
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return listFile(ctx, f)
}

// openSelf opens the directory for reading.
func (p *parent) openSelf() (*os.File, error) {
	fd, err := retryEINTR(func() (int, error) {
		return unix.Openat(p.fd, ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	})
	if err != nil {
		return nil, pathError("open", p.path, err)
	}
	return os.NewFile(uintptr(fd), p.path), nil
}

func (p *parent) removeDir(name string) error {
	return pathError("remove", name, unix.Unlinkat(p.fd, name, unix.AT_REMOVEDIR))
}

// moveNew renames a name into another directory, unless there is something of the new name.
func (p *parent) moveNew(name string, to *parent, toName string) error {
	err := unix.Renameat2(p.fd, name, to.fd, toName, unix.RENAME_NOREPLACE)
	if err != unix.EINVAL && err != unix.ENOSYS { // NFS and others can't
		return pathError("rename", name, err)
	}
	if err := to.free(toName); err != nil {
		return err
	}
	return pathError("rename", name, unix.Renameat(p.fd, name, to.fd, toName))
}
