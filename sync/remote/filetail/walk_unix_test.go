//go:build unix

package filetail

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestWalkSpecial: links within the directory are files; all else that is none is skipped,
// and nothing blocks.
func TestWalkSpecial(t *testing.T) {
	t.Parallel()
	top, err := os.MkdirTemp("", "walk") // a socket's path is short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(top) })
	dir := filepath.Join(top, "d")
	putAll(t, top, "out", "d2/x", "d/file", "d/sub/deep")
	for name, target := range map[string]string{
		"in": "file", "chain": "in", "absolute": filepath.Join(dir, "sub/deep"), "sub/up": "../file", "round": "../d/file",
		"out": "../out", "beside": "../d2/x", "to-dir": "sub", "to-root": ".", "dangling": "nothing", "loop": "loop", "to-fifo": "fifo", "to-device": "/dev/null", "below-file": "file/x",
	} {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Mkfifo(filepath.Join(dir, "fifo"), 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", filepath.Join(dir, "socket"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	want := map[string]string{
		"file": "6", "sub/deep": "10", "in": "6", "chain": "6", "absolute": "10", "sub/up": "6", "round": "6",
		"out": "skipped: a symbolic link out of the directory", "beside": "skipped: a symbolic link out of the directory",
		"to-dir": "skipped: a symbolic link to a directory", "to-root": "skipped: a symbolic link to a directory",
		"dangling": "skipped: a symbolic link to nothing", "loop": "skipped: a symbolic link to nothing", "below-file": "skipped: a symbolic link to nothing",
		"to-fifo": "skipped: a symbolic link to a FIFO", "to-device": "skipped: a symbolic link to a device",
		"fifo": "skipped: a FIFO", "socket": "skipped: a socket",
	}
	got, err := walkAll(t, t.Context(), dir, nil)
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("error %v (-want +got):\n%s", err, diff)
	}
	// The directory itself may be a link.
	link := filepath.Join(top, "link")
	if err := os.Symlink("d", link); err != nil {
		t.Fatal(err)
	}
	got, err = walkAll(t, t.Context(), link, nil)
	want["round"] = "6"
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("by a link: error %v (-want +got):\n%s", err, diff)
	}
}

// A tree that is deeper than a path may be long: what is too deep is told.
func TestWalkDeep(t *testing.T) {
	t.Parallel()
	root, err := os.OpenRoot(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	at := root
	for range 30 { // 30 times 201 bytes
		name := strings.Repeat("d", 200)
		if err := at.Mkdir(name, 0o700); err != nil {
			t.Fatal(err)
		}
		if at, err = at.OpenRoot(name); err != nil {
			t.Fatal(err)
		}
		defer at.Close()
	}
	got, err := walkAll(t, t.Context(), root.Name(), nil)
	if err != nil || len(got) != 1 {
		t.Fatalf("%d found, error %v", len(got), err)
	}
	for path, what := range got {
		if len(path) != 21*201-1 || what != "skipped: its path is too long" {
			t.Errorf("%d bytes: %s", len(path), what)
		}
	}
}
