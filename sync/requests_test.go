package sync

import (
	"context"
	"testing"
	"time"

	"fsync/listing"
	"fsync/sync/remote"
	"fsync/sync/remote/remotetest"
)

// cost is what an entry may cost: requests, and bytes of bodies beyond those missing.
type cost struct {
	requests int
	again    int64
}

// costs pulls an entry and compares what it cost with what it may.
func (l *lab) costs(want cost, o Outcome, e listing.Entry) Result {
	l.t.Helper()
	before := l.asked(e.Path)
	r := l.want(o, e)
	if got := l.asked(e.Path) - before; got != want.requests || r.Requests != want.requests {
		l.t.Errorf("%s: %d requests, the Result says %d, want %d", e.Path, got, r.Requests, want.requests)
	}
	if again := r.Fetched - max(0, r.Size-r.Offset); r.Outcome.OK() && again > want.again {
		l.t.Errorf("%s: %d bytes fetched beyond the %d missing, want at most %d", e.Path, again, r.Size-r.Offset, want.again)
	}
	return r
}

const (
	costSize = 500_000
	costHalf = 300_000
)

var costContent = remotetest.Content(3, costSize)

func costLab(t *testing.T, faults ...remotetest.Fault) *lab {
	l := newLab(t)
	l.put("f", costContent, faults...)
	return l
}

func TestRequestsFresh(t *testing.T) {
	l := costLab(t)
	r := l.costs(cost{requests: 1}, Fetched, l.entry("f"))
	l.same("f", costContent)
	if h := l.server.Requests("f")[0].Header; h.Get("Range") != "" || h.Get("If-Range") != "" || h.Get("If-None-Match") != "" {
		t.Errorf("the request for a new file has the header %v", h)
	}
	if r.Offset != 0 || r.Fetched != costSize || r.Refetched != 0 || r.Size != costSize {
		t.Errorf("offset %d, fetched %d, again %d, size %d", r.Offset, r.Fetched, r.Refetched, r.Size)
	}
}

func TestRequestsPartial(t *testing.T) {
	for name, make := range map[string]func(*lab, int){
		"own":    func(l *lab, n int) { l.partial("f", n) },
		"newer":  func(l *lab, n int) { l.write("f", costContent[:n], then.Add(time.Hour)) },
		"marked": func(l *lab, n int) { l.write("f", costContent[:n], then) },
	} {
		for _, n := range []int{costHalf, costSize - 1} {
			l := costLab(t)
			make(l, n)
			r := l.costs(cost{requests: 1, again: overlap}, Resumed, l.entry("f"))
			l.same("f", costContent)
			if r.Verified != TailEvidence || r.Refetched != overlap {
				t.Errorf("%s: verified by %v, %d bytes again", name, r.Verified, r.Refetched)
			}
			if r.Verified == TailEvidence && (r.Note != "") != (name == "newer") {
				t.Errorf("%s: note %q", name, r.Note)
			}
			seen := l.server.Requests("f")
			h := seen[len(seen)-1].Header
			if h.Get("Range") == "" || h.Get("If-Range") != "" || seen[len(seen)-1].Method != "GET" {
				t.Errorf("%s: asked %v", name, h)
			}
		}
	}
}

// TestRequestsSuspect: a partial that may be damaged costs what is doubtful, once.
func TestRequestsSuspect(t *testing.T) {
	l := costLab(t)
	l.partial("f", costHalf)
	if err := punch(l.path("f"), 200_704, 208_896); err != nil { // both are multiples of 4 KiB
		t.Fatal(err)
	}
	r := l.costs(cost{requests: 1, again: overlap + costHalf - 200_704}, Repaired, l.entry("f"))
	l.same("f", costContent)
	if r.Verified != TailEvidence {
		t.Errorf("verified by %v", r.Verified)
	}
}

