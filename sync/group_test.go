package sync

import (
	"fmt"
	"testing"

	"fsync/listing"
	"fsync/sync/local"
)

// TestGroups: the worker's own Close of a file used to race the committer's, which may
// have the file's group full by then (for the race detector).
func TestGroups(t *testing.T) {
	l := newLab(t)
	l.Sync, l.Jobs = SyncRun, 1
	var es []listing.Entry
	for i := range 2 * groupSize {
		name := fmt.Sprintf("f%d", i)
		l.put(name, []byte(name))
		es = append(es, l.entry(name))
	}
	for range 2 {
		for name, r := range l.pullAll(t.Context(), es...) {
			if !r.Outcome.OK() {
				t.Errorf("%s: %v (%v)", name, r.Outcome, r.Err)
			}
			l.same(name, []byte(name))
			l.noSide(name)
		}
	}
	if s := l.stamp("f0"); s == nil || s.State != local.Done || s.Boot != "" {
		t.Errorf("stamp %v", s)
	}
}
