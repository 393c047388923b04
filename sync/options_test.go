package sync

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"fsync/listing"
	"fsync/sync/local"
	"fsync/sync/remote/remotetest"
)

// foreign puts a file there that is newer than the remote and not a prefix of it.
func (l *lab) foreign(name string) []byte {
	p := remotetest.Content(12, costHalf)
	l.write(name, p, then.Add(time.Hour))
	return p
}

func TestOverwriteAndBackup(t *testing.T) {
	l := costLab(t)
	mine := l.foreign("f")
	l.want(Conflict, l.entry("f"))
	l.same("f", mine)
	l.noSide("f")
	l.Overwrite, l.Backup = true, true
	l.want(Replaced, l.entry("f"))
	l.same("f", costContent)
	l.same("f~", mine)
	next := early(costContent)
	l.renew("f", next)
	l.want(Replaced, l.entry("f"))
	l.same("f", next)
	l.same("f~", costContent)
	l.Backup = false
	l.put("f", costContent)
	l.want(Replaced, l.entry("f"))
	l.same("f~", costContent)
}

// TestConflict: what nothing proves to be the remote's stays, in every shape.
func TestConflict(t *testing.T) {
	for name, mine := range map[string][]byte{
		"shorter":    remotetest.Content(12, costHalf),
		"same size":  remotetest.Content(12, costSize),
		"longer":     slices.Concat(costContent, []byte("and more")),
		"near end":   slices.Concat(costContent[:costSize-1], []byte{costContent[costSize-1] ^ 1}),
		"other tail": slices.Concat(costContent[:costHalf], []byte("mine")),
	} {
		l := costLab(t)
		l.write("f", mine, then.Add(time.Hour))
		if r := l.pull(l.entry("f")); r.Outcome != Conflict {
			t.Errorf("%s: %v (%v)", name, r.Outcome, r.Err)
		}
		l.same("f", mine)
		l.noSide("f")
	}
}

// TestForeignDamage: a file of another tool that ends in zeros is repaired if nothing but
// zeros differ, and a conflict otherwise.
func TestForeignDamage(t *testing.T) {
	zeros := slices.Concat(costContent[:costHalf], make([]byte, 50_000))
	l := costLab(t)
	l.write("f", zeros, then.Add(time.Hour))
	l.want(Repaired, l.entry("f"))
	l.same("f", costContent)
	l.noSide("f")

	mixed := bytes.Clone(zeros)
	mixed[costHalf+20_000] = costContent[costHalf+20_000] ^ 1 // and zeros behind it
	l = costLab(t)
	l.write("f", mixed, then.Add(time.Hour))
	l.want(Conflict, l.entry("f"))
	l.same("f", mixed)
}

func TestSizeOnly(t *testing.T) {
	l := costLab(t)
	l.SizeOnly = true
	mine := remotetest.Content(12, costSize)
	l.write("f", mine, then.Add(time.Hour))
	if r := l.want(UpToDate, l.entry("f", withSize(costSize))); r.Requests != 0 {
		t.Errorf("%d requests", r.Requests)
	}
	l.same("f", mine)
	// A digest that the list gives is not left out.
	l.want(Replaced, l.entry("f", withSize(costSize), withDigest(costContent)))
	l.same("f", costContent)
	// Nor is an unfinished file finished by its size.
	l.put("g", costContent)
	l.partial("g", costHalf)
	if r := l.pull(l.entry("g", withSize(costHalf))); r.Outcome == UpToDate {
		t.Errorf("an unfinished file of the list's size: %v", r.Outcome)
	}
}

// TestChecksum: nothing remembered is trusted.
func TestChecksum(t *testing.T) {
	l := costLab(t)
	known := []fact{withSize(costSize), withTime(then), withDigest(costContent)}
	e := l.entry("f", known...)
	l.pull(e)
	p := bytes.Clone(costContent)
	p[1000] ^= 1
	l.overwrite("f", p)
	l.touch("f", then) // as bit rot would
	l.want(UpToDate, e)
	l.Checksum = true
	if r := l.want(Replaced, e); r.Verified != DigestEvidence {
		t.Errorf("verified by %v", r.Verified)
	}
	l.same("f", costContent)
	if r := l.want(UpToDate, e); r.Requests != 0 || r.Verified != DigestEvidence {
		t.Errorf("%d requests, verified by %v", r.Requests, r.Verified)
	}
	// Without a digest all of it is compared.
	l.overwrite("f", p)
	l.touch("f", then)
	l.want(Replaced, l.entry("f"))
	l.same("f", costContent)
}

