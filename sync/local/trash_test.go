package local

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func openTrash(t testing.TB, d *Dir, dir string) *Trash {
	t.Helper()
	trash, err := d.OpenTrash(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { trash.Close() })
	return trash
}

// throw puts everything of a path's tree into the trash, and removes the directories.
func throw(t testing.TB, d *Dir, trash *Trash, path string) {
	t.Helper()
	for f, err := range d.Tree(t.Context(), nil) {
		switch {
		case err != nil:
			t.Fatal(err)
		case f.Path != path && !strings.HasPrefix(f.Path, path+"/"):
			continue
		case f.Kind == KindDir:
			err = d.Remove(f)
		default:
			err = trash.Put(f)
		}
		if err != nil {
			t.Error(err)
		}
	}
}

func TestTrashCollisions(t *testing.T) {
	t.Parallel()
	dir, to := t.TempDir(), filepath.Join(t.TempDir(), "new", "trash")
	d := openDir(t, dir)
	trash := openTrash(t, d, to)
	long := strings.Repeat("é", 127)
	for i := range 12 {
		put(t, filepath.Join(dir, "s/f"), content(10+i))
		throw(t, d, trash, "s")
		put(t, filepath.Join(dir, long), content(i))
		throw(t, d, trash, long)
	}
	wantFile(t, filepath.Join(to, "s/f"), content(10))
	wantFile(t, filepath.Join(to, "s/f.~1~"), content(11))
	wantFile(t, filepath.Join(to, "s/f.~11~"), content(21))
	wantFile(t, filepath.Join(to, long), content(0))
	wantFile(t, filepath.Join(to, long[:250]+".~9~"), content(9))
	wantFile(t, filepath.Join(to, long[:250]+".~11~"), content(11))

	// A directory where a file was, a file where a directory was.
	put(t, filepath.Join(dir, "s/f/deep"), content(30))
	throw(t, d, trash, "s")
	put(t, filepath.Join(dir, "s"), content(31))
	throw(t, d, trash, "s")
	wantFile(t, filepath.Join(to, "s.~1~/f/deep"), content(30))
	wantFile(t, filepath.Join(to, "s.~2~"), content(31))
	wantNames(t, dir)
}

func TestTrashThroughLinks(t *testing.T) {
	t.Parallel()
	dir, to, outside := t.TempDir(), t.TempDir(), t.TempDir()
	d := openDir(t, dir)
	trash := openTrash(t, d, to)
	for link, target := range map[string]string{"s": outside, "dangling": filepath.Join(outside, "new")} {
		if err := os.Symlink(target, filepath.Join(to, link)); err != nil {
			t.Skip(err)
		}
	}
	put(t, filepath.Join(dir, "s/f"), content(3))
	put(t, filepath.Join(dir, "dangling"), content(4))
	throw(t, d, trash, "s")
	throw(t, d, trash, "dangling")
	wantFile(t, filepath.Join(to, "s.~1~/f"), content(3))
	wantFile(t, filepath.Join(to, "dangling.~1~"), content(4))
	wantNames(t, outside)

	// A link is moved as it is.
	if err := os.Symlink("..", filepath.Join(dir, "up")); err != nil {
		t.Fatal(err)
	}
	throw(t, d, trash, "up")
	if target, err := os.Readlink(filepath.Join(to, "up")); target != ".." {
		t.Errorf("a link in the trash: %q, %v", target, err)
	}
}

func TestTrashInside(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d := openDir(t, dir)
	put(t, filepath.Join(dir, "a/f"), content(3))
	put(t, filepath.Join(dir, "a/trash/old"), content(4))
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(dir, link); err != nil {
		t.Skip(err)
	}
	trash := openTrash(t, d, filepath.Join(link, "a", "trash"))
	if p, inside := trash.Within(d); p != "a/trash" || !inside {
		t.Errorf("the trash is at %q, %v", p, inside)
	}
	if p, inside := trash.Within(openDir(t, t.TempDir())); inside {
		t.Errorf("the trash is in another directory, at %q", p)
	}
	wantTree(t, d, "a/f", "a/trash/!", "a/")
	if err := trash.Put(find(t, d, "a/f")); err != nil {
		t.Error(err)
	}
	if d.Remove(find(t, d, "a/trash")) == nil {
		t.Error("the trash was removed")
	}
	wantFile(t, filepath.Join(dir, "a/trash/a/f"), content(3))
	wantFile(t, filepath.Join(dir, "a/trash/old"), content(4))
}

func TestTrashRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	put(t, filepath.Join(dir, "d/f"), content(3))
	d := openDir(t, filepath.Join(dir, "d"))
	for _, to := range []string{"", dir, filepath.Join(dir, "d"), filepath.Join(dir, "d", "f"), filepath.Join(dir, "d", "f", "x")} {
		if trash, err := d.OpenTrash(to); err == nil {
			trash.Close()
			t.Errorf("%q was taken for a trash", to)
		}
	}
	wantTree(t, d, "f")

	trash := openTrash(t, d, filepath.Join(dir, "trash"))
	put(t, filepath.Join(dir, "d/s/g"), content(3))
	if trash.Put(find(t, d, "s")) == nil {
		t.Error("a directory was put into the trash")
	}
	for n := range maxVersions {
		os.Symlink("x", filepath.Join(dir, "trash", versionName("f", n)))
	}
	f := find(t, d, "f")
	if err := trash.Put(f); err == nil || !strings.Contains(err.Error(), fmt.Sprint(maxVersions)) {
		t.Errorf("a name that the trash is full of: %v", err)
	}
	os.RemoveAll(filepath.Join(dir, "trash"))
	if err := trash.Put(f); err == nil || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the trash is gone: %v", err)
	}
	wantFile(t, filepath.Join(dir, "d/f"), content(3))
}
