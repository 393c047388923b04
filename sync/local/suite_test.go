package local

import (
	"bytes"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// then is a remote's time: long ago, and a whole second.
var then = time.Date(2021, 3, 4, 5, 6, 7, 0, time.UTC)

// partial is the stamp of a file that grows to total bytes.
func partial(total int64) Stamp {
	return Stamp{State: Partial, Total: total, Place: "0123456789abcdef", ETag: `"one"`, LastModified: then}
}

// done is the stamp of a complete file.
func done(total int64) Stamp {
	s := partial(total)
	s.State = Done
	return s
}

// content returns n bytes without any zero, so that a hole or a gap in them shows.
func content(n int) []byte {
	r := rand.New(rand.NewPCG(1, uint64(n)))
	p := make([]byte, n)
	for i := range p {
		p[i] = byte(1 + r.IntN(255))
	}
	return p
}

func openDir(t testing.TB, path string) *Dir {
	t.Helper()
	d, err := Open(path, true, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

func look(t testing.TB, d *Dir, path string) *File {
	t.Helper()
	f, err := d.Look(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.Close)
	return f
}

func put(t testing.TB, name string, p []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, p, 0o644); err != nil {
		t.Fatal(err)
	}
}

func write(t testing.TB, w *Writer, p []byte) {
	t.Helper()
	if n, err := w.Write(p); err != nil || n != len(p) {
		t.Fatalf("wrote %d of %d bytes: %v", n, len(p), err)
	}
}

// closed closes a writer that is given up.
func closed(t testing.TB, w *Writer) {
	t.Helper()
	if err := w.Close(time.Time{}); err != nil {
		t.Fatal(err)
	}
}

// must returns w if there was no error.
func must(t testing.TB) func(w *Writer, err error) *Writer {
	return func(w *Writer, err error) *Writer {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return w
	}
}

// publish publishes and closes.
func publish(t testing.TB, w *Writer, p Publication) {
	t.Helper()
	if err := w.Seal(); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Publish(p); err != nil {
		t.Fatal(err)
	}
	closed(t, w)
}

func wantFile(t testing.TB, name string, want []byte) {
	t.Helper()
	got, err := os.ReadFile(name)
	if err != nil {
		t.Error(err)
	} else if !bytes.Equal(got, want) {
		t.Errorf("%s: %d bytes, not the %d that should be there", name, len(got), len(want))
	}
}

// wantNames checks what is in a directory, hidden files included.
func wantNames(t testing.TB, dir string, want ...string) {
	t.Helper()
	var got []string
	es, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range es {
		got = append(got, e.Name())
	}
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("there are %q, not %q", got, want)
	}
}

func stat(t testing.TB, name string) fs.FileInfo {
	t.Helper()
	fi, err := os.Lstat(name)
	if err != nil {
		t.Fatal(err)
	}
	return fi
}
