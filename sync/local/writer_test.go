package local

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestCreate(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d := openDir(t, dir)
	want := content(10_000)
	f := look(t, d, "a/b/c")
	if f.Exists || f.Size != 0 || f.Irregular != "" {
		t.Fatalf("what is not there looks like %+v", f.State)
	}
	w := must(t)(f.Create(partial(10_000)))
	if _, err := os.Stat(filepath.Join(dir, "a/b/c")); err != nil {
		t.Errorf("a file under way has no name: %v", err)
	}
	if s := look(t, d, "a/b/c").Stamp; s == nil || s.String() != partial(10_000).String() {
		t.Errorf("before its first byte the file's stamp is %v", s)
	}
	write(t, w, want[:4000])
	if got := stat(t, filepath.Join(dir, "a/b/c")).Size(); got != 4000 || w.Size() != 4000 {
		t.Errorf("after 4000 bytes the size is %d, the Writer's %d", got, w.Size())
	}
	write(t, w, want[4000:])
	publish(t, w, Publication{Stamp: done(10_000), ModTime: then})
	wantFile(t, filepath.Join(dir, "a/b/c"), want)
	wantNames(t, filepath.Join(dir, "a/b"), "c")

	after := look(t, d, "a/b/c")
	if !after.Committed("") || !after.ModTime.Equal(then) || after.Stamp == nil || after.Stamp.ETag != `"one"` {
		t.Errorf("a published file looks like %+v, stamp %v", after.State, after.Stamp)
	}
}

func TestCreateOverSomething(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d := openDir(t, dir)
	f := look(t, d, "f")
	put(t, filepath.Join(dir, "f"), []byte("somebody's"))
	if _, err := f.Create(partial(5)); !errors.Is(err, ErrChanged) {
		t.Errorf("Create over a file: %v", err)
	}
	wantFile(t, filepath.Join(dir, "f"), []byte("somebody's"))
}

// A directory may be removed while its handle is cached.
func TestCreateInRemovedDirectory(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d := openDir(t, dir)
	put(t, filepath.Join(dir, "sub/x"), nil)
	f := look(t, d, "sub/f")
	look(t, d, "sub/x").Close()
	if err := os.RemoveAll(filepath.Join(dir, "sub")); err != nil {
		t.Fatal(err)
	}
	w := must(t)(f.Create(partial(3)))
	write(t, w, []byte("abc"))
	publish(t, w, Publication{Stamp: done(3)})
	wantFile(t, filepath.Join(dir, "sub/f"), []byte("abc"))
}

func TestAppend(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d := openDir(t, dir)
	name := filepath.Join(dir, "f")
	want := content(5000)
	put(t, name, want[:2000])
	if err := os.Chmod(name, 0o640); err != nil {
		t.Fatal(err)
	}
	before := stat(t, name)
	w := must(t)(look(t, d, "f").Append(partial(5000)))
	buf := make([]byte, 10)
	if _, err := w.ReadAt(buf, 1000); err != nil || string(buf) != string(want[1000:1010]) {
		t.Errorf("ReadAt: %v", err)
	}
	write(t, w, want[2000:])
	publish(t, w, Publication{Stamp: done(5000), ModTime: then})
	wantFile(t, name, want)
	after := stat(t, name)
	if !os.SameFile(before, after) || after.Mode() != before.Mode() {
		t.Errorf("another file, or of mode %v", after.Mode())
	}
}

func TestAppendFrom(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d := openDir(t, dir)
	want := content(100_000)
	put(t, filepath.Join(dir, "src"), want)
	src, err := os.Open(filepath.Join(dir, "src"))
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	w := must(t)(look(t, d, "f").Create(partial(100_000)))
	write(t, w, want[:7])
	if err := w.AppendFrom(t.Context(), src, 7, 99_993); err != nil {
		t.Fatal(err)
	}
	if w.Size() != 100_000 {
		t.Errorf("size %d", w.Size())
	}
	if err := w.AppendFrom(t.Context(), src, 99_990, 20); err == nil {
		t.Error("more bytes than the source has")
	}
	if w.Size() != 100_010 {
		t.Errorf("a short source counts as %d", w.Size()-100_000)
	}
	if err := w.Cut(100_000); err != nil {
		t.Fatal(err)
	}
	publish(t, w, Publication{Stamp: done(100_000)})
	wantFile(t, filepath.Join(dir, "f"), want)
}

