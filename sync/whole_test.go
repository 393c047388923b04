package sync

import (
	"testing"
	"time"

	"fsync/sync/local"
	"fsync/sync/remote"
	"fsync/sync/remote/remotetest"
)

// TestWholeKilled: whatever SIGKILL leaves of a small file that is written in one go, the
// next run makes the remote's file of it, whichever version that has by then.
func TestWholeKilled(t *testing.T) {
	content := remotetest.Content(41, 4801)
	for _, size := range []int{0, 1, 4096, len(content) - 1, len(content)} {
		for _, changed := range []bool{false, true} {
			l := newLab(t)
			u := l.put("f", content)
			l.killedWhole(content[:size], newStamp(local.Done, remote.Version{
				ETag: `"one"`, ModTime: then, Place: remote.PlaceOf(u),
			}, int64(len(content))))
			want := content
			if changed {
				want = []byte("two" + string(content[3:]) + "more")
				l.renew("f", want)
			}
			if r := l.pull(l.entry("f")); !r.Outcome.OK() {
				t.Errorf("%d bytes, changed %v: %v (%v)", size, changed, r.Outcome, r.Err)
			}
			l.same("f", want)
			l.noSide("f")
			asked := l.asked("f")
			l.want(UpToDate, l.entry("f"))
			if got := l.server.Requests("f")[asked:]; len(got) != 1 || got[0].Header.Get("If-None-Match") == "" {
				t.Errorf("%d bytes, changed %v: afterwards it is not committed", size, changed)
			}
		}
	}
}

// killedWhole leaves what CreateWhole does when it is killed after that many bytes.
func (l *lab) killedWhole(p []byte, s local.Stamp) {
	l.t.Helper()
	f, done := l.look("f")
	defer done()
	s.ModTime, s.Boot = then, local.ThisBoot()
	w, err := f.Create(s)
	if err != nil {
		l.t.Fatal(err)
	}
	if _, err := w.Write(p); err != nil {
		l.t.Fatal(err)
	}
	if err := w.Close(time.Time{}); err != nil {
		l.t.Fatal(err)
	}
}

// TestWholeStamp: a small file written in one go carries what one that grew does.
func TestWholeStamp(t *testing.T) {
	content := remotetest.Content(42, smallBlock)
	for _, n := range []int{1, smallBlock - 1, smallBlock} { // the last one is not written in one go
		l := newLab(t)
		l.put("f", content[:n], remotetest.ReprDigest())
		if r := l.want(Fetched, l.entry("f", withDigest(content[:n]))); r.Verified != DigestEvidence || r.Size != int64(n) {
			t.Errorf("%d bytes: verified by %v, size %d", n, r.Verified, r.Size)
		}
		l.same("f", content[:n])
		s := l.stamp("f")
		if s == nil || s.State != local.Done || s.Total != int64(n) || s.Boot != local.ThisBoot() || !s.ModTime.Equal(then) || len(s.Digests) != 1 {
			t.Errorf("%d bytes: stamp %+v", n, s)
		}
	}
}

// TestWholeCut: what came of a small body that was cut is kept, and continued.
func TestWholeCut(t *testing.T) {
	content := remotetest.Content(43, 4800)
	l := newLab(t)
	l.put("f", content)
	l.partial("f", 1000)
	if s := l.stamp("f"); s == nil || s.State != local.Partial {
		t.Errorf("stamp %+v, want a partial one", s)
	}
	l.want(Resumed, l.entry("f"))
	l.same("f", content)
}
