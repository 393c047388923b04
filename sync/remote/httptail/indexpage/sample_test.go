package indexpage

import (
	"bytes"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

// tree is what the servers listed when they wrote the samples: names and sizes. A file's
// time is 1700000000 plus its size.
var tree = map[string]int64{
	"0 empty": 0, "972": 972, "973": 973, "10000": 10000, "big": 9_000_000_001, "link": 9_000_000_001, "sp ace ": 15, "100%": 1, "%41": 2,
	`q"uo'te`: 3, "café": 4, "\xff\xfe": 5, "what?": 6, "#hash": 7, "-rf": 8, "a:b": 9, "&amp;": 10, `back\slash`: 11, "new\nline": 12,
	"<b>": 13, "+;=": 14, "C=N;O=D": 16, "...": 17, strings.Repeat("x", 255): 18, "dir/": -1, "d?r:#%2F/": -1,
}

// samples are the pages in testdata, with the longest file that each gives in bytes, as
// long as all shorter ones; -1 if none.
var samples = map[string]struct {
	exact  int64
	timed  bool
	hidden bool   // names that begin with a dot are left out
	odd    string // how the name that is no UTF-8 is linked to, if not by its bytes
}{
	"nginx-1.22.1.html":         {exact: 1 << 40, hidden: true},
	"nginx-1.22.1-rounded.html": {exact: 10000 - 1, hidden: true},
	"nginx-1.22.1.json":         {exact: 1 << 40, hidden: true, timed: true},
	"fancyindex-0.5.2.html":     {exact: 1 << 40, hidden: true},
	"apache-2.4.71-plain.html":  {exact: -1},
	"apache-2.4.71-fancy.html":  {exact: 972},
	"apache-2.4.71-table.html":  {exact: 972},
	"lighttpd-1.4.69.html":      {exact: -1},
	"python-3.11.2.html":        {exact: -1, odd: "\xed\xb3\xbf\xed\xb3\xbe"}, // the code points that stand for such bytes
	"caddy-2.6.2.html":          {exact: 1 << 40, timed: true},
	"caddy-2.10.0.html":         {exact: 1 << 40, timed: true},
}

func sampleURL(t testing.TB, s string) *url.URL {
	t.Helper()
	u, err := url.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func sample(t testing.TB, name string) []byte {
	t.Helper()
	page, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return page
}

// entriesOf returns a page's entries by name, with a slash at that of a directory.
func entriesOf(t *testing.T, page []byte, at string) (map[string]Entry, error) {
	t.Helper()
	got := make(map[string]Entry)
	for e, err := range Parse(iotest.HalfReader(bytes.NewReader(page)), sampleURL(t, at)) {
		if err != nil {
			return got, err
		}
		name := e.Name
		if e.Dir {
			name += "/"
		}
		if _, twice := got[name]; twice {
			t.Errorf("%q comes twice", name)
		}
		got[name] = e
	}
	return got, nil
}

func TestSamples(t *testing.T) {
	t.Parallel()
	for file, s := range samples {
		got, err := entriesOf(t, sample(t, file), "http://127.0.0.1:8080/list/")
		if err != nil {
			t.Errorf("%s: %v", file, err)
		}
		want := maps.Clone(tree)
		if s.hidden {
			delete(want, "...")
		}
		if s.odd != "" {
			want[s.odd] = want["\xff\xfe"]
			delete(want, "\xff\xfe")
		}
		for name, size := range want {
			e, ok := got[name]
			if !ok {
				t.Errorf("%s: %q is missing", file, name)
				continue
			}
			if size > s.exact {
				size = -1
			}
			if e.Size != size || e.Skipped != "" {
				t.Errorf("%s: %q: size %d, want %d; skipped %q", file, name, e.Size, size, e.Skipped)
			}
			var when time.Time
			if s.timed && !e.Dir {
				when = time.Unix(1700000000+tree[name], 0)
				if s.odd == "" && name == "\xff\xfe" {
					when = time.Unix(1700000005, 0)
				}
			}
			if name == "link" && strings.HasPrefix(file, "caddy") {
				when = time.Time{} // it gives that of the link
			}
			if !e.Dir && !e.ModTime.Equal(when) {
				t.Errorf("%s: %q: time %v, want %v", file, name, e.ModTime, when)
			}
		}
		for name := range got {
			if _, ok := want[name]; !ok {
				t.Errorf("%s: %q is none of the tree's", file, name)
			}
		}
	}
}

// TestEmpty: the pages of a directory with nothing in it.
func TestEmpty(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/none-*")
	if err != nil || len(files) < 7 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		got, err := entriesOf(t, sample(t, filepath.Base(file)), "http://127.0.0.1:8080/none/")
		if err != nil || len(got) > 0 {
			t.Errorf("%s: %v, %v", file, slices.Collect(maps.Keys(got)), err)
		}
	}
}

// TestCut cuts each sample at many places: nothing but the white space and the closing tags
// at its end can be missing.
func TestCut(t *testing.T) {
	t.Parallel()
	for file := range samples {
		page := sample(t, file)
		end := bytes.LastIndex(page, []byte("</body"))
		if end < 0 {
			end = bytes.LastIndexByte(page, ']')
		}
		for n := 0; n <= end; n += 1 + len(page)/150 {
			if _, err := entriesOf(t, page[:n], "http://127.0.0.1:8080/list/"); err == nil {
				t.Errorf("%s: cut after %d of %d bytes, and no error", file, n, len(page))
			}
		}
	}
}

// TestElsewhere: absolute links are those of the page's own directory, or none.
func TestElsewhere(t *testing.T) {
	t.Parallel()
	page := bytes.ReplaceAll(sample(t, "nginx-1.22.1.html"), []byte(`<a href="`), []byte(`<a href="/list/`))
	for at, want := range map[string]int{"http://h/list/": len(tree) - 1, "http://h/%6cist/": len(tree) - 1, "http://h/": 0, "http://h/list/x/": 0, "http://h/lis/": 0} {
		got, err := entriesOf(t, page, at)
		delete(got, "list/")
		if err != nil || len(got) != want {
			t.Errorf("%s: %d entries, %v", at, len(got), err)
		}
	}
}
