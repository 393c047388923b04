package local

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

func newPipe(t *testing.T) *Pipe {
	t.Helper()
	p, err := NewPipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

// through appends p by a pipe.
func through(t *testing.T, w *Writer, pipe *Pipe, p []byte) (bool, error) {
	t.Helper()
	if n, err := pipe.W.Write(p); err != nil || n != len(p) {
		t.Fatalf("%d of %d bytes into the pipe: %v", n, len(p), err)
	}
	return w.AppendPipe(pipe, len(p))
}

func TestAppendPipe(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d := openDir(t, dir)
	want := content(2_000_003)
	w := must(t)(look(t, d, "f").Create(partial(int64(len(want)))))
	pipe := newPipe(t)
	write(t, w, want[:11]) // its position is not where the file's end is
	for at := 11; at < len(want); {
		n := min(300_007, len(want)-at)
		if spliced, err := through(t, w, pipe, want[at:at+n]); !spliced || err != nil {
			t.Fatalf("spliced %t, %v", spliced, err)
		}
		if at += n; w.Size() != int64(at) {
			t.Fatalf("size %d after %d bytes", w.Size(), at)
		}
		wantFile(t, filepath.Join(dir, "f"), want[:at])
	}
	closed(t, w)
}

// TestAppendPipeUnable: a file that cannot be spliced into is written to, and no byte is
// lost. One with O_APPEND set cannot.
func TestAppendPipeUnable(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d := openDir(t, dir)
	want := content(500_000)
	w := must(t)(look(t, d, "f").Create(partial(500_000)))
	pipe := newPipe(t)
	if spliced, err := through(t, w, pipe, want[:100_000]); !spliced || err != nil {
		t.Fatalf("spliced %t, %v", spliced, err)
	}
	if _, err := unix.FcntlInt(w.f.Fd(), unix.F_SETFL, unix.O_APPEND); err != nil {
		t.Fatal(err)
	}
	if spliced, err := through(t, w, pipe, want[100_000:]); spliced || err != nil {
		t.Errorf("spliced %t, %v", spliced, err)
	}
	if w.Size() != 500_000 {
		t.Errorf("size %d", w.Size())
	}
	closed(t, w)
	wantFile(t, filepath.Join(dir, "f"), want)
}

func TestAppendPipeDiskFull(t *testing.T) {
	t.Parallel()
	dir := mount(t, "tmpfs", "size=1m")
	d := openDir(t, dir)
	want := content(2 << 20)
	w := must(t)(look(t, d, "f").Create(partial(2 << 20)))
	pipe := newPipe(t)
	var err error
	for at := 0; err == nil && at+300_007 <= len(want); at += 300_007 {
		_, err = through(t, w, pipe, want[at:at+300_007])
	}
	if !IsFull(err) {
		t.Fatalf("on a full disk: %v", err)
	}
	if w.Size() < 500_000 || w.Size() > 1<<20 {
		t.Errorf("full after %d bytes", w.Size())
	}
	closed(t, w)
	wantFile(t, filepath.Join(dir, "f"), want[:w.Size()])
}

// TestAppendPipeTooLarge: the end of the largest file that there can be is told as Write
// tells it, with the bytes before it counted.
func TestAppendPipeTooLarge(t *testing.T) {
	t.Parallel()
	dir := mount(t, "tmpfs", "size=4m")
	d := openDir(t, dir)
	const largest = 1<<63 - 1
	w := must(t)(look(t, d, "f").Create(partial(largest)))
	if err := w.f.Truncate(largest - 100_000); err != nil {
		t.Skipf("this tmpfs has smaller files: %v", err)
	}
	w.size = largest - 100_000
	p := content(150_000)
	_, err := through(t, w, newPipe(t), p)
	var path *os.PathError
	if !errors.Is(err, syscall.EFBIG) && !errors.Is(err, syscall.EINVAL) || !errors.As(err, &path) || path.Op != "write" {
		t.Errorf("%v (%T)", err, err)
	}
	got := make([]byte, w.size-(largest-100_000))
	if _, err := w.f.ReadAt(got, largest-100_000); err != nil || len(got) > 100_000 || !bytes.Equal(got, p[:len(got)]) {
		t.Errorf("%d bytes, or others: %v", len(got), err)
	}
	closed(t, w)
}
