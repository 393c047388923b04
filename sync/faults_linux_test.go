package sync

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"fsync/sync/local"
	"fsync/sync/local/faultfs"
	"fsync/sync/remote/remotetest"
)

// A faultState is what is here before a run that meets a fault.
type faultState struct {
	name string
	// make leaves it, and the remote as the run will find it.
	make func(l *lab)
	opt  func(*Options)
}

const (
	faultSize = 1<<20 + 200<<10 + 1 // more than 1 MiB of it is missing where a half is here
	faultHalf = 100<<10 + 77
)

var (
	faultOne   = remotetest.Content(901, faultSize)
	faultTwo   = remotetest.Content(902, faultSize+1000)
	faultThree = remotetest.Content(903, faultSize-1000)
)

var faultStates = []faultState{
	{name: "fresh", make: func(l *lab) { l.put("f", faultOne) }},
	{name: "small", make: func(l *lab) { l.put("f", faultOne[:4000]) }},
	{name: "in a directory", make: func(l *lab) { l.put("f", faultOne) }},
	{name: "empty", make: func(l *lab) { l.put("f", nil) }},
	{name: "partial", make: func(l *lab) {
		l.put("f", faultOne)
		l.partial("f", faultHalf)
	}},
	{name: "foreign", make: func(l *lab) {
		l.put("f", faultOne)
		l.write("f", faultOne[:faultHalf], then.Add(time.Hour))
	}},
	{name: "foreign and whole", make: func(l *lab) {
		l.put("f", faultOne)
		l.write("f", faultOne, then.Add(time.Hour))
	}},
	{name: "whole and not marked", make: func(l *lab) { // killed before the commit
		l.put("f", faultOne)
		l.partial("f", faultHalf)
		l.overwriteAt("f", faultOne[faultHalf:], faultHalf)
	}},
	{name: "old", make: func(l *lab) {
		l.put("f", faultOne)
		l.want(Fetched, l.entry("f"))
		l.renew("f", faultTwo)
	}},
	{name: "old and a stage", make: func(l *lab) {
		l.put("f", faultOne)
		l.want(Fetched, l.entry("f"))
		l.renew("f", faultTwo, remotetest.CutFIN(faultHalf).Times(1))
		l.want(Failed, l.entry("f"))
		if n := len(l.read(local.StageName("f"))); n != faultHalf {
			l.t.Fatalf("the stage has %d bytes", n)
		}
	}},
	{name: "grown", opt: func(o *Options) { o.Append = true }, make: func(l *lab) {
		l.put("f", faultOne[:faultHalf])
		l.want(Fetched, l.entry("f"))
		l.renew("f", faultOne)
	}},
	{name: "atomic", opt: func(o *Options) { o.Atomic = true }, make: func(l *lab) { l.put("f", faultOne) }},
	{name: "backup", opt: func(o *Options) { o.Backup = true }, make: func(l *lab) {
		l.put("f", faultOne)
		l.want(Fetched, l.entry("f"))
		l.renew("f", faultTwo)
	}},
	{name: "hard link", make: func(l *lab) {
		l.put("f", faultOne)
		l.partial("f", faultHalf)
		if err := os.Link(l.path("f"), l.path("other")); err != nil {
			l.t.Fatal(err)
		}
	}},
	{name: "old and a stale stage", make: func(l *lab) {
		l.put("f", faultOne)
		l.want(Fetched, l.entry("f"))
		l.renew("f", faultTwo, remotetest.CutFIN(faultHalf).Times(1))
		l.want(Failed, l.entry("f"))
		l.server.Put("f", remotetest.File{Content: faultThree, ModTime: then.Add(time.Hour), ETag: `"three"`})
	}},
}

// ends says how a run may end that met a fault.
type ends int

const (
	fails ends = iota
	works
	either // it depends on what the fault hits
)

type faultCase struct {
	name   string
	ends   ends
	faults []faultfs.Fault
}