// disturbances are what others may do to a file between two steps.
var disturbances = []struct {
	name string
	do   func(path string) error
	// refused says that the error may say what is there now instead.
	irregular bool
}{
	{"swapped", func(p string) error {
		return errors.Join(os.WriteFile(p+".new", []byte("0123456789"), 0o644), os.Rename(p+".new", p))
	}, false},
	{"grown", func(p string) error { return os.WriteFile(p, []byte("0123456789ab"), 0o644) }, false},
	{"shortened", func(p string) error { return os.Truncate(p, 5) }, false},
	{"removed", os.Remove, false},
	{"a directory", func(p string) error { return errors.Join(os.Remove(p), os.Mkdir(p, 0o755)) }, true},
	{"a symbolic link", func(p string) error { return errors.Join(os.Rename(p, p+".moved"), os.Symlink(p+".moved", p)) }, true},
	{"linked", func(p string) error { return os.Link(p, p+".link") }, true},
}

func refused(err error, irregular bool) bool {
	return errors.Is(err, ErrChanged) || irregular && errors.Is(err, ErrNotRegular)
}

// snapshot returns every regular file of a directory with its content.
func snapshot(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := make(map[string]string)
	es, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range es {
		text := e.Type().String()
		if e.Type().IsRegular() {
			p, err := os.ReadFile(filepath.Join(dir, e.Name()))
			if err != nil {
				t.Fatal(err)
			}
			text = string(p)
		}
		all[e.Name()] = text
	}
	return all
}

func wantSnapshot(t *testing.T, dir string, want map[string]string) {
	t.Helper()
	got := snapshot(t, dir)
	for name, text := range want {
		if got[name] != text {
			t.Errorf("%s was %q and is %q", name, text, got[name])
		}
	}
}

func TestChangedBeforeAppend(t *testing.T) {
	t.Parallel()
	for _, c := range disturbances {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			d := openDir(t, dir)
			name := filepath.Join(dir, "f")
			put(t, name, []byte("0123456789"))
			f := look(t, d, "f")
			if err := c.do(name); err != nil {
				t.Fatal(err)
			}
			before := snapshot(t, dir)
			w, err := f.Append(partial(20))
			if !refused(err, c.irregular) {
				t.Errorf("Append of a file that is %s by now: %v", c.name, err)
			}
			if err == nil {
				closed(t, w)
			}
			wantSnapshot(t, dir, before)
		})
	}
}

func TestChangedBeforePublish(t *testing.T) {
	t.Parallel()
	for _, c := range disturbances {
		if c.name == "linked" {
			continue // its bytes are written by now
		}
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			d := openDir(t, dir)
			name := filepath.Join(dir, "f")
			w := must(t)(look(t, d, "f").Create(partial(10)))
			write(t, w, []byte("0123456789"))
			if err := c.do(name); err != nil {
				t.Fatal(err)
			}
			before := snapshot(t, dir)
			if _, err := w.Publish(Publication{Stamp: done(10), ModTime: then}); !refused(err, c.irregular) {
				t.Errorf("Publish of a file that is %s by now: %v", c.name, err)
			}
			closed(t, w)
			wantSnapshot(t, dir, before)
			if f := look(t, d, "f"); f.Committed("") {
				t.Error("it is committed")
			}
		})
	}
}

func TestTargetChangedBeforeSwap(t *testing.T) {
	t.Parallel()
	for _, c := range disturbances {
		if c.name == "linked" {
			continue // the other name keeps the old bytes
		}
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			d := openDir(t, dir)
			name := filepath.Join(dir, "f")
			put(t, name, []byte("0123456789"))
			w := must(t)(look(t, d, "f").NewStage(t.Context(), partial(5), 0))
			write(t, w, []byte("fresh"))
			if err := c.do(name); err != nil {
				t.Fatal(err)
			}
			before := snapshot(t, dir)
			if _, err := w.Publish(Publication{Stamp: done(5), ModTime: then, Backup: true}); !refused(err, c.irregular) {
				t.Errorf("swap over a file that is %s by now: %v", c.name, err)
			}
			closed(t, w)
			wantSnapshot(t, dir, before)
		})
	}
}

