package listing

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCheckTotals(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		text string
		want Totals
	}{
		{"plain", "a\nhttp://x.example/b\nhttp://X.example:80/c\n", Totals{3, 0, 3, []string{"https://host.example:443", "http://x.example:80"}, nil}},
		{"one origin", "https://X.example/a\nhttps://x.example:443/b\nhttps://u:p@x.example/c\nfile:///d", Totals{4, 0, 4, []string{"https://x.example:443"}, nil}},
		{"no more than two", "https://a.example/1\nhttps://b.example/2\nhttps://c.example/3", Totals{3, 0, 3, []string{"https://a.example:443", "https://b.example:443"}, nil}},
		{"mirrors", "https://a.example/1\thttps://[::1]:8443?x", Totals{1, 0, 1, []string{"https://a.example:443", "https://[::1]:8443"}, nil}},
		{"SSH", "sftp://a.example/1\nbob@A.example:2\nhttps://b.example/3\nsftp://b.example:2222/4\nsftp://c.example/5\n", Totals{5, 0, 5, []string{"https://b.example:443"}, []string{"sftp://a.example:22", "sftp://b.example:2222"}}},
		{"sizes", "path,size\na,1\nb,\nc,41\n", Totals{3, 42, 1, []string{"https://host.example:443"}, nil}},
		{"too large", "path,size\na,9223372036854775807\nb,1\n", Totals{2, math.MaxInt64, 0, []string{"https://host.example:443"}, nil}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, err := Check("list", strings.NewReader(c.text), testOptions())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("totals (-want +got):\n%s", diff)
			}
		})
	}
}

func TestCheckErrors(t *testing.T) {
	t.Parallel()
	sensitive := testOptions()
	sensitive.CaseSensitive = true
	for _, c := range []struct {
		name string
		text string
		o    Options
		want []string
	}{
		{"empty", "", testOptions(), []string{"list: the list is empty"}},
		{"comments alone", "# a\n\n  \n# b", testOptions(), []string{"list: the list is empty"}},
		{"header alone", "path,size\n", testOptions(), []string{"list: the list is empty"}},
		{"all bad", "..\n/\n", testOptions(), []string{`list:1: path ".." has an element ".."`, `list:2: path "/" is absolute: give it relative to the directory that is pulled to`}},
		{"HTML", "<html>", testOptions(), []string{"list: an HTML page, not a list (is it a login page?)"}},

		{"duplicate", "a/b\nc\n./a//b\na/b\n", testOptions(), []string{`list:3: "a/b" is a duplicate of line 1`, `list:4: "a/b" is a duplicate of line 1`}},
		{"duplicate in sums", emptyMD5 + "  a\n" + emptySHA1 + "  a\n", testOptions(), []string{`list:2: "a" is a duplicate of line 1`}},
		{"same name elsewhere", "https://x.example/1/a\nhttps://x.example/2/a", testOptions(), []string{`list:2: "a" is a duplicate of line 1`}},
		{"case", "A/b\na/B\na/B\n", testOptions(), []string{`list:2: "a/B" differs only in case from the path in line 1`, `list:3: "a/B" differs only in case from the path in line 1`}},
		{"case, not ASCII", "Ä\nä\n", testOptions(), []string{`list:2: "ä" differs only in case from the path in line 1`}},
		{"case, not UTF-8", "A\xfe\na\xff\na\xfe\n", testOptions(), []string{`list:3: "a\xfe" differs only in case from the path in line 1`}},
		{"case, promised", "A/b\na/B\nA/b\n", sensitive, []string{`list:3: "A/b" is a duplicate of line 1`}},
		{"directories of different case", "A/b\na/c\n", testOptions(), nil},

		{"file, then directory", "x\na\na/b/c\nx2\na/d\n", testOptions(), []string{`list:3: directory "a" is a file in line 2`, `list:5: directory "a" is a file in line 2`}},
		{"directory, then file", "a/b/c\nx\na/b\na\n", testOptions(), []string{`list:3: "a/b" is a file here and a directory in line 1`, `list:4: "a" is a file here and a directory in line 1`}},
		{"file, then directory, case", "A\na/b\n", testOptions(), []string{`list:2: directory "a" is a file in line 1`}},
		{"directory, then file, case", "a/b\nA\n", testOptions(), []string{`list:2: "A" is a file here and a directory in line 1`}},
		{"file and directory, case promised", "A\na/b\nB/c\nb\n", sensitive, nil},
		{"alike, not the same", "a\nab/c\na.b\nab.c/d\n", testOptions(), nil},
		{"line order", "a\na\n..\na\n", testOptions(), []string{`list:2: "a" is a duplicate of line 1`, `list:3: path ".." has an element ".."`, `list:4: "a" is a duplicate of line 1`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := Check("list", strings.NewReader(c.text), c.o)
			var got []string
			if all, ok := errors.AsType[*Errors](err); ok {
				for _, one := range all.List {
					got = append(got, one.Error())
				}
			} else if err != nil {
				t.Fatalf("got %T, want *Errors", err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("errors (-want +got):\n%s", diff)
			}
		})
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	_, err := Check("list", strings.NewReader(strings.Repeat("..\n", 1234)), testOptions())
	all, ok := errors.AsType[*Errors](err)
	if !ok || all.Count != 1234 || len(all.List) != 100 {
		t.Fatalf("got %v, want 1234 errors, 100 of them kept", err)
	}
	lines := strings.Split(err.Error(), "\n")
	if got, want := lines[100], "… and 1134 more"; len(lines) != 101 || got != want {
		t.Errorf("got %d lines and at last %q, want 101 and %q", len(lines), got, want)
	}
	_, err = Check("list", strings.NewReader("\x00"), testOptions())
	if !errors.Is(err, ErrBinary) || !errors.Is(err, ErrNotList) {
		t.Errorf("%v is not ErrBinary and ErrNotList", err)
	}
}

// TestNames adds many paths and looks for each again.
func TestNames(t *testing.T) {
	t.Parallel()
	const n = 200_000
	names := newNames(true)
	path := func(i int) string { return fmt.Sprintf("d%d/e%d/%d", i%7, i%1013, i) }
	for i := range n {
		if err := names.add(path(i), i+1, 0, false); err != nil {
			t.Fatal(err)
		}
	}
	for i := range n {
		want := fmt.Sprintf("%q is a duplicate of line %d", path(i), i+1)
		if err := names.add(path(i), n+1, 0, false); err == nil || err.Error() != want {
			t.Fatalf("got %v, want %s", err, want)
		}
	}
	if err := names.add("D3/e3", n+1, 0, false); err == nil || !strings.Contains(err.Error(), "directory in line 4") {
		t.Errorf("got %v, want a directory in line 4", err)
	}
}

// TestMark holds line numbers that do not fit.
func TestMark(t *testing.T) {
	t.Parallel()
	for _, line := range []int{1, int(lineMask), int(lineMask) + 1, math.MaxInt} {
		m := mark(line)
		if m == 0 || m.isDir() || !(m | dirMark).isDir() || m.line() != min(line, int(lineMask)) {
			t.Errorf("line %d: got mark %x", line, m)
		}
	}
}
