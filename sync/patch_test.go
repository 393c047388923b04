package sync

import (
	"bytes"
	"context"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"fsync/sync/local"
	"fsync/sync/remote"
	"fsync/sync/remote/remotetest"
)

var allPieces = withTorrent(pieceContent, pieceLength, 0, -1)

// patchLab has a complete file in which these pieces are wrong.
func patchLab(t *testing.T, pieces ...int) *lab {
	t.Helper()
	l := newLab(t)
	l.put("f", pieceContent)
	l.write("f", flipped(pieceContent, pieces...), then.Add(time.Hour))
	return l
}

// patchedRight checks what every successful patch leaves.
func (l *lab) patchedRight(name string) {
	l.t.Helper()
	l.same(name, pieceContent)
	l.noSide(name)
	if s := l.stamp(name); s == nil || s.State != local.Done {
		l.t.Errorf("%s: stamp %v", name, s)
	}
	l.costs(cost{}, UpToDate, l.entry(name, allPieces))
}

// TestPatchBytes: a damaged file costs its wrong pieces, each run of them one request.
func TestPatchBytes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		wrong    []int
		requests int
		bytes    int64
	}{
		{[]int{5, 20, 63}, 3, 3*pieceLength - 1000},
		{[]int{0, 1, 2, 40}, 2, 4 * pieceLength},
	} {
		l := patchLab(t, c.wrong...)
		l.DryRun = true
		if r := l.costs(cost{}, Repaired, l.entry("f", allPieces)); r.Planned != c.bytes {
			t.Errorf("%v: planned %d bytes", c.wrong, r.Planned)
		}
		l.same("f", flipped(pieceContent, c.wrong...))
		l.noSide("f")
		l.DryRun = false
		r := l.want(Repaired, l.entry("f", allPieces))
		l.server.Settle("f")
		if r.Requests != c.requests || r.Fetched != c.bytes || l.server.Bytes("f") != c.bytes || r.Verified != DigestEvidence {
			t.Errorf("%v: %d requests, %d bytes, %d sent, verified by %v", c.wrong, r.Requests, r.Fetched, l.server.Bytes("f"), r.Verified)
		}
		l.patchedRight("f")
	}
	// One that is committed is looked at under --checksum only.
	l := newLab(t)
	l.put("f", pieceContent)
	l.want(Fetched, l.entry("f", allPieces))
	l.overwriteAt("f", []byte{pieceContent[9999] ^ 1}, 9999)
	l.touch("f", then)
	l.Checksum = true
	if r := l.want(Repaired, l.entry("f", allPieces)); r.Fetched != pieceLength {
		t.Errorf("fetched %d", r.Fetched)
	}
	l.Checksum = false
	l.patchedRight("f")
}

// TestPatchTriggers: whatever shows that the file is not what the list says, what is right
// of it is not fetched again.
func TestPatchTriggers(t *testing.T) {
	t.Parallel()
	old := flipped(pieceContent, 3, 33)
	for name, prepare := range map[string]func(*lab){
		"own, of another version": func(l *lab) {
			l.put("f", old)
			l.want(Fetched, l.entry("f"))
			l.renew("f", pieceContent)
		},
		"partial, of another version": func(l *lab) {
			l.put("f", old)
			l.partial("f", 50*pieceLength+77)
			l.renew("f", pieceContent)
		},
		"the overlap differs": func(l *lab) {
			l.put("f", pieceContent)
			l.write("f", flipped(pieceContent[:50*pieceLength+77], 3, 48), then.Add(time.Hour))
		},
		"the piece begun differs": func(l *lab) {
			l.put("f", pieceContent)
			l.partial("f", 10*pieceLength+5000)
			l.overwriteAt("f", []byte{pieceContent[10*pieceLength+3] ^ 1}, 10*pieceLength+3)
		},
		"the prefix is damaged": func(l *lab) {
			l.put("f", pieceContent)
			l.partial("f", 50*pieceLength+77)
			l.overwriteAt("f", []byte{pieceContent[9999] ^ 1}, 9999)
		},
		"longer": func(l *lab) {
			l.put("f", pieceContent)
			l.write("f", append(flipped(pieceContent, 60), "and more"...), then.Add(-time.Hour))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			prepare(l)
			have := int64(len(l.read("f")))
			r := l.pull(l.entry("f", allPieces))
			if !r.Outcome.OK() || r.Fetched > max(0, pieceSize-have)+blockSize/2 {
				t.Errorf("%v (%v), fetched %d in %d requests", r.Outcome, r.Err, r.Fetched, r.Requests)
			}
			l.patchedRight("f")
		})
	}
}

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

