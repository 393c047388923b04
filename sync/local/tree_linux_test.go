package local

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestTreeKindsAndNames(t *testing.T) {
	t.Parallel()
	dir, outside := t.TempDir(), t.TempDir()
	put(t, filepath.Join(outside, "theirs"), content(3))
	at := func(name string) string { return filepath.Join(dir, name) }
	long := strings.Repeat("l", 255)
	for _, name := range []string{"a\nb", "\xff\xfe", long, "-rf", " ", "~"} {
		put(t, at(name), content(1))
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	err = errors.Join(
		unix.Mkfifo(at("fifo"), 0o600),
		unix.Bind(fd, &unix.SockaddrUnix{Name: at("socket")}),
		os.Symlink(outside, at("link")),
		os.Symlink("nowhere", at("dangling")),
		os.Link(filepath.Join(outside, "theirs"), at("hard")),
	)
	if err != nil {
		t.Fatal(err)
	}
	d := openDir(t, dir)
	got := map[string]Kind{}
	for f, err := range d.Tree(t.Context(), nil) {
		if err != nil {
			t.Fatal(err)
		}
		got[f.Path] = f.Kind
		if err := d.Remove(f); err != nil {
			t.Error(err)
		}
	}
	want := map[string]Kind{
		"a\nb": KindFile, "\xff\xfe": KindFile, long: KindFile, "-rf": KindFile, " ": KindFile, "~": KindFile,
		"hard": KindFile, "fifo": KindOther, "socket": KindOther, "link": KindSymlink, "dangling": KindSymlink,
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("the walk yields %v, not %v", got, want)
	}
	wantNames(t, dir)
	wantFile(t, filepath.Join(outside, "theirs"), content(3))
}

// TestRemoveStaysInside swaps a directory for a link to another, and moves a directory out,
// after the walk found what is in it.
func TestRemoveStaysInside(t *testing.T) {
	t.Parallel()
	for _, noOpenat2 := range []bool{false, true} {
		dir, outside := t.TempDir(), t.TempDir()
		d := openDir(t, dir)
		d.root.noOpenat2.Store(noOpenat2)
		trash := openTrash(t, d, filepath.Join(t.TempDir(), "trash"))
		put(t, filepath.Join(dir, "s/f"), content(3))
		if err := os.Link(filepath.Join(dir, "s/f"), filepath.Join(outside, "f")); err != nil {
			t.Fatal(err)
		}
		look(t, d, "s/f") // a handle of s is in the cache
		f := find(t, d, "s/f")
		if err := os.Rename(filepath.Join(dir, "s"), filepath.Join(outside, "moved")); err != nil {
			t.Fatal(err)
		}
		for _, target := range []string{outside, filepath.Join(outside, "moved")} {
			if err := os.Symlink(target, filepath.Join(dir, "s")); err != nil {
				t.Fatal(err)
			}
			if err := d.Remove(f); !errors.Is(err, ErrChanged) {
				t.Errorf("through a link: %v", err)
			}
			if err := trash.Put(f); !errors.Is(err, ErrChanged) {
				t.Errorf("through a link, to the trash: %v", err)
			}
			os.Remove(filepath.Join(dir, "s"))
		}
		if err := d.Remove(f); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("in a directory that was moved out: %v", err)
		}
		wantFile(t, filepath.Join(outside, "f"), content(3))
		wantFile(t, filepath.Join(outside, "moved/f"), content(3))
	}
}

// TestTreeUnreadable walks as another user, without the rights of root.
func TestTreeUnreadable(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a/1", "closed/2", "names/3", "z/4"} {
		put(t, filepath.Join(dir, name), nil)
	}
	os.Chmod(dir, 0o755)
	d := openDir(t, dir)
	os.Chmod(filepath.Join(dir, "closed"), 0o311)
	os.Chmod(filepath.Join(dir, "names"), 0o444)
	defer os.Chmod(filepath.Join(dir, "closed"), 0o755)
	defer os.Chmod(filepath.Join(dir, "names"), 0o755)

	defer asNobody(t)()
	want := []string{"a/1", "a/", "closed: error", "names: error", "z/4", "z/"}
	if got := tree(t, d, nil); !slices.Equal(got, want) {
		t.Errorf("the walk yields %q, not %q", got, want)
	}
	if err := d.Remove(Found{Path: "names/3"}); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("remove without permission: %v", err)
	}
}

