package sync

import (
	"testing"
	"time"

	"fsync/listing"
	"fsync/sync/local"
)

// TestClassifyGrid checks what must hold for every local file and list.
func TestClassifyGrid(t *testing.T) {
	seen, told := map[Finding]int{}, map[string]bool{}
	for g := range gridLocals() {
		for listed, w := range gridWants() {
			if w.damaged {
				continue
			}
			for _, o := range []Options{{}, {SizeOnly: true}} {
				got, reason := classify(g.state, g.committed, w, o)
				seen[got]++
				if problem := wrongFinding(g, w, o, got, reason); problem != "" && !told[problem] {
					told[problem] = true
					t.Errorf("%s; %s; %+v: %v (%s): %s", g.name, listed, o, got, reason, problem)
				}
			}
		}
	}
	for _, f := range []Finding{FoundComplete, FoundPartial, FoundMissing, FoundLonger, FoundDiffers, FoundUnproven} {
		if seen[f] == 0 {
			t.Errorf("nothing in the grid is %v", f)
		}
	}
}

func wrongFinding(g gridLocal, w want, o Options, got Finding, reason string) string {
	l, step := g.state, decide(g.state, g.committed, w, o)
	unfinished := l.Stamp != nil && l.Stamp.State != local.Done
	evidence := g.committed || w.Size >= 0 && l.Size == w.Size && (l.HasTime(w.ModTime) || o.SizeOnly)
	switch {
	case (got == FoundMissing) != !l.Exists:
		return "missing is what is not there"
	case step == skip && got != FoundComplete:
		return "a pull would have nothing to do"
	case got == FoundComplete && step == hashHere:
		return "complete with a digest that nobody has seen to be right"
	case got == FoundComplete && w.Size >= 0 && l.Size != w.Size:
		return "complete with another size than the list's"
	case got == FoundComplete && unfinished:
		return "an unfinished file is not complete"
	case got == FoundComplete && !evidence:
		return "complete on no evidence"
	case got == FoundComplete && l.Holes:
		return "complete with a hole"
	case got == FoundPartial && w.Size >= 0 && l.Size >= w.Size:
		return "not the beginning of a file"
	case got == FoundLonger && w.Size >= 0 && l.Size <= w.Size:
		return "not longer"
	case (got == FoundUnproven || got == FoundDiffers) && reason == "":
		return "no reason given"
	}
	return ""
}

