package listing

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/bmatcuk/doublestar/v4"
)

// filter makes a Filter of rules as in "- *.tmp", "+ /pool/".
func filter(t testing.TB, rules ...string) *Filter {
	t.Helper()
	f := new(Filter)
	for _, r := range rules {
		if err := f.Add(r[0] == '+', r[2:]); err != nil {
			t.Fatal(err)
		}
	}
	return f
}

var globCases = []struct{ glob, yes, no string }{
	{"*.iso", "a.iso d/a.iso d/e/.iso", "a.iso.1 a.iso/b d/a.ISO"},
	{"foo", "foo d/foo", "foo/x xfoo foox d/foo/x"},
	{"/foo", "foo", "d/foo foo/x"},
	{"/*", "foo .foo", "d/foo"},
	{"*", "foo d/foo d/e/foo", ""},
	{"**", "foo d/foo d/e/foo", ""},
	{"/**", "foo d/foo", ""},
	{"/", "foo d/foo", ""},
	{"/***", "foo d/foo", ""},
	{"main/*.deb", "main/a.deb pool/main/a.deb", "main/x/a.deb xmain/a.deb a.deb"},
	{"/main/*.deb", "main/a.deb", "pool/main/a.deb"},
	{"dists/", "dists/a x/dists/a x/dists/y/z", "dists x/dists xdists/a"},
	{"/dists/", "dists/a dists/b/c", "dists x/dists/a"},
	{"dists/**", "dists/a x/dists/a x/dists/y/z", "dists x/dists"},
	{"dists/***", "dists/a x/dists/y/z", "dists"},
	{"a/b/", "a/b/c x/a/b/c/d", "a/b a/c/b/x"},
	{"*/", "a/b a/b/c", "a"},
	{"**/", "a/b a/b/c", "a"},
	{"/*/", "a/b a/b/c", "a"},
	{"/*/*/", "a/b/c a/b/c/d", "a/b a"},
	{"a/**/", "a/b/c x/a/b/c", "a/b a"},
	{"/a/**/b", "a/b a/x/b a/x/y/b", "b x/a/b a/b/x a/xb"},
	{"a/**/b/", "a/b/c a/x/b/c/d", "a/b a/x/b"},
	{"**/a/**/a/**/b", "a/a/b x/a/x/a/x/b", "a/b a/b/a"},
	{"a/**/**/b", "a/b a/x/b", "a"},
	{"?", "a d/é \xff", "ab"},
	{"[a-c]x", "ax d/bx", "dx x"},
	{"[!a-c]x", "dx", "ax x /x"},
	{`a\*b`, "a*b", "axb"},
	{`\[a`, "[a", "a"},
	{`\**`, "*x", "xx"},
	{"[**]", "*", "x"},
	{"*.{gz,xz}", "a.gz d/a.xz", "a.bz2 a.gz,xz"},
	{"{a/b,/c,d/}", "a/b x/a/b c d/x y/d/x", "x/c d b"},
	{"x{,.{gz,b[,}]z}}", "x x.gz x.b,z x.b}z", "x. x.bz"},
	{"{{{a}}}", "a", "{a}"},
	{"a{1,}{2,}", "a12 a1 a2 a", "a3"},
	{"-- x\n*", "-- x\ny", "-- x"},
	{"\xff", "\xff d/\xff", "\xfe �"},
	{"ä", "ä", "a\u0308"},
}

// TestGlobs has for each pattern the paths that it matches, and some that it does not.
func TestGlobs(t *testing.T) {
	t.Parallel()
	for _, test := range globCases {
		var g Globs
		if err := g.Add(test.glob); err != nil {
			t.Error(err)
			continue
		}
		for _, p := range words(test.yes) {
			if !g.Match(p) {
				t.Errorf("%q does not match %q", test.glob, p)
			}
		}
		for _, p := range words(test.no) {
			if g.Match(p) {
				t.Errorf("%q matches %q", test.glob, p)
			}
		}
	}
}

// words splits at single spaces; those in "-- x" belong to the name.
func words(s string) []string {
	if s == "" {
		return nil
	}
	if strings.HasPrefix(s, "-- ") {
		return []string{s}
	}
	return strings.Split(s, " ")
}

func TestFilterKeep(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		rules   string
		in, out string
	}{
		{"", "a d/a", ""},
		{"- *.tmp", "a d/a", "a.tmp d/a.tmp d.tmp/a"},
		{"+ *.iso;- *", "a.iso d/a.iso", "a d/a a.iso/b"},
		{"- *;+ *.iso", "", "a.iso d/a.iso"},
		{"- .git", "git/a", ".git .git/a d/.git/e/f"},
		{"- /keep", "d/keep d/keep/a", "keep keep/a keep/b/c"},
		{"- /*", "", "a d/a"},
		{"+ /*;- *", "a", "d/a"}, // including d by name is not including d/a
		{"+ d/;- *", "d/a x/d/e/a", "a d"},
		{"+ d;- *", "d x/d", "d/a a"},
		{"- d/old;+ d/;- *", "d/a", "d/old d/old/a b"},
		{"+ d/old/x;- d/old;+ d/;- *", "d/old/x d/a", "d/old/y a"},
		{"- {a,b}/", "a c/d", "a/x b/x c/a/x"},
	} {
		var rules []string
		for r := range strings.SplitSeq(test.rules, ";") {
			if r != "" {
				rules = append(rules, r)
			}
		}
		f := filter(t, rules...)
		for _, p := range words(test.in) {
			if !f.Keep(p) {
				t.Errorf("%q: %q is out of scope", test.rules, p)
			}
		}
		for _, p := range words(test.out) {
			if f.Keep(p) {
				t.Errorf("%q: %q is in scope", test.rules, p)
			}
		}
	}
	if none := (*Filter)(nil); !none.Keep("a") || none.Prunes("a") || (*Globs)(nil).Match("a") {
		t.Error("no filter and no globs don't keep all and match none")
	}
}

