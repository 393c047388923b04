package local

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// opens returns a function that tells how often a file of the directory was opened since.
func opens(t *testing.T, dir string) func() int {
	t.Helper()
	fd, err := unix.InotifyInit1(unix.IN_NONBLOCK | unix.IN_CLOEXEC)
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	if _, err := unix.InotifyAddWatch(fd, dir, unix.IN_OPEN); err != nil {
		t.Skip(err)
	}
	return func() (n int) {
		// Equal events in a row are merged: what counts is whether there was any.
		for buf := make([]byte, 64<<10); ; n++ {
			if k, err := unix.Read(fd, buf); err != nil || k == 0 {
				return n
			}
		}
	}
}

// completed makes a file that its stamp says is complete.
func completed(t *testing.T, d *Dir, name string, p []byte) {
	t.Helper()
	pub := Publication{Stamp: done(int64(len(p))), ModTime: then}
	if err := look(t, d, name).CreateWhole(p, pub); err != nil {
		t.Fatal(err)
	}
}

// TestLookLeavesClosed: of what is here, only a complete file is not opened before somebody
// reads it.
func TestLookLeavesClosed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d := openDir(t, dir)
	completed(t, d, "complete", content(5000))
	put(t, filepath.Join(dir, "no stamp"), content(5000))
	if !d.HasStamps() || look(t, d, "complete").unopened == nil {
		t.Skip("no stamps, or no way to them without opening")
	}
	n := opens(t, dir)
	if f := look(t, d, "no stamp"); f.f == nil || n() == 0 {
		t.Error("a file without a stamp was not opened")
	}
	f := look(t, d, "complete")
	if n() != 0 || !f.Exists || f.Size != 5000 || !f.Committed("") {
		t.Errorf("a complete file was opened, or looks like %+v", f.State)
	}
	got := make([]byte, 5000)
	if _, err := f.ReadAt(got, 0); err != nil || string(got) != string(content(5000)) || n() == 0 {
		t.Errorf("read without being opened: %v", err)
	}
}

// TestLookThenChanged: what is read, continued, replaced or marked is what Look saw, or
// nothing is.
func TestLookThenChanged(t *testing.T) {
	t.Parallel()
	changes := map[string]func(name string) error{
		"removed":   os.Remove,
		"grown":     func(name string) error { return os.Truncate(name, 6000) },
		"written":   func(name string) error { return os.WriteFile(name, content(5000), 0o600) },
		"touched":   func(name string) error { return os.Chtimes(name, time.Time{}, then.Add(time.Second)) },
		"restamped": func(name string) error { return unix.Removexattr(name, attrName) },
		"linked":    func(name string) error { return os.Link(name, name+" too") },
		"a link": func(name string) error {
			return errors.Join(os.Rename(name, name+" away"), os.Symlink(name+" away", name))
		},
		"swapped": func(name string) error {
			other := name + " new"
			err := os.WriteFile(other, content(5000), 0o600)
			return errors.Join(err, unix.Setxattr(other, attrName, []byte(stampOf(name)), 0), os.Chtimes(other, then, then), os.Rename(other, name))
		},
	}
	uses := map[string]func(f *File) error{
		"ReadAt":  func(f *File) error { _, err := f.ReadAt(make([]byte, 10), 0); return err },
		"Suspect": func(f *File) error { _, err := f.Suspect(); return err },
		"Append":  func(f *File) error { _, err := f.Append(partial(9000)); return err },
		"Adopt":   func(f *File) error { return f.Adopt(Publication{Stamp: done(5000), ModTime: then.Add(time.Hour)}) },
		"NewStage": func(f *File) error {
			_, err := f.NewStage(t.Context(), partial(9000), 0)
			return err
		},
	}
	for change, do := range changes {
		for use, call := range uses {
			dir := t.TempDir()
			d := openDir(t, dir)
			completed(t, d, "f", content(5000))
			f := look(t, d, "f")
			if f.unopened == nil {
				t.Skip("no stamps, or no way to them without opening")
			}
			if err := do(filepath.Join(dir, "f")); err != nil {
				t.Fatalf("%s: %v", change, err)
			}
			err := call(f)
			if !errors.Is(err, ErrChanged) && !(use == "Append" && errors.Is(err, ErrNotRegular)) {
				t.Errorf("%s after it was %s: %v", use, change, err)
			}
			f.Close()
		}
	}
}

func stampOf(name string) string {
	raw := make([]byte, MaxStamp)
	n, _ := unix.Getxattr(name, attrName, raw)
	return string(raw[:max(n, 0)])
}
