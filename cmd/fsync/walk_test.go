package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"fsync/listing"
	"fsync/sync"
	"fsync/sync/remote"
)

// step is what a fakeWalker yields.
type step struct {
	remote.File
	err error
}

func file(path string) step { return step{File: remote.File{Path: path, Size: 1}} }

// fakeWalker walks as it is told, the first time otherwise than the second.
type fakeWalker struct{ walks [][]step }

func (f *fakeWalker) Walk(context.Context, *url.URL, func(string) bool) walk {
	steps := f.walks[0]
	f.walks = f.walks[1:]
	return func(yield func(remote.File, error) bool) {
		for _, s := range steps {
			if !yield(s.File, s.err) {
				return
			}
		}
	}
}

func walkList(t *testing.T, walks ...[]step) (*list, error) {
	t.Helper()
	base := &url.URL{Scheme: "sftp", Host: "host", Path: "/dir/"}
	l := &list{name: "sftp://host/dir/", isWalk: true, opts: listing.Options{Schemes: schemes, Place: base, Remote: true}}
	w := &fakeWalker{walks}
	err := l.retry(t.Context(), func() error { return l.walk(t.Context(), w, base) })
	if l.f != nil {
		t.Cleanup(l.close)
	}
	if len(w.walks) > 0 {
		t.Errorf("%d walks are left", len(w.walks))
	}
	return l, err
}

func paths(t *testing.T, l *list) (paths []string) {
	t.Helper()
	for e, err := range l.entries() {
		if err != nil {
			t.Fatal(err)
		}
		paths = append(paths, e.Path)
		if !e.Seen {
			t.Errorf("%q is held to what the directory showed", e.Path)
		}
	}
	return paths
}

func TestWalkNames(t *testing.T) {
	t.Parallel()
	bad := []string{"..", "../x", "a/../x", "/etc/passwd", "a//b", "./a", "a/", "a\x00b", ".a.fsync", "d/.a.fsync/b", strings.Repeat("x", 256), strings.Repeat("a/", 2048) + "a"}
	steps := []step{file("good"), file("line\r\nend"), file("#x")}
	for _, name := range bad {
		steps = append(steps, file(name))
	}
	steps = append(steps, step{remote.File{Path: "no\nlink", Skipped: "a FIFO"}, nil}, step{remote.File{Path: "socket", Skipped: "a socket"}, nil})
	l, err := walkList(t, steps)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.check(t.Context(), listing.NewChecker(false)); err != nil || l.remember() != nil {
		t.Fatal(err)
	}
	if got, want := fmt.Sprintf("%q", paths(t, l)), `["good" "line\r\nend" "#x"]`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if int(l.walked.nLost) != len(bad) || l.walked.skipped != 2 || l.walked.first.Path != "no\nlink" {
		t.Errorf("the walk came upon %+v", l.walked)
	}
}

// A walk that breaks is begun anew, and what the broken one came upon is forgotten.
func TestWalkRetry(t *testing.T) {
	t.Parallel()
	broken := []step{
		file("a"),
		{remote.File{Path: "secret"}, errors.New("permission denied")},
		{remote.File{Path: "fifo", Skipped: "a FIFO"}, nil},
		{err: &remote.Error{Kind: remote.Temporary, Err: errors.New("reset")}},
	}
	l, err := walkList(t, broken, []step{file("b")})
	if err != nil || l.check(t.Context(), listing.NewChecker(false)) != nil || l.remember() != nil {
		t.Fatal(err)
	}
	if got := paths(t, l); len(got) != 1 || got[0] != "b" || l.walked.nLost != 0 || l.walked.skipped != 0 {
		t.Errorf("got %q, came upon %+v", got, l.walked)
	}
	_, err = walkList(t, []step{file("a"), {err: &remote.Error{Kind: remote.Final, Err: errors.New("no such directory")}}})
	if e, ok := errors.AsType[*exitError](err); !ok || e.code != exitUsage || e.Error() != "no such directory" {
		t.Errorf("got %v", err)
	}
}

func TestWalkEmpty(t *testing.T) {
	t.Parallel()
	_, err := walkList(t, []step{{remote.File{Path: "secret"}, errors.New("permission denied")}, file("..")})
	want := "sftp://host/dir/: secret: permission denied\n" +
		"sftp://host/dir/: ..: path \"..\" has an element \"..\"\n" +
		"sftp://host/dir/: there is no file in the directory"
	if e, ok := errors.AsType[*exitError](err); !ok || e.code != exitUsage || e.Error() != want {
		t.Errorf("got %v", err)
	}
}

// However much is lost, little of it is kept, and all of it is counted.
func TestWalkLosses(t *testing.T) {
	t.Parallel()
	var w walked
	for i := range maxLost + 500 {
		w.lose(fmt.Sprint(i), errors.New("permission denied"))
	}
	var out, errs bytes.Buffer
	r := newReport(&pullCmd{}, &streams{out: &out, err: &errs}, listing.Totals{Entries: 2})
	r.walked(&w)
	if r.total != maxLost+502 || r.count[sync.Failed] != maxLost+500 {
		t.Errorf("%d entries, %d failed", r.total, r.count[sync.Failed])
	}
	if lines := strings.Count(errs.String(), "\n"); lines != maxLost+1 || !strings.Contains(errs.String(), "fsync: … and 500 more that cannot be pulled\n") {
		t.Errorf("%d lines", lines)
	}
	if e, ok := errors.AsType[*exitError](r.exit(nil)); !ok || e.code != exitFailed {
		t.Errorf("got %v", e)
	}
}

// While a question is asked, the progress line is not drawn over it.
func TestProgressHeld(t *testing.T) {
	t.Parallel()
	var screen bytes.Buffer
	p := &progress{w: &screen, width: func() int { return 80 }, stats: new(sync.Stats)}
	p.hold(true)
	p.draw()
	if screen.Len() > 0 {
		t.Errorf("drawn: %q", screen.String())
	}
	p.hold(false)
	p.draw()
	if screen.Len() == 0 {
		t.Error("nothing is drawn")
	}
}
