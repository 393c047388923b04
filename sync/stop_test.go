package sync

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"testing"
	"time"

	"fsync/listing"
	"fsync/sync/local"
	"fsync/sync/remote"
	"fsync/sync/remote/remotetest"
)

// TestCanceled: a run that is stopped ends soon, keeps what came, commits nothing more,
// and the next run goes on.
func TestCanceled(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.Jobs, l.Sync = 4, SyncRun
	l.put("done", costContent)
	var es []listing.Entry
	es = append(es, l.entry("done"))
	for i := range 6 {
		name := fmt.Sprintf("f%d", i)
		l.put(name, costContent, remotetest.Stall(costHalf).Times(1))
		es = append(es, l.entry(name))
	}
	cause := errors.New("the test's cause")
	ctx, cancel := context.WithCancelCause(t.Context())
	go func() {
		for l.seen("f0") < 0 || l.server.Bytes("f0") < costHalf {
			time.Sleep(5 * time.Millisecond)
		}
		time.Sleep(2 * time.Second) // what was sent comes, on a busy machine too
		cancel(cause)
	}()
	results := l.pullAll(ctx, es...)
	if r, ok := results["done"]; ok && r.Outcome == Stopped {
		if s := l.stamp("done"); s == nil || s.State != local.Partial {
			t.Errorf("stopped before its commit, with the stamp %+v", s)
		}
		l.same("done", costContent)
	}
	if r := results["f0"]; r.Outcome != Stopped || !errors.Is(r.Err, cause) || r.Size != costHalf {
		t.Errorf("%v (%v), %d bytes", r.Outcome, r.Err, r.Size)
	}
	l.same("f0", costContent[:costHalf])
	for _, e := range es {
		l.server.Change(e.Path, func(f *remotetest.File) { f.Faults = nil })
	}
	for path, r := range l.pullAll(t.Context(), es...) {
		if !r.Outcome.OK() {
			t.Errorf("again: %s: %v (%v)", path, r.Outcome, r.Err)
		}
		l.same(path, costContent)
	}
}

// seen returns how long a local file is by now.
func (l *lab) seen(name string) int64 {
	fi, err := os.Stat(l.path(name))
	if err != nil {
		return -1
	}
	return fi.Size()
}

// TestCanceledSoon: no state of the engine makes a signal wait.
func TestCanceledSoon(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]remotetest.Fault{
		"no header": remotetest.StallHeader(), "stalls": remotetest.Stall(costHalf),
		"waits": remotetest.RetryAfter(503, "60"), "backs off": remotetest.Status(500),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := costLab(t, fault)
			l.Retries = 100
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			defer cancel()
			began := time.Now()
			e := l.entry("f")
			if r := l.pullAll(ctx, e)["f"]; r.Outcome != Stopped {
				t.Errorf("%v (%v)", r.Outcome, r.Err)
			}
			if d := time.Since(began); d > 10*time.Second {
				t.Errorf("it took %v", d)
			}
			if p := l.read("f"); !bytes.HasPrefix(costContent, p) {
				t.Errorf("it left %s", show(p))
			}
		})
	}
}

// TestBreak: leaving the loop ends the run, and no goroutine outlives it.
func TestBreak(t *testing.T) {
	before := runtime.NumGoroutine()
	src := fake(func(ctx context.Context, req remote.Request) (*remote.Tail, error) {
		tail := fakeTail(req, costContent)
		if req.URL.Path != "/f0" {
			tail.Body = io.NopCloser(waiter{ctx})
		}
		return tail, nil
	})
	l := &lab{t: t, dir: t.TempDir(), sources: map[string]Source{"fake": src}, Options: Options{Jobs: 8, Sync: SyncNone}}
	p := l.puller()
	for r := range p.Pull(t.Context(), endless()) {
		if !r.Outcome.OK() {
			t.Errorf("%v (%v)", r.Outcome, r.Err)
		}
		break
	}
	for deadline := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > before; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines before, %d after", before, runtime.NumGoroutine())
		}
	}
}

// waiter is a body that brings nothing until its request ends.
type waiter struct{ ctx context.Context }

func (w waiter) Read([]byte) (int, error) { <-w.ctx.Done(); return 0, context.Cause(w.ctx) }