// asNobody gives this goroutine the file rights of a user without any, if it has those of
// root. What it returns gives them back.
func asNobody(t *testing.T) func() {
	if os.Getuid() != 0 {
		return func() {}
	}
	runtime.LockOSThread()
	unix.SetfsuidRetUid(65534)
	if uid, _ := unix.SetfsuidRetUid(-1); uid != 65534 {
		t.Fatalf("the file user ID is %d", uid)
	}
	return func() {
		unix.SetfsuidRetUid(0)
		runtime.UnlockOSThread()
	}
}

// TestTreeElsewhere mounts a file system, and a directory of the same one, below the Dir.
func TestTreeElsewhere(t *testing.T) {
	t.Parallel()
	dir, outside := t.TempDir(), t.TempDir()
	put(t, filepath.Join(dir, "s/f"), nil)
	put(t, filepath.Join(outside, "theirs"), nil)
	mountAt(t, "tmpfs", filepath.Join(dir, "s/tmp"), "tmpfs", 0)
	put(t, filepath.Join(dir, "s/tmp/theirs"), nil)
	mountAt(t, outside, filepath.Join(dir, "bound"), "", unix.MS_BIND)

	d := openDir(t, dir)
	wantTree(t, d, "bound/%", "s/f", "s/tmp/%", "s/")
	for _, p := range []string{"bound", "s/tmp"} {
		if d.Remove(find(t, d, p)) == nil {
			t.Errorf("the mount point %s was removed", p)
		}
		_, err := d.OpenTrash(filepath.Join(dir, p, "trash"))
		if err == nil || !strings.Contains(err.Error(), "another file system") {
			t.Errorf("a trash in %s: %v", p, err)
		}
		wantNames(t, filepath.Join(dir, p), "theirs")
	}
}

// mountAt mounts at a directory that it makes, and skips or fails as mount does.
func mountAt(t *testing.T, source, at, kind string, flags uintptr) {
	t.Helper()
	if err := os.MkdirAll(at, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount(source, at, kind, flags, ""); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("CI has to mount: %v", err)
		}
		t.Skipf("nothing can be mounted (it takes root): %v", err)
	}
	t.Cleanup(func() { unix.Unmount(at, unix.MNT_DETACH) })
}

func TestTreeDeep(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	fd, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	const depth = 2100 // "a/" each: 4200 bytes
	for range depth {
		if err := unix.Mkdirat(fd, "a", 0o777); err != nil {
			t.Fatal(err)
		}
		next, err := unix.Openat(fd, "a", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		unix.Close(fd)
		fd = next
	}
	unix.Close(fd)
	d := openDir(t, dir)
	var failed, found int
	for f, err := range d.Tree(t.Context(), nil) {
		switch {
		case errors.Is(err, unix.ENAMETOOLONG) && len(f.Path) == maxPath+2:
			failed++
		case err != nil:
			t.Fatal(err)
		default:
			found++
		}
	}
	if failed != 1 || found != (maxPath+1)/2 {
		t.Errorf("%d directories and %d too deep", found, failed)
	}
}

func TestTreeManyNames(t *testing.T) {
	t.Parallel()
	dir, files := t.TempDir(), t.TempDir()
	const many, links = 100_000, 30_000 // ext4 has no more than 65000 links of a file
	for i := range many {
		file := fmt.Sprintf("%s/%d", files, i/links)
		if i%links == 0 {
			put(t, file, nil)
		}
		if err := unix.Link(file, fmt.Sprintf("%s/%d", dir, i)); err != nil {
			t.Fatal(err)
		}
	}
	d := openDir(t, dir)
	n, last := 0, ""
	for f, err := range d.Tree(t.Context(), nil) {
		if err != nil || f.Path <= last {
			t.Fatalf("%q after %q: %v", f.Path, last, err)
		}
		if err := d.Remove(f); err != nil {
			t.Fatal(err)
		}
		n, last = n+1, f.Path
	}
	if n != many {
		t.Errorf("%d names", n)
	}
	wantNames(t, dir)
}
