package sync

import (
	"bytes"
	"context"
	"os"
	"testing"
	"time"

	"fsync/sync/local"
	"fsync/sync/remote"
	"fsync/sync/remote/remotetest"
)

// TestAtomicCuts cuts a fresh file at many points. Nothing is under its name until all of
// it is there, and the next run, whatever its mode, goes on where the copy ends.
func TestAtomicCuts(t *testing.T) {
	t.Parallel()
	for _, again := range []bool{true, false} {
		for _, n := range []int64{0, 1, 4095, overlap - 1, overlap, overlap + 1, costHalf, costSize - 1} {
			l := costLab(t, remotetest.CutFIN(n).Times(1), remotetest.Status(404))
			l.Atomic, l.Retries = true, 0
			l.want(Failed, l.entry("f"))
			l.halfway(costContent, n)
			l.put("f", costContent)
			l.Atomic, l.DryRun = again, true
			outcome := Resumed
			if n == 0 {
				outcome = Fetched
			}
			if r := l.want(outcome, l.entry("f")); r.Planned != costSize-n {
				t.Errorf("cut at %d: planned %d bytes", n, r.Planned)
			}
			l.halfway(costContent, n)
			l.DryRun = false
			r := l.want(outcome, l.entry("f"))
			if r.Offset != n || r.Fetched > costSize-n+overlap || r.Requests != 1 {
				t.Errorf("cut at %d: from %d, fetched %d in %d requests", n, r.Offset, r.Fetched, r.Requests)
			}
			l.same("f", costContent)
			l.noSide("f")
			l.want(UpToDate, l.entry("f"))
		}
	}
}

// halfway checks that f is not there and its copy holds n bytes.
func (l *lab) halfway(content []byte, n int64) {
	l.t.Helper()
	if _, err := os.Lstat(l.path("f")); err == nil {
		l.t.Error("it appeared before it was whole")
	}
	if p := l.read(local.StageName("f")); !bytes.Equal(p, content[:n]) {
		l.t.Errorf("the copy holds %s, want %d bytes", show(p), n)
	}
}

// TestAtomicFresh: what goes well is the same as without, as is the number of requests.
func TestAtomicFresh(t *testing.T) {
	t.Parallel()
	for _, mode := range []SyncMode{SyncNone, SyncRun, SyncFile} {
		l := costLab(t)
		l.Atomic, l.Sync = true, mode
		r := l.costs(cost{requests: 1}, Fetched, l.entry("f"))
		if r.Offset != 0 {
			t.Errorf("offset %d", r.Offset)
		}
		l.same("f", costContent)
		l.noSide("f")
		l.costs(cost{requests: 1}, UpToDate, l.entry("f"))
		// Retried in one run, it is fetched all the same.
		l.put("g", costContent, remotetest.CutFIN(costHalf).Times(1))
		if r := l.want(Fetched, l.entry("g")); r.Offset != 0 {
			t.Errorf("offset %d", r.Offset)
		}
		l.same("g", costContent)
		// A file that somebody else began is not hidden.
		l.put("h", costContent)
		l.write("h", costContent[:costHalf], then.Add(time.Hour))
		l.want(Resumed, l.entry("h"))
		l.same("h", costContent)
		l.put("e", costContent)
		l.write("e", nil, then)
		l.want(Fetched, l.entry("e"))
		l.same("e", costContent)
	}
}

// TestAtomicRetryOfResumed: the offset is that of the run's first look.
func TestAtomicRetryOfResumed(t *testing.T) {
	t.Parallel()
	l := costLab(t, remotetest.CutFIN(100_000).Times(1), remotetest.Status(404))
	l.Atomic, l.Retries = true, 0
	l.want(Failed, l.entry("f"))
	l.Retries = 1
	l.put("f", costContent, remotetest.CutFIN(200_000).Times(1))
	if r := l.want(Resumed, l.entry("f")); r.Offset != 100_000 {
		t.Errorf("offset %d", r.Offset)
	}
	l.same("f", costContent)
}

// TestAtomicConflicts: what is somebody's stays.
func TestAtomicConflicts(t *testing.T) {
	t.Parallel()
	l := costLab(t)
	l.Atomic = true
	mine := l.foreign("f")
	l.want(Conflict, l.entry("f"))
	l.same("f", mine)
	l.noSide("f")
	// One that comes while the copy grows, too.
	l.put("g", costContent)
	http := l.sources["http"]
	l.sources = map[string]Source{"http": fake(func(c context.Context, req remote.Request) (*remote.Tail, error) {
		tail, err := http.Open(c, req)
		if l.read("g") == nil {
			l.write("g", mine, then.Add(time.Hour))
		}
		return tail, err
	})}
	l.want(Conflict, l.entry("g"))
	l.same("g", mine)
}

// TestAtomicWhole: a copy that is whole, of a run that was killed before the rename, needs
// its overlap only.
func TestAtomicWhole(t *testing.T) {
	t.Parallel()
	l := costLab(t)
	l.Atomic = true
	l.want(Fetched, l.entry("f"))
	if err := os.Rename(l.path("f"), l.path(local.StageName("f"))); err != nil {
		t.Fatal(err)
	}
	r := l.costs(cost{requests: 1, again: overlap}, Resumed, l.entry("f"))
	if r.Offset != costSize {
		t.Errorf("offset %d", r.Offset)
	}
	l.same("f", costContent)
	l.noSide("f")
	// Damaged at its end, it is repaired.
	if err := os.Rename(l.path("f"), l.path(local.StageName("f"))); err != nil {
		t.Fatal(err)
	}
	l.overwriteAt(local.StageName("f"), make([]byte, 5000), costSize-5000)
	l.want(Repaired, l.entry("f"))
	l.same("f", costContent)
	l.noSide("f")
}

// TestAtomicKilled stops a run at many points by its context.
func TestAtomicKilled(t *testing.T) {
	t.Parallel()
	for at := int64(0); at < costSize; at += 61_007 {
		l := costLab(t)
		l.Atomic = true
		http := l.sources["http"]
		ctx, cancel := context.WithCancel(t.Context())
		var seen int64
		l.sources = map[string]Source{"http": fake(func(c context.Context, req remote.Request) (*remote.Tail, error) {
			tail, err := http.Open(c, req)
			if err == nil {
				tail.Body = &stopper{tail.Body, &seen, at, cancel}
			}
			return tail, err
		})}
		if r := l.pullAll(ctx, l.entry("f"))["f"]; r.Outcome != Stopped {
			t.Errorf("at %d: %v", at, r.Outcome)
		}
		l.halfway(costContent, at)
		l.sources = map[string]Source{"http": http}
		if r := l.pull(l.entry("f")); !r.Outcome.OK() || r.Offset != at || r.Fetched > costSize-at+overlap {
			t.Errorf("at %d: %v (%v) from %d, fetched %d", at, r.Outcome, r.Err, r.Offset, r.Fetched)
		}
		l.same("f", costContent)
		l.noSide("f")
	}
}

// TestAtomicOtherVersion: a copy of another version is dropped, and counts for nothing.
func TestAtomicOtherVersion(t *testing.T) {
	t.Parallel()
	next := remotetest.Content(4, costSize)
	l := costLab(t, remotetest.CutFIN(costHalf).Times(1), remotetest.Status(404))
	l.Atomic, l.Retries = true, 0
	l.want(Failed, l.entry("f"))
	l.renew("f", next)
	if r := l.want(Fetched, l.entry("f")); r.Offset != 0 {
		t.Errorf("offset %d", r.Offset)
	}
	l.same("f", next)
	l.noSide("f")
}
