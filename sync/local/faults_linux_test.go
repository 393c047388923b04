package local

import (
	"testing"

	"golang.org/x/sys/unix"

	"fsync/sync/local/faultfs"
)

// faultDir is a directory whose calls fail, taken for one of a file system that fs is of:
// on FUSE itself nothing is reserved, and there is no sync of everything.
func faultDir(t *testing.T, fs filesystem) (*Dir, *faultfs.FS) {
	t.Helper()
	f := faultfs.Mount(t)
	d := openDir(t, f.Dir)
	if d.fs != (filesystem{late: true}) {
		t.Errorf("FUSE is taken for %+v", d.fs)
	}
	d.fs = fs
	return d, f
}

// TestReserveFaults: a file system that cannot reserve is as good as any, one that is full
// says so before the transfer.
func TestReserveFaults(t *testing.T) {
	t.Parallel()
	d, f := faultDir(t, filesystem{reserve: true})
	for _, c := range []struct {
		errno unix.Errno
		fails bool
	}{
		{0, false},
		{unix.EOPNOTSUPP, false},
		{unix.EIO, false},
		{unix.EPERM, false},
		{unix.ENOSPC, true},
		{unix.EDQUOT, true},
		{unix.EFBIG, true},
	} {
		f.Mend()
		f.Inject(faultfs.Fault{Op: faultfs.Allocate, Errno: c.errno, Times: 1})
		w := must(t)(look(t, d, "f"+c.errno.Error()).Create(partial(4 << 20)))
		err := w.Reserve(4 << 20)
		if (err != nil) != c.fails || f.Hits() != 1 {
			t.Errorf("%v: %v, %d hits", c.errno, err, f.Hits())
		}
		if full := c.errno == unix.ENOSPC || c.errno == unix.EDQUOT; IsFull(err) != full {
			t.Errorf("%v: full is %v", c.errno, IsFull(err))
		}
		closed(t, w)
	}
}

// TestSuspectFaults: what SEEK_HOLE says is believed where holes are what was never
// written, else only of the end of a file; an error is no hole.
func TestSuspectFaults(t *testing.T) {
	t.Parallel()
	const size = 100_000
	d, f := faultDir(t, filesystem{trueHoles: true})
	w := must(t)(look(t, d, "f").Create(partial(size)))
	write(t, w, content(size))
	closed(t, w)
	for _, c := range []struct {
		errno unix.Errno
		at    int64
		want  int64
	}{
		{unix.EINVAL, 0, size},
		{unix.ENXIO, 0, size},
		{unix.EIO, 0, size},
		{0, 0, 0},
		{0, 70_000, 70_000},
		{0, size, size},
		{0, size + 1, size},
	} {
		f.Mend()
		f.Inject(faultfs.Fault{Op: faultfs.Seek, Errno: c.errno, At: c.at})
		got, err := look(t, d, "f").Suspect()
		if err != nil || got != c.want || f.Hits() == 0 {
			t.Errorf("%v, hole at %d: %d, %v, %d hits", c.errno, c.at, got, err, f.Hits())
		}
	}
}

// TestSyncFaults: after a sync that failed the file is what was durable, and it is not
// asked a second time, which would succeed.
func TestSyncFaults(t *testing.T) {
	t.Parallel()
	d, f := faultDir(t, filesystem{})
	for name, sync := range map[string]func(w *Writer) error{"f": (*Writer).SyncData, "g": (*Writer).Sync} {
		w := must(t)(look(t, d, name).Create(partial(300)))
		write(t, w, content(100))
		closed(t, w)
		w = must(t)(look(t, d, name).Append(partial(300)))
		write(t, w, content(200))
		f.Mend()
		f.Inject(faultfs.Fault{Op: faultfs.Fsync, Errno: unix.EIO, Times: 1})
		if err := sync(w); err == nil || f.Count(faultfs.Fsync) != 1 {
			t.Errorf("%s: %v, %d syncs", name, err, f.Count(faultfs.Fsync))
		}
		if w.Size() != 0 {
			t.Errorf("%s: %d bytes are left", name, w.Size())
		}
		f.Mend()
		closed(t, w)
	}
}
