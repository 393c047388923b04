package listing

import (
	"strings"
	"testing"
)

func TestCheckPath(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", maxElement)
	for _, good := range []string{
		"a", "a/b", "a b", " ", "a\nb", "\x1b[m", "\xff", "...", "..a", "a..", ".a", "~", "-rf", "a:b", "C:a", "#a", "%2e%2e", `a\nb`,
		".fsync", "..fsync", "a.fsync", ".a.fsync2", "a/.fsync/b", ".fsynca", long, long + "/" + long,
	} {
		if err := CheckPath(good); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	for _, c := range []struct{ path, want string }{
		{"", "the path is empty"},
		{".", `path "." is a directory, not a file`},
		{"a/", `path "a/" is a directory, not a file`},
		{"a/.", `path "a/." is a directory, not a file`},
		{"/a", `path "/a" is absolute: give it relative to the directory that is pulled to`},
		{"//a", `path "//a" is absolute: give it relative to the directory that is pulled to`},
		{"..", `path ".." has an element ".."`},
		{"../a", `path "../a" has an element ".."`},
		{"a/..", `path "a/.." has an element ".."`},
		{"a/../b", `path "a/../b" has an element ".."`},
		{`c:\a`, `path "c:\\a" begins with a drive letter`},
		{"Z:/a", `path "Z:/a" begins with a drive letter`},
		{"a\x00b", `path "a\x00b" has a NUL byte`},
		{"./a", `path "./a" is not clean: it has an element "." or a double slash`},
		{"a//b", `path "a//b" is not clean: it has an element "." or a double slash`},
		{"d/" + long + "x/e", `path "d/` + long[:maxShown-2] + `…" has an element of 256 bytes: no more than 255 are possible`},
		{strings.Repeat("a/", 2048) + "a", `path "` + strings.Repeat("a/", maxShown/2) + `…" is longer than 4095 bytes`},
		{".a.fsync", `path ".a.fsync" has an element ".a.fsync": names of that form belong to fsync's staged copies`},
		{".a.FSYNC/b", `path ".a.FSYNC/b" has an element ".a.FSYNC": names of that form belong to fsync's staged copies`},
		{".a.f\u017fync", `path ".a.fſync" has an element ".a.fſync": names of that form belong to fsync's staged copies`},
	} {
		if got := CheckPath(c.path); got == nil || got.Error() != c.want {
			t.Errorf("%q: got %v, want %s", c.path, got, c.want)
		}
	}
}

func TestCleanPath(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{
		"a": "a", "./a//b": "a/b", "a/./b": "a/b", ".//a": "a", "././.a": ".a",
		"./../a": "", "a//..": "", "a/.//../b": "", "./": "", ".//.": "", "./.a.fsync": "", "//a": "", "": "",
	} {
		got, err := cleanPath(path)
		if (err == nil) != (want != "") || err == nil && got != want {
			t.Errorf("%q: got %q, error %v, want %q", path, got, err, want)
		}
	}
}