func errnos(op faultfs.Op, end ends, from int64, errs ...unix.Errno) (cs []faultCase) {
	for _, e := range errs {
		for _, times := range []int{0, 1} {
			name := fmt.Sprintf("%s %s at %d", unix.ErrnoName(e), op, from)
			if times > 0 {
				name += " once"
			}
			fault := faultfs.Fault{Op: op, Errno: e, From: from, Times: times}
			if op == faultfs.Lookup { // not of the directories
				fault.Name = "[.f]*"
			}
			cs = append(cs, faultCase{name, end, []faultfs.Fault{fault}})
			if times > 0 && from > 0 { // the one write was cut short, and the next one succeeds
				cs[len(cs)-1].ends = either
			}
		}
	}
	return cs
}

// faultCases are all faults that an operation can meet. On FUSE each file has its own
// fsync, no space is reserved, and holes are doubted for what they are worth.
func faultCases() []faultCase {
	const eio, full = unix.EIO, unix.ENOSPC
	cs := slices.Concat(
		errnos(faultfs.Write, fails, 0, full, unix.EDQUOT, eio),
		errnos(faultfs.Write, fails, 1, full),
		errnos(faultfs.Write, fails, faultHalf+4096, full, unix.EDQUOT, eio, unix.EFBIG),
		errnos(faultfs.Write, fails, faultSize-1, full, eio),
		errnos(faultfs.Fsync, fails, 0, eio, full, unix.EDQUOT),
		errnos(faultfs.FsyncDir, fails, 0, eio),
		errnos(faultfs.SetXattr, works, 0, unix.ENOTSUP, full, unix.EPERM, unix.E2BIG),
		errnos(faultfs.SetXattr, fails, 0, eio),
		errnos(faultfs.GetXattr, works, 0, unix.ENODATA, unix.ENOTSUP),
		errnos(faultfs.GetXattr, either, 0, eio),
		errnos(faultfs.Seek, works, 0, unix.EINVAL, unix.ENXIO, eio),
		errnos(faultfs.Chtimes, works, 0, unix.EPERM, eio),
		errnos(faultfs.Chmod, either, 0, unix.EPERM),
		errnos(faultfs.Copy, either, 0, eio, full),
		errnos(faultfs.Rename, either, 0, eio, full, unix.EROFS),
		errnos(faultfs.Link, works, 0, unix.EPERM, unix.EMLINK),
		errnos(faultfs.Unlink, either, 0, eio),
		errnos(faultfs.Open, either, 0, eio, unix.EACCES, unix.EMFILE, unix.ENFILE),
		errnos(faultfs.Create, fails, 0, eio, full, unix.EACCES, unix.EROFS, unix.EMFILE, unix.EDQUOT),
		errnos(faultfs.Mkdir, either, 0, full, unix.EROFS),
		errnos(faultfs.Lookup, either, 0, eio, unix.EACCES),
		errnos(faultfs.Read, either, 0, eio),
		errnos(faultfs.Truncate, either, 0, eio, full),
		errnos(faultfs.Flush, either, 0, eio, full, unix.EDQUOT),
	)
	readOnly := faultCase{name: "read-only", ends: fails}
	for _, op := range []faultfs.Op{faultfs.Create, faultfs.Mkdir, faultfs.Write, faultfs.Truncate, faultfs.SetXattr, faultfs.Chtimes, faultfs.Chmod, faultfs.Rename, faultfs.Link, faultfs.Unlink} {
		readOnly.faults = append(readOnly.faults, faultfs.Fault{Op: op, Errno: unix.EROFS})
	}
	return append(cs, readOnly,
		faultCase{"short writes", works, []faultfs.Fault{{Op: faultfs.Write, Most: 1000}}},
		faultCase{"a false hole at 0", works, []faultfs.Fault{{Op: faultfs.Seek, At: 0}}},
		faultCase{"EIO fsync and truncate", fails, []faultfs.Fault{{Op: faultfs.Fsync, Errno: eio}, {Op: faultfs.Truncate, Errno: eio}}},
		faultCase{"EIO write and truncate", fails, []faultfs.Fault{{Op: faultfs.Write, Errno: eio, From: faultHalf + 4096}, {Op: faultfs.Truncate, Errno: eio}}},
		faultCase{"EIO the second stamp", either, []faultfs.Fault{{Op: faultfs.SetXattr, Errno: eio, Skip: 1, Times: 1}}},
	)
}

