package sync

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"fsync/listing"
	"fsync/sync/local"
	"fsync/sync/remote/remotetest"
)

// check checks entries, which must change nothing.
func (l *lab) check(c *Checker, es ...listing.Entry) []Checked {
	l.t.Helper()
	before := l.tree()
	if _, err := os.Stat(l.dir); err == nil {
		if c.Dir, err = local.Open(l.dir, false, nil); err != nil {
			l.t.Fatal(err)
		}
		defer c.Dir.Close()
	}
	var all []Checked
	for r, err := range c.Check(l.t.Context(), entries(es)) {
		if err != nil {
			l.t.Fatal(err)
		}
		all = append(all, r)
	}
	if diff := cmp.Diff(before, l.tree()); diff != "" {
		l.t.Errorf("the check changed something: %s", diff)
	}
	return all
}

// tree tells size and time of all files.
func (l *lab) tree() map[string]string {
	l.t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(l.dir, func(name string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		fi, err := e.Info()
		if err == nil {
			all[name] = fmt.Sprint(fi.Mode(), fi.Size(), fi.ModTime())
		}
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		l.t.Fatal(err)
	}
	return all
}

func inList(path string, facts ...fact) listing.Entry {
	e := listing.Entry{Path: path, URLs: []string{"http://127.0.0.1:1/" + path}, Size: -1}
	for _, f := range facts {
		f(&e)
	}
	return e
}

// withPieces gives the sha256 of pieces of the content.
func withPieces(p []byte, length int64) fact {
	return func(e *listing.Entry) {
		var sums string
		for from := int64(0); from < int64(len(p)); from += length {
			sums += sha(p[from:min(from+length, int64(len(p)))]).Sum
		}
		e.Size = int64(len(p))
		e.Pieces = &listing.Pieces{Algorithm: "sha256", Length: length, Sums: sums}
	}
}

// TestCheckPulled checks what pulls leave, and what becomes of that.
func TestCheckPulled(t *testing.T) {
	l := newLab(t)
	content := remotetest.Content(1, 100_000)
	all := func(es ...listing.Entry) (found []string) {
		for _, r := range l.check(new(Checker), es...) {
			found = append(found, fmt.Sprintf("%s: %v %d/%d left %d verified %v", r.Path, r.Finding, r.Size, r.Want, r.Left, r.Verified))
		}
		return found
	}
	for _, name := range []string{"whole", "half", "new", "touched"} {
		l.put(name, content)
	}
	l.want(Fetched, l.entry("whole", withDigest(content)))
	l.want(Fetched, l.entry("touched"))
	l.touch("touched", then.AddDate(1, 0, 0))
	l.partial("half", 60_000)
	l.want(Fetched, l.entry("new"))
	newer := remotetest.Content(2, 120_000)
	l.renew("new", newer, remotetest.CutFIN(70_000).Times(1), remotetest.Status(404))
	l.Options.Retries = 0
	l.want(Failed, l.entry("new"))

	got := all(
		inList("whole"), inList("half"), inList("touched", withSize(100_000)), inList("none", withSize(7)), inList("none at all"),
		inList("new", withSize(120_000)), inList("new", withSize(100_000)),
	)
	if diff := cmp.Diff([]string{
		"whole: complete 100000/100000 left 0 verified none",
		"half: partial 60000/100000 left 40000 verified none",
		"touched: unproven 100000/100000 left 0 verified none",
		"none: missing -1/7 left 7 verified none",
		"none at all: missing -1/-1 left -1 verified none",
		"new: staged 70000/120000 left 50000 verified none",
		"new: complete 100000/100000 left 0 verified none",
	}, got); diff != "" {
		t.Error(diff)
	}
	got = all(inList("whole", withSize(100_000), withDigest(content)), inList("whole", withDigest(newer)))
	if diff := cmp.Diff([]string{
		"whole: complete 100000/100000 left 0 verified digest",
		"whole: differs 100000/-1 left -1 verified none",
	}, got); diff != "" {
		t.Error(diff)
	}
}

// TestCheckReads checks by digests: of files, and of pieces of files.
func TestCheckReads(t *testing.T) {
	l := newLab(t)
	const size, piece = 100_000, 1000
	content := remotetest.Content(3, size)
	damaged := append([]byte(nil), content...)
	damaged[5*piece]++
	damaged[99*piece-1]++
	sized := []fact{withSize(size), withTime(then)}
	for name, p := range map[string][]byte{
		"right": content, "damaged": damaged, "half": content[:50_500], "half damaged": damaged[:50_500],
		"longer": append(damaged, 0), "empty": {},
	} {
		l.write(name, p, then)
	}
	for _, c := range []struct {
		name    string
		facts   []fact
		finding Finding
		reason  string
		left    int64
		ok      Evidence
		read    int64
	}{
		{"right", sized, FoundComplete, "", 0, NoEvidence, 0},
		{"right", []fact{withDigest(content)}, FoundComplete, "", 0, DigestEvidence, size},
		{"right", append(sized, withDigest(content)), FoundComplete, "", 0, DigestEvidence, size},
		{"right", []fact{withPieces(content, piece)}, FoundComplete, "", 0, DigestEvidence, size},
		{"damaged", sized, FoundComplete, "", 0, NoEvidence, 0},
		{"damaged", []fact{withDigest(damaged)}, FoundComplete, "", 0, DigestEvidence, size},
		{"damaged", append(sized, withPieces(content, piece)), FoundDiffers, "2 of 100 pieces are wrong", 2 * piece, NoEvidence, size},
		{"damaged", append(sized, withDigest(content), withPieces(content, piece)), FoundDiffers, "2 of 100 pieces are wrong", 2 * piece, NoEvidence, size},
		{"damaged", append(sized, withDigest(content)), FoundDiffers, "wrong digest: " + sha(damaged).String() + ", not " + sha(content).String(), size, NoEvidence, size},
		{"half", append(sized, withDigest(content)), FoundPartial, "", size - 50_500, NoEvidence, 0},
		{"half", append(sized, withPieces(content, piece)), FoundPartial, "", size - 50_500, NoEvidence, 50_500},
		{"half damaged", append(sized, withPieces(content, piece)), FoundDiffers, "1 of 100 pieces are wrong", size - 50_500 + piece, NoEvidence, 50_500},
		{"longer", append(sized, withPieces(content, piece)), FoundLonger, "", size, NoEvidence, 0},
		{"empty", []fact{withSize(0), withDigest(nil)}, FoundComplete, "", 0, DigestEvidence, 0},
	} {
		var read atomic.Int64
		r := l.check(&Checker{Checksum: true, Read: &read}, inList(c.name, c.facts...))[0]
		if r.Finding != c.finding || r.Reason != c.reason || r.Left != c.left || r.Verified != c.ok || read.Load() != c.read {
			t.Errorf("%s: %v (%s), left %d, verified %v, read %d; want %+v", c.name, r.Finding, r.Reason, r.Left, r.Verified, read.Load(), c)
		}
	}
}

// TestCheckNames checks what is no regular file, or not for this program to judge.
func TestCheckNames(t *testing.T) {
	l := newLab(t)
	content := remotetest.Content(4, 1000)
	for _, name := range []string{"aria", "aria.aria2", "axel", "axel.st", "lftp", "lftp.lftp-pget-status", "done", "done.st", "dir/x", "elsewhere"} {
		l.write(name, content, then)
	}
	for name, target := range map[string]string{"link": "elsewhere", "dirlink": "dir", "dangling": "nothing"} {
		if err := os.Symlink(target, l.path(name)); err != nil {
			t.Fatal(err)
		}
	}
	full := withSize(1000)
	for name, c := range map[string]struct {
		facts   []fact
		finding Finding
	}{
		"aria":        {[]fact{full}, FoundForeign},
		"axel":        {[]fact{withSize(5000)}, FoundForeign},
		"lftp":        {[]fact{withDigest(content)}, FoundForeign},
		"done":        {[]fact{full, withTime(then)}, FoundComplete}, // as a pull takes it
		"dir":         {[]fact{full}, FoundIrregular},
		"link":        {[]fact{full, withTime(then), withDigest(content)}, FoundIrregular},
		"dangling":    {nil, FoundIrregular},
		"dirlink/x":   {[]fact{full, withTime(then), withDigest(content)}, FoundIrregular},
		"elsewhere/x": {nil, FoundIrregular},
		"nowhere/x":   {nil, FoundMissing},
	} {
		for _, checksum := range []bool{false, true} {
			r := l.check(&Checker{Checksum: checksum}, inList(name, c.facts...))[0]
			if r.Finding != c.finding {
				t.Errorf("%s: %v (%s), want %v", name, r.Finding, r.Reason, c.finding)
			}
			if r.Finding == FoundIrregular && r.Reason == "" {
				t.Errorf("%s: irregular without a reason", name)
			}
		}
	}
}

// TestCheckNothing checks what is not there: not even the directory, which is not made.
func TestCheckNothing(t *testing.T) {
	l := newLab(t)
	l.dir = filepath.Join(l.dir, "none")
	for _, r := range l.check(&Checker{Checksum: true}, inList("a", withSize(1)), inList("b")) {
		if r.Finding != FoundMissing {
			t.Errorf("%s: %v", r.Path, r.Finding)
		}
	}
}

// TestCheckOrder has more entries than are worked on at a time, and large ones ahead.
func TestCheckOrder(t *testing.T) {
	for _, checksum := range []bool{false, true} {
		l := newLab(t)
		large := remotetest.Content(5, 4<<20)
		l.write("large", large, then)
		var es []listing.Entry
		for i := range 3*checkBatch + 1 {
			es = append(es, inList(fmt.Sprint(i), withSize(int64(i))))
			if i%checkBatch == 0 {
				es = append(es, inList("large", withSize(4<<20), withDigest(large)))
			}
		}
		got := l.check(&Checker{Jobs: 4, Checksum: checksum}, es...)
		if len(got) != len(es) {
			t.Fatalf("%d of %d entries", len(got), len(es))
		}
		for i, r := range got {
			if r.Path != es[i].Path || r.Path == "large" && checksum != (r.Finding == FoundComplete) {
				t.Fatalf("%d is %+v, not of %s", i, r, es[i].Path)
			}
		}
	}
}

// TestCheckEnds breaks the entries off, or the loop, or its context.
func TestCheckEnds(t *testing.T) {
	broken := errors.New("broken list")
	endless := func(n int) iter.Seq2[listing.Entry, error] {
		return func(yield func(listing.Entry, error) bool) {
			for i := 0; ; i++ {
				if i == n {
					yield(listing.Entry{}, broken)
					return
				}
				if !yield(inList(fmt.Sprint(i)), nil) {
					return
				}
			}
		}
	}
	for _, n := range []int{0, 1, checkBatch, 3*checkBatch + 1} {
		got, errs := 0, 0
		for _, err := range (&Checker{Jobs: 2}).Check(t.Context(), endless(n)) {
			switch {
			case errs > 0:
				t.Fatal("something came behind an error")
			case errors.Is(err, broken):
				errs++
			case err != nil:
				t.Fatal(err)
			default:
				got++
			}
		}
		if got != n || errs != 1 {
			t.Errorf("%d entries and %d errors of %d and one", got, errs, n)
		}
	}
	for range (&Checker{Jobs: 2}).Check(t.Context(), endless(-1)) {
		break
	}
	stop := errors.New("stop")
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	var last error
	for _, last = range (&Checker{Jobs: 2}).Check(ctx, endless(-1)) {
		cancel(stop)
	}
	if last != stop {
		t.Errorf("a stopped check ends with %v", last)
	}
}