func TestNothingThereBeforeSwap(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d := openDir(t, dir)
	w := must(t)(look(t, d, "f").NewStage(t.Context(), partial(5), 0))
	write(t, w, []byte("fresh"))
	put(t, filepath.Join(dir, "f"), []byte("somebody's"))
	if _, err := w.Publish(Publication{Stamp: done(5)}); !errors.Is(err, ErrChanged) {
		t.Errorf("swap over a file that was not there: %v", err)
	}
	closed(t, w)
	wantFile(t, filepath.Join(dir, "f"), []byte("somebody's"))
}

func TestStage(t *testing.T) {
	t.Parallel()
	for _, backup := range []bool{false, true} {
		dir := t.TempDir()
		d := openDir(t, dir)
		name := filepath.Join(dir, "f")
		old, want := content(1000), append(content(1000)[:600:600], content(5000)...)
		put(t, name, old)
		if err := os.Chmod(name, 0o600); err != nil {
			t.Fatal(err)
		}
		w := must(t)(look(t, d, "f").NewStage(t.Context(), partial(int64(len(want))), 600))
		if !w.IsStage() || w.Size() != 600 {
			t.Fatalf("a stage: %v, of %d bytes", w.IsStage(), w.Size())
		}
		wantFile(t, filepath.Join(dir, ".f.fsync"), want[:600])
		write(t, w, want[600:])
		wantFile(t, name, old)
		renamed, err := w.Publish(Publication{Stamp: done(int64(len(want))), ModTime: then, Backup: backup})
		if err != nil || !renamed {
			t.Fatalf("renamed %v: %v", renamed, err)
		}
		if err := w.SyncName(); err != nil {
			t.Error(err)
		}
		closed(t, w)
		wantFile(t, name, want)
		if mode := stat(t, name).Mode(); mode != 0o600 {
			t.Errorf("the mode became %v", mode)
		}
		if f := look(t, d, "f"); !f.Committed("") {
			t.Errorf("not committed: %+v, stamp %v", f.State, f.Stamp)
		}
		names := []string{"f"}
		if backup {
			names = append(names, "f~")
			wantFile(t, name+"~", old)
		}
		wantNames(t, dir, names...)
	}
}

func TestStageDropsSetUserID(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d := openDir(t, dir)
	name := filepath.Join(dir, "f")
	put(t, name, []byte("old"))
	if err := os.Chmod(name, 0o755|fs.ModeSetuid|fs.ModeSetgid); err != nil {
		t.Fatal(err)
	}
	w := must(t)(look(t, d, "f").NewStage(t.Context(), partial(3), 0))
	write(t, w, []byte("new"))
	publish(t, w, Publication{Stamp: done(3)})
	if mode := stat(t, name).Mode(); mode != 0o755 {
		t.Errorf("the mode became %v", mode)
	}
}

func TestStageIsResumed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d := openDir(t, dir)
	put(t, filepath.Join(dir, "f"), []byte("old"))
	w := must(t)(look(t, d, "f").NewStage(t.Context(), partial(10), 0))
	write(t, w, []byte("01234"))
	closed(t, w)

	f := look(t, d, "f")
	st, err := f.Stage()
	if err != nil || !st.IsStage() || st.Size != 5 || st.Stamp == nil {
		t.Fatalf("the staged copy: %+v, %v", st.State, err)
	}
	w = must(t)(st.Append(partial(10)))
	write(t, w, []byte("56789"))
	publish(t, w, Publication{Stamp: done(10)})
	f.Close()
	wantFile(t, filepath.Join(dir, "f"), []byte("0123456789"))
	wantNames(t, dir, "f")
}

func TestStageIsRestarted(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d := openDir(t, dir)
	put(t, filepath.Join(dir, "f"), []byte("old"))
	put(t, filepath.Join(dir, ".f.fsync"), []byte("an old copy"))
	f := look(t, d, "f")
	st, err := f.Stage()
	if err != nil {
		t.Fatal(err)
	}
	w := must(t)(st.Restart(t.Context(), partial(3)))
	if w.Size() != 0 {
		t.Errorf("a copy begun anew has %d bytes", w.Size())
	}
	write(t, w, []byte("new"))
	publish(t, w, Publication{Stamp: done(3)})
	f.Close()
	wantFile(t, filepath.Join(dir, "f"), []byte("new"))
	wantNames(t, dir, "f")
}

