package local

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// mount mounts a file system of that type for the test. Where that is not allowed the
// test is skipped, but in CI, which has to be set up for it, it fails.
func mount(t *testing.T, fstype, options string) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount(fstype, dir, fstype, unix.MS_NOSUID|unix.MS_NODEV, options); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("CI has to mount %s: %v", fstype, err)
		}
		t.Skipf("%s cannot be mounted (it takes root): %v", fstype, err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Errorf("unmount: %v", err)
		}
	})
	return dir
}

// blocks returns how many bytes of disk a file takes.
func blocks(t *testing.T, name string) int64 {
	t.Helper()
	return stat(t, name).Sys().(*syscall.Stat_t).Blocks * 512
}

func TestReserve(t *testing.T) {
	t.Parallel()
	const total = 8 << 20
	for _, end := range []string{"closed", "sealed", "cut short"} {
		dir := t.TempDir()
		d := openDir(t, dir)
		if !d.fs.reserve {
			t.Skip("nothing is reserved on this file system")
		}
		name := filepath.Join(dir, "f")
		w := must(t)(look(t, d, "f").Create(partial(total)))
		if err := w.Reserve(total); err != nil {
			t.Fatal(err)
		}
		if size, took := stat(t, name).Size(), blocks(t, name); size != 0 || took < total {
			t.Errorf("reserved: size %d, on disk %d", size, took)
		}
		write(t, w, content(100_000))
		if size := stat(t, name).Size(); size != 100_000 {
			t.Errorf("size %d", size)
		}
		switch end {
		case "closed":
			closed(t, w)
		case "sealed":
			publish(t, w, Publication{Stamp: done(100_000), ModTime: then})
			if !stat(t, name).ModTime().Equal(then) {
				t.Error("the time is not the one that was published")
			}
		case "cut short":
			if err := w.Cut(50_000); err != nil {
				t.Fatal(err)
			}
			closed(t, w)
		}
		if took := blocks(t, name); took > 128<<10 {
			t.Errorf("%s: %d bytes on disk", end, took)
		}
	}
}

// A run that was killed leaves blocks behind the end. The next one gives them back.
func TestReserveAfterKill(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d := openDir(t, dir)
	if !d.fs.reserve {
		t.Skip("nothing is reserved on this file system")
	}
	const total = 4 << 20
	name := filepath.Join(dir, "f")
	w := must(t)(look(t, d, "f").Create(partial(total)))
	if err := w.Reserve(total); err != nil {
		t.Fatal(err)
	}
	write(t, w, content(total-100_000))
	w.f.Close() // no Writer.Close
	w = must(t)(look(t, d, "f").Append(partial(total)))
	if err := w.Reserve(total); err != nil {
		t.Fatal(err)
	}
	write(t, w, content(1000)) // and the rest does not come
	closed(t, w)
	if took := blocks(t, name); took > total-99_000+4096+64<<10 {
		t.Errorf("%d bytes on disk for %d", took, total-99_000)
	}
}

func TestReserveTooMuch(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d := openDir(t, dir)
	if !d.fs.reserve {
		t.Skip("nothing is reserved on this file system")
	}
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		t.Fatal(err)
	}
	if st.Blocks*uint64(st.Bsize) > 8<<40 {
		t.Skip("the disk is larger than a file can be")
	}
	w := must(t)(look(t, d, "f").Create(partial(12 << 40)))
	if err := w.Reserve(12 << 40); !IsFull(err) && !errors.Is(err, syscall.EFBIG) {
		t.Errorf("Reserve of 12 TiB: %v", err)
	}
	closed(t, w)
	if size, took := stat(t, filepath.Join(dir, "f")).Size(), blocks(t, filepath.Join(dir, "f")); size != 0 || took != 0 {
		t.Errorf("size %d, on disk %d", size, took)
	}
}

func TestDiskFull(t *testing.T) {
	t.Parallel()
	dir := mount(t, "tmpfs", "size=1m")
	d := openDir(t, dir)
	want := content(2 << 20)
	w := must(t)(look(t, d, "f").Create(partial(2 << 20)))
	var err error
	for at := 0; err == nil && at < len(want); {
		var n int
		n, err = w.Write(want[at : at+300_007])
		at += n
		if int64(at) != w.Size() {
			t.Errorf("%d bytes were written, the size says %d", at, w.Size())
		}
	}
	if !IsFull(err) {
		t.Fatalf("Write on a full disk: %v", err)
	}
	if w.Size() < 500_000 {
		t.Errorf("full after %d bytes", w.Size())
	}
	closed(t, w)
	f := look(t, d, "f")
	wantFile(t, filepath.Join(dir, "f"), want[:w.Size()])
	if s, err := f.Suspect(); err != nil || f.Size != w.Size() || s != f.Size {
		t.Errorf("suspect from %d of %d, %d were counted: %v", s, f.Size, w.Size(), err)
	}
	if f.Stamp == nil {
		t.Error("the stamp is gone")
	}
	// The stage finds no space either, and nothing is lost by that.
	if w, err := f.NewStage(t.Context(), partial(2<<20), f.Size); !IsFull(err) {
		t.Errorf("NewStage on a full disk: %v", err)
		if err == nil {
			closed(t, w)
		}
	}
	wantFile(t, filepath.Join(dir, "f"), want[:f.Size])
}