func TestFilterPrunes(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		rules string
		yes   string
		no    string
	}{
		{"- old/", "old d/old old/x", "d older"},
		{"- old/**", "old d/old old/x", "d"},
		{"- old", "old d/old old/x", "d"},
		{"- /old", "old old/x", "d/old"},
		{"- *", "a a/b", ""},
		{"- *.tmp;- d/", "d x.tmp", "x"},
		{"- /d/*", "d/a d/a/b", "d"},
		{"- d/*/", "d/a d/a/b", "d"},
		{"+ *.iso;- *", "", "a a/b"},
		{"- old/;+ *.iso;- *", "old", "a"},
		{"", "", "a"},
	} {
		var rules []string
		if test.rules != "" {
			rules = strings.Split(test.rules, ";")
		}
		f := filter(t, rules...)
		for _, p := range words(test.yes) {
			if !f.Prunes(p) {
				t.Errorf("%q does not prune %q", test.rules, p)
			}
		}
		for _, p := range words(test.no) {
			if f.Prunes(p) {
				t.Errorf("%q prunes %q", test.rules, p)
			}
		}
	}
}

// TestFilterPrunesTop: the top directory has no name that a pattern could match.
func TestFilterPrunesTop(t *testing.T) {
	t.Parallel()
	for _, rule := range []string{"- */", "- /*/", "- **/", "- ?*/", "- a/", "- */**"} {
		if f := filter(t, rule); f.Prunes("") || !f.Keep("a") || !f.Prunes("a") {
			t.Errorf("%q prunes the top, not a directory in it, or drops a file in it", rule)
		}
	}
	if !filter(t, "- /").Prunes("") {
		t.Error("all is excluded, and the top is not pruned")
	}
}

func TestGlobErrors(t *testing.T) {
	t.Parallel()
	for glob, want := range map[string]string{
		"":                         "empty",
		"[a":                       "not closed",
		"{a":                       "not closed",
		"a}":                       "not opened",
		`a\`:                       "not closed",
		"[]":                       "not closed",
		"a//b":                     "single slashes",
		"//":                       "single slashes",
		"./a":                      "write /name",
		"a/../b":                   "write /name",
		"a**":                      "stands alone",
		"a/**b":                    "stands alone",
		"***":                      "stands alone",
		"a/***/b":                  "stands alone",
		"[a/b]":                    "slash",
		`a\/b`:                     "slash",
		"{a,}":                     "empty",
		strings.Repeat("a", 4097):  "4096",
		strings.Repeat("{a,b}", 9): "256",
	} {
		var f Filter
		err := f.Add(true, glob)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%.20q: %v, want it to say %q", glob, err, want)
		}
		if len(f.rules) > 0 {
			t.Errorf("%.20q was added", glob)
		}
	}
}

// TestGlobPathological matches what makes matchers by backtracking run for years.
func TestGlobPathological(t *testing.T) {
	t.Parallel()
	deep := strings.Repeat("a/", 2000) + "c"
	for glob, path := range map[string]string{
		strings.Repeat("**/a/", 800) + "b":                          deep,
		strings.Repeat("**/*a*/", 500) + "b":                        deep,
		strings.Repeat("*a", 2000) + "b":                            strings.Repeat("a", 255),
		strings.Repeat("?*", 2000) + "b":                            strings.Repeat("a", 255),
		strings.Repeat("{a,b}", 8) + "/c/":                          strings.Repeat("aaaaaaaa/", 400) + "b",
		strings.Repeat("{", 2000) + "a" + strings.Repeat("}", 2000): "b",
		strings.Repeat("[a-z]*", 600) + "b":                         strings.Repeat("a", 255),
	} {
		var f Filter
		if err := f.Add(false, glob); err != nil {
			t.Errorf("%.20q: %v", glob, err)
		}
		if !f.Keep(path) {
			t.Errorf("%.20q matches", glob)
		}
	}
}

// FuzzGlob checks that no pattern makes matching panic, that Prunes promises nothing that
// Keep does not hold, and where the language is doublestar's, that the results are, too.
func FuzzGlob(f *testing.F) {
	for _, s := range []string{"*.iso", "/a/**/b", "dists/", "{a,b/c}/", "[a-c]?", `\**`, "x{,.{gz,b[,}]z}}", "a**"} {
		f.Add(s, "a/b/c.iso")
	}
	f.Fuzz(func(t *testing.T, glob, path string) {
		var filter Filter
		if CheckPath(path) != nil || filter.Add(false, glob) != nil {
			return
		}
		keep := filter.Keep(path)
		elems := strings.Split(path, "/")
		for i := range elems {
			if filter.Prunes(strings.Join(elems[:i], "/")) && keep {
				t.Errorf("%q prunes a directory of %q, and keeps it", glob, path)
			}
		}
		var g Globs
		if err := g.Add(glob); err != nil {
			t.Fatal(err)
		}
		if g.Match(path) && keep {
			t.Errorf("%q matches %q and does not exclude it", glob, path)
		}
		special := slices.ContainsFunc([]string{"**", "{", "["}, func(s string) bool { return strings.Contains(glob, s) })
		if !utf8.ValidString(glob+path) || special || strings.HasSuffix(glob, "/") || !strings.HasPrefix(glob, "/") {
			return
		}
		if want := doublestar.MatchUnvalidated(glob[1:], path); g.Match(path) != want {
			t.Errorf("%q matches %q: %v, by doublestar %v", glob, path, !want, want)
		}
	})
}