// What lies where a staged copy should be is somebody's, if it is no file or linked.
func TestStageIsSomebodys(t *testing.T) {
	t.Parallel()
	t.Run("directory", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		d := openDir(t, dir)
		put(t, filepath.Join(dir, "f"), []byte("old"))
		put(t, filepath.Join(dir, ".f.fsync/x"), nil)
		if _, err := look(t, d, "f").NewStage(t.Context(), partial(3), 0); !errors.Is(err, ErrNotRegular) {
			t.Errorf("NewStage: %v", err)
		}
	})
	t.Run("symbolic link", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		d := openDir(t, dir)
		victim := filepath.Join(t.TempDir(), "victim")
		put(t, victim, []byte("victim"))
		put(t, filepath.Join(dir, "f"), []byte("old"))
		if err := os.Symlink(victim, filepath.Join(dir, ".f.fsync")); err != nil {
			t.Fatal(err)
		}
		if _, err := look(t, d, "f").NewStage(t.Context(), partial(3), 0); !errors.Is(err, ErrNotRegular) {
			t.Errorf("NewStage: %v", err)
		}
		wantFile(t, victim, []byte("victim"))
	})
	t.Run("hard link", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		d := openDir(t, dir)
		put(t, filepath.Join(dir, "f"), []byte("old"))
		put(t, filepath.Join(dir, "victim"), []byte("victim"))
		if err := os.Link(filepath.Join(dir, "victim"), filepath.Join(dir, ".f.fsync")); err != nil {
			t.Fatal(err)
		}
		w := must(t)(look(t, d, "f").NewStage(t.Context(), partial(3), 0))
		write(t, w, []byte("new"))
		publish(t, w, Publication{Stamp: done(3)})
		wantFile(t, filepath.Join(dir, "victim"), []byte("victim"))
		wantFile(t, filepath.Join(dir, "f"), []byte("new"))
	})
}

func TestLongNames(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d := openDir(t, dir)
	for _, n := range []int{247, 248, 249, 254, 255} {
		name := strings.Repeat("n", n)
		put(t, filepath.Join(dir, name), []byte("old"))
		w := must(t)(look(t, d, name).NewStage(t.Context(), partial(3), 0))
		write(t, w, []byte("new"))
		if _, err := w.Publish(Publication{Stamp: done(3)}); err != nil {
			t.Errorf("%d bytes: %v", n, err)
		}
		closed(t, w)
		wantFile(t, filepath.Join(dir, name), []byte("new"))
	}
	if es, _ := os.ReadDir(dir); len(es) != 5 {
		t.Errorf("%d names are left", len(es))
	}
}

// A name too long for NAME~ has no backup; then nothing is replaced either.
func TestBackupOfLongName(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d := openDir(t, dir)
	name := strings.Repeat("n", 255)
	put(t, filepath.Join(dir, name), []byte("old"))
	w := must(t)(look(t, d, name).NewStage(t.Context(), partial(3), 0))
	write(t, w, []byte("new"))
	if _, err := w.Publish(Publication{Stamp: done(3), Backup: true}); err == nil {
		t.Error("a file was replaced whose backup cannot be kept")
	}
	closed(t, w)
	wantFile(t, filepath.Join(dir, name), []byte("old"))
}