// TestFaults tries each fault of a file system in each state, and each way to make files
// durable. Whatever happens, the file is the beginning of one version or what it was,
// nothing else is left, an error is told, and the next run makes it right. Without
// FSYNC_FAULTS=all it is a sixth of the cells, in which each fault and each state is.
func TestFaults(t *testing.T) {
	t.Parallel()
	f := faultfs.Mount(t)
	all := os.Getenv("FSYNC_FAULTS") == "all"
	cells, hits := 0, 0
	for i, c := range faultCases() {
		t.Run(c.name, func(t *testing.T) {
			hit := 0
			for k, s := range faultStates {
				for mode := range SyncNone + 1 {
					if !all && (i+k)%6 != 2*int(mode) {
						continue
					}
					cells++
					t.Run(fmt.Sprintf("%s/%d", s.name, mode), func(t *testing.T) { hit += faultCell(t, f, c, s, mode) })
				}
			}
			if hits += hit; all && hit == 0 {
				t.Error("no state meets it")
			}
		})
	}
	t.Logf("%d cells, %d faults met", cells, hits)
}

// faultCell makes the state without the fault, a run with it, and two more without.
func faultCell(t *testing.T, f *faultfs.FS, c faultCase, s faultState, mode SyncMode) (hits int) {
	l := newLab(t)
	l.dir = filepath.Join(f.Dir, strings.Map(func(r rune) rune {
		if r == '/' {
			return '_'
		}
		return r
	}, t.Name()))
	if err := os.Mkdir(l.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(l.dir)
	defer f.Mend()
	l.Retries = 0
	s.make(l)
	l.Sync = mode
	if s.opt != nil {
		s.opt(&l.Options)
	}
	path, want := "f", l.server.File("f").Content
	if s.name == "in a directory" {
		path = "a/b/f"
		l.server.Put(path, l.server.File("f"))
	}
	before, stamp := l.read(path), l.stamp(path)
	f.Mend()
	f.Inject(c.faults...)
	r := l.pull(l.entry(path))
	syncs := f.Count(faultfs.Fsync)
	hits = f.Hits()
	f.Mend()
	switch {
	case hits == 0 && !r.Outcome.OK():
		t.Errorf("no fault was met, and it is %v (%v)", r.Outcome, r.Err)
	case hits > 0 && c.ends == fails && r.Outcome != Failed:
		t.Errorf("%d faults were met, and it is %v (%v)", hits, r.Outcome, r.Err)
	case hits > 0 && c.ends == works && !r.Outcome.OK():
		t.Errorf("%d faults were met, and it is %v (%v)", hits, r.Outcome, r.Err)
	}
	l.faultLeft(path, before, want, stamp, r, mode)
	if c.faults[0].Op == faultfs.Fsync && hits == 1 && syncs > 1 && c.faults[0].Skip == 0 {
		t.Errorf("%d syncs after one failed", syncs)
	}
	if t.Failed() {
		t.Logf("%v (%v), %d hits", r.Outcome, r.Err, hits)
		return hits
	}
	// Without the fault all goes on and ends.
	if s.opt != nil {
		s.opt(&l.Options)
	}
	l.Sync = SyncRun
	if r := l.pull(l.entry(path)); !r.Outcome.OK() {
		t.Errorf("after the fault (%v, %v) it is %v (%v)", r.Outcome, r.Err, r.Outcome, r.Err)
	}
	l.same(path, want)
	if got := l.names(path); !slices.Equal(got, l.wantNames(path, s)) {
		t.Errorf("at the end there are %q", got)
	}
	if s.name != "hard link" {
		l.want(UpToDate, l.entry(path))
	}
	return hits
}

// faultLeft judges what a run left.
func (l *lab) faultLeft(path string, before, want []byte, stamp *local.Stamp, r Result, mode SyncMode) {
	l.t.Helper()
	got := l.read(path)
	switch {
	case r.Outcome.OK() && !bytes.Equal(got, want):
		l.t.Errorf("%v, and there are %s", r.Outcome, show(got))
	case bytes.Equal(got, before), bytes.HasPrefix(want, got) && bytes.HasPrefix(want, before):
	case bytes.Equal(got, want) && r.Err != nil:
		l.t.Errorf("%v (%v), and yet it was swapped", r.Outcome, r.Err)
	case !bytes.Equal(got, want):
		l.t.Errorf("there are %s, %s before", show(got), show(before))
	}
	if stamp == nil && len(got) < len(before) {
		l.t.Errorf("of somebody's %d bytes %d are left", len(before), len(got))
	}
	f, done := l.look(path)
	defer done()
	boot := ""
	if mode == SyncNone {
		boot = local.ThisBoot()
	}
	if r.Outcome == Failed && f.Committed(boot) && (stamp == nil || f.Stamp.String() != stamp.String()) {
		l.t.Errorf("it failed (%v) and is marked %v", r.Err, f.Stamp)
	}
	for _, name := range l.names(path) {
		if !slices.Contains([]string{"f", ".f.fsync", "f~", "other"}, name) {
			l.t.Errorf("it left %s", name)
		}
	}
	if p := l.read(filepath.Join(filepath.Dir(path), ".f.fsync")); !bytes.HasPrefix(want, p) && !bytes.HasPrefix(faultTwo, p) {
		l.t.Errorf("the stage has %s", show(p))
	}
}

// names returns what lies in a file's directory.
func (l *lab) names(path string) (names []string) {
	es, _ := os.ReadDir(filepath.Dir(l.path(path)))
	for _, e := range es {
		names = append(names, e.Name())
	}
	return names
}

func (l *lab) wantNames(path string, s faultState) []string {
	switch s.name {
	case "backup":
		return []string{"f", "f~"}
	case "hard link":
		return []string{"f", "other"}
	}
	return []string{"f"}
}

// TestFaultsUnsynced: what a failed sync may have lost are all bytes that no sync made
// durable, also those of an earlier attempt or run. They are cut off; bytes that were
// durable, and those that somebody else wrote, are not.
func TestFaultsUnsynced(t *testing.T) {
	t.Parallel()
	f := faultfs.Mount(t)
	for _, s := range faultStates {
		left, ok := map[string]int{"fresh": 0, "partial": 0, "foreign": faultHalf, "grown": faultHalf, "foreign and whole": faultSize, "whole and not marked": 0, "old": faultSize}[s.name]
		if !ok {
			continue
		}
		for mode := range SyncNone + 1 {
			t.Run(fmt.Sprintf("%s/%d", s.name, mode), func(t *testing.T) {
				l := newLab(t)
				l.dir = filepath.Join(f.Dir, strings.ReplaceAll(t.Name(), "/", "_"))
				l.Retries = 0
				l.Sync = SyncRun // what is complete before is durable
				s.make(l)
				l.Sync = mode
				if s.opt != nil {
					s.opt(&l.Options)
				}
				f.Mend()
				f.Inject(faultfs.Fault{Op: faultfs.Fsync, Errno: unix.EIO, Times: 1})
				l.want(Failed, l.entry("f"))
				f.Mend()
				if n := len(l.read("f")); n != left {
					t.Errorf("%d bytes are left, not %d", n, left)
				}
			})
		}
	}
}
