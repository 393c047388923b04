//go:build unix

package sync

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// TestIrregularTargets: nothing that is no regular file is opened, followed, waited for
// or replaced.
func TestIrregularTargets(t *testing.T) {
	for name, make := range map[string]func(path, outside string) error{
		"symlink":          func(p, out string) error { return os.Symlink(out, p) },
		"dangling symlink": func(p, out string) error { return os.Symlink(out+"-missing", p) },
		"symlink loop":     func(p, _ string) error { return os.Symlink(filepath.Base(p), p) },
		"FIFO":             func(p, _ string) error { return syscall.Mkfifo(p, 0o666) },
		"directory":        func(p, _ string) error { return os.Mkdir(p, 0o777) },
		"device":           func(p, _ string) error { return syscall.Mknod(p, syscall.S_IFCHR|0o666, 1<<8|3) },
		"socket":           func(p, _ string) error { return syscall.Mknod(p, syscall.S_IFSOCK|0o666, 0) },
	} {
		t.Run(name, func(t *testing.T) {
			l := costLab(t)
			outside := filepath.Join(t.TempDir(), "outside")
			if err := os.WriteFile(outside, costContent[:costHalf], 0o644); err != nil {
				t.Fatal(err)
			}
			if err := make(l.path("f"), outside); err != nil {
				if errors.Is(err, syscall.EPERM) && os.Getenv("CI") == "" {
					t.Skip(err)
				}
				t.Fatal(err)
			}
			before, _ := os.Lstat(l.path("f"))
			for _, overwrite := range []bool{false, true} {
				l.Overwrite = overwrite
				done := time.AfterFunc(10*time.Second, func() { panic("the pull hangs") })
				r := l.want(Conflict, l.entry("f"))
				done.Stop()
				if r.Requests != 0 {
					t.Errorf("%d requests", r.Requests)
				}
			}
			after, _ := os.Lstat(l.path("f"))
			if !os.SameFile(before, after) || before.Mode() != after.Mode() {
				t.Error("it was replaced")
			}
			if p, _ := os.ReadFile(outside); !bytes.Equal(p, costContent[:costHalf]) {
				t.Error("the file outside was written to")
			}
			if _, err := os.Lstat(outside + "-missing"); err == nil {
				t.Error("a file was made outside")
			}
		})
	}
}

// TestIrregularStage: what lies where the staged copy goes is no way out either.
func TestIrregularStage(t *testing.T) {
	next := early(costContent)
	for name, make := range map[string]func(path, outside string) error{
		"symlink":   func(p, out string) error { return os.Symlink(out, p) },
		"hard link": func(p, out string) error { return os.Link(out, p) },
		"FIFO":      func(p, _ string) error { return syscall.Mkfifo(p, 0o666) },
		"directory": func(p, _ string) error { return os.Mkdir(p, 0o777) },
	} {
		t.Run(name, func(t *testing.T) {
			l := costLab(t)
			l.pull(l.entry("f"))
			l.renew("f", next)
			outside := filepath.Join(l.dir, "outside")
			if err := os.WriteFile(outside, costContent[:costHalf], 0o644); err != nil {
				t.Fatal(err)
			}
			if err := make(l.path(".f.fsync"), outside); err != nil {
				t.Fatal(err)
			}
			r := l.pull(l.entry("f"))
			want := costContent
			if r.Outcome.OK() {
				want = next
			}
			l.same("f", want)
			l.same("outside", costContent[:costHalf])
		})
	}
}

// TestSymlinkedParent: a directory on the way that is a symbolic link is not followed.
func TestSymlinkedParent(t *testing.T) {
	l := newLab(t)
	outside := t.TempDir()
	if err := os.Symlink(outside, l.path("d")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"d/f", "d/e/f"} {
		l.put(name, costContent)
		if r := l.pull(l.entry(name)); r.Outcome != Failed && r.Outcome != Conflict {
			t.Errorf("%s: %v", name, r.Outcome)
		}
	}
	if des, _ := os.ReadDir(outside); len(des) > 0 {
		t.Errorf("outside lies %v", des)
	}
}