func TestBackup(t *testing.T) {
	t.Parallel()
	replace := func(t *testing.T, dir string) error {
		d := openDir(t, dir)
		w := must(t)(look(t, d, "f").NewStage(t.Context(), partial(3), 0))
		defer closed(t, w)
		write(t, w, []byte("new"))
		_, err := w.Publish(Publication{Stamp: done(3), Backup: true})
		return err
	}
	t.Run("over an older one", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		put(t, filepath.Join(dir, "f"), []byte("old"))
		put(t, filepath.Join(dir, "f~"), []byte("older"))
		if err := replace(t, dir); err != nil {
			t.Fatal(err)
		}
		wantFile(t, filepath.Join(dir, "f"), []byte("new"))
		wantFile(t, filepath.Join(dir, "f~"), []byte("old"))
	})
	t.Run("over a symbolic link", func(t *testing.T) {
		t.Parallel()
		dir, victim := t.TempDir(), filepath.Join(t.TempDir(), "victim")
		put(t, victim, []byte("victim"))
		put(t, filepath.Join(dir, "f"), []byte("old"))
		if err := os.Symlink(victim, filepath.Join(dir, "f~")); err != nil {
			t.Fatal(err)
		}
		if err := replace(t, dir); err != nil {
			t.Fatal(err)
		}
		wantFile(t, victim, []byte("victim"))
		wantFile(t, filepath.Join(dir, "f~"), []byte("old"))
	})
	t.Run("over a directory", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		put(t, filepath.Join(dir, "f"), []byte("old"))
		put(t, filepath.Join(dir, "f~/x"), []byte("x"))
		if err := replace(t, dir); !errors.Is(err, ErrNotRegular) {
			t.Errorf("the backup goes over a directory: %v", err)
		}
		wantFile(t, filepath.Join(dir, "f"), []byte("old"))
		wantFile(t, filepath.Join(dir, "f~/x"), []byte("x"))
	})
}

func TestHardLinks(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d := openDir(t, dir)
	put(t, filepath.Join(dir, "f"), []byte("01234"))
	if err := os.Link(filepath.Join(dir, "f"), filepath.Join(dir, "g")); err != nil {
		t.Fatal(err)
	}
	f := look(t, d, "f")
	if f.Links != 2 {
		t.Fatalf("%d links", f.Links)
	}
	if _, err := f.Append(partial(10)); !errors.Is(err, ErrNotRegular) {
		t.Errorf("Append through a hard link: %v", err)
	}
	old := stat(t, filepath.Join(dir, "g"))
	if err := f.Adopt(Publication{Stamp: done(5), ModTime: then}); err != nil {
		t.Errorf("Adopt: %v", err)
	}
	if now := stat(t, filepath.Join(dir, "g")); !now.ModTime().Equal(old.ModTime()) || look(t, d, "g").Stamp != nil {
		t.Error("the other name was marked")
	}
	w := must(t)(f.NewStage(t.Context(), partial(10), 5))
	write(t, w, []byte("56789"))
	publish(t, w, Publication{Stamp: done(10), ModTime: then})
	wantFile(t, filepath.Join(dir, "f"), []byte("0123456789"))
	wantFile(t, filepath.Join(dir, "g"), []byte("01234"))
}

func TestDiscard(t *testing.T) {
	t.Parallel()
	bad := partial(8)
	bad.State = Bad
	t.Run("fresh", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		d := openDir(t, dir)
		w := must(t)(look(t, d, "f").Create(partial(8)))
		write(t, w, []byte("not good"))
		if err := w.Discard(bad, 0); err != nil {
			t.Fatal(err)
		}
		closed(t, w)
		wantNames(t, dir, ".f.fsync")
		f := look(t, d, "f")
		st, err := f.Stage()
		if err != nil || st.Stamp == nil || st.Stamp.State != Bad || f.Exists {
			t.Errorf("the stage: %+v, %v", st.State, err)
		}
		if err := st.Remove(); err != nil {
			t.Error(err)
		}
		st.Close()
		wantNames(t, dir)
	})
	t.Run("appended", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		d := openDir(t, dir)
		put(t, filepath.Join(dir, "f"), []byte("before"))
		w := must(t)(look(t, d, "f").Append(partial(8)))
		write(t, w, []byte("XX"))
		if err := w.Discard(bad, 6); err != nil {
			t.Fatal(err)
		}
		closed(t, w)
		wantFile(t, filepath.Join(dir, "f"), []byte("before"))
		wantNames(t, dir, "f")
	})
	t.Run("staged", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		d := openDir(t, dir)
		put(t, filepath.Join(dir, "f"), []byte("before"))
		w := must(t)(look(t, d, "f").NewStage(t.Context(), partial(8), 6))
		write(t, w, []byte("XX"))
		if err := w.Discard(bad, 0); err != nil {
			t.Fatal(err)
		}
		closed(t, w)
		wantFile(t, filepath.Join(dir, "f"), []byte("before"))
		wantNames(t, dir, "f", ".f.fsync")
	})
	t.Run("swapped meanwhile", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		d := openDir(t, dir)
		w := must(t)(look(t, d, "f").Create(partial(8)))
		write(t, w, []byte("not good"))
		put(t, filepath.Join(dir, "new"), []byte("somebody's"))
		if err := os.Rename(filepath.Join(dir, "new"), filepath.Join(dir, "f")); err != nil {
			t.Fatal(err)
		}
		if err := w.Discard(bad, 0); !errors.Is(err, ErrChanged) {
			t.Errorf("Discard: %v", err)
		}
		closed(t, w)
		wantFile(t, filepath.Join(dir, "f"), []byte("somebody's"))
	})
}

