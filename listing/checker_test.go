package listing

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// checkAll checks lists as one and returns all that is wrong with them.
func checkAll(t *testing.T, c *Checker, lists ...string) (errs []string) {
	t.Helper()
	for i, text := range lists {
		err := c.Check(fmt.Sprintf("list%d", i+1), strings.NewReader(text), testOptions())
		all, ok := errors.AsType[*Errors](err)
		if err != nil && !ok {
			t.Fatalf("got %T, want *Errors", err)
		}
		if ok {
			for _, one := range all.List {
				errs = append(errs, one.Error())
			}
		}
	}
	return errs
}

// TestCheckerLists holds what several lists say of each other.
func TestCheckerLists(t *testing.T) {
	t.Parallel()
	const otherMD5 = "00000000000000000000000000000000"
	header := "path,size,md5,sha1\n"
	for _, c := range []struct {
		name  string
		lists []string
		total Totals
		want  []string
	}{
		{"repeated", []string{"a\nb\n", "b\nc\n", "a\nb\nb\n"}, Totals{Entries: 3, Unsized: 3}, nil},
		{"one list empty", []string{"a\n", "# a\n"}, Totals{Entries: 1, Unsized: 1}, []string{"list2: the list is empty"}},
		{"all repeated", []string{header + "a,3,,\n", header + "a,3,,\n"}, Totals{Entries: 1, Bytes: 3}, nil},
		{"digests in another order", []string{header + "a,3," + emptyMD5 + "," + emptySHA1 + "\n", "path,size,sha1,md5\na,3," + emptySHA1 + "," + emptyMD5 + "\n"}, Totals{Entries: 1, Bytes: 3}, nil},
		{"same digest from elsewhere", []string{emptyMD5 + "  a\n", "url,md5\nhttps://other.example/a," + emptyMD5 + "\n"}, Totals{Entries: 1, Unsized: 1}, nil},
		{"twice in its own list", []string{"x\n", "a\na\n"}, Totals{Entries: 2, Unsized: 2}, []string{`list2:2: "a" is a duplicate of line 1`}},
		{"another size", []string{"# x\n" + header + "b,1,,\na,3,,\n", header + "a,4,,\n"}, Totals{Entries: 2, Bytes: 4}, []string{`list2:2: "a" is a duplicate of list1:4, with another size, digest or URL`}},
		{"another digest", []string{emptyMD5 + "  a\n", otherMD5 + "  a\n"}, Totals{Entries: 1, Unsized: 1}, []string{`list2:1: "a" is a duplicate of list1:1, with another size, digest or URL`}},
		{"another URL", []string{"a\n", "https://other.example/a\n"}, Totals{Entries: 1, Unsized: 1}, []string{`list2:1: "a" is a duplicate of list1:1, with another size, digest or URL`}},
		{"case", []string{"x\nA\n", "y\nz\nw\n", "y\na\n"}, Totals{Entries: 5, Unsized: 5}, []string{`list3:2: "a" differs only in case from the path in list1:2`}},
		{"directory", []string{"x\na\n", "\n\na/b\nx/y\n"}, Totals{Entries: 2, Unsized: 2}, []string{
			`list2:3: directory "a" is a file in list1:2`, `list2:4: directory "x" is a file in list1:1`,
		}},
	} {
		checker := NewChecker(false)
		if diff := cmp.Diff(c.want, checkAll(t, checker, c.lists...)); diff != "" {
			t.Errorf("%s: errors (-want +got):\n%s", c.name, diff)
		}
		got := checker.Totals()
		got.Origins = nil
		if diff := cmp.Diff(c.total, got); diff != "" {
			t.Errorf("%s: totals (-want +got):\n%s", c.name, diff)
		}
	}
}

// TestCheckerCase: of the hash of a name as it is written few bits are kept. A name that
// differs in case alone is no repeat all the same, however many there are.
func TestCheckerCase(t *testing.T) {
	t.Parallel()
	const n = 40_000
	var upper, lower strings.Builder
	for i := range n {
		fmt.Fprintf(&upper, "%s  A%d\n", emptyMD5, i)
		fmt.Fprintf(&lower, "%s  a%d\n", emptyMD5, i)
	}
	c := NewChecker(false)
	if err := c.Check("upper", strings.NewReader(upper.String()), testOptions()); err != nil {
		t.Fatal(err)
	}
	err := c.Check("lower", strings.NewReader(lower.String()), testOptions())
	all, ok := errors.AsType[*Errors](err)
	if !ok {
		t.Fatalf("got %v, want *Errors", err)
	}
	if all.Count != n {
		t.Errorf("got %d errors, want %d", all.Count, n)
	}
}

// TestPathsTake: each path is to be had once.
func TestPathsTake(t *testing.T) {
	t.Parallel()
	c := NewChecker(false)
	if errs := checkAll(t, c, "a\nd/b\n", "d/b\nc\n"); errs != nil {
		t.Fatal(errs)
	}
	var got []bool
	for _, path := range []string{"a", "d/b", "d/b", "c", "a"} {
		got = append(got, c.Paths().Take(path))
	}
	if diff := cmp.Diff([]bool{true, true, false, true, false}, got); diff != "" {
		t.Error(diff)
	}
}
