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

// early returns the content with other bytes at its beginning and the same tail.
func early(p []byte) []byte {
	q := bytes.Clone(p)
	for i := range 1000 {
		q[i] ^= 0x5a
	}
	return q
}

// TestChangedBetweenRuns: a partial is never continued with bytes of another version,
// as far as anything here can tell the two apart.
func TestChangedBetweenRuns(t *testing.T) {
	t.Parallel()
	versions := map[string][]byte{
		"early":       early(costContent),
		"late":        slices.Concat(costContent[:costSize-1000], remotetest.Content(9, 1000)),
		"other":       remotetest.Content(4, costSize),
		"grown":       slices.Concat(costContent, remotetest.Content(9, 5000)),
		"grown early": slices.Concat(early(costContent), remotetest.Content(9, 5000)),
		"shrunk":      costContent[:costSize-5000],
		"shorter":     costContent[:costHalf-5000],
		"empty":       {},
	}
	locals := map[string]func(l *lab){
		"own": func(l *lab) { l.partial("f", costHalf) },
		// Older than the new version and with nothing to tell: proven from byte 0.
		"marked":  func(l *lab) { l.write("f", costContent[:costHalf], then) },
		"done":    func(l *lab) { l.pull(l.entry("f")) },
		"cp -p":   func(l *lab) { l.write("f", costContent, then) },
		"touched": func(l *lab) { l.pull(l.entry("f")); l.touch("f", then.Add(time.Second)) },
	}
	for name, next := range versions {
		for state, prepare := range locals {
			for _, digest := range []bool{false, true} {
				for _, validators := range []bool{true, false} {
					t.Run(fmt.Sprintf("%s/%s/digest %t/validators %t", name, state, digest, validators), func(t *testing.T) {
						t.Parallel()
						l := newLab(t)
						l.put("f", costContent)
						prepare(l)
						before := l.read("f")
						l.renew("f", next)
						if !validators {
							l.server.Change("f", func(f *remotetest.File) { f.ETag, f.ModTime = "", time.Time{} })
						}
						e := l.entry("f")
						if digest {
							withDigest(next)(&e)
						}
						r := l.pull(e)
						after := l.read("f")
						switch {
						case r.Outcome == Conflict && !digest && bytes.Equal(after, before) && state != "own" && state != "done" && state != "touched":
						case r.Outcome.OK() && after != nil && bytes.Equal(after, next):
						default:
							t.Errorf("%v (%v, note %q) with %s, want %s", r.Outcome, r.Err, r.Note, show(after), show(next))
						}
						if r.Outcome.OK() {
							l.noSide("f")
						}
					})
				}
			}
		}
	}
}

// TestGrownAppend: with --append a file grows at its end and costs no more than that.
func TestGrownAppend(t *testing.T) {
	grown := slices.Concat(costContent, remotetest.Content(9, 5000))
	for name, prepare := range map[string]func(l *lab){
		"done": func(l *lab) { l.pull(l.entry("f")) },
		"own":  func(l *lab) { l.partial("f", costHalf) },
	} {
		l := costLab(t)
		prepare(l)
		l.renew("f", grown)
		l.Append = true
		l.want(Resumed, l.entry("f"))
		l.same("f", grown)
		l.noSide("f")
		l.server.Settle("f")
		if n := l.server.Bytes("f"); name == "done" && n > costSize {
			t.Errorf("%s: the server sent %d bytes for 5000 new ones", name, n)
		}
	}
}

// TestGrownDigest: so it is when a digest proves the whole.
func TestGrownDigest(t *testing.T) {
	grown := slices.Concat(costContent, remotetest.Content(9, 5000))
	l := costLab(t)
	l.pull(l.entry("f"))
	l.renew("f", grown)
	r := l.pull(l.entry("f", withSize(costSize+5000), withDigest(grown)))
	if !r.Outcome.OK() || r.Verified != DigestEvidence {
		t.Errorf("%v (%v), verified by %v", r.Outcome, r.Err, r.Verified)
	}
	if r.Fetched > costSize {
		t.Errorf("fetched %d bytes for 5000 new ones", r.Fetched)
	}
	l.same("f", grown)
	l.noSide("f")

	// And what is not so is fetched anew, nothing lost meanwhile.
	l = costLab(t)
	l.pull(l.entry("f"))
	other := slices.Concat(early(costContent), remotetest.Content(9, 5000))
	l.renew("f", other)
	l.want(Replaced, l.entry("f", withSize(costSize+5000), withDigest(other)))
	l.same("f", other)
	l.noSide("f")
}

// TestChangedUnderWay: whatever happens to the remote in the middle of a body, one
// version comes out, or a prefix of one.
func TestChangedUnderWay(t *testing.T) {
	t.Parallel()
	for _, at := range []int64{0, 1, 70_000, costHalf, costSize - 1} {
		for _, fault := range []remotetest.Fault{
			remotetest.ReplaceAt(at), remotetest.GrowAt(at, 5000), remotetest.ShrinkAt(at),
		} {
			for _, have := range []int{0, costHalf} {
				t.Run(fmt.Sprintf("%s/%d/%d", fault.Name, at, have), func(t *testing.T) {
					t.Parallel()
					l := costLab(t)
					if have > 0 {
						l.partial("f", have)
					}
					l.put("f", costContent, fault)
					l.Retries = 2
					r := l.pull(l.entry("f"))
					after, now := l.read("f"), l.server.File("f").Content
					if !r.Outcome.OK() || !bytes.Equal(after, costContent) && !bytes.Equal(after, now) {
						t.Errorf("%v (%v) with %s", r.Outcome, r.Err, show(after))
					}
					if r := l.pull(l.entry("f")); !r.Outcome.OK() {
						t.Errorf("again: %v (%v)", r.Outcome, r.Err)
					}
					l.same("f", l.server.File("f").Content)
					l.noSide("f")
				})
			}
		}
	}
}