// TestDryRun: nothing is written, and what would be is told.
func TestDryRun(t *testing.T) {
	next := early(costContent)
	for name, test := range map[string]struct {
		prepare func(*lab)
		facts   []fact
		outcome Outcome
		planned int64
	}{
		"absent":      {func(*lab) {}, nil, Fetched, costSize},
		"absent sub":  {func(*lab) {}, []fact{func(e *listing.Entry) { e.Path = "a/b/f" }}, Fetched, costSize},
		"half":        {func(l *lab) { l.partial("f", costHalf) }, nil, Resumed, costSize - costHalf},
		"foreign":     {func(l *lab) { l.foreign("f") }, nil, Conflict, 0},
		"done":        {func(l *lab) { l.pull(l.entry("f")) }, nil, UpToDate, 0},
		"cp -p":       {func(l *lab) { l.write("f", costContent, then) }, []fact{withSize(costSize), withTime(then)}, UpToDate, 0},
		"hash":        {func(l *lab) { l.write("f", costContent, then) }, []fact{withSize(costSize), withDigest(costContent)}, UpToDate, 0},
		"replaced":    {func(l *lab) { l.pull(l.entry("f")); l.renew("f", next) }, nil, Replaced, costSize},
		"own changed": {func(l *lab) { l.partial("f", costHalf); l.renew("f", next) }, nil, Replaced, costSize},
	} {
		l := costLab(t)
		test.prepare(l)
		before := l.snapshot()
		l.DryRun = true
		sent := l.server.Bytes("f")
		r := l.pull(l.entry("f", test.facts...))
		if r.Outcome != test.outcome || r.Planned != test.planned {
			t.Errorf("%s: %v (%v), planned %d; want %v, %d", name, r.Outcome, r.Err, r.Planned, test.outcome, test.planned)
		}
		if after := l.snapshot(); !slices.Equal(before, after) {
			t.Errorf("%s: before\n%q\nafter\n%q", name, before, after)
		}
		if r.Fetched > overlap+blockSize {
			t.Errorf("%s: fetched %d bytes (%d sent)", name, r.Fetched, l.server.Bytes("f")-sent)
		}
	}
}

// snapshot tells all that is in the directory.
func (l *lab) snapshot() (all []string) {
	des, err := os.ReadDir(l.dir)
	if err != nil {
		l.t.Fatal(err)
	}
	for _, de := range des {
		fi, err := de.Info()
		if err != nil {
			l.t.Fatal(err)
		}
		line := fmt.Sprintf("%s %v %v", de.Name(), fi.Mode(), fi.ModTime())
		if fi.Mode().IsRegular() {
			line += show(l.read(de.Name()))
			if s := l.stamp(de.Name()); s != nil {
				line += s.String()
			}
		}
		all = append(all, line)
	}
	return all
}

func TestSyncModes(t *testing.T) {
	for mode, durable := range map[SyncMode]bool{SyncRun: true, SyncFile: true, SyncNone: false} {
		l := newLab(t)
		l.Sync, l.Jobs = mode, 4
		var es []listing.Entry
		for i := range 20 {
			name := fmt.Sprintf("d%d/f%d", i%3, i)
			l.put(name, costContent[:i*1000])
			es = append(es, l.entry(name))
		}
		for range 2 {
			for path, r := range l.pullAll(t.Context(), es...) {
				if !r.Outcome.OK() {
					t.Errorf("%v: %s: %v (%v)", mode, path, r.Outcome, r.Err)
				}
				l.same(path, l.server.File(path).Content)
				s := l.stamp(path)
				if s == nil || s.State != local.Done || (s.Boot == "") != durable {
					t.Errorf("%v: %s: stamp %+v", mode, path, s)
				}
			}
		}
	}
}

// otherBoot makes a file's stamp that of a run before another boot.
func (l *lab) otherBoot(name string) {
	l.t.Helper()
	f, done := l.look(name)
	defer done()
	s := *f.Stamp
	s.Boot = "another"
	if err := f.Adopt(local.Publication{Stamp: s, ModTime: s.ModTime}); err != nil {
		l.t.Fatal(err)
	}
}

// TestOtherBoot: what was not synced before another boot is not committed.
func TestOtherBoot(t *testing.T) {
	l := costLab(t)
	l.pull(l.entry("f"))
	l.otherBoot("f")
	if err := punch(l.path("f"), 200_704, 208_896); err != nil {
		t.Fatal(err)
	}
	l.touch("f", then)
	l.want(Repaired, l.entry("f", withSize(costSize), withTime(then)))
	l.same("f", costContent)
	l.noSide("f")
}

// TestSizeOnlyOtherBoot: --size-only used to take a file that was never synced for
// complete, whatever the power cut had left of it.
func TestSizeOnlyOtherBoot(t *testing.T) {
	l := costLab(t)
	l.SizeOnly = true
	e := l.entry("f", withSize(costSize))
	l.pull(e)
	l.want(UpToDate, e)
	l.otherBoot("f")
	l.overwrite("f", make([]byte, costSize))
	l.touch("f", then)
	r := l.want(Repaired, e)
	if r.Requests != 1 {
		t.Errorf("%d requests", r.Requests)
	}
	l.same("f", costContent)
	l.noSide("f")
	if r := l.want(UpToDate, e); r.Requests != 0 {
		t.Errorf("again: %d requests", r.Requests)
	}
}
