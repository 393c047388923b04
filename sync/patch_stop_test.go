package sync

import (
	"bytes"
	"context"
	"io"
	"os"
	"testing"
	"time"

	"fsync/sync/local"
	"fsync/sync/remote"
	"fsync/sync/remote/remotetest"
)

// TestPatchStopped cuts a patch at many points, in one run after the other. The file is as
// it was until all of the copy is right, and no piece is fetched twice.
func TestPatchStopped(t *testing.T) {
	t.Parallel()
	wrong := []int{2, 3, 4, 20, 21, 40, 41, 42, 43, 60}
	for _, spoil := range []bool{false, true} {
		l := patchLab(t, wrong...)
		l.Retries = 0
		before := l.read("f")
		var fetched int64
		for n := 0; ; n++ {
			l.put("f", pieceContent, remotetest.CutFIN(pieceLength+5000).Times(1), remotetest.Status(404))
			r := l.pull(l.entry("f", allPieces))
			fetched += r.Fetched
			if r.Outcome.OK() {
				break
			}
			if n > 3*len(wrong) {
				t.Fatalf("%v (%v), after %d runs", r.Outcome, r.Err, n)
			}
			l.same("f", before)
			stage := l.path(local.StageName("f"))
			copied, err := os.ReadFile(stage)
			if err != nil || !bytes.HasPrefix(pieceContent, copied) || int64(len(copied)) != r.Size {
				t.Fatalf("the copy holds %s (%v), the Result says %d", show(copied), err, r.Size)
			}
			if spoil && n == 1 {
				l.overwriteAt(local.StageName("f"), []byte{copied[len(copied)-1] ^ 1}, int64(len(copied)-1))
			}
		}
		l.patchedRight("f")
		if most := int64(len(wrong)*pieceLength + 2*blockSize); fetched > most {
			t.Errorf("spoil %v: fetched %d bytes, of %d wrong", spoil, fetched, len(wrong)*pieceLength)
		}
	}
}

// TestPatchCanceled: a stop in the middle leaves the file and a right copy.
func TestPatchCanceled(t *testing.T) {
	t.Parallel()
	for _, at := range []int64{0, 1, pieceLength - 1, 2*pieceLength + 1, 5*pieceLength - 1} {
		l := patchLab(t, 1, 10, 11, 12, 30)
		before := l.read("f")
		ctx, cancel := context.WithCancel(t.Context())
		http := l.sources["http"]
		var seen int64
		l.sources = map[string]Source{"http": fake(func(c context.Context, req remote.Request) (*remote.Tail, error) {
			tail, err := http.Open(c, req)
			if err == nil {
				tail.Body = &stopper{tail.Body, &seen, at, cancel}
			}
			return tail, err
		})}
		if r := l.pullAll(ctx, l.entry("f", allPieces))["f"]; r.Outcome.OK() {
			t.Errorf("at %d: %v", at, r.Outcome)
		}
		l.same("f", before)
		if copied := l.read(local.StageName("f")); !bytes.HasPrefix(pieceContent, copied) {
			t.Errorf("at %d: the copy holds %s", at, show(copied))
		}
		l.sources = map[string]Source{"http": http}
		l.want(Repaired, l.entry("f", allPieces))
		l.patchedRight("f")
	}
}

// stopper cancels when so many bytes were read.
type stopper struct {
	io.ReadCloser
	seen   *int64
	at     int64
	cancel func()
}

func (s *stopper) Read(p []byte) (int, error) {
	if *s.seen >= s.at {
		s.cancel()
		return 0, context.Canceled
	}
	n, err := s.ReadCloser.Read(p[:min(int64(len(p)), s.at-*s.seen)])
	*s.seen += int64(n)
	return n, err
}

// TestPatchTargets: the file's mode stays, other names of it keep what they have, and one
// that somebody changes meanwhile is looked at again.
func TestPatchTargets(t *testing.T) {
	t.Parallel()
	l := patchLab(t, 5)
	if err := os.Chmod(l.path("f"), 0o444); err != nil {
		t.Fatal(err)
	}
	l.want(Repaired, l.entry("f", allPieces))
	if fi, err := os.Stat(l.path("f")); err != nil || fi.Mode().Perm() != 0o444 {
		t.Errorf("mode %v (%v)", fi.Mode(), err)
	}
	l.patchedRight("f")

	l = patchLab(t, 5)
	if err := os.Link(l.path("f"), l.path("other")); err != nil {
		t.Skip(err)
	}
	l.want(Repaired, l.entry("f", allPieces))
	l.patchedRight("f")
	l.same("other", flipped(pieceContent, 5))

	l = patchLab(t, 5)
	http := l.sources["http"]
	asked := 0
	l.sources = map[string]Source{"http": fake(func(c context.Context, req remote.Request) (*remote.Tail, error) {
		if asked++; asked == 1 { // after its pieces were hashed
			l.overwriteAt("f", []byte{pieceContent[40*pieceLength] ^ 1}, 40*pieceLength)
			l.touch("f", then.Add(2*time.Hour))
		}
		return http.Open(c, req)
	})}
	l.want(Repaired, l.entry("f", allPieces))
	l.sources = map[string]Source{"http": http}
	l.patchedRight("f")
}

