package sync

import (
	"fmt"
	"iter"
	"testing"
	"time"

	"fsync/listing"
	"fsync/sync/local"
)

const gridPlace = "0123456789abcdef"

// gridLocal is one local file of the grid.
type gridLocal struct {
	name      string
	state     local.State
	committed bool
	touched   bool // done once, and written to by somebody since
}

// gridLocals yields every kind of stamp with every size, for a remote of 100 bytes whose
// digest is that of "right".
func gridLocals() iter.Seq[gridLocal] {
	stamp := func(state local.StampState, total int64, valid bool) *local.Stamp {
		s := &local.Stamp{State: state, Total: total, Place: gridPlace, ModTime: then}
		if valid {
			s.ETag, s.LastModified = `"a"`, then
		}
		return s
	}
	return func(yield func(gridLocal) bool) {
		if !yield(gridLocal{name: "absent"}) {
			return
		}
		for _, size := range []int64{0, 1, 99, 100, 101} {
			for _, valid := range []bool{false, true} {
				for _, age := range []time.Duration{-time.Hour, 0, time.Hour} {
					for _, digests := range [][]string{nil, shortDigests([]listing.Digest{sha([]byte("right"))})} {
						for kind, s := range map[string]*local.Stamp{
							"none": nil, "partial": stamp(local.Partial, 100, valid), "trial": stamp(local.Trial, 100, valid),
							"done": stamp(local.Done, size, valid), "other boot": stamp(local.Done, size, valid), "bad": stamp(local.Bad, size, valid),
						} {
							if s == nil && (valid || digests != nil) {
								continue
							}
							g := gridLocal{
								name:  fmt.Sprintf("%s, %d bytes, mtime %v, valid %t, digests %d", kind, size, age, valid, len(digests)),
								state: local.State{Exists: true, Size: size, ModTime: then.Add(age), Links: 1, Stamp: s},
							}
							if s != nil {
								s.Digests = digests
								if kind == "other boot" {
									s.Boot = "another"
								}
							}
							g.committed = kind == "done" && age == 0
							g.touched = (kind == "done" || kind == "other boot") && age != 0
							if !yield(g) {
								return
							}
							if s == nil {
								g.name, g.state.Holes = g.name+", holes", true
								if !yield(g) {
									return
								}
							}
						}
					}
				}
			}
		}
	}
}

// gridWants yields what lists say of a file of 100 bytes, right or not.
func gridWants() iter.Seq2[string, want] {
	return func(yield func(string, want) bool) {
		for _, size := range []int64{-1, 100, 99} {
			for _, mt := range []time.Time{{}, then, then.Add(time.Minute)} {
				for _, ds := range [][]listing.Digest{nil, {sha([]byte("right"))}, {sha([]byte("wrong"))}} {
					for _, damaged := range []bool{false, true} {
						if damaged && (ds == nil || size < 0) {
							continue
						}
						w := want{Entry: listing.Entry{Size: size, ModTime: mt, Digests: ds}, damaged: damaged}
						if !yield(fmt.Sprintf("list size %d, mtime %v, digests %v, damaged %t", size, mt, ds, damaged), w) {
							return
						}
					}
				}
			}
		}
	}
}

func gridOptions() iter.Seq[Options] {
	return func(yield func(Options) bool) {
		for bits := range 16 {
			o := Options{Overwrite: bits&1 > 0, Append: bits&2 > 0, SizeOnly: bits&4 > 0, Checksum: bits&8 > 0}
			if !yield(o) {
				return
			}
		}
	}
}

// TestDecideGrid checks what must hold for every local file, list and set of flags.
func TestDecideGrid(t *testing.T) {
	rows, told := 0, map[string]bool{}
	for g := range gridLocals() {
		for listed, w := range gridWants() {
			for o := range gridOptions() {
				rows++
				got := decide(g.state, g.committed, w, o)
				if problem := wrongStep(g, w, o, got); problem != "" && !told[problem] {
					told[problem] = true
					t.Errorf("%s; %s; %+v: %v: %s", g.name, listed, o, got, problem)
				}
			}
		}
	}
	t.Logf("%d rows", rows)
}

