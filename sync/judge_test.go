package sync

import (
	"errors"
	"slices"
	"testing"
	"time"

	"fsync/listing"
	"fsync/sync/local"
	"fsync/sync/remote"
)

// gridTails yields answers about a remote of 100 bytes, or of another size.
func gridTails() []remote.Tail {
	var tails []remote.Tail
	for _, size := range []int64{-1, 0, 99, 100, 150} {
		for _, start := range []int64{0, 1} {
			if size >= 0 && start >= size {
				continue
			}
			for _, v := range []remote.Version{
				{ETag: `"a"`, ModTime: then}, {ETag: `"b"`, ModTime: then.Add(time.Minute)}, {}, {ModTime: then},
			} {
				for _, place := range []string{gridPlace, "fedcba9876543210"} {
					for _, framed := range []bool{true, false} {
						if size >= 0 && !framed {
							continue
						}
						v.Size, v.Place = size, place
						tails = append(tails, remote.Tail{Version: v, Start: start, End: size, Framed: framed, MediaType: "text/plain"})
					}
				}
			}
		}
	}
	html := remote.Tail{Version: remote.Version{Size: 100, Place: gridPlace}, End: 100, Framed: true, MediaType: "text/html"}
	return append(tails, html)
}

// TestJudgeGrid checks what must hold for every answer to every question.
func TestJudgeGrid(t *testing.T) {
	rows, told := 0, map[string]bool{}
	tails := gridTails()
	for g := range gridLocals() {
		for _, w := range judgeWants() {
			for o := range gridOptions() {
				if o.SizeOnly || o.Checksum {
					continue
				}
				for i := range tails {
					for _, stage := range []bool{false, true} {
						rows++
						asked := decide(g.state, g.committed, w, o)
						l := facts{State: g.state, stage: stage, committed: g.committed}
						r := judge(l, w, asked, &tails[i], o)
						if problem := wrongRuling(l, g, w, asked, &tails[i], o, r); problem != "" && !told[problem] {
							told[problem] = true
							t.Errorf("%s, stage %t; list %d %v %d digests; %v; %+v; append %t, overwrite %t: %v (%v): %s",
								g.name, stage, w.Size, w.ModTime, len(w.Digests), asked, tails[i], o.Append, o.Overwrite, r.verdict, r.err, problem)
						}
					}
				}
			}
		}
	}
	t.Logf("%d rows", rows)
}

func judgeWants() []want {
	right := []listing.Digest{sha([]byte("right"))}
	return []want{
		{Entry: listing.Entry{Size: -1}},
		{Entry: listing.Entry{Size: 100, ModTime: then}},
		{Entry: listing.Entry{Size: 100, Digests: right}},
		{Entry: listing.Entry{Size: -1, Digests: right}},
	}
}

func wrongRuling(l facts, g gridLocal, w want, asked step, t *remote.Tail, o Options, r ruling) string {
	has := l.Exists && l.Size > 0
	total := totalOf(w, t)
	rel := relate(l.State, t.Version)
	writes := []verdict{create, extend, extendTrial, extendAnyway, replace}
	provable := len(w.Digests) > 0
	switch {
	case (r.verdict == refuse || r.verdict == giveUp) != (r.err != nil):
		return "an error without a failure, or the other way round"
	case r.verdict == refuse && !errors.Is(r.err, ErrConflict), r.verdict == giveUp && errors.Is(r.err, ErrConflict):
		return "the wrong kind of error"
	case w.Size >= 0 && t.Size >= 0 && w.Size != t.Size && r.verdict != giveUp:
		return "the list's size is not the total, and something is done"
	case r.verdict == create && has:
		return "bytes are here"
	case !has && slices.Contains([]verdict{extend, extendTrial, extendAnyway, replace, refuse}, r.verdict):
		return "nothing is here"
	case r.verdict == upToDate && total >= 0 && total != l.Size:
		return "up to date with another size"
	case r.verdict == upToDate && (rel != same || !l.committed):
		return "up to date on no evidence"
	case r.verdict == replace && !l.stage && !mayReplace(l, w, t.Version, o):
		return "replaced without a reason"
	case r.verdict == refuse && mayReplace(l, w, t.Version, o) && t.MediaType != "text/html":
		return "refused what may be replaced"
	case l.stage && r.verdict == refuse && t.MediaType != "text/html":
		return "a conflict about fsync's own copy"
	case r.verdict == extendAnyway && !o.Append:
		return "appended to another version, and nobody asked for it"
	case r.verdict == extendTrial && !provable:
		return "on trial, and no digest will tell"
	case (r.verdict == extend) && t.Start > 0 && rel == other:
		return "another version in place"
	case (r.verdict == extend || r.verdict == extendAnyway) && total >= 0 && total < l.Size:
		return "longer than the remote"
	case r.verdict == extend && t.Start > 0 && g.touched && len(w.Digests) == 0:
		return "the tail of a file that somebody wrote to proves nothing"
	case r.verdict == extend && t.Start > 0 && rel == unknown && !provable && total != l.Size && older(l.ModTime, t.Version):
		return "the remote may have changed early"
	case slices.Contains(writes, r.verdict) && total < 0 && t.End < 0 && !t.Framed:
		return "nothing would tell that it was cut"
	}
	return ""
}

