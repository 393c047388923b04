package sync

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"fsync/listing"
	"fsync/sync/local"
	"fsync/sync/remote/remotetest"
)

// TestKeeps: no entry is settled at a glance that a job would have worked on, over the whole
// grid of decide.
func TestKeeps(t *testing.T) {
	t.Parallel()
	settled := 0
	for g := range gridLocals() {
		for name, w := range gridWants() {
			for _, o := range []Options{{}, {SizeOnly: true}, {Checksum: true}, {Append: true}, {Overwrite: true}} {
				if w.damaged { // by a job
					continue
				}
				p := &Puller{Options: o, Sources: map[string]Source{"http": nil}}
				e := w.Entry
				committed := g.state.Committed("")
				step := decide(g.state, committed, w, o)
				keeps := p.keeps(g.state, &e)
				if keeps && step != skip {
					t.Fatalf("%s; %s: %+v: kept, and the step is %v", g.name, name, o, step)
				}
				// All but those that only their size speaks for.
				if step == skip && !keeps && !o.SizeOnly {
					t.Errorf("%s; %s: %+v: not kept", g.name, name, o)
				}
				if keeps {
					settled++
				}
				if keeps && (o.Checksum || e.Size < 0 && len(e.Digests) == 0 && e.Pieces == nil) {
					t.Errorf("%s; %s: %+v: kept, and taken for not settleable", g.name, name, o)
				}
			}
		}
	}
	if settled == 0 {
		t.Error("nothing is settled at a glance")
	}
}

// TestSettles: what is settled at a glance has the Result that a job would give it.
func TestSettles(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	content := remotetest.Content(7, 5000)
	for _, name := range []string{"a", "sub/b", "c"} {
		l.put(name, content)
		l.want(Fetched, l.entry(name))
	}
	facts := []fact{withSize(5000), withTime(then)}
	// Without a stamp, by size and time alone, and with a hole none of it.
	for _, name := range []string{"plain", "hole"} {
		file := filepath.Join(l.dir, name)
		if err := os.WriteFile(file, content, 0o644); err != nil {
			t.Fatal(err)
		}
		if name == "hole" {
			if err := errors.Join(os.Truncate(file, 0), os.Truncate(file, 5000)); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Chtimes(file, then, then); err != nil {
			t.Fatal(err)
		}
	}
	dir, err := local.Open(l.dir, false, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	p := &Puller{Dir: dir, Sources: l.sources, Options: l.Options, boot: local.ThisBoot()}
	g := dir.Glancer()
	defer g.Close()
	for _, c := range []struct {
		path  string
		facts []fact
		want  bool
	}{
		{"a", facts, true},
		{"sub/b", facts, true},
		{"plain", facts, true},
		{"hole", facts, false},
		{"a", []fact{withSize(5001), withTime(then)}, false},
		{"a", []fact{withSize(5000), withTime(then.Add(time.Second))}, false},
		{"a", []fact{withSize(5000)}, false},
		{"a", append(facts, withDigest(content)), false}, // it is not remembered
		{"absent", facts, false},
		{"c", append(facts, func(e *listing.Entry) { e.URLs = nil }), false},
		{"c", append(facts, func(e *listing.Entry) { e.URLs = []string{"gopher://h/c"} }), false},
	} {
		e := l.entry(c.path, c.facts...)
		size, ok := p.settles(g, &e)
		if ok != c.want || ok && size != 5000 {
			t.Errorf("%s %v: %t, %d bytes", c.path, e, ok, size)
		}
	}
	r := l.want(UpToDate, l.entry("a", facts...))
	if r.Size != 5000 || r.Offset != 5000 || r.Requests != 0 || r.Verified != NoEvidence {
		t.Errorf("%+v", r)
	}
}

// TestPullWaits: an entry may come only after the Results of those before it, and waits for
// no batch to fill.
func TestPullWaits(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.put("f", remotetest.Content(8, 1000))
	l.want(Fetched, l.entry("f"))
	dir, err := local.Open(l.dir, false, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	p := &Puller{Dir: dir, Sources: l.sources, Options: l.Options}
	known, unknown := l.entry("f", withSize(1000), withTime(then)), l.entry("f")
	next := make(chan struct{}, 1)
	next <- struct{}{}
	entries := func(yield func(listing.Entry, error) bool) {
		for i := range 200 {
			select {
			case <-next:
			case <-ctx.Done():
				return
			}
			e := known
			if i%7 == 0 {
				e = unknown
			}
			if !yield(e, nil) {
				return
			}
		}
	}
	n := 0
	for r := range p.Pull(ctx, entries) {
		if r.Outcome != UpToDate {
			t.Fatalf("%+v", r)
		}
		n++
		next <- struct{}{}
	}
	if n != 200 {
		t.Errorf("%d Results", n)
	}
}

// TestPullAll: each of many entries, settled or not, has one Result.
func TestPullAll(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.Jobs = 4
	var es []listing.Entry
	for i := range 3*glanceQueue + 1 {
		name := fmt.Sprintf("d%d/f%d", i%5, i)
		file := filepath.Join(l.dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o777), os.WriteFile(file, []byte("here"), 0o644), os.Chtimes(file, then, then)); err != nil {
			t.Fatal(err)
		}
		if i%50 == 0 {
			if err := os.Remove(file); err != nil {
				t.Fatal(err)
			}
		}
		l.put(name, []byte("here"))
		es = append(es, l.entry(name, withSize(4), withTime(then)))
	}
	dir, err := local.Open(l.dir, false, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	p := &Puller{Dir: dir, Sources: l.sources, Options: l.Options}
	seen := map[string]Outcome{}
	for r := range p.Pull(t.Context(), entries(es)) {
		if _, twice := seen[r.Entry.Path]; twice || !r.Outcome.OK() {
			t.Fatalf("%s: %v, %v", r.Entry.Path, r.Outcome, r.Err)
		}
		seen[r.Entry.Path] = r.Outcome
	}
	for i, e := range es {
		want := UpToDate
		if i%50 == 0 {
			want = Fetched
		}
		if got, ok := seen[e.Path]; !ok || got != want {
			t.Errorf("%s: %v, %t", e.Path, got, ok)
		}
	}
	if n := p.Stats().Have.Load(); n < int64(4*len(es)) {
		t.Errorf("%d bytes are counted", n)
	}
	// A loop that is left early leaves nobody behind: Pull ends.
	n := 0
	for range p.Pull(t.Context(), entries(es)) {
		if n++; n == 3 {
			break
		}
	}
}

// BenchmarkPullComplete pulls 10,000 files that are complete.
func BenchmarkPullComplete(b *testing.B) {
	l := newLab(b)
	dir, err := local.Open(l.dir, false, nil)
	if err != nil {
		b.Fatal(err)
	}
	defer dir.Close()
	var es []listing.Entry
	for i := range 10_000 {
		name := fmt.Sprintf("d%d/f%d", i/1000, i)
		file := filepath.Join(l.dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o777), os.WriteFile(file, []byte("here"), 0o644), os.Chtimes(file, then, then)); err != nil {
			b.Fatal(err)
		}
		es = append(es, l.entry(name, withSize(4), withTime(then)))
	}
	p := &Puller{Dir: dir, Sources: l.sources, Options: l.Options}
	p.Jobs = 16
	b.ReportAllocs()
	for b.Loop() {
		for r := range p.Pull(b.Context(), entries(es)) {
			if r.Outcome != UpToDate {
				b.Fatal(r)
			}
		}
	}
}
