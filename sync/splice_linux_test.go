package sync

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync/atomic"
	"testing"

	"golang.org/x/time/rate"

	"fsync/listing"
	"fsync/sync/local"
	"fsync/sync/remote"
	"fsync/sync/remote/remotetest"
)

// spliceCount counts what was spliced, and can have something happen after so many bytes.
type spliceCount struct {
	Source
	moved atomic.Int64
	at    int64
	then  func()
}

func (s *spliceCount) Open(ctx context.Context, req remote.Request) (*remote.Tail, error) {
	tail, err := s.Source.Open(ctx, req)
	if err == nil {
		if b, ok := tail.Body.(splicerBody); ok {
			tail.Body = &countedBody{b, s}
		}
	}
	return tail, err
}

type splicerBody interface {
	remote.Splicer
	Read(p []byte) (int, error)
	Close() error
}

type countedBody struct {
	splicerBody
	s *spliceCount
}

func (b *countedBody) Splice(pipe *os.File, n int) (int, error) {
	got, err := b.splicerBody.Splice(pipe, n)
	if now := b.s.moved.Add(int64(got)); b.s.then != nil && now >= b.s.at {
		b.s.then()
	}
	return got, err
}

// spliceLab is a lab whose client's splices are counted.
func spliceLab(t *testing.T) (*lab, *spliceCount) {
	t.Helper()
	l := newLab(t)
	s := &spliceCount{Source: l.sources["http"]}
	l.sources["http"] = s
	return l, s
}

const splicedSize = 5<<20 + 4321

// TestSpliced: fresh files and partial ones, with a digest and without, come by splice(2).
func TestSpliced(t *testing.T) {
	t.Parallel()
	content := remotetest.Content(60, splicedSize)
	for _, have := range []int{0, 1, 100_000, 2<<20 + 1} {
		for _, facts := range [][]fact{nil, {withSize(splicedSize), withDigest(content)}} {
			l, s := spliceLab(t)
			l.put("f", content)
			if have > 0 {
				l.partial("f", have)
			}
			if r := l.pull(l.entry("f", facts...)); !r.Outcome.OK() || r.Requests != 1 || r.Fetched > splicedSize-int64(have)+overlap {
				t.Errorf("with %d bytes: %v (%v), %d requests, %d bytes", have, r.Outcome, r.Err, r.Requests, r.Fetched)
			}
			l.same("f", content)
			if n := s.moved.Load(); n < splicedSize-int64(have)-1<<20 {
				t.Errorf("with %d bytes: %d were spliced", have, n)
			}
		}
	}
}

// TestSplicedWrong: what was spliced is hashed, too.
func TestSplicedWrong(t *testing.T) {
	t.Parallel()
	content := remotetest.Content(60, splicedSize)
	l, _ := spliceLab(t)
	l.put("f", content)
	if r := l.pull(l.entry("f", withSize(splicedSize), withDigest([]byte("other")))); r.Outcome != Failed || !errors.Is(r.Err, errDigest) {
		t.Errorf("%v (%v)", r.Outcome, r.Err)
	}
}

// TestSplicedCut: wherever a body is cut, the file is what came of it, and the next run
// goes on there.
func TestSplicedCut(t *testing.T) {
	t.Parallel()
	content := remotetest.Content(61, splicedSize)
	l, s := spliceLab(t)
	l.Retries, l.Jobs = 0, 4
	var es []listing.Entry
	for i, n := range []int64{0, 1, 4095, 4096, 65535, 65537, 1 << 20, 1<<20 + 1, 3_333_333, splicedSize - 1} {
		for _, cut := range []func(int64) remotetest.Fault{remotetest.CutFIN, remotetest.CutRST} {
			name := fmt.Sprintf("f%d-%d", i, len(es))
			l.put(name, content, cut(n).Times(1))
			es = append(es, l.entry(name, withSize(splicedSize)))
		}
	}
	for path, r := range l.pullAll(t.Context(), es...) {
		if p := l.read(path); !bytes.HasPrefix(content, p) || r.Outcome != Failed || remote.KindOf(r.Err) != remote.Temporary {
			t.Errorf("%s: %v (%v) with %s", path, r.Outcome, r.Err, show(p))
		} else if len(p) > 0 && int64(len(p)) != r.Size {
			t.Errorf("%s: %s, and the result says %d", path, show(p), r.Size)
		}
	}
	if s.moved.Load() == 0 {
		t.Error("nothing was spliced")
	}
	for path, r := range l.pullAll(t.Context(), es...) {
		if !r.Outcome.OK() || r.Requests > 1 {
			t.Errorf("%s, again: %v (%v), %d requests", path, r.Outcome, r.Err, r.Requests)
		}
		l.same(path, content)
	}
}

// TestSplicedCancel stops a run in the middle of a file.
func TestSplicedCancel(t *testing.T) {
	t.Parallel()
	content := remotetest.Content(62, 24<<20)
	l, s := spliceLab(t)
	l.put("f", content)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	s.at, s.then = 2<<20, cancel
	for _, r := range l.pullAll(ctx, l.entry("f")) {
		if r.Outcome.OK() {
			t.Errorf("%v", r.Outcome)
		}
	}
	p := l.read("f")
	if len(p) < 2<<20 || len(p) == len(content) || !bytes.HasPrefix(content, p) {
		t.Errorf("it left %s", show(p))
	}
	s.then = nil
	if r := l.pull(l.entry("f")); r.Outcome != Resumed || r.Fetched > int64(len(content)-len(p))+overlap {
		t.Errorf("again: %v (%v), %d bytes", r.Outcome, r.Err, r.Fetched)
	}
	l.same("f", content)
}

// TestSplicedDiskFull fills a small file system.
func TestSplicedDiskFull(t *testing.T) {
	l, s := spliceLab(t)
	mount(t, l.dir, "size=3m")
	content := remotetest.Content(63, splicedSize)
	l.put("f", content)
	if r := l.pull(l.entry("f")); r.Outcome != Failed || !local.IsFull(r.Err) || r.Requests != 1 {
		t.Errorf("%v (%v), %d requests", r.Outcome, r.Err, r.Requests)
	}
	if p := l.read("f"); len(p) < 2<<20 || !bytes.HasPrefix(content, p) || s.moved.Load() == 0 {
		t.Errorf("%d bytes were spliced, it left %s", s.moved.Load(), show(p))
	}
	if out, err := exec.Command("mount", "-o", "remount,size=20m", l.dir).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if r := l.pull(l.entry("f")); r.Outcome != Resumed {
		t.Errorf("again: %v (%v)", r.Outcome, r.Err)
	}
	l.same("f", content)
}

// TestNotSpliced: what cannot go from the socket to the file as it is is read: chunks, and
// what has a rate.
func TestNotSpliced(t *testing.T) {
	t.Parallel()
	content := remotetest.Content(64, splicedSize)
	for name, prepare := range map[string]func(*lab){
		"chunked": func(l *lab) { l.put("f", content, remotetest.Chunked()) },
		"limited": func(l *lab) { l.put("f", content); l.Limiter = rate.NewLimiter(1<<30, 1<<20) },
	} {
		l, s := spliceLab(t)
		prepare(l)
		if r := l.pull(l.entry("f", withSize(splicedSize))); !r.Outcome.OK() {
			t.Errorf("%s: %v (%v)", name, r.Outcome, r.Err)
		}
		l.same("f", content)
		if n := s.moved.Load(); n > 0 {
			t.Errorf("%s: %d bytes were spliced", name, n)
		}
	}
}
