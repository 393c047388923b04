package sync

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"time"

	"fsync/sync/remote/remotetest"
)

// holed returns what a program leaves that fetches several parts at once into a file of
// full size: the first and the last part are there, a part in the middle is not.
func holed() []byte {
	p := bytes.Clone(costContent)
	clear(p[100_000:200_000])
	return p
}

// TestSideFile: a file that another program's notes lie beside is not judged by its size.
func TestSideFile(t *testing.T) {
	t.Parallel()
	for _, suffix := range []string{".aria2", ".st", ".lftp-pget-status"} {
		for name, c := range map[string]struct {
			p     []byte
			facts []fact
			o     Options
		}{
			"whole size":         {p: holed()},
			"beginning":          {p: costContent[:costHalf]},
			"size of the list":   {p: holed(), facts: []fact{withSize(costSize)}},
			"digest of the list": {p: holed(), facts: []fact{withSize(costSize), withDigest(costContent)}},
			"by size only":       {p: holed(), facts: []fact{withSize(costSize)}, o: Options{SizeOnly: true}},
			"with checksum":      {p: holed(), facts: []fact{withSize(costSize)}, o: Options{Checksum: true}},
			"append":             {p: costContent[:costHalf], o: Options{Append: true}},
			"dry":                {p: holed(), o: Options{DryRun: true}},
		} {
			l := costLab(t)
			l.Options.SizeOnly, l.Checksum, l.Append, l.DryRun = c.o.SizeOnly, c.o.Checksum, c.o.Append, c.o.DryRun
			l.write("f", c.p, then.Add(time.Hour))
			l.write("f"+suffix, []byte("notes"), then)
			r := l.costs(cost{}, Conflict, l.entry("f", c.facts...))
			if r.Err == nil || !strings.Contains(r.Err.Error(), "f"+suffix) {
				t.Errorf("%s: %v", name, r.Err)
			}
			l.same("f", c.p)
			l.same("f"+suffix, []byte("notes"))
			if l.stamp("f") != nil {
				t.Errorf("%s: it was marked", name)
			}
		}
	}
}

// TestSideFileOverwritten: with Overwrite all that is here is compared, for a file of full
// size may lack any part.
func TestSideFileOverwritten(t *testing.T) {
	t.Parallel()
	for name, p := range map[string][]byte{
		"zeros in the middle": holed(),
		"whole":               costContent,
		"beginning":           costContent[:costHalf],
		"longer":              append(bytes.Clone(costContent), 1),
	} {
		for _, sizeOnly := range []bool{false, true} {
			l := costLab(t)
			l.Overwrite, l.SizeOnly = true, sizeOnly
			l.write("f", p, then.Add(time.Hour))
			l.write("f.aria2", []byte("notes"), then)
			if r := l.pull(l.entry("f", withSize(costSize))); !r.Outcome.OK() {
				t.Errorf("%s: %v (%v)", name, r.Outcome, r.Err)
			}
			l.same("f", costContent)
			l.noSide("f")
		}
	}
	// A hole with good bytes behind it, and damage ahead of it.
	l := costLab(t)
	l.Overwrite = true
	p := bytes.Clone(costContent)
	p[1000] ^= 1
	l.write("f", p, then.Add(time.Hour))
	if err := punch(l.path("f"), 204_800, 262_144); err != nil {
		t.Fatal(err)
	}
	l.write("f.aria2", []byte("notes"), then)
	l.want(Replaced, l.entry("f"))
	l.same("f", costContent)
}

// TestSideFileOfNoInterest: notes beside what is known otherwise, or is nothing, and files
// that only have such a name.
func TestSideFileOfNoInterest(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		prepare func(*lab)
		o       Outcome
	}{
		"absent":    {func(*lab) {}, Fetched},
		"empty":     {func(l *lab) { l.write("f", nil, then) }, Fetched},
		"committed": {func(l *lab) { l.pull(l.entry("f")) }, UpToDate},
	} {
		l := costLab(t)
		c.prepare(l)
		l.write("f.aria2", []byte("notes"), then)
		if r := l.pull(l.entry("f")); r.Outcome != c.o {
			t.Errorf("%s: %v (%v)", name, r.Outcome, r.Err)
		}
		l.same("f", costContent)
	}
	l := costLab(t)
	l.write("f", costContent, then)
	l.write("f.aria2", []byte("notes"), then)
	l.costs(cost{}, UpToDate, l.entry("f", withSize(costSize), withTime(then))) // committed by its time

	l = costLab(t)
	l.put("f.st", []byte("this one was pulled"))
	l.want(Fetched, l.entry("f.st"))
	l.partial("f", costHalf)
	l.want(Resumed, l.entry("f"))
	l.same("f", costContent)

	l = costLab(t)
	if err := os.Mkdir(l.path("f.aria2"), 0o777); err != nil {
		t.Fatal(err)
	}
	l.write("f", costContent[:costHalf], then.Add(time.Hour))
	l.want(Resumed, l.entry("f"))
}

// TestSideFileOfOwn: fsync's own partial is no less in doubt when another program went on
// with it.
func TestSideFileOfOwn(t *testing.T) {
	t.Parallel()
	l := costLab(t)
	l.partial("f", costHalf)
	l.overwriteAt("f", remotetest.Content(9, 10), costSize-10)
	l.write("f.aria2", []byte("notes"), then)
	before := l.read("f")
	l.costs(cost{}, Conflict, l.entry("f"))
	l.same("f", before)
}