// ramfs keeps no extended attributes.
func TestNoStamps(t *testing.T) {
	t.Parallel()
	dir := mount(t, "ramfs", "")
	if err := unix.Setxattr(dir, attrName, []byte("x"), 0); !errors.Is(err, unix.ENOTSUP) {
		t.Skipf("this ramfs has extended attributes: %v", err)
	}
	d := openDir(t, dir)
	name := filepath.Join(dir, "f")
	w := must(t)(look(t, d, "f").Create(partial(10)))
	write(t, w, []byte("01234"))
	if d.HasStamps() {
		t.Error("stamps could not be written, and that is not known")
	}
	if w.Stamp().String() != partial(10).String() {
		t.Errorf("the stamp that it would carry is %v", w.Stamp())
	}
	// An orderly stop marks the partial by its time.
	if err := w.Close(then); err != nil {
		t.Fatal(err)
	}
	f := look(t, d, "f")
	if f.Stamp != nil || !f.ModTime.Equal(then) || f.Size != 5 {
		t.Errorf("a partial looks like %+v", f.State)
	}
	w = must(t)(f.Append(partial(10)))
	write(t, w, []byte("56789"))
	if fi := stat(t, name); fi.ModTime().Equal(then) {
		t.Error("a write leaves the time as it was")
	}
	if err := d.SyncAll(); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("SyncAll: %v", err)
	}
	if err := w.Sync(); err != nil {
		t.Errorf("Sync: %v", err)
	}
	publish(t, w, Publication{Stamp: done(10), ModTime: then})
	f = look(t, d, "f")
	if !f.ModTime.Equal(then) || f.Size != 10 || f.Committed("") || f.Holes {
		t.Errorf("a complete file looks like %+v", f.State)
	}
	// Without a time nothing is marked, and an empty file carries none.
	w = must(t)(look(t, d, "g").Create(partial(10)))
	if err := w.Close(then); err != nil {
		t.Fatal(err)
	}
	if stat(t, filepath.Join(dir, "g")).ModTime().Equal(then) {
		t.Error("an empty file has the remote's time")
	}
	w = must(t)(look(t, d, "f").NewStage(t.Context(), partial(3), 2))
	write(t, w, []byte("x"))
	publish(t, w, Publication{Stamp: done(3), ModTime: then.Add(time.Hour)})
	wantFile(t, name, []byte("01x"))
	wantNames(t, dir, "f", "g")
}

// A file that carries no stamp on a file system that has them stays unmarked by time.
func TestStampedKeepsItsTime(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d := openDir(t, dir)
	w := must(t)(look(t, d, "f").Create(partial(10)))
	write(t, w, []byte("01234"))
	if err := w.Close(then); err != nil {
		t.Fatal(err)
	}
	if stat(t, filepath.Join(dir, "f")).ModTime().Equal(then) {
		t.Error("a stamped partial has the time of a complete file")
	}
}

// Whoever owns the other attributes: a stamp that somebody else wrote is no stamp.
func TestForeignStamp(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d := openDir(t, dir)
	for _, text := range []string{"", "garbage", "9d 5 - - - - - -", strings.Repeat("x", 3000)} {
		name := filepath.Join(dir, "f")
		put(t, name, []byte("01234"))
		if err := unix.Setxattr(name, attrName, []byte(text), 0); errors.Is(err, unix.ENOSPC) {
			continue
		} else if err != nil {
			t.Fatal(err)
		}
		f := look(t, d, "f")
		if f.Stamp != nil {
			t.Errorf("%.20q is a stamp: %+v", text, f.Stamp)
		}
		w := must(t)(f.Append(partial(10)))
		closed(t, w)
		if f := look(t, d, "f"); f.Stamp == nil {
			t.Errorf("%.20q was not replaced by the stamp", text)
		}
	}
}

func TestReadOnlyDirectory(t *testing.T) {
	t.Parallel()
	if os.Getuid() == 0 {
		dir := mount(t, "tmpfs", "size=1m")
		put(t, filepath.Join(dir, "f"), []byte("01234"))
		if err := unix.Mount("", dir, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
			t.Fatal(err)
		}
		d := openDir(t, dir)
		f := look(t, d, "f")
		for what, err := range map[string]error{
			"Append":   second(f.Append(partial(9))),
			"Create":   second(look(t, d, "g").Create(partial(9))),
			"NewStage": second(f.NewStage(t.Context(), partial(9), 0)),
			"Adopt":    f.Adopt(Publication{Stamp: done(5), ModTime: then}),
		} {
			if !errors.Is(err, syscall.EROFS) {
				t.Errorf("%s on a read-only file system: %v", what, err)
			}
		}
		return
	}
	dir := t.TempDir()
	d := openDir(t, dir)
	if err := os.Chmod(dir, 0o555); err != nil {
		t.Fatal(err)
	}
	if _, err := look(t, d, "g").Create(partial(9)); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("Create in a read-only directory: %v", err)
	}
}

func second(_ *Writer, err error) error { return err }
