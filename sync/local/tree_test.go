package local

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// tree walks and returns "path" or "path/" for a directory, with "!" for one that was
// Skipped, "%" for one Elsewhere, and "path: error".
func tree(t testing.TB, d *Dir, skip func(string) bool) []string {
	t.Helper()
	var got []string
	for f, err := range d.Tree(t.Context(), skip) {
		switch {
		case err != nil:
			got = append(got, f.Path+": error")
			continue
		case f.Kind == KindDir:
			f.Path += "/"
		}
		if f.Skipped {
			f.Path += "!"
		}
		if f.Elsewhere {
			f.Path += "%"
		}
		got = append(got, f.Path)
	}
	return got
}

func wantTree(t testing.TB, d *Dir, want ...string) {
	t.Helper()
	if got := tree(t, d, nil); !slices.Equal(got, want) {
		t.Errorf("the walk yields %q, not %q", got, want)
	}
}

// find walks and returns what is at a path.
func find(t testing.TB, d *Dir, path string) Found {
	t.Helper()
	for f, err := range d.Tree(t.Context(), nil) {
		if err != nil {
			t.Fatal(err)
		}
		if f.Path == path {
			return f
		}
	}
	t.Fatalf("the walk does not yield %q", path)
	return Found{}
}

func TestTreeOrder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{"b", "a/x", "a.b", "a/b/y", "B", "a0/z", "c/d/e/f"} {
		put(t, filepath.Join(dir, name), content(7))
	}
	if err := os.Mkdir(filepath.Join(dir, "empty"), 0o777); err != nil {
		t.Fatal(err)
	}
	d := openDir(t, dir)
	wantTree(t, d, "B", "a/b/y", "a/b/", "a/x", "a/", "a.b", "a0/z", "a0/", "b", "c/d/e/f", "c/d/e/", "c/d/", "c/", "empty/")

	got := tree(t, d, func(p string) bool { return p == "a/b" || p == "c" })
	if want := []string{"B", "a/b/!", "a/x", "a/", "a.b", "a0/z", "a0/", "b", "c/!", "empty/"}; !slices.Equal(got, want) {
		t.Errorf("with some skipped the walk yields %q, not %q", got, want)
	}

	f := find(t, d, "a/b/y")
	if fi := stat(t, filepath.Join(dir, "a/b/y")); f.Kind != KindFile || f.Size != 7 || !f.ModTime.Equal(fi.ModTime()) {
		t.Errorf("a file is found as %+v", f)
	}
}

func TestTreeEnds(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{"a/b/c", "a/d", "e"} {
		put(t, filepath.Join(dir, name), nil)
	}
	d := openDir(t, dir)
	all := len(tree(t, d, nil))
	for stop := 1; stop < all; stop++ {
		n := 0
		for range d.Tree(t.Context(), nil) {
			if n++; n == stop {
				break
			}
		}

		reason := errors.New("enough")
		ctx, cancel := context.WithCancelCause(t.Context())
		var last error
		n = 0
		for _, err := range d.Tree(ctx, nil) {
			if last = err; n == stop {
				break
			}
			if n++; n == stop {
				cancel(reason)
			}
		}
		cancel(nil)
		if last != reason || n != stop {
			t.Errorf("cancelled after %d names the walk yields %d, then %v", stop, n, last)
		}
	}
}

func TestTreeChangesUnderWay(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{"a/1", "a/b/2", "a/c/3", "d/4", "e/5"} {
		put(t, filepath.Join(dir, name), nil)
	}
	d := openDir(t, dir)
	var got []string
	for f, err := range d.Tree(t.Context(), nil) {
		got = append(got, f.Path)
		switch {
		case f.Path == "a/b/2": // a is moved away while the walk is below it, another comes
			os.Rename(filepath.Join(dir, "a"), filepath.Join(dir, "f"))
			put(t, filepath.Join(dir, "a/new"), nil)
			os.RemoveAll(filepath.Join(dir, "d"))
		case f.Path == "a/b" || f.Path == "a":
			if !errors.Is(err, ErrChanged) && f.Path == "a" {
				t.Errorf("a directory that was replaced: %v", err)
			}
		case err != nil:
			t.Error(f.Path, err)
		}
	}
	if want := []string{"a/1", "a/b/2", "a/b", "a", "e/5", "e"}; !slices.Equal(got, want) {
		t.Errorf("the walk yields %q, not %q", got, want)
	}
}

func TestRemove(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d := openDir(t, dir)
	name := filepath.Join(dir, "s", "f")
	put(t, name, content(10))
	if err := d.Remove(find(t, d, "s")); !errors.Is(err, ErrNotEmpty) {
		t.Errorf("a directory with a file in it: %v", err)
	}
	old := name + ".old"
	for what, change := range map[string]func() error{
		"a longer file":  func() error { return os.WriteFile(name, content(11), 0o666) },
		"an edited file": func() error { return os.Chtimes(name, then, then) },
		"a directory":    func() error { return errors.Join(os.Remove(name), os.Mkdir(name, 0o777)) },
		"a link":         func() error { return errors.Join(os.Rename(name, old), os.Symlink(old, name)) },
		"another file": func() error {
			put(t, old, content(10))
			was := stat(t, name).ModTime()
			return errors.Join(os.Chtimes(old, was, was), os.Rename(old, name))
		},
	} {
		os.RemoveAll(filepath.Join(dir, "s"))
		put(t, name, content(10))
		f := find(t, d, "s/f")
		if err := change(); err != nil {
			t.Fatal(err)
		}
		if err := d.Remove(f); !errors.Is(err, ErrChanged) {
			t.Errorf("%s is where a file was found: %v", what, err)
		}
		stat(t, name)
	}
	f, s := find(t, d, "s/f"), find(t, d, "s")
	os.RemoveAll(filepath.Join(dir, "s"))
	for _, f := range []Found{f, s} {
		if err := d.Remove(f); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%q is gone: %v", f.Path, err)
		}
	}
	for _, f := range []Found{{}, {Path: "x", Kind: KindDir, Skipped: true}, {Path: "x", Kind: KindDir, Elsewhere: true}, {Path: "../x"}} {
		if d.Remove(f) == nil {
			t.Errorf("%+v was removed", f)
		}
	}
}

// TestRemoveAll removes a tree by walking it, and then looks into a directory of the same name.
func TestRemoveAll(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d := openDir(t, dir)
	for i := range 300 {
		put(t, filepath.Join(dir, fmt.Sprintf("%d/%d/%d", i%3, i%7, i)), content(3))
	}
	look(t, d, "1/1/1").Close() // the handle of its directory stays in the cache
	for f, err := range d.Tree(t.Context(), nil) {
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Remove(f); err != nil {
			t.Fatal(err)
		}
	}
	wantNames(t, dir)
	put(t, filepath.Join(dir, "1/1/1"), content(5))
	if f := look(t, d, "1/1/1"); !f.Exists {
		t.Error("a file in a directory that was made anew is not seen")
	}
}