// TestJudge has a row for each line of the table of judge.
func TestJudge(t *testing.T) {
	stamp := func(state local.StampState, total int64) *local.Stamp {
		return &local.Stamp{State: state, Total: total, Place: gridPlace, ETag: `"a"`, LastModified: then, ModTime: then}
	}
	file := func(size int64, mt time.Time, s *local.Stamp) facts {
		l := facts{State: local.State{Exists: true, Size: size, ModTime: mt, Links: 1, Stamp: s}}
		l.committed = s != nil && s.State == local.Done && mt.Equal(then)
		return l
	}
	answer := func(size, start int64, tag string) *remote.Tail {
		return &remote.Tail{Version: remote.Version{ETag: tag, ModTime: then, Size: size, Place: gridPlace}, Start: start, End: size, Framed: true}
	}
	change := func(t *remote.Tail, f func(*remote.Tail)) *remote.Tail { f(t); return t }
	elsewhere := func(t *remote.Tail) { t.Place = "fedcba9876543210" }
	notModified := func(t *remote.Tail) { t.NotModified = true }
	login := func(t *remote.Tail) { t.ETag, t.ModTime, t.MediaType = "", time.Time{}, "text/html" }
	endless := func(t *remote.Tail) { t.Size, t.End, t.Framed = -1, -1, false }
	newer, older := then.Add(time.Hour), then.Add(-time.Hour)
	nothing := want{Entry: listing.Entry{Size: -1}}
	digest := want{Entry: listing.Entry{Size: -1, Digests: []listing.Digest{sha(nil)}}}
	size := func(n int64) want { return want{Entry: listing.Entry{Size: n}} }
	done, partial := stamp(local.Done, 100), stamp(local.Partial, 100)
	for name, c := range map[string]struct {
		local   facts
		want    want
		asked   step
		tail    *remote.Tail
		options Options
		verdict verdict
	}{
		"the list's size is not the total":        {file(50, then, partial), size(99), askRange, answer(100, 1, `"a"`), Options{}, giveUp},
		"304":                                     {file(100, then, done), nothing, askIf, change(answer(100, 0, `"a"`), notModified), Options{}, upToDate},
		"304 from another place":                  {file(100, then, done), nothing, askIf, change(change(answer(100, 0, `"a"`), notModified), elsewhere), Options{}, askAgain},
		"304, the list has another size":          {file(100, then, done), size(99), askIf, change(answer(100, 0, `"a"`), notModified), Options{}, giveUp},
		"login page over bytes":                   {file(100, then, done), nothing, askIf, change(answer(50, 0, ""), login), Options{}, refuse},
		"login page over nothing":                 {facts{}, nothing, askWhole, change(answer(50, 0, ""), login), Options{}, create},
		"no length, not framed":                   {facts{}, nothing, askWhole, change(answer(100, 0, `"a"`), endless), Options{}, giveUp},
		"no length, but in the list":              {facts{}, size(100), askWhole, change(answer(100, 0, `"a"`), endless), Options{}, create},
		"absent":                                  {facts{}, nothing, askWhole, answer(100, 0, `"a"`), Options{}, create},
		"empty":                                   {file(0, then, nil), nothing, askWhole, answer(100, 0, `"a"`), Options{}, create},
		"200 to a condition, same":                {file(100, then, done), nothing, askIf, answer(100, 0, `"a"`), Options{}, upToDate},
		"200 to a condition, other":               {file(100, then, done), nothing, askIf, answer(100, 0, `"b"`), Options{}, extend},
		"shorter, own":                            {file(50, then, partial), nothing, askRange, answer(40, 1, `"b"`), Options{}, replace},
		"shorter, foreign newer":                  {file(50, newer, nil), nothing, askRange, answer(40, 1, `"b"`), Options{}, refuse},
		"shorter, foreign older":                  {file(50, older, nil), nothing, askRange, answer(40, 1, `"b"`), Options{}, replace},
		"shorter, overwrite":                      {file(50, newer, nil), nothing, askRange, answer(40, 1, `"b"`), Options{Overwrite: true}, replace},
		"whole":                                   {file(50, then, partial), nothing, askRange, answer(100, 0, `"b"`), Options{}, extend},
		"range, same":                             {file(50, then, partial), nothing, askRange, answer(100, 1, `"a"`), Options{}, extend},
		"range, other, own":                       {file(50, then, partial), nothing, askRange, answer(100, 1, `"b"`), Options{}, replace},
		"range, other, append":                    {file(100, then, done), nothing, askRange, answer(150, 1, `"b"`), Options{Append: true}, extendAnyway},
		"range, other, longer, digest, complete":  {file(100, then, done), digest, askRange, answer(150, 1, `"b"`), Options{}, extendTrial},
		"range, touched":                          {file(100, newer, done), nothing, askRange, answer(100, 1, `"a"`), Options{}, proveAll},
		"range, touched, digest":                  {file(100, newer, done), digest, askRange, answer(100, 1, `"a"`), Options{}, extendTrial},
		"range, unknown, committed, same size":    {file(100, then, done), nothing, askRange, change(answer(100, 1, `"a"`), elsewhere), Options{}, extend},
		"range, unknown, newer":                   {file(50, newer, nil), nothing, askRange, answer(100, 1, `"a"`), Options{}, extend},
		"range, unknown, maybe older":             {file(50, older, nil), nothing, askRange, answer(100, 1, `"a"`), Options{}, proveAll},
		"range, unknown, older, append":           {file(50, older, nil), nothing, askRange, answer(100, 1, `"a"`), Options{Append: true}, extendAnyway},
		"range, unknown, older, digest":           {file(50, older, nil), digest, askRange, answer(100, 1, `"a"`), Options{}, extendTrial},
		"range, unknown, older, digest, complete": {file(100, older, nil), digest, askRange, answer(100, 1, `"a"`), Options{}, extend},
		"range, total unknown":                    {file(50, then, partial), nothing, askRange, change(answer(100, 1, `"a"`), func(t *remote.Tail) { t.Size = -1 }), Options{}, proveAll},
	} {
		if r := judge(c.local, c.want, c.asked, c.tail, c.options); r.verdict != c.verdict {
			t.Errorf("%s: %v (%v), want %v", name, r.verdict, r.err, c.verdict)
		}
	}
}