// endless yields entries without end.
func endless() iter.Seq2[listing.Entry, error] {
	return func(yield func(listing.Entry, error) bool) {
		for i := 0; ; i++ {
			e := fakeEntry(fmt.Sprintf("fake://host/f%d", i))
			e.Path = fmt.Sprintf("f%d", i)
			if !yield(e, nil) {
				return
			}
		}
	}
}

// TestListError: an error of the list ends the run after what came before it.
func TestListError(t *testing.T) {
	l := costLab(t)
	bad := errors.New("line 2 is bad")
	p := l.puller()
	var outcomes []Outcome
	for r := range p.Pull(t.Context(), func(yield func(listing.Entry, error) bool) {
		if yield(l.entry("f"), nil) && yield(listing.Entry{}, bad) {
			t.Error("the list was read on")
		}
	}) {
		outcomes = append(outcomes, r.Outcome)
		if r.Outcome == Failed && (r.Err != bad || r.Entry.Path != "") {
			t.Errorf("%+v", r)
		}
	}
	slices.Sort(outcomes)
	if !slices.Equal(outcomes, []Outcome{Fetched, Failed}) {
		t.Errorf("outcomes %v", outcomes)
	}
}

// TestDiskFull fills a small file system. What was written stays a prefix, entries that
// were not begun are not tried, and with space again all goes on.
func TestDiskFull(t *testing.T) {
	l := newLab(t)
	l.Jobs = 1
	mount(t, l.dir, "size=1m")
	content := remotetest.Content(8, 3<<20)
	l.put("big", content, remotetest.Chunked().Times(0))
	l.put("next", costContent)
	results := l.pullAll(t.Context(), l.entry("big", withSize(3<<20)), l.entry("next"))
	for path, r := range results {
		if r.Outcome != Failed || !local.IsFull(r.Err) && !errors.Is(r.Err, ErrFull) {
			t.Errorf("%s: %v (%v)", path, r.Outcome, r.Err)
		}
	}
	if n := l.asked("next"); n != 0 {
		t.Errorf("%d requests on a full disk", n)
	}
	if p := l.read("big"); !bytes.HasPrefix(content, p) {
		t.Errorf("it left %s", show(p))
	}
	if out, err := exec.Command("mount", "-o", "remount,size=20m", l.dir).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	l.put("big", content)
	for path, r := range l.pullAll(t.Context(), l.entry("big", withSize(3<<20)), l.entry("next")) {
		if !r.Outcome.OK() {
			t.Errorf("%s: %v (%v)", path, r.Outcome, r.Err)
		}
		l.same(path, l.server.File(path).Content)
		l.noSide(path)
	}
}

// mount puts a tmpfs on dir, for which it has to be root.
func mount(t *testing.T, dir, options string) {
	t.Helper()
	out, err := exec.Command("mount", "-t", "tmpfs", "-o", options, "tmpfs", dir).CombinedOutput()
	if err != nil {
		lacks(t, "no tmpfs could be mounted: %v: %s", err, out)
	}
	t.Cleanup(func() { exec.Command("umount", "-l", dir).Run() })
}

// TestNoStamps: a file system without extended attributes has the mark of the
// modification time in their place. ramfs keeps none.
func TestNoStamps(t *testing.T) {
	l := newLab(t)
	out, err := exec.Command("mount", "-t", "ramfs", "ramfs", l.dir).CombinedOutput()
	if err != nil {
		lacks(t, "no ramfs could be mounted: %v: %s", err, out)
	}
	t.Cleanup(func() { exec.Command("umount", "-l", l.dir).Run() })
	l.put("f", costContent)
	l.partial("f", costHalf)
	if s := l.stamp("f"); s != nil {
		t.Skipf("ramfs keeps attributes here: %v", s)
	}
	if fi, _ := os.Stat(l.path("f")); !fi.ModTime().Equal(then) {
		t.Errorf("the partial is marked %v", fi.ModTime())
	}
	r := l.want(Resumed, l.entry("f"))
	if r.Requests != 1 || r.Note != "" {
		t.Errorf("%d requests, note %q", r.Requests, r.Note)
	}
	l.same("f", costContent)
	if r := l.want(UpToDate, l.entry("f", withSize(costSize), withTime(then))); r.Requests != 0 {
		t.Errorf("%d requests", r.Requests)
	}
	// The remote changes early while a marked partial waits.
	l.put("g", costContent)
	l.partial("g", costHalf)
	l.renew("g", early(costContent))
	r = l.pull(l.entry("g"))
	if r.Outcome.OK() {
		l.same("g", early(costContent))
	}
}