// TestClassify has a row for each line of the table of classify.
func TestClassify(t *testing.T) {
	right, later := sha([]byte("right")), then.Add(time.Hour)
	stamp := func(state local.StampState, total int64, ds ...listing.Digest) *local.Stamp {
		return &local.Stamp{State: state, Total: total, Place: gridPlace, ETag: `"a"`, ModTime: then, Digests: shortDigests(ds)}
	}
	done := stamp(local.Done, 100, right)
	unsynced := stamp(local.Done, 100)
	unsynced.Boot = "another"
	file := func(size int64, s *local.Stamp) local.State {
		return local.State{Exists: true, Size: size, ModTime: then, Links: 1, Stamp: s}
	}
	holes, touched := file(100, nil), file(100, done)
	holes.Holes, touched.ModTime = true, later
	list := func(size int64, mt time.Time, ds ...listing.Digest) want {
		return want{Entry: listing.Entry{Size: size, ModTime: mt, Digests: ds}}
	}
	var never time.Time
	for name, c := range map[string]struct {
		local     local.State
		committed bool
		want      want
		sizeOnly  bool
		finding   Finding
		reason    string
	}{
		"absent":    {local.State{}, false, list(100, then), false, FoundMissing, ""},
		"directory": {local.State{Exists: true, Irregular: "a directory"}, false, list(100, then), false, FoundIrregular, "a directory is where the file should be"},

		"empty":                       {file(0, nil), false, list(100, then), false, FoundPartial, ""},
		"one byte less":               {file(99, nil), false, list(100, then), false, FoundPartial, ""},
		"one byte more":               {file(101, nil), false, list(100, then), false, FoundLonger, ""},
		"one byte less, size only":    {file(99, nil), false, list(100, then), true, FoundPartial, ""},
		"pulled half":                 {file(50, stamp(local.Partial, 100)), false, list(100, then), false, FoundPartial, ""},
		"pulled half, no size":        {file(50, stamp(local.Partial, 100)), false, list(-1, never), false, FoundPartial, ""},
		"pulled half, list is newer":  {file(50, stamp(local.Partial, 100)), false, list(40, then), false, FoundLonger, ""},
		"pulled half, no size at all": {file(50, stamp(local.Partial, -1)), false, list(-1, never), false, FoundUnproven, "it was not pulled to its end, and nothing says how long it is"},
		"pulled, not committed":       {file(100, stamp(local.Partial, 100)), false, list(100, then), false, FoundUnproven, "it was not pulled to its end: what is here was not verified"},
		"pulled, not sure, size only": {file(100, stamp(local.Trial, 100)), false, list(100, then), true, FoundUnproven, "it was not pulled to its end: what is here was not verified"},

		"done":                         {file(100, done), true, list(100, then), false, FoundComplete, ""},
		"done, no list facts":          {file(100, done), true, list(-1, never), false, FoundComplete, ""},
		"done, size alone":             {file(100, done), true, list(100, never), false, FoundComplete, ""},
		"done, time alone":             {file(100, done), true, list(-1, then), false, FoundComplete, ""},
		"done, digest":                 {file(100, done), true, list(-1, never, right), false, FoundComplete, ""},
		"done, all agree":              {file(100, done), true, list(100, then, right), false, FoundComplete, ""},
		"done, other digest":           {file(100, done), true, list(100, then, sha(nil)), false, FoundDiffers, "the digest that it had when it was pulled is not the list's"},
		"done, digest of another kind": {file(100, done), true, list(100, then, listing.Digest{Algorithm: "md5", Sum: "0123456789abcdef"}), false, FoundUnproven, "its digest is not known"},
		"done, other time":             {file(100, done), true, list(100, later), false, FoundUnproven, "its time is not the list's"},
		"done, other time, size only":  {file(100, done), true, list(100, later), true, FoundComplete, ""},
		"done, the list has more":      {file(100, done), true, list(200, then), false, FoundDiffers, "it is complete as another version, which is shorter"},
		"done, the list has less":      {file(100, done), true, list(50, then), false, FoundLonger, ""},
		"touched":                      {touched, false, list(100, later), false, FoundUnproven, "it was written to since it was complete"},
		"cut since it was done":        {file(60, done), false, list(-1, never), false, FoundPartial, ""},
		"not synced":                   {file(100, unsynced), false, list(100, then), false, FoundUnproven, "it was complete, but perhaps not on disk when the system was started anew"},
		"bad":                          {file(100, stamp(local.Bad, 100, right)), false, list(100, then, right), false, FoundDiffers, "its digest was found wrong when it was pulled"},
		"bad by another list":          {file(100, stamp(local.Bad, 100, right)), false, list(100, then, sha(nil)), false, FoundUnproven, "its digest was found wrong when it was pulled, by another list"},

		"copied":                    {file(100, nil), false, list(100, then), false, FoundComplete, ""},
		"copied, digest":            {file(100, nil), false, list(100, then, right), false, FoundUnproven, "its digest is not known"},
		"copied, digest, size only": {file(100, nil), false, list(100, then, right), true, FoundUnproven, "its digest is not known"},
		"copied, other time":        {file(100, nil), false, list(100, later), false, FoundUnproven, "its time is not the list's"},
		"copied, size only":         {file(100, nil), false, list(100, later), true, FoundComplete, ""},
		"copied, size alone":        {file(100, nil), false, list(100, never), false, FoundUnproven, "nothing but its size is known to agree"},
		"copied, no list facts":     {file(100, nil), false, list(-1, never), false, FoundUnproven, "nothing says how long it is"},
		"copied, time alone":        {file(100, nil), false, list(-1, then), false, FoundUnproven, "nothing says how long it is"},
		"copied, digest alone":      {file(100, nil), false, list(-1, never, right), false, FoundUnproven, "its digest is not known"},
		"holes":                     {holes, false, list(100, then), false, FoundUnproven, "it has holes, which were never written"},
		"holes, size only":          {holes, false, list(100, then), true, FoundUnproven, "it has holes, which were never written"},
		"empty, no list facts":      {file(0, nil), false, list(-1, never), false, FoundUnproven, "nothing says how long it is"},
		"empty, as the list has it": {file(0, nil), false, list(0, then), false, FoundComplete, ""},
	} {
		got, reason := classify(c.local, c.committed, c.want, Options{SizeOnly: c.sizeOnly})
		if got != c.finding || reason != c.reason {
			t.Errorf("%s: %v (%s), want %v (%s)", name, got, reason, c.finding, c.reason)
		}
	}
}

func TestStagedBytes(t *testing.T) {
	stamp := func(change func(*local.Stamp)) *local.Stamp {
		s := &local.Stamp{State: local.Partial, Total: 100, Place: gridPlace, ETag: `"a"`}
		if change != nil {
			change(s)
		}
		return s
	}
	digest := []listing.Digest{sha(nil)}
	for name, c := range map[string]struct {
		size  int64
		links uint64
		stamp *local.Stamp
		want  listing.Entry
		bytes int64
	}{
		"none":               {0, 1, nil, listing.Entry{Size: 100}, 0},
		"no stamp":           {50, 1, nil, listing.Entry{Size: 100}, 0},
		"partial":            {50, 1, stamp(nil), listing.Entry{Size: 100}, 50},
		"no size":            {50, 1, stamp(nil), listing.Entry{Size: -1}, 50},
		"whole, not renamed": {100, 1, stamp(func(s *local.Stamp) { s.State = local.Done }), listing.Entry{Size: 100}, 100},
		"another version":    {50, 1, stamp(nil), listing.Entry{Size: 99}, 0},
		"too long":           {101, 1, stamp(nil), listing.Entry{Size: -1}, 0},
		"too long for it":    {101, 1, stamp(func(s *local.Stamp) { s.Total = -1 }), listing.Entry{Size: 100}, 0},
		"linked":             {50, 2, stamp(nil), listing.Entry{Size: 100}, 0},
		"no validator":       {50, 1, stamp(func(s *local.Stamp) { s.ETag = "" }), listing.Entry{Size: 100}, 0},
		"bad":                {100, 1, stamp(func(s *local.Stamp) { s.State = local.Bad }), listing.Entry{Size: 100}, 0},
		"trial":              {50, 1, stamp(func(s *local.Stamp) { s.State = local.Trial }), listing.Entry{Size: 100}, 0},
		"trial, digest":      {50, 1, stamp(func(s *local.Stamp) { s.State = local.Trial }), listing.Entry{Size: 100, Digests: digest}, 50},
	} {
		st := local.State{Exists: c.size > 0, Size: c.size, Links: c.links, Stamp: c.stamp}
		if got := stagedBytes(st, want{Entry: c.want}); got != c.bytes {
			t.Errorf("%s: %d, want %d", name, got, c.bytes)
		}
	}
}