// TestJudgeDifference: nothing is cut before the suspect point, nothing but fsync's own
// unfinished file is cut at all, and nothing is lost without a reason.
func TestJudgeDifference(t *testing.T) {
	told := map[string]bool{}
	for g := range gridLocals() {
		if g.state.Size < 2 {
			continue
		}
		for _, w := range judgeWants() {
			for o := range gridOptions() {
				for _, k := range []int64{0, g.state.Size - 1} {
					for _, suspect := range []int64{0, g.state.Size - 1, g.state.Size} {
						for _, start := range []int64{0, 1} {
							for _, stage := range []bool{false, true} {
								if k < start {
									continue
								}
								l := facts{State: g.state, stage: stage, committed: g.committed}
								tail := &remote.Tail{Version: remote.Version{ETag: `"a"`, Size: 100, Place: gridPlace}, Start: start, End: 100, Framed: true}
								d := judgeDifference(l, w, tail, o, k, suspect)
								if problem := wrongDifference(l, g, w, tail, o, k, suspect, d); problem != "" && !told[problem] {
									told[problem] = true
									t.Errorf("%s, stage %t, from %d, differs at %d, suspect from %d on: %d: %s", g.name, stage, start, k, suspect, d, problem)
								}
							}
						}
					}
				}
			}
		}
	}
}

func wrongDifference(l facts, g gridLocal, w want, t *remote.Tail, o Options, k, suspect int64, d difference) string {
	may := l.stage || mayReplace(l, w, t.Version, o)
	switch {
	case d == cutHere && !l.stage && (k < suspect || l.Stamp == nil || l.committed):
		return "cut in place without being damage of fsync's own file"
	case d == cutHere && l.stage && k < suspect && t.Start > 0:
		return "the copy is of another version before the suspect point"
	case d == stageRepair && (k < suspect || l.Stamp != nil):
		return "repaired what is not suspect"
	case (d == stageStream || d == stageAnew) && !may:
		return "replaced without a reason"
	case d == keepLocal && may:
		return "kept what may be replaced"
	case d == stageStream && t.Start > 0:
		return "the stream does not have the beginning"
	}
	return ""
}