func TestRequestsCommitted(t *testing.T) {
	l := costLab(t)
	l.pull(l.entry("f"))
	l.costs(cost{requests: 1}, UpToDate, l.entry("f"))
	if seen := l.server.Requests("f"); seen[1].Header.Get("If-None-Match") != `"one"` || seen[1].Header.Get("Range") != "" {
		t.Errorf("asked %v", seen[1].Header)
	}
	l.server.Settle("f")
	if n := l.server.Bytes("f"); n != costSize {
		t.Errorf("the server sent %d bytes for one file", n)
	}
	l.costs(cost{}, UpToDate, l.entry("f", withSize(costSize), withTime(then)))
	l.costs(cost{requests: 1}, UpToDate, l.entry("f", withTime(then)))
	l.costs(cost{requests: 1}, UpToDate, l.entry("f", withSize(costSize)))
	l.SizeOnly = true
	l.costs(cost{}, UpToDate, l.entry("f", withSize(costSize)))
}

func TestRequestsIfModifiedSince(t *testing.T) {
	l := newLab(t)
	l.server.Put("f", remotetest.File{Content: costContent, ModTime: then})
	l.pull(l.entry("f"))
	l.costs(cost{requests: 1}, UpToDate, l.entry("f"))
	if h := l.server.Requests("f")[1].Header; h.Get("If-Modified-Since") == "" {
		t.Errorf("asked %v", h)
	}
	// The modification time alone is worth no condition.
	l.write("g", costContent, then)
	l.server.Put("g", remotetest.File{Content: costContent, ModTime: then})
	l.costs(cost{requests: 1, again: overlap}, UpToDate, l.entry("g"))
	if h := l.server.Requests("g")[0].Header; h.Get("If-Modified-Since") != "" {
		t.Errorf("asked %v", h)
	}
}

func TestRequestsDigest(t *testing.T) {
	l := costLab(t)
	d := withDigest(costContent)
	r := l.costs(cost{requests: 1}, Fetched, l.entry("f", d))
	if r.Verified != DigestEvidence {
		t.Errorf("verified by %v", r.Verified)
	}
	if r := l.costs(cost{}, UpToDate, l.entry("f", d)); r.Verified != DigestEvidence {
		t.Errorf("verified by %v", r.Verified)
	}
	l.costs(cost{}, UpToDate, l.entry("f", d, withSize(costSize)))
	l.costs(cost{}, UpToDate, l.entry("f", d, withSize(costSize), withTime(then)))

	// Not remembered, but the size agrees: computed here, then remembered.
	l.put("g", costContent)
	l.write("g", costContent, then.Add(time.Hour))
	l.costs(cost{}, UpToDate, l.entry("g", d, withSize(costSize)))
	l.costs(cost{}, UpToDate, l.entry("g", d))
	l.same("g", costContent)
}

func TestRequestsIgnoredRange(t *testing.T) {
	l := costLab(t, remotetest.IgnoreRange())
	l.partial("f", costHalf)
	r := l.costs(cost{requests: 1, again: costHalf}, Resumed, l.entry("f"))
	if r.Verified != PrefixEvidence {
		t.Errorf("verified by %v", r.Verified)
	}
	l.same("f", costContent)
}

// TestRequestsBadRange: an answer that cannot be believed is followed by one request for
// the whole file.
func TestRequestsBadRange(t *testing.T) {
	for _, f := range []remotetest.Fault{
		remotetest.Unsatisfiable(true), remotetest.Unsatisfiable(false), remotetest.OffsetHigh(1), remotetest.WrongUnit(),
		remotetest.Multipart(), remotetest.EncodedRange(), remotetest.NoContentRange(), remotetest.SmallTotal(),
	} {
		l := costLab(t, f)
		l.partial("f", costHalf)
		if r := l.costs(cost{requests: 2, again: costHalf + 4096}, Resumed, l.entry("f")); r.Outcome != Resumed {
			t.Errorf("%s: %v", f.Name, r.Err)
		}
		l.same("f", costContent)
	}
}