// TestPatchTornFile: bytes that change between their check and their copy, and leave no
// trace in the file's time, do not get into the result.
func TestPatchTornFile(t *testing.T) {
	t.Parallel()
	l := patchLab(t, 5)
	http := l.sources["http"]
	asked := 0
	l.sources = map[string]Source{"http": fake(func(c context.Context, req remote.Request) (*remote.Tail, error) {
		if asked++; asked == 1 {
			l.overwriteAt("f", []byte{pieceContent[40*pieceLength] ^ 1}, 40*pieceLength)
			l.touch("f", then.Add(time.Hour))
		}
		return http.Open(c, req)
	})}
	l.want(Repaired, l.entry("f", allPieces))
	l.sources = map[string]Source{"http": http}
	l.patchedRight("f")
}

// TestPatchFlaky patches from a server that breaks off in each answer.
func TestPatchFlaky(t *testing.T) {
	t.Parallel()
	var wrong []int
	for i := range 40 {
		wrong = append(wrong, i+2)
	}
	l := patchLab(t, wrong...)
	withLong := withTorrent(pieceContent, 20*pieceLength, 0, -1)
	l.put("f", pieceContent, remotetest.ShortRange(7*pieceLength))
	if r := l.want(Repaired, l.entry("f", withLong)); r.Fetched > 4*20*pieceLength {
		t.Errorf("fetched %d bytes in %d requests", r.Fetched, r.Requests)
	}
	l.same("f", pieceContent)
}

// TestPatchStoppedOfPartial: what a stopped patch of a file of another size has fetched is
// not fetched again.
func TestPatchStoppedOfPartial(t *testing.T) {
	t.Parallel()
	var wrong []int
	for i := range 28 {
		wrong = append(wrong, 3+i)
	}
	l := newLab(t)
	l.Retries = 0
	l.put("f", flipped(pieceContent, wrong...))
	l.partial("f", 50*pieceLength)
	before := l.read("f")
	l.renew("f", pieceContent, remotetest.CloseIdle().Times(1), remotetest.CutFIN(20*pieceLength+5000).Times(1), remotetest.Status(404))
	if r := l.want(Failed, l.entry("f", allPieces)); r.Size != 23*pieceLength {
		t.Errorf("the copy has %d bytes (%v)", r.Size, r.Err)
	}
	l.same("f", before)
	l.renew("f", pieceContent)
	l.DryRun = true
	const missing = 8*pieceLength + pieceSize - 50*pieceLength
	if r := l.want(Repaired, l.entry("f", allPieces)); r.Planned != missing {
		t.Errorf("planned %d bytes of %d", r.Planned, missing)
	}
	l.DryRun = false
	if r := l.want(Repaired, l.entry("f", allPieces)); r.Fetched != missing || r.Requests != 2 {
		t.Errorf("fetched %d bytes of %d in %d requests", r.Fetched, missing, r.Requests)
	}
	l.patchedRight("f")
}

// TestPatchBegunPiece: where the beginning of a piece that is here was wrong, before the
// overlap and so unseen, the piece is fetched whole, and the mirror is not blamed.
func TestPatchBegunPiece(t *testing.T) {
	t.Parallel()
	l := patchLab(t, 5)
	l.Retries = 0
	l.put("f", pieceContent, remotetest.CutFIN(5000).Times(1), remotetest.Status(404))
	if r := l.want(Failed, l.entry("f", allPieces)); r.Size != 5*pieceLength+5000 {
		t.Errorf("the copy has %d bytes", r.Size)
	}
	l.overwriteAt(local.StageName("f"), []byte{pieceContent[5*pieceLength+9] ^ 1}, 5*pieceLength+9)
	l.put("f", pieceContent)
	l.want(Repaired, l.entry("f", allPieces))
	l.patchedRight("f")

	for _, offset := range []int64{0, 5000} {
		l := newLab(t)
		l.put("f", pieceContent)
		l.partial("f", 300_000)
		l.overwriteAt("f", []byte{pieceContent[9999] ^ 1}, 9999)
		if r := l.pull(l.entry("f", withTorrent(pieceContent, 400_000, offset, -1))); !r.Outcome.OK() {
			t.Errorf("pieces from %d: %v (%v)", offset, r.Outcome, r.Err)
		}
		l.same("f", pieceContent)
		l.noSide("f")
	}
}
