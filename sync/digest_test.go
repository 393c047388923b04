package sync

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"fsync/sync/remote"
	"fsync/sync/remote/remotetest"
)

// TestWrongDigestResumed: bytes that a digest proves wrong are not what a file becomes,
// and what was there before stays.
func TestWrongDigestResumed(t *testing.T) {
	wrong := withDigest([]byte("something else"))
	for name, prepare := range map[string]func(*lab){
		"own":     func(l *lab) { l.partial("f", costHalf) },
		"foreign": func(l *lab) { l.write("f", costContent[:costHalf], then.Add(time.Hour)) },
		"done":    func(l *lab) { l.pull(l.entry("f")) },
	} {
		l := costLab(t)
		prepare(l)
		before := l.read("f")
		r := l.want(Failed, l.entry("f", wrong))
		if !errors.Is(r.Err, errDigest) {
			t.Errorf("%s: %v", name, r.Err)
		}
		l.same("f", before)
		l.want(Failed, l.entry("f", wrong))
		l.same("f", before)
		if r := l.pull(l.entry("f", withDigest(costContent))); !r.Outcome.OK() {
			t.Errorf("%s: with the right digest: %v (%v)", name, r.Outcome, r.Err)
		}
		l.same("f", costContent)
		l.noSide("f")
	}
}

// TestDigestFindsDamage: a digest heals a file whose damage nothing else shows.
func TestDigestFindsDamage(t *testing.T) {
	l := costLab(t)
	l.partial("f", costHalf)
	p := l.read("f")
	p[1000] ^= 1
	l.overwrite("f", p)
	r := l.want(Replaced, l.entry("f", withDigest(costContent)))
	if r.Verified != DigestEvidence || r.Requests != 2 {
		t.Errorf("verified by %v, %d requests", r.Verified, r.Requests)
	}
	l.same("f", costContent)
	l.noSide("f")
}

func TestReprDigest(t *testing.T) {
	for _, f := range []remotetest.Fault{remotetest.ReprDigest(), remotetest.ReprDigestTrailer(), remotetest.OldDigest()} {
		l := costLab(t, f)
		if r := l.want(Fetched, l.entry("f")); r.Verified != DigestEvidence {
			t.Errorf("%s: verified by %v", f.Name, r.Verified)
		}
		l.same("f", costContent)
		l.put("g", costContent, f)
		l.partial("g", costHalf)
		if r := l.want(Resumed, l.entry("g")); r.Verified != DigestEvidence {
			t.Errorf("%s: verified by %v", f.Name, r.Verified)
		}
	}
}

// TestReprDigestBad: a digest of the remote's own that is wrong is a failure of this run,
// not a verdict on the version.
func TestReprDigestBad(t *testing.T) {
	l := costLab(t, remotetest.ReprDigestBad())
	l.want(Failed, l.entry("f"))
	if l.read("f") != nil {
		t.Error("something was written")
	}
	l.server.Change("f", func(f *remotetest.File) { f.Faults = nil })
	l.want(Fetched, l.entry("f"))
	l.same("f", costContent)
	l.noSide("f")
}

// TestWrongDigestAfterRetry: bytes that a digest proves wrong do not stay because they
// came in an earlier attempt. The remote is overwritten in the middle of the first
// answer, which is then cut; no header shows it.
func TestWrongDigestAfterRetry(t *testing.T) {
	next := remotetest.Content(4, costSize)
	for _, have := range []int{0, 5000} {
		asked := 0
		src := fake(func(_ context.Context, req remote.Request) (*remote.Tail, error) {
			if asked++; asked == 1 && have > 0 {
				tail := fakeTail(req, costContent)
				tail.Body = broken(costContent[:have], remote.Errorf(remote.Final, "gone"))
				return tail, nil
			} else if asked == 1 || asked == 2 && have > 0 {
				tail := fakeTail(req, costContent)
				mixed := slices.Concat(costContent[tail.Start:100_000], next[100_000:costHalf])
				tail.Body = broken(mixed, remote.Errorf(remote.Temporary, "reset"))
				return tail, nil
			}
			return fakeTail(req, next), nil
		})
		inBubble(t, src, func(t *testing.T, l *lab) {
			if have > 0 {
				l.want(Failed, fakeEntry())
			}
			e := fakeEntry()
			withDigest(costContent)(&e)
			l.want(Failed, e)
			if p := l.read("f"); !bytes.HasPrefix(costContent, p) {
				t.Errorf("%d bytes before: it left %s, a mixture", have, show(p))
			}
		})
	}
}