// Only a staged copy is ever removed.
func TestRemoveKeepsFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d := openDir(t, dir)
	put(t, filepath.Join(dir, "f"), []byte("mine"))
	if err := look(t, d, "f").Remove(); err != nil {
		t.Error(err)
	}
	wantFile(t, filepath.Join(dir, "f"), []byte("mine"))
}

func TestAdopt(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d := openDir(t, dir)
	name := filepath.Join(dir, "f")
	put(t, name, []byte("complete"))
	if err := os.Chmod(name, 0o444); err != nil {
		t.Fatal(err)
	}
	f := look(t, d, "f")
	if f.Committed("") {
		t.Error("a file without a stamp is committed by it")
	}
	if err := f.Adopt(Publication{Stamp: done(8), ModTime: then}); err != nil {
		t.Fatal(err)
	}
	f.Close()
	f = look(t, d, "f")
	if !f.Committed("") || !f.ModTime.Equal(then) {
		t.Errorf("after Adopt it looks like %+v, stamp %v", f.State, f.Stamp)
	}
	wantFile(t, name, []byte("complete"))

	// Without a time, the file's own is remembered.
	now := time.Now().Add(-time.Hour)
	if err := os.Chtimes(name, now, now); err != nil {
		t.Fatal(err)
	}
	f = look(t, d, "f")
	if f.Committed("") {
		t.Error("a file whose time moved is committed")
	}
	if err := f.Adopt(Publication{Stamp: done(8)}); err != nil {
		t.Fatal(err)
	}
	f.Close()
	if f = look(t, d, "f"); !f.Committed("") || !f.ModTime.Equal(now) {
		t.Errorf("after Adopt it looks like %+v, stamp %v", f.State, f.Stamp)
	}
}

func TestAdoptChanged(t *testing.T) {
	t.Parallel()
	for _, c := range disturbances {
		if c.name == "linked" {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			d := openDir(t, dir)
			name := filepath.Join(dir, "f")
			put(t, name, []byte("0123456789"))
			f := look(t, d, "f")
			if err := c.do(name); err != nil {
				t.Fatal(err)
			}
			if err := f.Adopt(Publication{Stamp: done(10), ModTime: then}); !errors.Is(err, ErrChanged) {
				t.Errorf("Adopt of a file that is %s by now: %v", c.name, err)
			}
			if f := look(t, d, "f"); f.Committed("") {
				t.Error("it is committed")
			}
		})
	}
}

func TestCommitted(t *testing.T) {
	t.Parallel()
	d := &Dir{}
	stamp := func(change func(*Stamp)) *Stamp {
		s := done(8)
		s.ModTime = then
		if change != nil {
			change(&s)
		}
		return &s
	}
	tests := []struct {
		name  string
		stamp *Stamp
		want  bool
	}{
		{"no stamp", nil, false},
		{"done", stamp(nil), true},
		{"partial", stamp(func(s *Stamp) { s.State = Partial }), false},
		{"trial", stamp(func(s *Stamp) { s.State = Trial }), false},
		{"bad", stamp(func(s *Stamp) { s.State = Bad }), false},
		{"another size", stamp(func(s *Stamp) { s.Total = 9 }), false},
		{"touched", stamp(func(s *Stamp) { s.ModTime = then.Add(time.Second) }), false},
		{"no time", stamp(func(s *Stamp) { s.ModTime = time.Time{} }), false},
		{"done in this boot", stamp(func(s *Stamp) { s.Boot = "this" }), true},
		{"done in another boot", stamp(func(s *Stamp) { s.Boot = "that" }), false},
		{"done in no certain boot", stamp(func(s *Stamp) { s.Boot = "?" }), false},
	}
	for _, c := range tests {
		f := &File{dir: d, State: State{Exists: true, Size: 8, ModTime: then, Stamp: c.stamp}}
		if got := f.Committed("this"); got != c.want {
			t.Errorf("%s: committed %v", c.name, got)
		}
	}
	f := &File{dir: d, State: State{Exists: true, Size: 8, ModTime: then, Stamp: stamp(func(s *Stamp) { s.Boot = "?" })}}
	if f.Committed("?") {
		t.Error("two boots that cannot be told apart are one")
	}
}

