package sync

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
	"time"

	"fsync/listing"
	"fsync/sync/remote/remotetest"
)

// TestCutEverywhere cuts the connection at every byte of a small file and starts again.
func TestCutEverywhere(t *testing.T) {
	t.Parallel()
	const size = 3000
	content := remotetest.Content(5, size)
	for _, known := range []bool{false, true} {
		l := newLab(t)
		l.Jobs, l.Retries = 8, 0
		var es []listing.Entry
		for n := range size + 1 {
			name := fmt.Sprintf("f%d", n)
			l.put(name, content, remotetest.CutFIN(int64(n)).Times(1))
			e := l.entry(name)
			if known {
				withSize(size)(&e)
				withDigest(content)(&e)
			}
			es = append(es, e)
		}
		for path, r := range l.pullAll(t.Context(), es...) {
			if p := l.read(path); !bytes.HasPrefix(content, p) || r.Outcome.OK() != (len(p) == size) {
				t.Errorf("%s: %v (%v) with %s", path, r.Outcome, r.Err, show(p))
			}
		}
		for path, r := range l.pullAll(t.Context(), es...) {
			if !r.Outcome.OK() || r.Requests > 1 {
				t.Errorf("%s, again: %v (%v), %d requests", path, r.Outcome, r.Err, r.Requests)
			}
			l.same(path, content)
			l.noSide(path)
		}
	}
}

// TestCutRetried is the same with the retry in one run: retrying is resuming.
func TestCutRetried(t *testing.T) {
	t.Parallel()
	content := remotetest.Content(5, 300_000)
	l := newLab(t)
	l.Jobs = 32
	var es []listing.Entry
	for i := range 32 {
		name := fmt.Sprintf("f%d", i)
		l.put(name, content, remotetest.CutFIN(int64(i)*9500).Times(1))
		es = append(es, l.entry(name))
	}
	for path, r := range l.pullAll(t.Context(), es...) {
		if r.Outcome != Fetched || r.Offset != 0 || r.Size != 300_000 {
			t.Errorf("%s: %v (%v) from %d to %d", path, r.Outcome, r.Err, r.Offset, r.Size)
		}
		l.same(path, content)
	}
}

// TestPartialsEverywhere resumes a local prefix of every length that fsync did not write.
func TestPartialsEverywhere(t *testing.T) {
	t.Parallel()
	const size = 3000
	content := remotetest.Content(5, size)
	l := newLab(t)
	l.Jobs, l.Retries = 8, 0
	var es []listing.Entry
	for n := range size + 1 {
		name := fmt.Sprintf("f%d", n)
		l.put(name, content)
		l.write(name, content[:n], then.Add(time.Duration(n%3-1)*time.Hour))
		es = append(es, l.entry(name))
	}
	for path, r := range l.pullAll(t.Context(), es...) {
		if !r.Outcome.OK() || r.Requests > 1 {
			t.Errorf("%s: %v (%v), %d requests", path, r.Outcome, r.Err, r.Requests)
		}
		l.same(path, content)
		l.noSide(path)
	}
}

// boundaries are the sizes around which the engine goes another way.
var boundaries = []int{
	0, 1, 2, 511, 512, 513, 4095, 4096, 4097,
	overlap - 1, overlap, overlap + 1, 2*overlap - 1, 2 * overlap, 2*overlap + 1,
	blockSize - 1, blockSize, blockSize + 1, smallRest - 1, smallRest, smallRest + 1,
	smallRest + overlap - 1, smallRest + overlap, smallRest + overlap + 1,
}

func TestBoundaries(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.Jobs = 8
	content := remotetest.Content(6, smallRest+overlap+1)
	facts := map[string][]fact{"": nil, "known": nil}
	var es []listing.Entry
	sizes := map[string]int{}
	slices.Sort(boundaries)
	for _, n := range slices.Compact(boundaries) {
		for how := range facts {
			name := fmt.Sprintf("fresh%s%d", how, n)
			l.put(name, content[:n])
			e := l.entry(name)
			if how != "" {
				withSize(int64(n))(&e)
				withDigest(content[:n])(&e)
			}
			es = append(es, e)
			sizes[name] = n
		}
		for i, have := range []int{n / 2, n - 1, n} {
			if have <= 0 || i == 0 && have == n-1 {
				continue
			}
			name := fmt.Sprintf("half%d-%d", n, have)
			l.put(name, content[:n])
			l.write(name, content[:have], then.Add(time.Hour))
			es = append(es, l.entry(name))
			sizes[name] = n
			name = fmt.Sprintf("own%d-%d", n, have)
			l.put(name, content[:n])
			if have < n {
				l.partial(name, have)
			}
			es = append(es, l.entry(name))
			sizes[name] = n
		}
	}
	for range 2 {
		for path, r := range l.pullAll(t.Context(), es...) {
			if !r.Outcome.OK() || r.Requests > 1 || r.Size != int64(sizes[path]) {
				t.Errorf("%s: %v (%v), %d requests, %d bytes", path, r.Outcome, r.Err, r.Requests, r.Size)
			}
			if p := l.read(path); p == nil || !bytes.Equal(p, content[:sizes[path]]) {
				t.Errorf("%s holds %s", path, show(p))
			}
			l.noSide(path)
		}
	}
}
