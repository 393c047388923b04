package local

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// within fails the test if f takes longer than a FIFO would let it wait.
func within(t *testing.T, d time.Duration, what string, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	select {
	case <-done:
	case <-time.After(d):
		t.Fatalf("%s hangs", what)
	}
}

func TestLookKinds(t *testing.T) {
	t.Parallel()
	dir, outside := t.TempDir(), t.TempDir()
	d := openDir(t, dir)
	at := func(name string) string { return filepath.Join(dir, name) }
	put(t, filepath.Join(outside, "victim"), []byte("victim"))
	put(t, at("file"), []byte("file"))
	put(t, at("empty"), nil)
	for _, err := range []error{
		os.Mkdir(at("dir"), 0o755),
		os.Symlink(filepath.Join(outside, "victim"), at("link")),
		os.Symlink("file", at("link inside")),
		os.Symlink("nowhere", at("dangling")),
		os.Symlink("loop", at("loop")),
		os.Symlink(outside, at("link to dir")),
		syscall.Mkfifo(at("fifo"), 0o644),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	socket, err := net.Listen("unix", at("socket"))
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	kinds := map[string]string{
		"file": "", "empty": "", "dir": "a directory", "fifo": "a FIFO", "socket": "a socket",
		"link": "a symbolic link", "link inside": "a symbolic link", "dangling": "a symbolic link",
		"loop": "a symbolic link", "link to dir": "a symbolic link",
	}
	if err := unix.Mknod(at("device"), unix.S_IFCHR|0o600, int(unix.Mkdev(1, 5))); err == nil { // /dev/zero
		kinds["device"] = "a device"
	}
	for name, want := range kinds {
		within(t, 5*time.Second, "Look at "+name, func() {
			f, err := d.Look(name)
			if err != nil {
				t.Errorf("%s: %v", name, err)
				return
			}
			defer f.Close()
			if !f.Exists || f.Irregular != want {
				t.Errorf("%s looks like %+v", name, f.State)
			}
			if want == "" {
				return
			}
			if _, err := f.Create(partial(4)); !errors.Is(err, ErrChanged) {
				t.Errorf("Create over %s: %v", name, err)
			}
			if _, err := f.Append(partial(4)); !errors.Is(err, ErrNotRegular) {
				t.Errorf("Append to %s: %v", name, err)
			}
		})
	}
	wantFile(t, filepath.Join(outside, "victim"), []byte("victim"))
	wantNames(t, outside, "victim")
}

// A FIFO is not so much as opened: that would wake the writer who waits at it, and end
// him by SIGPIPE.
func TestLookLeavesFIFOAlone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d := openDir(t, dir)
	name := filepath.Join(dir, "fifo")
	if err := syscall.Mkfifo(name, 0o644); err != nil {
		t.Fatal(err)
	}
	opened := make(chan struct{})
	go func() {
		defer close(opened)
		if f, err := os.OpenFile(name, os.O_WRONLY, 0); err == nil {
			f.Close()
		}
	}()
	time.Sleep(20 * time.Millisecond) // until the writer waits; if it does not yet, the test proves less
	look(t, d, "fifo").Close()
	select {
	case <-opened:
		t.Error("Look opened a FIFO: its writer was woken")
	case <-time.After(100 * time.Millisecond):
	}
	r, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0) // lets the writer go
	if err != nil {
		t.Fatal(err)
	}
	<-opened
	r.Close()
}

// What was a file may be a FIFO when it is opened for writing.
func TestFIFOBetween(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d := openDir(t, dir)
	name := filepath.Join(dir, "f")
	put(t, name, []byte("01234"))
	f := look(t, d, "f")
	if err := errors.Join(os.Remove(name), syscall.Mkfifo(name, 0o644)); err != nil {
		t.Fatal(err)
	}
	within(t, 5*time.Second, "Append", func() {
		if _, err := f.Append(partial(10)); !refused(err, true) {
			t.Errorf("Append to what is a FIFO by now: %v", err)
		}
	})
	within(t, 5*time.Second, "NewStage", func() {
		w, err := f.NewStage(t.Context(), partial(10), 0)
		if err == nil {
			_, err = w.Publish(Publication{Stamp: done(0)})
			closed(t, w)
		}
		if !refused(err, true) {
			t.Errorf("a copy was swapped in for a FIFO: %v", err)
		}
	})
}

func TestNoWayOut(t *testing.T) {
	t.Parallel()
	for _, noOpenat2 := range []bool{false, true} {
		top := t.TempDir()
		dir := filepath.Join(top, "dest")
		d := openDir(t, dir)
		d.root.noOpenat2.Store(noOpenat2)
		outside := filepath.Join(top, "outside")
		put(t, filepath.Join(outside, "victim"), []byte("victim"))
		put(t, filepath.Join(dir, "sub/file"), []byte("file"))
		for _, err := range []error{
			os.Symlink(outside, filepath.Join(dir, "abs")),
			os.Symlink("../outside", filepath.Join(dir, "rel")),
			os.Symlink("sub", filepath.Join(dir, "inside")),
			os.Symlink("../../outside", filepath.Join(dir, "sub/deep")),
			os.Symlink("/proc/self/cwd", filepath.Join(dir, "magic")),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
		for _, path := range []string{"abs/victim", "rel/victim", "inside/file", "sub/deep/victim", "magic/x", "abs/new/deep/file", "sub/file/x"} {
			f, err := d.Look(path)
			if err == nil {
				_, err = f.Create(partial(1))
				f.Close()
			}
			if !errors.Is(err, ErrNotRegular) {
				t.Errorf("%s (openat2 %v): %v", path, !noOpenat2, err)
			}
		}
		for _, path := range []string{"../outside/victim", "../outside/new", "sub/../../outside/victim", "/outside/new", "..", "sub/..", "../..", "."} {
			if f, err := d.Look(path); err == nil {
				if w, err := f.Create(partial(1)); err == nil {
					w.Close(time.Time{})
				} else if w, err := f.Append(partial(1)); err == nil {
					w.Close(time.Time{})
				} else if w, err := f.NewStage(t.Context(), partial(1), 0); err == nil {
					w.Publish(Publication{Stamp: done(0)})
					w.Close(time.Time{})
				}
				f.Close()
			}
		}
		wantNames(t, top, "dest", "outside")
		wantNames(t, outside, "victim")
		wantFile(t, filepath.Join(outside, "victim"), []byte("victim"))
	}
}

// A directory may become a link between Look and Create: the handle is of the directory.
func TestParentSwappedForLink(t *testing.T) {
	t.Parallel()
	top := t.TempDir()
	dir, outside := filepath.Join(top, "dest"), filepath.Join(top, "outside")
	d := openDir(t, dir)
	for _, err := range []error{os.Mkdir(outside, 0o755), os.Mkdir(filepath.Join(dir, "sub"), 0o755)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	f := look(t, d, "sub/f")
	if err := errors.Join(os.Rename(filepath.Join(dir, "sub"), filepath.Join(dir, "moved")), os.Symlink(outside, filepath.Join(dir, "sub"))); err != nil {
		t.Fatal(err)
	}
	if w, err := f.Create(partial(1)); err == nil {
		closed(t, w)
	}
	wantNames(t, outside)
}
