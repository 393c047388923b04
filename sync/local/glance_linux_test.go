package local

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// glanced puts one file of each kind below dir and returns which Glance is to leave to Look.
func glanced(t *testing.T, dir string) map[string]bool {
	t.Helper()
	at := func(name string) string { return filepath.Join(dir, name) }
	stamped := func(name string, p []byte, mtime time.Time, stamp string) {
		t.Helper()
		put(t, at(name), p)
		if err := errors.Join(unix.Setxattr(at(name), attrName, []byte(stamp), 0), os.Chtimes(at(name), time.Time{}, mtime)); err != nil {
			t.Fatal(err)
		}
	}
	whole := done(100)
	whole.ModTime = then.Add(123456789)
	whole.Digests = []string{"sha256:abc", "md5:def"}
	boot := whole
	boot.Boot = "01234567"
	bad, trial := whole, whole
	bad.State, trial.State = Bad, Trial
	empty := done(0)
	empty.ModTime = then
	files := map[string]bool{}
	for name, s := range map[string]Stamp{
		"done": whole, "done in a boot": boot, "touched": whole, "of another size": done(101),
		"partial": partial(200), "trial": trial, "bad": bad, "empty, done": empty, "sub/dir/done": whole,
		strings.Repeat("n", 255): whole,
	} {
		p, mtime := content(100), whole.ModTime
		if name == "touched" {
			mtime = mtime.Add(time.Nanosecond)
		}
		if s.Total == 0 {
			p = nil
		}
		stamped(name, p, mtime, s.String())
		files[name] = false
	}
	stamped("no stamp in it", content(100), then, "1d nonsense")
	stamped("longer than a stamp", content(100), then, strings.Repeat("x", MaxStamp+1))
	put(t, at("no stamp"), content(100))
	put(t, at("empty"), nil)
	put(t, at("two names"), content(100))
	put(t, at("hole"), nil)
	put(t, at("only a hole"), nil)
	hole, err := os.OpenFile(at("hole"), os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = hole.WriteAt(content(100), 1<<20)
	for _, err := range []error{
		err, hole.Close(), os.Truncate(at("only a hole"), 1<<20),
		os.Link(at("two names"), at("its other name")),
		os.Mkdir(at("directory"), 0o755), os.Symlink("done", at("link")), os.Symlink("sub", at("link to dir")),
		syscall.Mkfifo(at("fifo"), 0o644),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"no stamp in it", "no stamp", "empty", "two names", "its other name", "hole", "only a hole"} {
		files[name] = false
	}
	for _, name := range []string{
		"longer than a stamp", "directory", "link", "fifo", "absent", "absent/too", "done/below a file", "link to dir/dir/done",
		strings.Repeat("n", 256),
	} {
		files[name] = true
	}
	return files
}

// TestGlance: whatever Glance and Holes tell is what Look does, by every way to an attribute.
func TestGlance(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	files := glanced(t, dir)
	for _, way := range []struct {
		name string
		set  func(d *Dir)
		none bool // all is for Look
	}{
		{"getxattrat", func(*Dir) {}, false},
		{"proc", func(d *Dir) { d.glances.noXattrat.Store(true) }, false},
		{"nothing", func(d *Dir) { d.glances.none.Store(true) }, true},
		{"neither", func(d *Dir) { d.glances.noXattrat.Store(true); d.glances.none.Store(true) }, true},
		{"coarse times", func(d *Dir) { d.fs.precision = 2 * time.Second }, false},
		{"network", func(d *Dir) { d.fs.late = true }, false},
		{"no stamps", func(d *Dir) { d.noStamps.Store(true) }, false},
	} {
		t.Run(way.name, func(t *testing.T) {
			d := openDir(t, dir)
			way.set(d)
			g := d.Glancer()
			defer g.Close()
			for name, forLook := range files {
				if name == "longer than a stamp" && !d.HasStamps() {
					forLook = false
				}
				got, ok := g.Glance(name)
				if ok == (forLook || way.none) {
					t.Errorf("%.20s: Glance says %t, %+v", name, ok, got)
				}
				if !ok {
					continue
				}
				if got.Holes, ok = g.Holes(got); !ok {
					t.Errorf("%s: no Holes", name)
				}
				f := look(t, d, name)
				if !got.ModTime.Equal(f.ModTime) || !reflect.DeepEqual(got.Stamp, f.Stamp) {
					t.Errorf("%s: Glance has %v, %+v, Look %v, %+v", name, got.ModTime, got.Stamp, f.ModTime, f.Stamp)
				}
				got.ModTime, got.Stamp = f.ModTime, f.Stamp
				if !reflect.DeepEqual(got, f.State) {
					t.Errorf("%s: Glance has %+v, Look %+v", name, got, f.State)
				}
			}
		})
	}
}

// What is swapped in after a Glance is not what Holes speaks of.
func TestGlanceSwapped(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d := openDir(t, dir)
	name := filepath.Join(dir, "f")
	for what, swap := range map[string]func() error{
		"another file": func() error {
			return errors.Join(os.WriteFile(name+"2", content(100), 0o644), os.Chtimes(name+"2", then, then), os.Rename(name+"2", name))
		},
		"a link":    func() error { return errors.Join(os.Rename(name, name+"2"), os.Symlink("f2", name)) },
		"a FIFO":    func() error { return errors.Join(os.Remove(name), syscall.Mkfifo(name, 0o644)) },
		"nothing":   func() error { return os.Remove(name) },
		"longer":    func() error { return errors.Join(os.Truncate(name, 200), os.Chtimes(name, then, then)) },
		"touched":   func() error { return os.Chtimes(name, then, then.Add(1)) },
		"directory": func() error { return errors.Join(os.Remove(name), os.Mkdir(name, 0o755)) },
	} {
		put(t, name, content(100))
		if err := os.Chtimes(name, then, then); err != nil {
			t.Fatal(err)
		}
		g := d.Glancer()
		s, ok := g.Glance("f")
		if !ok || s.Stamp != nil {
			t.Fatalf("Glance says %t, %+v", ok, s)
		}
		if err := swap(); err != nil {
			t.Fatal(err)
		}
		within(t, 5*time.Second, "Holes", func() {
			if _, ok := g.Holes(s); ok {
				t.Errorf("%s: Holes tells of what is there now", what)
			}
		})
		g.Close()
		if err := os.RemoveAll(name); err != nil {
			t.Fatal(err)
		}
	}
}

// A file that may not be read is for Look to complain of.
func TestGlanceUnreadable(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d := openDir(t, dir)
	put(t, filepath.Join(dir, "f"), content(100))
	if err := os.Chmod(filepath.Join(dir, "f"), 0); err != nil {
		t.Fatal(err)
	}
	_, err := d.Look("f")
	g := d.Glancer()
	defer g.Close()
	if _, ok := g.Glance("f"); ok != (err == nil) { // root may read everything
		t.Errorf("Glance says %t, Look %v", ok, err)
	}
}

// A Glancer holds one directory at most, whatever its Dir closes meanwhile.
func TestGlancerHandles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d := openDir(t, dir)
	g := d.Glancer()
	for i := range 2 * maxParents {
		name := fmt.Sprintf("%d/f", i)
		put(t, filepath.Join(dir, name), content(10))
		if s, ok := g.Glance(name); !ok || s.Size != 10 {
			t.Fatalf("%s: %t, %+v", name, ok, s)
		}
	}
	g.Close()
	held := 0
	for _, p := range d.parents {
		held += p.refs
	}
	if held != 0 || len(d.parents) > maxParents+1 {
		t.Errorf("%d handles, %d of them held", len(d.parents), held)
	}
}

func BenchmarkGlance(b *testing.B) {
	dir := b.TempDir()
	d := openDir(b, dir)
	w := must(b)(look(b, d, "f").Create(partial(100)))
	write(b, w, content(100))
	publish(b, w, Publication{Stamp: done(100), ModTime: then})
	b.Run("Look", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			f, err := d.Look("f")
			if err != nil || f.Stamp == nil {
				b.Fatal(err)
			}
			f.Close()
		}
	})
	b.Run("Glance", func(b *testing.B) {
		b.ReportAllocs()
		g := d.Glancer()
		defer g.Close()
		for b.Loop() {
			if s, ok := g.Glance("f"); !ok || s.Stamp == nil {
				b.Fatal(s)
			}
		}
	})
}