// TestPatchServers patches from servers that do not give exactly what was asked for.
func TestPatchServers(t *testing.T) {
	t.Parallel()
	wrong := []int{5, 6, 7, 20, 63}
	for _, f := range remotetest.Faults() {
		ranged := strings.HasPrefix(f.Name, "206") || strings.HasPrefix(f.Name, "200 to") || strings.HasPrefix(f.Name, "416")
		if !ranged && !legal[f.Name] || f.Silent || f.Name == "206 wrong total" {
			continue
		}
		t.Run(f.Name, func(t *testing.T) {
			t.Parallel()
			l := patchLab(t, wrong...)
			l.put("f", pieceContent, f)
			if r := l.pull(l.entry("f", allPieces)); !r.Outcome.OK() || r.Requests > 40 {
				t.Errorf("%v (%v), %d requests, %d bytes", r.Outcome, r.Err, r.Requests, r.Fetched)
			}
			l.patchedRight("f")
		})
	}
}

// TestPatchMirrors: a mirror that is bad in the piece, or has another size, is passed over.
func TestPatchMirrors(t *testing.T) {
	t.Parallel()
	for name, bad := range map[string][]byte{
		"bad":     flipped(pieceContent, 20),
		"shorter": pieceContent[:pieceSize-1],
		"longer":  append(bytes.Clone(pieceContent), 1),
	} {
		l := patchLab(t, 5, 20, 40)
		l.put("bad", bad)
		r := l.want(Repaired, l.entry("f", l.mirrors("bad", "f"), allPieces))
		l.patchedRight("f")
		if r.Fetched > 5*pieceLength+blockSize {
			t.Errorf("%s: fetched %d bytes", name, r.Fetched)
		}
		// Alone it changes nothing.
		before := flipped(pieceContent, 5, 20, 40)
		l.write("g", before, then.Add(time.Hour))
		l.want(Failed, l.entry("g", l.mirrors("bad"), allPieces))
		l.same("g", before)
	}
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

// TestPatchContradiction: pieces that are right and a digest that is not are the list's
// fault, and nobody is asked twice.
func TestPatchContradiction(t *testing.T) {
	t.Parallel()
	l := patchLab(t, 5)
	before := l.read("f")
	l.put("m2", pieceContent)
	r := l.want(Failed, l.entry("f", l.mirrors("f", "m2"), allPieces, withDigest([]byte("other"))))
	if r.Err == nil || !strings.Contains(r.Err.Error(), "contradicts itself") || r.Requests != 1 {
		t.Errorf("%v, %d requests", r.Err, r.Requests)
	}
	l.same("f", before)
	l.noSide("f")
}

// TestPatchNotCovering: pieces that leave bytes out cannot patch.
func TestPatchNotCovering(t *testing.T) {
	t.Parallel()
	l := patchLab(t, 5)
	r := l.want(Replaced, l.entry("f", withTorrent(pieceContent, pieceLength, 5000, 0)))
	if r.Fetched < pieceSize {
		t.Errorf("fetched %d bytes", r.Fetched)
	}
	l.same("f", pieceContent)
	l.noSide("f")
}

// TestPatchedVersion: a file that was patched from a server whose file is by now another one
// is not taken for that.
func TestPatchedVersion(t *testing.T) {
	t.Parallel()
	l := patchLab(t, 5)
	next := flipped(pieceContent, 50)
	l.renew("f", next)
	l.want(Repaired, l.entry("f", allPieces))
	l.same("f", pieceContent)
	if s := l.stamp("f"); s == nil || condition(s) != nil {
		t.Errorf("stamp %v", s)
	}
	l.want(UpToDate, l.entry("f", allPieces))
	l.same("f", pieceContent)
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
