package sync

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"fsync/listing"
	"fsync/sync/local"
)

// scope is that of a list of paths, checked without regard to case.
func scope(t testing.TB, paths ...string) Scope {
	t.Helper()
	c := listing.NewChecker(false)
	if len(paths) > 0 {
		base := &url.URL{Scheme: "http", Host: "localhost", Path: "/"}
		err := c.Check("list", strings.NewReader(strings.Join(paths, "\x00")+"\x00"), listing.Options{NUL: true, Base: base})
		if err != nil {
			t.Fatal(err)
		}
	}
	return Scope{Paths: c.Paths()}
}

// filtered adds rules such as "- *.tmp" to a scope.
func (s Scope) filtered(t testing.TB, rules ...string) Scope {
	t.Helper()
	f := new(listing.Filter)
	for _, r := range rules {
		if err := f.Add(r[0] == '+', r[2:]); err != nil {
			t.Fatal(err)
		}
	}
	s.Keep, s.Prunes = f.Keep, f.Prunes
	return s
}

// plant makes empty files, and directories of names that end in a slash.
func plant(t testing.TB, dir string, names ...string) {
	t.Helper()
	for _, name := range names {
		at := filepath.Join(dir, filepath.FromSlash(name))
		d := filepath.Dir(at)
		if strings.HasSuffix(name, "/") {
			d = at
		}
		if err := os.MkdirAll(d, 0o777); err != nil {
			t.Fatal(err)
		}
		if d != at {
			if err := os.WriteFile(at, nil, 0o666); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func openLocal(t testing.TB, dir string) *local.Dir {
	t.Helper()
	d, err := local.Open(dir, false, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

// extrasOf returns the extras' paths, a directory's with a slash at its end.
func extrasOf(t testing.TB, dir string, s Scope) []string {
	t.Helper()
	var got []string
	for e, err := range Extras(t.Context(), openLocal(t, dir), s) {
		if err != nil {
			t.Fatal(err)
		}
		if e.Kind == local.KindDir {
			e.Path += "/"
		}
		got = append(got, e.Path)
	}
	return got
}

func TestExtras(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("n", 250)
	longStage := local.StageName(long)
	hex := strings.Repeat("0f", 16)
	for name, test := range map[string]struct {
		list, here []string
		rules      []string
		spare      string
		backup     bool
		want       []string
	}{
		"files":       {list: []string{"a", "d/b"}, here: []string{"a", "d/b", "c", "d/e", "f/g"}, want: []string{"c", "d/e", "f/g", "f/"}},
		"no list":     {here: []string{"a", "b/c"}, want: []string{"a", "b/c", "b/"}},
		"odd names":   {list: []string{"a\nb", "\xff"}, here: []string{"a\nb", "\xff", "a\nc", "\xfe", "-rf"}, want: []string{"-rf", "a\nc", "\xfe"}},
		"empty":       {list: []string{"a/b"}, here: []string{"a/", "c/d/", "e/"}, want: []string{"c/d/", "c/", "e/"}},
		"dir at file": {list: []string{"a"}, here: []string{"a/b"}, want: []string{"a/b"}},
		"file at dir": {list: []string{"a/b"}, here: []string{"a"}, want: []string{"a"}},
		"deep":        {list: []string{"a/b/c/d/e"}, here: []string{"a/b/c/d/e", "a/b/x/y/z", "a/b/x/k"}, want: []string{"a/b/x/k", "a/b/x/y/z", "a/b/x/y/", "a/b/x/"}},

		"out of scope":         {here: []string{"a.tmp", "b", "d/c.tmp", "d/e/f"}, rules: []string{"- *.tmp"}, want: []string{"b", "d/e/f", "d/e/"}},
		"pruned":               {here: []string{"d/keep/a", "d/b", "d/keep/e/"}, rules: []string{"- keep/"}, want: []string{"d/b"}},
		"excluded by name":     {here: []string{"keep/a", "keep/", "b"}, rules: []string{"- keep"}, want: []string{"b"}},
		"included":             {here: []string{"d/a.iso", "e/", "f/g", "h/i.iso", "h/k"}, rules: []string{"+ *.iso", "- *"}, want: []string{"d/a.iso", "d/", "h/i.iso"}},
		"spared":               {here: []string{"a", "list", "d/list/x"}, spare: "list", want: []string{"a", "d/list/x", "d/list/", "d/"}},
		"spared directory":     {here: []string{"a/t/x", "a/b"}, spare: "a/t", want: []string{"a/b"}},
		"stage":                {list: []string{"a", "d/b"}, here: []string{".a.fsync", "d/.b.fsync", ".b.fsync", ".fsync"}, want: []string{".b.fsync", ".fsync"}},
		"stage out of scope":   {here: []string{".a.iso.fsync", ".b.fsync"}, rules: []string{"- *.iso"}, want: []string{".b.fsync"}},
		"long stage":           {list: []string{long}, here: []string{long, longStage}},
		"long stage of nobody": {list: []string{"a"}, here: []string{long, longStage}, want: []string{longStage, long}},
		"hex stage":            {list: []string{hex}, here: []string{"." + hex + ".fsync"}},
		"hex stage of nobody":  {list: []string{"a"}, here: []string{"a", "." + hex + ".fsync"}, want: []string{"." + hex + ".fsync"}},
		"backup":               {list: []string{"a"}, here: []string{"a~", "b~", "~"}, backup: true, want: []string{"b~", "~"}},
		"backup not asked for": {list: []string{"a"}, here: []string{"a", "a~"}, want: []string{"a~"}},
	} {
		dir := t.TempDir()
		plant(t, dir, test.here...)
		s := scope(t, test.list...).filtered(t, test.rules...)
		s.Backup = test.backup
		s.Spare = func(p string) bool { return p == test.spare }
		got := extrasOf(t, dir, s)
		slices.Sort(got)
		slices.Sort(test.want)
		if !slices.Equal(got, test.want) {
			t.Errorf("%s: extras %q, want %q", name, got, test.want)
		}
	}
}

// TestExtrasByCase checks that a name which is an entry's but for its case goes only where
// it lies beside the entry's file: then case matters in that directory.
func TestExtrasByCase(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ list, here, want []string }{
		{list: []string{"a"}, here: []string{"A"}},
		{list: []string{"a"}, here: []string{"A", "a"}, want: []string{"A"}},
		{list: []string{"A"}, here: []string{"A", "a"}, want: []string{"a"}},
		{list: []string{"d/Ab", "d/x"}, here: []string{"d/aB", "d/AB", "d/x", "d/X"}, want: []string{"d/X"}},
		{list: []string{"d/Ab"}, here: []string{"d/aB", "d/AB", "d/Ab"}, want: []string{"d/AB", "d/aB"}},
		{list: []string{"d/a"}, here: []string{"D/a", "d/a"}}, // another directory says nothing
		{list: []string{"ä"}, here: []string{"Ä", "ä"}, want: []string{"Ä"}},
		{list: []string{"x\xff"}, here: []string{"X\xff", "x\xff", "X\xfe"}, want: []string{"X\xfe"}},
		{list: []string{"a"}, here: []string{".A.fsync", "a", "A/b"}, want: []string{"A/b"}},
	} {
		dir := t.TempDir()
		plant(t, dir, test.here...)
		for _, name := range test.here {
			if es, _ := os.ReadDir(filepath.Join(dir, filepath.Dir(name))); !slices.ContainsFunc(es, func(e fs.DirEntry) bool { return e.Name() == filepath.Base(name) }) {
				lacks(t, "this file system has no regard to case, or does not take all names")
			}
		}
		if got := extrasOf(t, dir, scope(t, test.list...)); !slices.Equal(got, test.want) {
			t.Errorf("%q of %q: extras %q, want %q", test.list, test.here, got, test.want)
		}
	}
}

// TestExtrasLinks has links and others where the list has nothing.
func TestExtrasLinks(t *testing.T) {
	t.Parallel()
	dir, outside := t.TempDir(), t.TempDir()
	plant(t, outside, "theirs")
	plant(t, dir, "a")
	for link, target := range map[string]string{"b": outside, "c": "nowhere", "listed": "a"} {
		if err := os.Symlink(target, filepath.Join(dir, link)); err != nil {
			lacks(t, "no symbolic links: %v", err)
		}
	}
	if got, want := extrasOf(t, dir, scope(t, "a", "listed")), []string{"b", "c"}; !slices.Equal(got, want) {
		t.Errorf("extras %q, want %q", got, want)
	}
}

func TestExtrasOfNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d := openLocal(t, dir)
	for e, err := range Extras(t.Context(), d, scope(t, "a")) {
		t.Errorf("an empty directory has the extra %q, %v", e.Path, err)
	}
	if err := os.Remove(dir); err != nil {
		lacks(t, "an open directory cannot be removed: %v", err)
	}
	for _, err := range Extras(t.Context(), d, scope(t, "a")) {
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Error(err)
		}
	}
}

// TestExtrasEnd cancels the walk while a name waits for those beside it.
func TestExtrasEnd(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	plant(t, dir, "A", "b", "c")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var got []string
	for e, err := range Extras(ctx, openLocal(t, dir), scope(t, "a")) {
		got = append(got, fmt.Sprint(e.Path, err))
		cancel()
	}
	if want := []string{"b<nil>", "context canceled"}; !slices.Equal(got, want) {
		t.Errorf("extras %q, want %q", got, want)
	}
}
