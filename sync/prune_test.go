package sync

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"fsync/sync/local"
)

// pruneAll returns the paths that were deleted, a directory's with a slash at its end, and
// the error that ended it. do, if not nil, is called after each.
func pruneAll(t testing.TB, ctx context.Context, dir string, s Scope, o PruneOptions, do func(Pruned)) (got []string, end error) {
	t.Helper()
	return pruneDir(t, ctx, openLocal(t, dir), s, o, do)
}

func pruneDir(t testing.TB, ctx context.Context, dir *local.Dir, s Scope, o PruneOptions, do func(Pruned)) (got []string, end error) {
	t.Helper()
	for p, err := range Prune(ctx, dir, s, o) {
		switch {
		case err != nil:
			if end != nil || p != (Pruned{}) {
				t.Errorf("%+v comes with the error %v, after %v", p, err, end)
			}
			end = err
			continue
		case end != nil:
			t.Errorf("%q comes after the error %v", p.Path, end)
		}
		name := p.Path
		if p.Dir {
			name += "/"
		}
		if p.Err != nil {
			name += ": error"
		}
		got = append(got, name)
		if do != nil {
			do(p)
		}
	}
	return got, end
}

// remaining returns the files that there are.
func remaining(t testing.TB, dir string) []string {
	t.Helper()
	var names []string
	err := fs.WalkDir(os.DirFS(dir), ".", func(p string, e fs.DirEntry, err error) error {
		if e != nil && e.IsDir() && p != "." {
			p += "/"
		}
		if p != "." {
			names = append(names, p)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func wantLeft(t testing.TB, dir string, want ...string) {
	t.Helper()
	if got := remaining(t, dir); !slices.Equal(got, want) {
		t.Errorf("left are %q, want %q", got, want)
	}
}

func TestPruneCap(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		max             string
		listed, extras  int
		dirs            int
		allowed, refuse bool
	}{
		{max: "0", listed: 3, extras: 0, allowed: true},
		{max: "0", listed: 3, extras: 1},
		{max: "0", listed: 3, dirs: 4, allowed: true}, // directories hold nothing
		{max: "2", listed: 3, extras: 2, allowed: true},
		{max: "2", listed: 3, extras: 3},
		{max: "10%", listed: 4, extras: 1, dirs: 9, allowed: true},
		{max: "10%", listed: 3, extras: 2},
		{max: "10%", listed: 9, extras: 1, allowed: true},
		{max: "10%", listed: 18, extras: 2, allowed: true},
		{max: "10%", listed: 17, extras: 3},
		{max: "10%", listed: 18, extras: 3, allowed: true}, // 2.1
		{max: "0%", listed: 18, extras: 1},
		{max: "100%", extras: 5, allowed: true},
	} {
		var list, here, kept []string
		for i := range test.listed {
			list = append(list, fmt.Sprintf("l%02d", i))
		}
		here = append(here, list...)
		kept = append(kept, list...)
		if test.extras > 0 {
			here = append(here, "x/")
		}
		for i := range test.extras {
			here = append(here, fmt.Sprintf("x/%d", i))
		}
		for i := range test.dirs {
			here = append(here, fmt.Sprintf("y%d/", i))
		}
		dir := t.TempDir()
		plant(t, dir, here...)
		before := remaining(t, dir)
		limit, err := ParseMaxDelete(test.max)
		if err != nil {
			t.Fatal(err)
		}
		s := scope(t, append(list, "missing")...)

		would, _ := pruneAll(t, t.Context(), dir, s, PruneOptions{Max: limit, DryRun: true}, nil)
		wantLeft(t, dir, before...)
		got, end := pruneAll(t, t.Context(), dir, s, PruneOptions{Max: limit}, nil)
		if test.allowed {
			wantLeft(t, dir, kept...)
			if end != nil || !slices.Equal(got, would) {
				t.Errorf("%+v: deleted %q, %v; the dry run said %q", test, got, end, would)
			}
			continue
		}
		wantLeft(t, dir, before...)
		refused, ok := errors.AsType[*CapError](end)
		if !ok || len(got) > 0 || len(would) != len(here)-len(list) {
			t.Errorf("%+v: deleted %q, %v; the dry run said %q", test, got, end, would)
			continue
		}
		if refused.Extras != int64(test.extras) || refused.Present != int64(test.extras+test.listed) || refused.Max != limit.of(refused.Present) {
			t.Errorf("%+v: %+v", test, refused)
		}
	}
}

func TestParseMaxDelete(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]MaxDelete{
		"0": {}, "500": {N: 500}, "10%": {Percent: 10, IsPercent: true}, "0%": {IsPercent: true},
		"12.5%": {Percent: 12.5, IsPercent: true}, "100%": {Percent: 100, IsPercent: true},
		"9223372036854775807": {N: 1<<63 - 1},
	} {
		got, err := ParseMaxDelete(text)
		if err != nil || got != want || got.String() != text {
			t.Errorf("%q: %+v (%s), %v", text, got, got, err)
		}
	}
	for _, text := range []string{"", "%", "-1", "+1", "1.5", "101%", "100.1%", "nan%", "inf%", "1e3", "0x10", "1_000", " 1", "1 %", "10%%", ".", ".%", "1.2.3%", "9223372036854775808"} {
		if got, err := ParseMaxDelete(text); err == nil {
			t.Errorf("%q is %+v", text, got)
		}
	}
}

func TestMaxDeleteOf(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		max           string
		present, want int64
	}{
		{"10%", 0, 0},
		{"10%", 1, 1},
		{"10%", 10, 1},
		{"10%", 11, 2},
		{"10%", 1_000_000, 100_000},
		{"1.1%", 3000, 33},
		{"0.1%", 1000, 1},
		{"7%", 100, 7},
		{"33.3%", 1000, 333},
		{"0.3%", 7000, 21},
		{"100%", 7, 7},
		{"0%", 7, 0},
		{"5", 3, 5},
	} {
		m, err := ParseMaxDelete(test.max)
		if err != nil {
			t.Fatal(err)
		}
		if got := m.of(test.present); got != test.want {
			t.Errorf("%s of %d are %d, want %d", m, test.present, got, test.want)
		}
	}
}

func TestPruneTrash(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	plant(t, dir, "a", "x/y/z", "x/e/")
	o := PruneOptions{Max: MaxDelete{N: 9}}
	for range 2 { // the trash, in the directory, is left alone by the second run
		plant(t, dir, "x/y/z")
		d := openLocal(t, dir)
		trash, err := d.OpenTrash(filepath.Join(dir, "old", "trash"))
		if err != nil {
			t.Fatal(err)
		}
		o.Trash = trash
		for p, err := range Prune(t.Context(), d, scope(t, "a"), o) {
			if err != nil || p.Err != nil {
				t.Error(p.Path, err, p.Err)
			}
		}
		trash.Close()
	}
	wantLeft(t, dir, "a", "old/", "old/trash/", "old/trash/x/", "old/trash/x/y/", "old/trash/x/y/z", "old/trash/x/y/z.~1~")
}

// TestPruneChangesUnderWay changes the directory after the first deletion.
func TestPruneChangesUnderWay(t *testing.T) {
	t.Parallel()
	for what, test := range map[string]struct {
		change  func(dir string)
		want    []string
		left    []string
		wantEnd string
	}{
		"nothing":     {func(string) {}, []string{"a/1", "a/", "b/2", "b/", "c"}, nil, ""},
		"gone":        {func(dir string) { os.RemoveAll(filepath.Join(dir, "b")) }, []string{"a/1", "a/", "c"}, nil, ""},
		"more":        {func(dir string) { plant(t, dir, "b/3") }, []string{"a/1", "a/", "b/2", "b/3", "b/"}, []string{"c"}, "stopped after 3"},
		"not empty":   {func(dir string) { plant(t, dir, "a/late") }, []string{"a/1", "b/2", "b/", "c"}, []string{"a/", "a/late"}, ""},
		"replaced":    {func(dir string) { os.Remove(filepath.Join(dir, "c")); plant(t, dir, "c/") }, []string{"a/1", "a/", "b/2", "b/", "c/"}, nil, ""},
		"now a link":  {swap, []string{"a/1", "a/", "b", "c"}, nil, ""},
		"moved below": {func(dir string) { os.Rename(filepath.Join(dir, "a"), filepath.Join(dir, "b/a")) }, []string{"a/1", "b/2", "b/a/", "b/", "c"}, nil, ""},
	} {
		dir := filepath.Join(t.TempDir(), "dir")
		plant(t, dir, "a/1", "b/2", "c", "../outside/2")
		first := true
		got, end := pruneAll(t, t.Context(), dir, scope(t, "listed"), PruneOptions{Max: MaxDelete{N: 3}}, func(Pruned) {
			if first {
				test.change(dir)
			}
			first = false
		})
		if !slices.Equal(got, test.want) || (end == nil) != (test.wantEnd == "") || end != nil && !strings.Contains(end.Error(), test.wantEnd) {
			t.Errorf("%s: deleted %q, %v, want %q, %s", what, got, end, test.want, test.wantEnd)
		}
		wantLeft(t, dir, test.left...)
		wantLeft(t, filepath.Join(dir, "../outside"), "2")
	}
}

// swap puts a link to a directory outside where b was.
func swap(dir string) {
	os.RemoveAll(filepath.Join(dir, "b"))
	os.Symlink("../outside", filepath.Join(dir, "b"))
}

func TestPruneEnds(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	plant(t, dir, "1", "2", "3/4")
	reason := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	got, end := pruneAll(t, ctx, dir, scope(t, "a"), PruneOptions{Max: MaxDelete{N: 9}}, func(Pruned) { cancel(reason) })
	if end != reason || !slices.Equal(got, []string{"1"}) {
		t.Errorf("deleted %q, %v", got, end)
	}
	got, end = pruneAll(t, ctx, dir, scope(t, "a"), PruneOptions{Max: MaxDelete{N: 9}}, nil)
	if end != reason || len(got) > 0 {
		t.Errorf("cancelled before: deleted %q, %v", got, end)
	}
	for range Prune(t.Context(), openLocal(t, dir), scope(t, "a"), PruneOptions{Max: MaxDelete{N: 9}}) {
		break
	}
	wantLeft(t, dir, "3/", "3/4")
}
