package sync

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"fsync/sync/local"
	"fsync/sync/local/faultfs"
)

// TestFaultsSwap puts something else in a file's place, or takes its directory away, at
// each look at a name that a run makes. What is outside stays as it is, nothing waits for a
// FIFO, and the run ends by itself.
func TestFaultsSwap(t *testing.T) {
	t.Parallel()
	f := faultfs.Mount(t)
	swaps := map[string]func(t *testing.T, name, outside string) error{
		"symlink": func(_ *testing.T, name, outside string) error { return os.Symlink(outside, name) },
		"FIFO":    func(_ *testing.T, name, _ string) error { return unix.Mkfifo(name, 0o644) },
		"directory": func(_ *testing.T, name, _ string) error {
			return os.Mkdir(name, 0o755)
		},
		"hard link": func(_ *testing.T, name, outside string) error { return os.Link(outside, name) },
		"nothing":   func(*testing.T, string, string) error { return nil },
	}
	cells := 0
	for what, swap := range swaps {
		for _, s := range faultStates {
			switch s.name {
			case "fresh", "partial", "old", "old and a stage", "grown":
			default:
				continue
			}
			for _, of := range []string{"f", local.StageName("f")} {
				for n, hit := 0, true; hit && n < 40; n++ {
					t.Run(fmt.Sprintf("%s/%s/%s/%d", what, s.name, of, n), func(t *testing.T) {
						cells++
						hit = swapCell(t, f, s, of, n, swap)
					})
				}
			}
		}
	}
	t.Logf("%d cells", cells)
}

// swapCell swaps a name for something right before it is looked up the n-th time.
func swapCell(t *testing.T, f *faultfs.FS, s faultState, of string, n int, swap func(t *testing.T, name, outside string) error) (hit bool) {
	l := newLab(t)
	dir := fmt.Sprintf("swap%p", l)
	l.dir = filepath.Join(f.Dir, dir, "dest")
	if err := os.MkdirAll(l.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(filepath.Join(f.Backing, dir))
	defer f.Mend()
	l.Retries = 0
	s.make(l)
	if s.opt != nil {
		s.opt(&l.Options)
	}
	outside := filepath.Join(f.Backing, dir, "outside")
	const text = "somebody's"
	if err := os.WriteFile(outside, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	f.Mend()
	f.Inject(faultfs.Fault{Op: faultfs.Lookup, Name: of, Skip: n, Times: 1, Do: func() {
		name := filepath.Join(f.Backing, dir, "dest", of)
		_ = os.Remove(name)
		if err := swap(t, name, outside); err != nil {
			t.Error(err)
		}
	}})
	r := l.pull(l.entry("f"))
	hit = f.Hits() > 0
	f.Mend()
	if p, err := os.ReadFile(outside); err != nil || string(p) != text {
		t.Errorf("%v (%v): what is outside is %q now, %v", r.Outcome, r.Err, p, err)
	}
	// A swap right before the rename, or after the last look, is like one after the run:
	// nothing tells it. What is said to be complete is then somebody else's doing.
	fi, err := os.Lstat(l.path("f"))
	if r.Outcome.OK() && err == nil && fi.Mode().IsRegular() && fi.Size() != int64(len(text)) {
		l.same("f", l.server.File("f").Content)
	}
	return hit
}
