package sync

import (
	"bytes"
	"net/http"
	"os"
	"testing"
	"time"

	"fsync/sync/remote/remotetest"
)

// A file that fsync did not write is repaired only while nothing but zeros is replaced.
// The guard of that used to hold for one stream: not for the next one, and not for what
// the stream did not reach.

const (
	guardSize  = 4 << 20
	guardHole  = 1 << 20 // the file has none of the bytes from here
	guardAfter = 3 << 19 // to here,
	guardMine  = 5 << 19 // and the user's own from here on
)

var guardContent = remotetest.Content(31, guardSize)

// writeGuarded writes a file with a hole as a power cut leaves it and the user's bytes
// behind it, newer than the remote, and returns what it holds.
func (l *lab) writeGuarded(name string, size int) []byte {
	l.t.Helper()
	mine := make([]byte, size)
	copy(mine, guardContent)
	clear(mine[guardHole:guardAfter])
	copy(mine[guardMine:], "the user's own bytes")
	f, err := os.Create(l.path(name))
	if err != nil {
		l.t.Fatal(err)
	}
	defer f.Close()
	for _, part := range [][2]int{{0, guardHole}, {guardAfter, size}} {
		if _, err := f.WriteAt(mine[part[0]:part[1]], int64(part[0])); err != nil {
			l.t.Fatal(err)
		}
	}
	if err := f.Sync(); err != nil {
		l.t.Fatal(err)
	}
	l.touch(name, then.Add(time.Hour))
	return mine
}

// TestGuardRuns: the copy of a repair that was refused used to stay, and the next run
// swapped it over the user's bytes.
func TestGuardRuns(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.put("f", guardContent)
	mine := l.writeGuarded("f", 3<<20)
	for range 3 {
		l.want(Conflict, l.entry("f"))
		l.same("f", mine)
		l.noSide("f")
	}
	l.Overwrite = true
	if r := l.pull(l.entry("f")); !r.Outcome.OK() {
		t.Errorf("--overwrite: %v (%v)", r.Outcome, r.Err)
	}
	l.same("f", guardContent)
	l.noSide("f")
}

// TestGuardRetried: so did a retry within the run, when the repair was cut between the
// hole and the user's bytes.
func TestGuardRetried(t *testing.T) {
	t.Parallel()
	for _, fault := range []remotetest.Fault{remotetest.CutFIN(1 << 20), remotetest.CutFIN(overlap + 1), remotetest.CutRST(1 << 20)} {
		l := newLab(t)
		l.put("f", guardContent, fault.Times(1))
		mine := l.writeGuarded("f", 3<<20)
		l.want(Conflict, l.entry("f"))
		if l.asked("f") < 2 {
			t.Errorf("%s: %d requests", fault.Name, l.asked("f"))
		}
		l.same("f", mine)
		l.noSide("f")
	}
}

// TestGuardNextRun: and so did the next run, when the first one ended there.
func TestGuardNextRun(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.Retries = 0
	l.put("f", guardContent, remotetest.CutFIN(1<<20).Times(1))
	mine := l.writeGuarded("f", 3<<20)
	l.want(Failed, l.entry("f"))
	l.same("f", mine)
	for range 2 {
		l.want(Conflict, l.entry("f"))
		l.same("f", mine)
		l.noSide("f")
	}
}

// TestGuardShortBody: a body of unknown length that ended within the file ended the
// repair, and the user's bytes behind that were lost unseen.
func TestGuardShortBody(t *testing.T) {
	t.Parallel()
	short := guardContent[:2<<20] // after the hole, before the user's bytes
	l := newLab(t)
	mine := l.writeGuarded("f", 3<<20)
	at := l.handle(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Last-Modified", then.Format(http.TimeFormat))
		w.WriteHeader(http.StatusOK)
		w.(http.Flusher).Flush() // chunked, that is
		w.Write(short)
	})
	for range 2 {
		l.want(Conflict, l.entry("f", at))
		l.same("f", mine)
		l.noSide("f")
	}
}

// TestGuardRepairs: what is damaged and nothing else is repaired all the same, cut or not.
func TestGuardRepairs(t *testing.T) {
	t.Parallel()
	for _, faults := range [][]remotetest.Fault{nil, {remotetest.CutFIN(1 << 20).Times(1)}} {
		l := newLab(t)
		l.Retries = 3
		l.put("f", guardContent, faults...)
		l.writeGuarded("f", 3<<20)
		l.overwriteAt("f", guardContent[guardMine:3<<20], guardMine)
		l.touch("f", then.Add(time.Hour))
		if bytes.Equal(l.read("f"), guardContent[:3<<20]) {
			t.Fatal("there is no damage")
		}
		if r := l.pull(l.entry("f")); !r.Outcome.OK() {
			t.Errorf("%v (%v)", r.Outcome, r.Err)
		}
		l.same("f", guardContent)
		l.noSide("f")
	}
}
