package sync

import (
	"bytes"
	"context"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"fsync/sync/local"
	"fsync/sync/remote"
	"fsync/sync/remote/remotetest"
)

// TestWholeBlocks: whatever comes at a time, and wherever the file ended before, it ends where
// a block does until all is there.
func TestWholeBlocks(t *testing.T) {
	t.Parallel()
	const align = blockAlign
	for _, have := range []int{0, 1, align - 1, align, align + 1, 3*align - 7} {
		for _, more := range []int{0, 1, align - 1, align, align + 1, 5*align + 3} {
			for _, most := range []int{1, 700, align - 1, align, align + 1, 9 * align} {
				growByBlocks(t, remotetest.Content(5, int64(have+more)), have, most)
			}
		}
	}
}

// growByBlocks appends all but the first bytes of a content, up to most at a time.
func growByBlocks(t *testing.T, content []byte, have, most int) {
	t.Helper()
	w := newWriter(t, content[:have])
	defer w.Close(time.Time{})
	b := &wholeBlocks{w: w, wrote: func() {}}
	rng := rand.New(rand.NewPCG(uint64(have), uint64(most)))
	for at := have; at < len(content); {
		n := min(1+rng.IntN(most), len(content)-at)
		at += n
		if err := b.put(content[at-n:at], at == len(content)); err != nil {
			t.Fatal(err)
		}
		size := int(w.Size())
		switch {
		case size+len(b.part) != at:
			t.Fatalf("have %d, most %d: %d bytes written and %d kept of %d", have, most, size, len(b.part), at)
		case size != have && size != len(content) && size%blockAlign != 0, len(b.part) >= blockAlign:
			t.Fatalf("have %d, most %d: %d bytes written, %d kept", have, most, size, len(b.part))
		case at == len(content) && len(b.part) > 0:
			t.Fatalf("have %d, most %d: %d bytes were kept at the end", have, most, len(b.part))
		}
	}
	got := make([]byte, len(content))
	if n, err := w.ReadAt(got, 0); n < len(content) || !bytes.Equal(got, content) {
		t.Fatalf("have %d, most %d: other bytes, %v", have, most, err)
	}
}

// newWriter returns a Writer of a partial file with bytes in it.
func newWriter(t *testing.T, content []byte) *local.Writer {
	t.Helper()
	dir := t.TempDir()
	d, err := local.Open(dir, false, func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	f, err := d.Look("f")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	w, err := f.Create(local.Stamp{State: local.Partial, Total: -1})
	if err != nil {
		t.Fatal(err)
	}
	if len(content) > 0 {
		if _, err := w.Write(content); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

// sizeSeen is a source that looks at the file each time that its body is read from.
type sizeSeen struct {
	Source
	look func()
}

func (s *sizeSeen) Open(ctx context.Context, req remote.Request) (*remote.Tail, error) {
	tail, err := s.Source.Open(ctx, req)
	if err == nil {
		if b, ok := tail.Body.(splicerBody); ok {
			tail.Body = &seenBody{b, s.look}
		}
	}
	return tail, err
}

type seenBody struct {
	splicerBody
	look func()
}

func (b *seenBody) Read(p []byte) (int, error) {
	b.look()
	return b.splicerBody.Read(p[:min(len(p), 70_001)])
}

func (b *seenBody) Splice(pipe *os.File, n int) (int, error) {
	b.look()
	return b.splicerBody.Splice(pipe, min(n, 70_001))
}

// TestWholeBlocksPulled: so it is while a file is pulled, by splice(2) or not.
func TestWholeBlocksPulled(t *testing.T) {
	t.Parallel()
	for name, size := range map[string]int{"spliced": 5<<20 + 4321, "read": 900_001} {
		for _, have := range []int{0, 1, 100_000, 131_072} {
			l := newLab(t)
			content := remotetest.Content(61, int64(size))
			l.put("f", content)
			if have > 0 {
				l.partial("f", have)
			}
			looks := 0
			l.sources["http"] = &sizeSeen{l.sources["http"], func() {
				fi, err := os.Stat(filepath.Join(l.dir, "f"))
				if looks++; err == nil && fi.Size() != int64(have) && fi.Size() != int64(size) && fi.Size()%blockAlign != 0 {
					t.Errorf("%s, with %d bytes: the file has %d", name, have, fi.Size())
				}
			}}
			if r := l.pull(l.entry("f")); !r.Outcome.OK() || looks < 10 {
				t.Errorf("%s, with %d bytes: %v (%v), %d looks", name, have, r.Outcome, r.Err, looks)
			}
			l.same("f", content)
		}
	}
}
