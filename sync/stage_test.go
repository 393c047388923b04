package sync

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"fsync/sync/local"
	"fsync/sync/remote/remotetest"
)

// stage returns the stamp and the size of the copy beside a file.
func (l *lab) stage(name string) (*local.Stamp, int64) {
	l.t.Helper()
	f, done := l.look(name)
	defer done()
	st, err := f.Stage()
	if err != nil {
		l.t.Fatal(err)
	}
	defer st.Close()
	if st.Stamp == nil {
		l.t.Fatalf("%s: no stamp on its staged copy (%+v)", name, st.State)
	}
	return st.Stamp, st.Size
}

// staged pulls f, and then half of its next version, into the copy beside it.
func (l *lab) staged(next []byte) {
	l.t.Helper()
	l.want(Fetched, l.entry("f"))
	l.stageCut(next)
}

func (l *lab) stageCut(next []byte) {
	l.t.Helper()
	before := l.read("f")
	l.renew("f", next, remotetest.CutFIN(costHalf).Times(1), remotetest.Status(404))
	l.Retries = 0
	l.want(Failed, l.entry("f"))
	l.same("f", before)
	if len(l.side("f")) != 1 {
		l.t.Fatalf("staged: %q", l.side("f"))
	}
	l.renew("f", next)
}

// TestStageOverUsersFile: a copy that was begun for fsync's own file used to be swapped
// over what the user has put in its place since. It is judged by the file that is there.
func TestStageOverUsersFile(t *testing.T) {
	t.Parallel()
	next := remotetest.Content(4, costSize)
	l := costLab(t)
	l.staged(next)
	mine := []byte("the user's own file, written today")
	os.Remove(l.path("f"))
	l.write("f", mine, time.Now())
	for range 2 {
		l.want(Conflict, l.entry("f"))
		l.same("f", mine)
		l.noSide("f")
	}
	// What may go, goes.
	l.touch("f", then.Add(-time.Hour))
	l.want(Replaced, l.entry("f"))
	l.same("f", next)
	l.noSide("f")
}

// TestStageAndLoginPage: with a copy under way, a login page used to be taken for the next
// version, and replaced the file.
func TestStageAndLoginPage(t *testing.T) {
	t.Parallel()
	const page = "<html>log in</html>"
	next := remotetest.Content(4, costSize)
	for _, text := range []string{page, page + strings.Repeat(" ", costSize)} {
		l := costLab(t)
		l.staged(next)
		l.server.Put("f", remotetest.File{Content: []byte(text), Type: "text/html"})
		for range 2 {
			if r := l.want(Conflict, l.entry("f")); r.Err == nil || !strings.Contains(r.Err.Error(), "login page") {
				t.Errorf("%v", r.Err)
			}
			l.same("f", costContent)
		}
		l.renew("f", next)
		l.want(Replaced, l.entry("f"))
		l.same("f", next)
		l.noSide("f")
	}
}

// TestTrialStaysTrial: a copy whose beginning was taken on trust used to become an ordinary
// one when its end was damaged and it was cut once more. With no digest in the list any
// more, it was then completed and swapped in with its wrong beginning.
func TestTrialStaysTrial(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.Retries = 0
	l.put("f", costContent[:costHalf])
	l.want(Fetched, l.entry("f"))
	next := early(costContent) // grown, with the tail of what is here
	e := l.entry("f", withDigest(next))
	for damaged := range 2 {
		if damaged == 1 {
			_, size := l.stage("f")
			f, err := os.OpenFile(l.path(local.StageName("f")), os.O_WRONLY, 0)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := f.WriteAt(make([]byte, 8192), size-8192); err != nil {
				t.Fatal(err)
			}
			f.Close()
		}
		l.renew("f", next, remotetest.CutFIN(overlap+40_000).Times(1), remotetest.Status(404))
		l.want(Failed, e)
		l.same("f", costContent[:costHalf])
		if s, size := l.stage("f"); s.State != local.Trial || size <= costHalf {
			t.Errorf("the staged copy of %d bytes is in state %c", size, s.State)
		}
	}
	l.renew("f", next)
	l.want(Replaced, l.entry("f"))
	l.same("f", next)
	l.noSide("f")
}

