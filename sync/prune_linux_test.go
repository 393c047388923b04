package sync

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"syscall"
	"testing"
)

// TestPruneUnreadable has one directory that cannot be read, last of all: nothing is
// deleted, not even what was found before.
func TestPruneUnreadable(t *testing.T) {
	dir := t.TempDir()
	plant(t, dir, "a", "d/b", "z/closed/c")
	if err := syscall.Mkfifo(filepath.Join(dir, "fifo"), 0o666); err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{dir, filepath.Join(dir, "d"), filepath.Join(dir, "z")} {
		if err := os.Chmod(p, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	closed := filepath.Join(dir, "z", "closed")
	if err := os.Chmod(closed, 0o300); err != nil {
		t.Fatal(err)
	}
	before := remaining(t, filepath.Join(dir, "d"))
	o := PruneOptions{Max: MaxDelete{N: 9}}

	open := openLocal(t, dir)
	restore := asNobody(t)
	var got []string
	for e, err := range Extras(t.Context(), open, scope(t, "listed")) {
		if (err != nil) != (e.Path == "z/closed") || err != nil && !errors.Is(err, fs.ErrPermission) {
			t.Errorf("%q: %v", e.Path, err)
		}
		got = append(got, e.Path)
	}
	deleted, end := pruneDir(t, t.Context(), open, scope(t, "listed"), o, nil)
	restore()

	if want := []string{"a", "d/b", "d", "fifo", "z/closed"}; !slices.Equal(got, want) {
		t.Errorf("extras %q, want %q", got, want)
	}
	if !errors.Is(end, fs.ErrPermission) || len(deleted) > 0 {
		t.Errorf("deleted %q, %v", deleted, end)
	}
	wantLeft(t, filepath.Join(dir, "d"), before...)

	// Of no concern is what is out of scope.
	s := scope(t, "listed").filtered(t, "- closed/")
	restore = asNobody(t)
	deleted, end = pruneDir(t, t.Context(), open, s, o, nil)
	restore()
	if want := []string{"a", "d/b", "d/", "fifo"}; end != nil || !slices.Equal(deleted, want) {
		t.Errorf("deleted %q, %v, want %q", deleted, end, want)
	}
	os.Chmod(closed, 0o700)
	wantLeft(t, dir, "z/", "z/closed/", "z/closed/c")
}

// asNobody gives this goroutine the file rights of a user without any, if it has those of
// root. What it returns gives them back.
func asNobody(t *testing.T) func() {
	t.Helper()
	if os.Getuid() != 0 {
		return func() {}
	}
	const nobody = 65534
	runtime.LockOSThread()
	syscall.RawSyscall(syscall.SYS_SETFSUID, nobody, 0, 0)
	if uid, _, _ := syscall.RawSyscall(syscall.SYS_SETFSUID, ^uintptr(0), 0, 0); uid != nobody {
		t.Fatalf("the file user ID is %d", uid)
	}
	return func() {
		syscall.RawSyscall(syscall.SYS_SETFSUID, 0, 0, 0)
		runtime.UnlockOSThread()
	}
}
