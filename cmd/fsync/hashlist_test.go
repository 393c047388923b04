//go:build unix

package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"fsync/listing"
	"fsync/sync/remote/remotetest"
)

func newTestHasher(t *testing.T, dir string) *hasher {
	t.Helper()
	h, err := newHasher(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.close)
	return h
}

func sha256Of(p []byte) string {
	sum := sha256.Sum256(p)
	return string(sum[:])
}

func TestHash(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	h := newTestHasher(t, dir)
	h.pieces, h.length = true, 1<<18
	for i, size := range []int64{0, 1, 1<<18 - 1, 1 << 18, 1<<18 + 1, 1 << 19, hashBlock - 1, hashBlock, hashBlock + 1, 2*hashBlock + 1<<18 + 7} {
		content := remotetest.Content(uint64(i), size)
		put(t, filepath.Join(dir, "d", "file"), content)
		os.Chtimes(filepath.Join(dir, "d", "file"), then, then)
		before := h.bytes.Load()
		e, err := h.hash(t.Context(), "d/file")
		if err != nil || e.Path != "d/file" || e.Size != size || !e.ModTime.Equal(then) || len(e.Digests) != 1 || e.Digests[0].Sum != sha256Of(content) {
			t.Fatalf("%d bytes: %+v, error %v", size, e, err)
		}
		if n := h.bytes.Load() - before; n != size {
			t.Errorf("%d bytes: %d were read", size, n)
		}
		if size == 0 {
			if e.Pieces != nil {
				t.Errorf("pieces of nothing: %+v", e.Pieces)
			}
			continue
		}
		if e.Pieces.Length != 1<<18 || int64(e.Pieces.Count()) != (size+1<<18-1)>>18 || !e.Pieces.Cover(size) {
			t.Fatalf("%d bytes: %d pieces of %d", size, e.Pieces.Count(), e.Pieces.Length)
		}
		for p := range e.Pieces.Count() {
			from, to := e.Pieces.Span(p, size)
			if e.Pieces.Sum(p).Sum != sha256Of(content[from:to]) {
				t.Errorf("%d bytes: piece %d is wrong", size, p)
			}
		}
	}
}

// However small the pieces are to be, their number is bounded.
func TestPieceNumber(t *testing.T) {
	t.Parallel()
	h := &hasher{pieces: true, length: 1}
	for _, size := range []int64{1, mostPieces - 1, mostPieces, mostPieces + 1, 1 << 40, 1<<63 - 1} {
		p := h.newPieces(size)
		if n := size / p.length; n >= mostPieces || size < mostPieces && p.length != 1 || n < mostPieces/2-1 && p.length != 1 {
			t.Errorf("%d bytes: pieces of %d", size, p.length)
		}
	}
	h.length = 0
	if got := h.newPieces(10 << 30).length; got != listing.PieceLength(10<<30) {
		t.Errorf("by itself: %d", got)
	}
}

func TestHashLinks(t *testing.T) {
	t.Parallel()
	top := t.TempDir()
	dir := filepath.Join(top, "dir")
	put(t, filepath.Join(dir, "sub", "file"), []byte("inside"))
	put(t, filepath.Join(top, "secret"), []byte("outside"))
	if err := os.Symlink("dir", filepath.Join(top, "alias")); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(filepath.Join(dir, "fifo"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, link := range map[string]struct {
		target string
		inside bool
	}{
		"relative": {"sub/file", true}, "sub/up": {"../sub/file", true}, "absolute": {filepath.Join(dir, "sub/file"), true},
		"round": {"../dir/sub/file", true}, "by-alias": {filepath.Join(top, "alias/sub/file"), true},
		"out": {"../secret", false}, "out-absolute": {filepath.Join(top, "secret"), false}, "none": {"nothing", false},
		"to-dir": {"sub", false}, "to-fifo": {"fifo", false}, "device": {"/dev/null", false}, "loop": {"loop", false},
	} {
		if err := os.Symlink(link.target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
		for _, from := range []string{dir, filepath.Join(top, "alias")} {
			e, err := newTestHasher(t, from).hash(t.Context(), name)
			if link.inside && (err != nil || e.Digests[0].Sum != sha256Of([]byte("inside"))) || !link.inside && err == nil {
				t.Errorf("%s: %+v, error %v", name, e, err)
			}
		}
	}
	_, err := newTestHasher(t, dir).hash(t.Context(), "../secret")
	if err == nil {
		t.Error("a path led out")
	}
}

// changer changes a file each time that something is read of it.
type changer struct {
	f      *os.File
	change func()
}

func (c *changer) Read(p []byte) (int, error) {
	c.change()
	return c.f.Read(p)
}

func TestHashChanged(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "file")
	put(t, name, bytes.Repeat([]byte("a"), 100))
	h := newTestHasher(t, filepath.Dir(name))
	for what, change := range map[string]func(){
		"longer":  func() { os.Truncate(name, 5_000_000) },
		"shorter": func() { os.Truncate(name, 50) },
		"newer":   func() { os.Chtimes(name, then, then) },
	} {
		os.Truncate(name, 100)
		os.Chtimes(name, then.Add(time.Hour), then.Add(time.Hour))
		f, fi, err := h.open("file")
		if err != nil {
			t.Fatal(err)
		}
		e := listing.Entry{Size: fi.Size(), ModTime: fi.ModTime()}
		if same, err := h.read(t.Context(), f, &changer{f, change}, &e); same || err != nil {
			t.Errorf("%s: same %t, error %v", what, same, err)
		}
		f.Close()
	}
	os.Truncate(name, 100)
	if e, err := h.hash(t.Context(), "file"); err != nil || e.Size != 100 {
		t.Errorf("%+v, error %v", e, err)
	}
}

func TestHashStops(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	put(t, filepath.Join(dir, "file"), []byte("a"))
	ctx, cancel := context.WithCancelCause(t.Context())
	stop := errors.New("stop")
	cancel(stop)
	if _, err := newTestHasher(t, dir).hash(ctx, "file"); !errors.Is(err, stop) {
		t.Errorf("got %v", err)
	}
	_, err := newTestHasher(t, dir).hash(t.Context(), "missing")
	if err == nil || strings.Contains(err.Error(), "missing") {
		t.Errorf("got %v", err)
	}
}