// TestStageOfReadOnly: the copy of a read-only file used to be read-only at once, and then
// took no stamp (unless root wrote it): all of it was fetched anew in every run.
func TestStageOfReadOnly(t *testing.T) {
	t.Parallel()
	next := remotetest.Content(4, costSize)
	l := costLab(t)
	l.want(Fetched, l.entry("f"))
	if err := os.Chmod(l.path("f"), 0o444); err != nil {
		t.Fatal(err)
	}
	l.stageCut(next)
	s, size := l.stage("f")
	if s.State != local.Partial || s.ETag != `"two"` || size != costHalf {
		t.Errorf("the staged copy has %d bytes and the stamp %v", size, s)
	}
	fi, err := os.Stat(l.path(local.StageName("f")))
	if err != nil || fi.Mode().Perm()&0o200 == 0 {
		t.Errorf("the staged copy takes no stamp: %v (%v)", fi.Mode(), err)
	}
	if r := l.want(Replaced, l.entry("f")); r.Fetched > costSize-costHalf+2*overlap {
		t.Errorf("fetched %d bytes of %d missing", r.Fetched, costSize-costHalf)
	}
	l.same("f", next)
	l.noSide("f")
	if s := l.stamp("f"); s == nil || s.State != local.Done {
		t.Errorf("stamp %v", s)
	}
	if fi, err := os.Stat(l.path("f")); err != nil || fi.Mode().Perm() != 0o444 {
		t.Errorf("mode %v, %v", fi.Mode(), err)
	}
	l.want(UpToDate, l.entry("f"))
}

// TestReadOnlyReplaced: the copy is writable while it grows, and read-only at the end.
func TestReadOnlyReplaced(t *testing.T) {
	t.Parallel()
	next := remotetest.Content(4, costSize)
	l := costLab(t)
	l.want(Fetched, l.entry("f"))
	if err := os.Chmod(l.path("f"), 0o444); err != nil {
		t.Fatal(err)
	}
	l.renew("f", next)
	l.want(Replaced, l.entry("f"))
	l.same("f", next)
	l.noSide("f")
	if fi, err := os.Stat(l.path("f")); err != nil || fi.Mode().Perm() != 0o444 {
		t.Errorf("mode %v, %v", fi.Mode(), err)
	}
	if s := l.stamp("f"); s == nil || s.State != local.Done {
		t.Errorf("stamp %v", s)
	}
}

// TestBadCopies: another mirror used to be asked on the condition that it has another
// version than the bad one, by the bad one's ETag: where ETags are made of time and size,
// a mirror with the right bytes answered 304 and was taken for bad, too.
func TestBadCopies(t *testing.T) {
	t.Parallel()
	bad := slices.Concat(costContent[:costSize-1], []byte{costContent[costSize-1] ^ 1})
	for _, run := range []bool{false, true} { // the good one is met in the same run, or the next
		l := newLab(t)
		l.put("b1", bad)
		l.put("b2", bad)
		l.put("good", costContent)
		names := []string{"b1", "b2", "good"}
		if run {
			l.want(Failed, l.entry("f", l.mirrors("b1", "b2"), withDigest(costContent)))
			if l.read("f") != nil {
				t.Error("bytes that a digest proved wrong are under the file's name")
			}
			names = names[2:]
		}
		r := l.want(Fetched, l.entry("f", l.mirrors(names...), withDigest(costContent)))
		if r.Verified != DigestEvidence {
			t.Errorf("verified by %v", r.Verified)
		}
		l.same("f", costContent)
		l.noSide("f")
	}
}

// TestStagedDoneInThisBoot: a file of a run with --sync none is doubted after another boot
// only. Until then its zeros are no damage that may be cut off in place.
func TestStagedDoneInThisBoot(t *testing.T) {
	l := newLab(t)
	if local.ThisBoot() == "?" {
		lacks(t, "boots cannot be told apart")
	}
	zeros, next := make([]byte, 4096), remotetest.Content(77, 4096)
	l.put("f", zeros)
	l.want(Fetched, l.entry("f"))
	l.renew("f", next)
	l.Sync, l.Backup = SyncRun, true
	l.want(Replaced, l.entry("f"))
	l.same("f", next)
	l.same("f~", zeros)
}