func wrongStep(g gridLocal, w want, o Options, got step) string {
	l := g.state
	sizeAgrees := w.Size >= 0 && w.Size == l.Size
	timeAgrees := !w.ModTime.IsZero() && w.ModTime.Equal(l.ModTime)
	known := len(w.Digests) == 0 || g.committed && remembers(l.Stamp, w.Digests)
	proven := len(w.Digests) > 0 && known
	unfinished := l.Stamp != nil && (l.Stamp.State == local.Partial || l.Stamp.State == local.Trial || l.Stamp.State == local.Bad)
	switch {
	case got == skip && !l.Exists:
		return "what is not there is not complete"
	case got == skip && !(sizeAgrees && timeAgrees) && !proven && !(o.SizeOnly && sizeAgrees):
		return "skipped on no evidence"
	case got == skip && !known:
		return "skipped with a digest that nobody has seen to be right"
	case got == skip && (o.Checksum || w.damaged):
		return "skipped, although nothing is to be trusted"
	case got == skip && unfinished:
		return "an unfinished file is not complete"
	case got == skip && w.Size >= 0 && !sizeAgrees:
		return "skipped with another size than the list's"
	case got == skip && !w.ModTime.IsZero() && !timeAgrees && !o.SizeOnly:
		return "skipped with another time than the list's"
	case got == skip && l.Holes:
		return "skipped with a hole"
	case got == skip && g.touched && !o.SizeOnly:
		return "skipped, although somebody wrote to it"
	case got == hashHere && (!sizeAgrees || len(w.Digests) == 0 || w.damaged || known && timeAgrees && !o.Checksum):
		return "hashed for nothing"
	case got == askIf && (!g.committed || condition(l.Stamp) == nil):
		return "a condition by what is not committed, or by no validator"
	case got == askIf && (o.Checksum || w.damaged):
		return "a condition, although nothing is to be trusted"
	case got == askRange && l.Size == 0:
		return "a range of nothing"
	case got == askRange && g.touched && len(w.Digests) == 0:
		return "the tail of a file that somebody wrote to proves nothing"
	case got == askRange && o.Checksum && l.Stamp == nil:
		return "a tail, although nothing is to be trusted"
	case got != skip && got != hashHere && (!l.Exists || l.Size == 0 && !g.committed) && got != askWhole:
		return "nothing is here to be continued"
	}
	return ""
}

