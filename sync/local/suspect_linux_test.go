package local

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// suspectOf writes a file by its pieces and returns what is suspect of it.
func suspectOf(t *testing.T, d *Dir, dir string, fill func(f *os.File)) int64 {
	t.Helper()
	f, err := os.CreateTemp(dir, "")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	fill(f)
	s, err := look(t, d, filepath.Base(f.Name())).Suspect()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSuspectZeros(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d := openDir(t, dir)
	const reach = zeroReach
	tests := []struct {
		data, zeros int
		want        int
	}{
		{0, 0, 0},
		{1, 0, 1},
		{100_000, 0, 100_000},
		{1000, 1, 1001},
		{1000, 511, 1511},
		{1000, 512, 1000},
		{1000, 513, 1000},
		{0, 511, 511},
		{0, 512, 0},
		{0, 100_000, 0},
		{4095, 512, 4095},
		{4096, 4096, 4096},
		{4097, 4096, 4097},
		{10_000, 70_000, 10_000},
		{65_536 + 7, 3 * 65_536, 65_536 + 7},
		{5000, reach - 70_000, 5000},
	}
	for _, c := range tests {
		got := suspectOf(t, d, dir, func(f *os.File) {
			f.Write(content(c.data))
			f.Write(make([]byte, c.zeros))
		})
		if got != int64(c.want) {
			t.Errorf("%d bytes and %d zeros: suspect from %d, not %d", c.data, c.zeros, got, c.want)
		}
	}
	// Beyond the reach the run is followed no further: it is suspect from there, at least.
	size := int64(1000 + reach + 4<<20)
	got := suspectOf(t, d, dir, func(f *os.File) {
		f.Write(content(1000))
		f.Write(make([]byte, reach+4<<20))
	})
	if got > size-reach || got < size-reach-64<<10 {
		t.Errorf("more zeros than the reach: suspect from %d of %d", got, size)
	}
	// A zero run that does not end the file is data.
	if got := suspectOf(t, d, dir, func(f *os.File) { f.Write(make([]byte, 50_000)); f.Write([]byte("x")) }); got != 50_001 {
		t.Errorf("zeros and a byte: suspect from %d", got)
	}
}

func TestSuspectHoles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d := openDir(t, dir)
	if !d.fs.trueHoles {
		t.Skip("holes say little on this file system")
	}
	tests := []struct {
		name   string
		pieces [][2]int64 // offset, length
		size   int64      // 0: the end of the last piece
		want   int64      // of a block of 4 KiB
	}{
		{"none", [][2]int64{{0, 1 << 20}}, 0, 1 << 20},
		{"written out of order", [][2]int64{{65536, 65536}, {0, 65536}}, 0, 131072},
		{"at the end", [][2]int64{{0, 65536}}, 200_000, 65536},
		{"before a good tail", [][2]int64{{0, 65536}, {131072, 65536}}, 0, 65536},
		{"at the beginning", [][2]int64{{65536, 65536}}, 0, 0},
		{"two", [][2]int64{{0, 4096}, {65536, 4096}, {1 << 20, 4096}}, 0, 4096},
		{"all", nil, 65536, 0},
	}
	for _, c := range tests {
		got := suspectOf(t, d, dir, func(f *os.File) {
			for _, p := range c.pieces {
				if _, err := f.WriteAt(content(int(p[1])), p[0]); err != nil {
					t.Fatal(err)
				}
			}
			if c.size > 0 {
				if err := f.Truncate(c.size); err != nil {
					t.Fatal(err)
				}
			}
		})
		if got != c.want {
			t.Errorf("%s: suspect from %d, not %d", c.name, got, c.want)
		}
	}
}

// Where holes say little, a hole far from the end is not believed.
func TestSuspectFalseHoles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d := openDir(t, dir)
	d.fs.trueHoles = false
	size := int64(falseReach + 64<<20)
	got := suspectOf(t, d, dir, func(f *os.File) {
		f.Write(content(4096))
		if _, err := f.WriteAt(content(4096), size-4096); err != nil {
			t.Fatal(err)
		}
	})
	if want := size - falseReach; got != want {
		t.Errorf("suspect from %d, not %d", got, want)
	}
}

// A file that a Writer wrote is clean at every moment, reserved space or not.
func TestSuspectClean(t *testing.T) {
	t.Parallel()
	d := openDir(t, t.TempDir())
	w := must(t)(look(t, d, "f").Create(partial(8 << 20)))
	if err := w.Reserve(8 << 20); err != nil {
		t.Fatal(err)
	}
	for i := range 8 {
		write(t, w, content(100_000+i))
		f := look(t, d, "f")
		if s, err := f.Suspect(); err != nil || s != w.Size() || f.Size != w.Size() || f.Holes {
			t.Errorf("after %d bytes: suspect from %d of %d (%v)", w.Size(), s, f.Size, err)
		}
		f.Close()
	}
	closed(t, w)
}

func TestHolesOfUnstamped(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d := openDir(t, dir)
	for _, hole := range []bool{false, true} {
		name := fmt.Sprint(hole)
		put(t, filepath.Join(dir, name), bytes.Repeat([]byte("x"), 8192))
		if hole {
			if err := os.Truncate(filepath.Join(dir, name), 100_000); err != nil {
				t.Fatal(err)
			}
		}
		if f := look(t, d, name); f.Holes != hole {
			t.Errorf("holes: %v", f.Holes)
		}
	}
}

// TestSuspectUnwrittenRead reads a file whose middle was reserved and never written, as a
// power cut leaves it: what was read is in the page cache, and is no data for that.
func TestSuspectUnwrittenRead(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d := openDir(t, dir)
	if !d.fs.reserve {
		t.Skip("space cannot be reserved on this file system")
	}
	const hole, end = 1 << 20, 3 << 20
	file := filepath.Join(dir, "f")
	if err := os.WriteFile(file, content(hole), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(file, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	err = unix.Fallocate(int(f.Fd()), 0, hole, end-hole)
	if err == nil {
		_, err = f.WriteAt(content(200_000), end)
	}
	if err == nil {
		err = f.Sync()
	}
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if s, err := look(t, d, "f").Suspect(); s != hole || err != nil {
			t.Errorf("suspect from %d, not %d (%v)", s, hole, err)
		}
		if !look(t, d, "f").Holes {
			t.Error("no holes")
		}
		g := d.Glancer()
		if s, ok := g.Glance("f"); !ok {
			t.Error("no glance")
		} else if holes, ok := g.Holes(s); !holes || !ok {
			t.Errorf("a glance: holes %v, %v", holes, ok)
		}
		g.Close()
		if _, err := os.ReadFile(file); err != nil {
			t.Fatal(err)
		}
	}
}