// The stamp must be there before the time, and the time before the new name: whoever sees
// the remote's size and time under the name sees a file that was verified.
func TestPublishOrder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d := openDir(t, dir)
	name := filepath.Join(dir, "f")
	put(t, name, []byte("old"))
	w := must(t)(look(t, d, "f").NewStage(t.Context(), partial(3), 0))
	write(t, w, []byte("new"))
	if err := os.WriteFile(name, []byte("somebody's"), 0o644); err != nil { // the rename will be refused
		t.Fatal(err)
	}
	if _, err := w.Publish(Publication{Stamp: done(3), ModTime: then}); !errors.Is(err, ErrChanged) {
		t.Fatal(err)
	}
	closed(t, w)
	if fi := stat(t, filepath.Join(dir, ".f.fsync")); !fi.ModTime().Equal(then) {
		t.Errorf("the copy was to be renamed with the time %v", fi.ModTime())
	}
	f := look(t, d, ".f.fsync")
	if f.Stamp == nil || f.Stamp.State != Done || !f.Stamp.ModTime.Equal(then) {
		t.Errorf("the copy was to be renamed with the stamp %v", f.Stamp)
	}
	// A write after the mark undoes it.
	if err := os.WriteFile(filepath.Join(dir, ".f.fsync"), []byte("NEW"), 0o644); err != nil {
		t.Fatal(err)
	}
	if f := look(t, d, ".f.fsync"); f.Committed("") {
		t.Error("a file that was written to is committed")
	}
}

func TestCutAndFailedSync(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d := openDir(t, dir)
	name := filepath.Join(dir, "f")
	put(t, name, []byte("01234"))
	w := must(t)(look(t, d, "f").Append(partial(10)))
	write(t, w, []byte("56789"))
	broken := errors.New("input/output error")
	if err := w.synced(broken); err != broken {
		t.Errorf("the error of a sync became %v", err)
	}
	if w.Size() != 5 {
		t.Errorf("after a failed sync %d bytes are left", w.Size())
	}
	if err := w.Cut(3); err != nil {
		t.Fatal(err)
	}
	write(t, w, []byte("xy"))
	if err := w.synced(broken); err != broken || w.Size() != 3 {
		t.Errorf("after a cut and a failed sync %d bytes are left: %v", w.Size(), err)
	}
	closed(t, w)
	wantFile(t, name, []byte("012"))
}

func TestManyDirectories(t *testing.T) {
	t.Parallel()
	d := openDir(t, t.TempDir())
	var held []*File
	for i := range 3 * maxParents {
		path := strings.Repeat("d", 1+i%50) + "/" + strings.Repeat("e", 1+i/50) + "/f"
		f := look(t, d, path)
		w := must(t)(f.Create(partial(1)))
		write(t, w, []byte("x"))
		publish(t, w, Publication{Stamp: done(1)})
		if f := look(t, d, path); i%10 == 0 {
			held = append(held, f)
		} else {
			f.Close()
		}
	}
	if n := len(d.parents); n > maxParents+len(held) || n != len(d.order) {
		t.Errorf("%d directories are open, %d in order", n, len(d.order))
	}
	for _, f := range held {
		if _, err := f.ReadAt(make([]byte, 1), 0); err != nil {
			t.Error(err)
		}
		w := must(t)(f.Append(partial(2)))
		closed(t, w)
	}
}
