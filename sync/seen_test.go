package sync

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"fsync/listing"
	"fsync/sync/remote/remotetest"
)

// seen marks what a directory showed before the file changed.
func seen(e *listing.Entry) { e.Seen = true }

// TestOutdated: size and time that a directory showed a moment ago do not hold a file to
// what it was, and neither do a list's for a file that only grows.
func TestOutdated(t *testing.T) {
	t.Parallel()
	long := remotetest.Content(41, 300_000)
	old := []fact{withSize(200_000), withTime(then)}
	for _, c := range []struct {
		name    string
		append  bool
		facts   []fact
		now     []byte
		here    int // bytes that were pulled before
		outcome Outcome
	}{
		{"seen, grown, fresh", false, append(old, seen), long, 0, Fetched},
		{"seen, grown", false, append(old, seen), long, 150_000, Resumed},
		{"seen, grown log", true, append(old, seen), long, 150_000, Resumed},
		{"seen, shorter", false, append(old, seen), long[:100_000], 0, Fetched},
		{"seen, cut log", true, append(old, seen), long[:100_000], 150_000, Replaced},
		{"listed, grown log", true, old, long, 150_000, Resumed},
		{"listed, grown log, fresh", true, old, long, 0, Fetched},
		{"listed, grown", false, old, long, 0, Failed},
		{"listed, cut log", true, old, long[:100_000], 0, Failed},
		{"seen, with a digest", false, append(old, seen, withDigest(long[:200_000])), long, 0, Failed},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			l.Append = c.append
			if c.here > 0 {
				l.put("f", long[:c.here])
				l.want(Fetched, l.entry("f"))
			}
			l.renew("f", c.now)
			l.want(c.outcome, l.entry("f", c.facts...))
			if c.outcome == Failed {
				return
			}
			l.same("f", c.now)
			if fi, err := os.Stat(filepath.Join(l.dir, "f")); err != nil || !fi.ModTime().Equal(then.Add(time.Minute)) {
				t.Errorf("its time is that of the past: %v, %v", fi, err)
			}
		})
	}
}

// TestEmptyAgain: an empty file that is here is not fetched, also from a server that gives
// nothing to compare it by.
func TestEmptyAgain(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.put("f", nil, remotetest.NoValidators())
	l.want(Fetched, l.entry("f"))
	l.want(UpToDate, l.entry("f"))
	l.Checksum = true
	l.want(UpToDate, l.entry("f", withSize(0)))
}