// TestFileAsParent: a file where a directory is needed stays a file.
func TestFileAsParent(t *testing.T) {
	l := newLab(t)
	l.write("d", []byte("a file"), then)
	l.put("d/f", costContent)
	if r := l.pull(l.entry("d/f")); r.Outcome != Failed && r.Outcome != Conflict {
		t.Errorf("%v", r.Outcome)
	}
	l.same("d", []byte("a file"))
}

// TestHardLink: the other name keeps its bytes, whatever has to be written.
func TestHardLink(t *testing.T) {
	for name, test := range map[string]struct {
		local, remote []byte
		outcome       Outcome
		requests      int
	}{
		"half":     {costContent[:costHalf], costContent, Resumed, 1},
		"empty":    {[]byte{}, costContent, Fetched, 1},
		"complete": {costContent, costContent, UpToDate, 1},
		"other":    {early(costContent)[:costHalf/2], costContent, Replaced, 2},
	} {
		l := newLab(t)
		l.put("f", test.remote)
		l.write("f", test.local, then.Add(-time.Hour))
		if name == "half" || name == "complete" {
			l.touch("f", then.Add(time.Hour))
		}
		if err := os.Link(l.path("f"), l.path("other name")); err != nil {
			t.Fatal(err)
		}
		r := l.pull(l.entry("f"))
		if r.Outcome != test.outcome {
			t.Errorf("%s: %v (%v)", name, r.Outcome, r.Err)
		}
		if r.Requests > test.requests {
			t.Errorf("%s: %d requests", name, r.Requests)
		}
		l.same("f", test.remote)
		l.same("other name", test.local)
		l.noSide("f")
	}
}

// TestHardLinkOwn: so also for a partial that carries fsync's own stamp, and for damage.
func TestHardLinkOwn(t *testing.T) {
	for _, damaged := range []bool{false, true} {
		l := costLab(t)
		l.partial("f", costHalf)
		if damaged {
			if err := punch(l.path("f"), 200_704, 208_896); err != nil {
				t.Fatal(err)
			}
		}
		before := l.read("f")
		if err := os.Link(l.path("f"), l.path("other name")); err != nil {
			t.Fatal(err)
		}
		if r := l.pull(l.entry("f")); !r.Outcome.OK() {
			t.Errorf("%v (%v)", r.Outcome, r.Err)
		}
		l.same("f", costContent)
		l.same("other name", before)
		l.noSide("f")
	}
}

// TestUnreadable: a file that may not be read fails.
func TestUnreadable(t *testing.T) {
	if os.Getuid() == 0 {
		t.Skip("root reads everything")
	}
	l := costLab(t)
	l.write("f", costContent[:costHalf], then)
	os.Chmod(l.path("f"), 0)
	l.want(Failed, l.entry("f"))
}

// TestModeKept: a file that is replaced keeps its permissions.
func TestModeKept(t *testing.T) {
	l := costLab(t)
	l.pull(l.entry("f"))
	os.Chmod(l.path("f"), 0o640)
	l.renew("f", early(costContent))
	l.want(Replaced, l.entry("f"))
	if fi, err := os.Stat(l.path("f")); err != nil || fi.Mode().Perm() != 0o640 {
		t.Errorf("mode %v, %v", fi.Mode(), err)
	}
}

// TestModTime: a complete file has the list's time, else the remote's.
func TestModTime(t *testing.T) {
	l := costLab(t)
	l.want(Fetched, l.entry("f"))
	listed := then.Add(42 * time.Hour)
	l.put("g", costContent)
	l.want(Fetched, l.entry("g", withTime(listed)))
	for name, want := range map[string]time.Time{"f": then, "g": listed} {
		if fi, err := os.Stat(l.path(name)); err != nil || !fi.ModTime().Equal(want) {
			t.Errorf("%s: modified %v, want %v", name, fi.ModTime(), want)
		}
	}
}