// TestStageResumed: a replacement that was cut goes on where it was, and is begun anew
// when the remote has changed once more.
func TestStageResumed(t *testing.T) {
	next, third := remotetest.Content(4, costSize), remotetest.Content(5, costSize)
	for _, again := range []bool{false, true} {
		l := costLab(t)
		l.pull(l.entry("f"))
		l.renew("f", next, remotetest.CutFIN(costHalf).Times(1), remotetest.Status(404))
		l.Retries = 0
		l.want(Failed, l.entry("f"))
		l.same("f", costContent)
		if len(l.side("f")) != 1 {
			t.Fatalf("staged: %q", l.side("f"))
		}
		want := next
		if again {
			want = third
			l.server.Put("f", remotetest.File{Content: third, ModTime: then.Add(time.Hour), ETag: `"three"`})
		} else {
			l.renew("f", next)
		}
		r := l.want(Replaced, l.entry("f"))
		if !again && r.Fetched > costSize-costHalf+2*overlap {
			t.Errorf("fetched %d bytes of %d missing", r.Fetched, costSize-costHalf)
		}
		l.same("f", want)
		l.noSide("f")
	}
}

// mirrors has an entry come from files of other names, which are other places.
func (l *lab) mirrors(names ...string) fact {
	return func(e *listing.Entry) {
		e.URLs = nil
		for _, n := range names {
			e.URLs = append(e.URLs, l.server.URL(n).String())
		}
	}
}

func TestMirrorsInTurn(t *testing.T) {
	l := newLab(t)
	l.Retries = 0
	l.put("m1", costContent, remotetest.CutFIN(costHalf))
	l.server.Put("m2", remotetest.File{Content: costContent, ModTime: then, ETag: `"of another kind"`})
	r := l.want(Fetched, l.entry("f", l.mirrors("m1", "m2")))
	l.same("f", costContent)
	if r.Refetched > overlap {
		t.Errorf("fetched %d bytes again", r.Refetched)
	}
	if l.asked("m2") != 1 {
		t.Errorf("the second mirror was asked %d times", l.asked("m2"))
	}
}

func TestMirrorsPassedOver(t *testing.T) {
	other := remotetest.Content(4, costSize)
	for name, bad := range map[string]remotetest.File{
		"404":         {Content: costContent, Faults: []remotetest.Fault{remotetest.Status(404)}},
		"other size":  {Content: costContent[:costSize-1], ModTime: then, ETag: `"short"`},
		"wrong bytes": {Content: other, ModTime: then, ETag: `"other"`},
		"no answer":   {Content: costContent, Faults: []remotetest.Fault{remotetest.ClosedEarly()}},
		"encoded":     {Content: costContent, Faults: []remotetest.Fault{remotetest.Gzip()}},
	} {
		for _, have := range []int{0, costHalf} {
			l := costLab(t)
			if have > 0 {
				l.partial("f", have)
			}
			l.server.Put("bad", bad)
			l.put("good", costContent)
			e := l.entry("f", l.mirrors("bad", "good"), withSize(costSize), withDigest(costContent))
			r := l.pull(e)
			if !r.Outcome.OK() || r.Verified != DigestEvidence {
				t.Errorf("%s, %d bytes: %v (%v), verified by %v", name, have, r.Outcome, r.Err, r.Verified)
			}
			l.same("f", costContent)
			l.noSide("f")
		}
	}
}

// TestMirrorsNeverMixed: without a digest, a mirror of another version is not what a
// file goes on with.
func TestMirrorsNeverMixed(t *testing.T) {
	for name, other := range map[string][]byte{
		"early": early(costContent), "other": remotetest.Content(4, costSize), "longer": slices.Concat(costContent, costContent[:500]),
	} {
		l := newLab(t)
		l.Retries = 2
		l.put("m1", costContent, remotetest.CutFIN(costHalf).Times(1))
		l.server.Put("m2", remotetest.File{Content: other, ModTime: then.Add(time.Hour), ETag: `"two"`})
		r := l.pull(l.entry("f", l.mirrors("m1", "m2")))
		after := l.read("f")
		if !r.Outcome.OK() || !bytes.Equal(after, costContent) && !bytes.Equal(after, other) {
			t.Errorf("%s: %v (%v) with %s", name, r.Outcome, r.Err, show(after))
		}
		l.noSide("f")
	}
}

func TestMirrorsAllFail(t *testing.T) {
	l := newLab(t)
	l.put("m1", costContent, remotetest.Status(404))
	l.put("m2", costContent, remotetest.Status(403))
	r := l.want(Failed, l.entry("f", l.mirrors("m1", "m2")))
	if l.asked("m1") != 1 || l.asked("m2") != 1 || r.Requests != 2 {
		t.Errorf("%d and %d requests", l.asked("m1"), l.asked("m2"))
	}
}