// TestDecide has a row for each line of the tables of decide and of the design.
func TestDecide(t *testing.T) {
	right := sha([]byte("right"))
	done := func(change func(*local.Stamp)) *local.Stamp {
		s := &local.Stamp{State: local.Done, Total: 100, Place: gridPlace, ETag: `"a"`, LastModified: then, ModTime: then, Digests: shortDigests([]listing.Digest{right})}
		if change != nil {
			change(s)
		}
		return s
	}
	file := func(size int64, mt time.Time, s *local.Stamp) local.State {
		return local.State{Exists: true, Size: size, ModTime: mt, Links: 1, Stamp: s}
	}
	list := func(size int64, mt time.Time, ds ...listing.Digest) want {
		return want{Entry: listing.Entry{Size: size, ModTime: mt, Digests: ds}}
	}
	nothing := list(-1, time.Time{})
	damaged := list(100, then, right)
	damaged.damaged = true
	for name, c := range map[string]struct {
		local     local.State
		committed bool
		want      want
		options   Options
		step      step
	}{
		"absent":                               {local.State{}, false, nothing, Options{}, askWhole},
		"empty":                                {file(0, then, nil), false, nothing, Options{}, askWhole},
		"done, list agrees":                    {file(100, then, done(nil)), true, list(100, then), Options{}, skip},
		"done, list agrees, digest remembered": {file(100, then, done(nil)), true, list(100, then, right), Options{}, skip},
		"done, list agrees, digest not":        {file(100, then, done(nil)), true, list(100, then, sha(nil)), Options{}, hashHere},
		"done, digest remembered, no mtime":    {file(100, then, done(nil)), true, list(-1, time.Time{}, right), Options{}, skip},

		"done, digest remembered, no mtime, other size": {file(100, then, done(nil)), true, list(99, time.Time{}, right), Options{}, askIf},
		"done, digest not remembered, no size":          {file(100, then, done(nil)), true, list(-1, time.Time{}, sha(nil)), Options{}, askRange},
		"done, size alone":                              {file(100, then, done(nil)), true, list(100, time.Time{}), Options{}, askIf},
		"done, mtime alone":                             {file(100, then, done(nil)), true, list(-1, then), Options{}, askIf},
		"done, other mtime":                             {file(100, then, done(nil)), true, list(100, then.Add(time.Hour)), Options{}, askIf},
		"done, size only":                               {file(100, then, done(nil)), true, list(100, time.Time{}), Options{SizeOnly: true}, skip},
		"done, no list facts":                           {file(100, then, done(nil)), true, nothing, Options{}, askIf},
		"done and empty":                                {file(0, then, done(func(s *local.Stamp) { s.Total = 0 })), true, nothing, Options{}, askIf},
		"done, no validator":                            {file(100, then, done(func(s *local.Stamp) { s.ETag, s.LastModified = "", time.Time{} })), true, nothing, Options{}, askRange},
		"done, hashed tag only":                         {file(100, then, done(func(s *local.Stamp) { s.ETag, s.LastModified = "#x", time.Time{} })), true, nothing, Options{}, askRange},
		"done, checksum":                                {file(100, then, done(nil)), true, list(100, then), Options{Checksum: true}, askWhole},
		"done, checksum, digest":                        {file(100, then, done(nil)), true, list(100, then, right), Options{Checksum: true}, hashHere},
		"done, damaged":                                 {file(100, then, done(nil)), true, damaged, Options{}, askWhole},
		"touched":                                       {file(100, then.Add(time.Hour), done(nil)), false, nothing, Options{}, askWhole},
		"touched, list agrees":                          {file(100, then.Add(time.Hour), done(nil)), false, list(100, then.Add(time.Hour)), Options{}, askWhole},
		"touched in the same boot":                      {file(100, then.Add(time.Hour), done(func(s *local.Stamp) { s.Boot = "this" })), false, nothing, Options{}, askWhole},
		"other boot":                                    {file(100, then, done(func(s *local.Stamp) { s.Boot = "another" })), false, list(100, then), Options{}, askRange},
		"cp -p, list agrees":                            {file(100, then, nil), false, list(100, then), Options{}, skip},
		"cp -p, list agrees, digest":                    {file(100, then, nil), false, list(100, then, right), Options{}, hashHere},
		"cp -p, no list facts":                          {file(100, then, nil), false, nothing, Options{}, askRange},
		"foreign, size agrees":                          {file(100, then.Add(time.Hour), nil), false, list(100, then), Options{}, askRange},
		"foreign, size only":                            {file(100, then.Add(time.Hour), nil), false, list(100, then), Options{SizeOnly: true}, skip},
		"foreign, size only, digest":                    {file(100, then.Add(time.Hour), nil), false, list(100, then, right), Options{SizeOnly: true}, hashHere},
		"foreign, checksum":                             {file(100, then, nil), false, list(100, then), Options{Checksum: true}, askWhole},
		"foreign, damaged":                              {file(100, then, nil), false, damaged, Options{}, askWhole},
		"partial":                                       {file(50, then, done(func(s *local.Stamp) { s.State = local.Partial })), false, list(100, then), Options{}, askRange},
		"partial, size only":                            {file(50, then, done(func(s *local.Stamp) { s.State = local.Partial })), false, list(50, then), Options{SizeOnly: true}, askRange},
		"stampless half":                                {file(50, then, nil), false, list(100, then), Options{}, askRange},
	} {
		if got := decide(c.local, c.committed, c.want, c.options); got != c.step {
			t.Errorf("%s: %v, want %v", name, got, c.step)
		}
	}
}