// TestRequestsCappedRange: a server may give less than was asked for, and be asked for
// the rest without a delay.
func TestRequestsCappedRange(t *testing.T) {
	l := costLab(t, remotetest.ShortRange(overlap+5000))
	l.Retries = 0
	l.partial("f", costHalf)
	began := time.Now()
	l.want(Resumed, l.entry("f"))
	l.same("f", costContent)
	// The least delay is 250 ms, and there are some fifty answers.
	if d := time.Since(began); d > 10*time.Second {
		t.Errorf("%s for %d answers", d, l.asked("f"))
	}
}

func TestRequestsOtherVersion(t *testing.T) {
	next := remotetest.Content(4, costSize)
	l := costLab(t)
	l.partial("f", costHalf)
	l.renew("f", next)
	l.costs(cost{requests: 2, again: costHalf + 8<<20}, Replaced, l.entry("f"))
	l.same("f", next)
	l.noSide("f")

	// Committed: the answer to the condition is the new version already.
	l.put("g", costContent)
	l.pull(l.entry("g"))
	l.renew("g", next)
	l.costs(cost{requests: 1, again: costSize}, Replaced, l.entry("g"))
	l.same("g", next)
}

func TestRequestsWrongDigest(t *testing.T) {
	l := costLab(t)
	wrong := withDigest([]byte("something else"))
	l.costs(cost{requests: 2}, Failed, l.entry("f", wrong))
	if l.read("f") != nil {
		t.Error("wrong bytes are under the file's name")
	}
	l.server.Settle("f")
	sent := l.server.Bytes("f")
	l.costs(cost{requests: 1}, Failed, l.entry("f", wrong))
	l.server.Settle("f")
	if n := l.server.Bytes("f") - sent; n != 0 {
		t.Errorf("the next run fetched %d bytes of the same wrong version", n)
	}
	// The list is put right, then the remote.
	r := l.want(Fetched, l.entry("f", withDigest(costContent)))
	if r.Verified != DigestEvidence {
		t.Errorf("verified by %v", r.Verified)
	}
	l.same("f", costContent)
	l.noSide("f")
}

func TestRequestsUnknownLength(t *testing.T) {
	l := newLab(t)
	l.put("f", costContent, remotetest.Chunked())
	l.costs(cost{requests: 1}, Fetched, l.entry("f"))
	l.same("f", costContent)
	l.noSide("f")
	l.put("g", costContent, remotetest.CloseDelimited())
	l.want(Failed, l.entry("g"))
	if l.read("g") != nil {
		t.Error("a body that may have been cut is under the file's name")
	}
	l.costs(cost{requests: 1}, Fetched, l.entry("g", withSize(costSize)))
	l.same("g", costContent)
}

// TestRequestsListSize: a list that disagrees costs a header and touches nothing.
func TestRequestsListSize(t *testing.T) {
	l := costLab(t)
	l.costs(cost{requests: 1}, Failed, l.entry("f", withSize(costSize+1)))
	if l.read("f") != nil {
		t.Error("something was written")
	}
}

// TestRequestsExpect: a transport is told how much is missing by the list, and nothing where
// the list does not know.
func TestRequestsExpect(t *testing.T) {
	for _, row := range []struct {
		size   int64
		here   int
		expect int64
	}{
		{-1, 0, 0},
		{costSize, 0, costSize},
		{costSize, costHalf, costSize - costHalf + overlap},
	} {
		var asked []remote.Request
		src := fake(func(_ context.Context, req remote.Request) (*remote.Tail, error) {
			asked = append(asked, req)
			return fakeTail(req, costContent), nil
		})
		l := &lab{t: t, dir: t.TempDir(), sources: map[string]Source{"fake": src}}
		e := fakeEntry()
		if e.Size = row.size; row.here > 0 {
			l.write("f", costContent[:row.here], then.Add(time.Hour))
		}
		l.pull(e)
		l.same("f", costContent)
		if len(asked) != 1 || asked[0].Expect != row.expect {
			t.Errorf("size %d, %d here: asked %+v", row.size, row.here, asked)
		}
	}
}
