package listing

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
)

// quoteAll quotes the first field of each row, so that only the CSV parser can read it.
func quoteAll(table string) string {
	lines := strings.SplitAfter(table, "\n")
	for i, l := range lines {
		body := strings.TrimRight(l, "\r\n")
		if body == "" || body[0] == '#' || strings.Contains(body, `"`) {
			continue
		}
		first, _, _ := strings.Cut(body, "\t")
		lines[i] = `"` + first + `"` + l[len(first):]
	}
	return strings.Join(lines, "")
}

// TestRows: the rows that need no CSV parser are what that makes of them, errors and line
// numbers too, wherever its buffer ends.
func TestRows(t *testing.T) {
	t.Parallel()
	base, _ := url.Parse("https://host.example/dir/")
	rows := []string{
		"a%d\t1\t2024-01-02T03:04:05Z\n", "dir/b%d\t2\t\n", "A b%d\t\t1704164645\r\n", "\n", "# no row%d\n", "\"q%d\"\t1\t\n",
		"\"two\nlines%d\"\t1\t\n", "few%d\t1\n", "many%d\t1\t\t\n", "../out%d\t1\t\n", ".hidden%d\t1\t\n", "x%d\tsize\t\n",
		"%%41%d\t1\t\n", "n\x00ul%d\t1\t\n", "\tonly%d\t\n", "in\"side%d\t1\t\n", "é%d\t3\t\n", "\xff%d\t3\t\n", "./c%d\t1\t\n", "d//e%d\t1\t\n",
		strings.Repeat("l", 250) + "/%d\t7\t\n", strings.Repeat("l", 300) + "/%d\t7\t\n", strings.Repeat(strings.Repeat("p", 200)+"/", 25) + "%d\t7\t\n",
		" \t\t%d\n", "r%d\r\t1\t\n",
	}
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, 1))
		var text strings.Builder
		text.WriteString("path\tsize\tmtime\n")
		for i := range 600 {
			k := r.IntN(3 * len(rows)) // most are simple
			if k >= len(rows) {
				k = r.IntN(3)
			}
			fmt.Fprintf(&text, rows[k], i)
		}
		if seed%2 == 0 {
			text.WriteString("last\t1\t") // without an end
		}
		compareRows(t, text.String(), Options{Base: base})
	}
}

// compareRows compares a table with itself, quoted: entries, and the lines of errors. Their
// words may name a column, which the quotes move.
func compareRows(t *testing.T, text string, o Options) {
	t.Helper()
	type read struct {
		e    Entry
		line int
	}
	all := func(r io.Reader) (got []read) {
		for e, err := range Read("list", r, o) {
			line := e.Line
			if bad, ok := err.(*Error); ok {
				line = bad.Line
			}
			got = append(got, read{e, line})
		}
		return got
	}
	want := all(strings.NewReader(quoteAll(text)))
	for name, r := range map[string]io.Reader{
		"whole": strings.NewReader(text), "halves": iotest.HalfReader(strings.NewReader(text)), "bytes": iotest.OneByteReader(strings.NewReader(text)),
		"end with data": iotest.DataErrReader(strings.NewReader(text)),
	} {
		got := all(r)
		if len(got) != len(want) {
			t.Errorf("%s: %d entries and errors, not %d", name, len(got), len(want))
		}
		for i := range min(len(got), len(want)) {
			if !reflect.DeepEqual(got[i], want[i]) {
				t.Fatalf("%s: %d: %+v, not %+v", name, i, got[i], want[i])
			}
		}
	}
}

// TestPlainPath: what is taken for plain is a good path, and stands for itself in a URL.
func TestPlainPath(t *testing.T) {
	t.Parallel()
	alphabet := []string{"a", "B", "0", ".", "..", "/", "-", "_", "~", "%", " ", "+", ":", "\\", "\x00", "é", ".fsync", strings.Repeat("x", 254), strings.Repeat("y/", 1020)}
	r := rand.New(rand.NewPCG(3, 4))
	plain := 0
	for range 200_000 {
		name := ""
		for range r.IntN(7) {
			name += alphabet[r.IntN(len(alphabet))]
		}
		if !isPlainPath(name) {
			continue
		}
		plain++
		if clean, err := cleanPath(name); err != nil || clean != name || escapePath(name) != name {
			t.Fatalf("%.300q is taken for plain: %v", name, err)
		}
	}
	if plain == 0 {
		t.Error("no path is plain")
	}
}

// FuzzRows compares what Read makes of a table with what it makes of it quoted.
func FuzzRows(f *testing.F) {
	base, _ := url.Parse("https://host.example/dir/")
	f.Add("a\t1\t\nb\t2\t\n\n#\nc\t3\n")
	f.Fuzz(func(t *testing.T, rows string) {
		if strings.Contains(rows, `"`) || strings.Contains(rows, "\r") || len(rows) > 10_000 {
			t.Skip()
		}
		compareRows(t, "path\tsize\tmtime\n"+rows, Options{Base: base})
	})
}
