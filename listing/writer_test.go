package listing

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"math"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// oddNames are file names that a format may trip over.
var oddNames = []string{
	"a", "a b", " a", "  ", "a ", "a\tb", "\t", "a\nb", "\n", "a\rb", "\r", "a\r", "a\r\nb", "\r\n", "a\r\n", "\r\n\r\n\n\r", "\r\r\n", `"`, `a"b`, `""`, `"a"`,
	`\.`, `\`, `a\nb`, "#a", "#", "#\r\n", "-", "-rf", "%41", "100%", "what?", "a#b", "a+b", "a&b=c;d,e", "\xff\xfe", "d/a\xffb", "\xef\xbb\xbfa", "\xef\xbf\xbd", "\ufffe", "ü/日本", "a:b", "bob@host:x", "http:x", "x:\r\ny",
	"path", "...", "~", "~/x", "*", "*x", "[x]", "{", "'", "`", "$x", "<&amp;>", "]]>", "\x1b[31m", "\x7f", "\u0085", "\u2028", strings.Repeat("x", 255), "d/" + strings.Repeat("\r\n", 127),
}

// formats are all of them.
var formats = []Format{TSV, JSONLines, SHA256Sums, Metalink}

func writerOptions(base string) Options {
	return Options{Base: mustURL(base), Schemes: []string{"http", "https", "sftp"}, Remote: true}
}

func sumOf(s string) Digest {
	sum := sha256.Sum256([]byte(s))
	return Digest{"sha256", string(sum[:])}
}

// holds says whether a format can hold an entry's name.
func (f Format) holds(e Entry) bool {
	switch f {
	case JSONLines:
		return len(e.URLs) == 0 || strings.ToValidUTF8(e.Path, "") == e.Path
	case Metalink:
		return isXML(e.Path)
	}
	return true
}

// kept returns what Read gets back of an entry.
func (f Format) kept(e Entry, base string) Entry {
	if len(e.URLs) == 0 || f == SHA256Sums {
		e.URLs = []string{mustURL(base).String() + escapePath(e.Path)}
	}
	if f != Metalink {
		e.Pieces = nil
	}
	switch f {
	case SHA256Sums:
		sum, _ := e.sum("sha256")
		e.Size, e.ModTime, e.Digests = -1, time.Time{}, []Digest{sum}
	case Metalink:
		e.ModTime = time.Time{}
	}
	return e
}

// checkRoundTrip writes entries and reads them back.
func checkRoundTrip(t *testing.T, f Format, base string, o WriterOptions, entries []Entry) {
	t.Helper()
	var b bytes.Buffer
	w := f.NewWriter(&b, o)
	var want []Entry
	for _, e := range entries {
		switch err := w.Write(e); {
		case f.holds(e) && err != nil:
			t.Fatalf("%v, %q: %v", f, e.Path, err)
		case !f.holds(e) && err == nil:
			t.Errorf("%v: %q was written", f, e.Path)
		case err == nil:
			want = append(want, f.kept(e, base))
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	i := 0
	for got, err := range Read("list", &b, writerOptions(base)) {
		if err != nil || i == len(want) {
			if len(want) == 0 {
				return // an empty list is refused
			}
			t.Fatalf("%v, entry %d: %+v, error %v", f, i, got, err)
		}
		got.Line = 0
		for j, u := range got.URLs { // in a relative URL, a colon would end a scheme
			got.URLs[j] = strings.ReplaceAll(u, "%3A", ":")
		}
		if diff := cmp.Diff(want[i], got); diff != "" {
			t.Errorf("%v, entry %d (-want +got):\n%s", f, i, diff)
		}
		i++
	}
	if i != len(want) {
		t.Errorf("%v: %d entries, want %d", f, i, len(want))
	}
}

func oddEntries() (entries []Entry) {
	for i, name := range oddNames {
		entries = append(entries, Entry{Path: name, Size: int64(i), ModTime: jan2.Add(time.Duration(i) * 333), Digests: []Digest{sumOf(name)}})
	}
	return entries
}

func TestWriterNames(t *testing.T) {
	t.Parallel()
	for _, f := range formats {
		for _, base := range []string{"sftp://bob@host/~/", "sftp://host/srv/100%25/", "sftp://host/~/../x/", "https://host.example/dir/"} {
			checkRoundTrip(t, f, base, WriterOptions{}, oddEntries())
		}
	}
}

// With a URL of its own, an entry's path cannot come from it.
func TestWriterURLs(t *testing.T) {
	t.Parallel()
	o := WriterOptions{URLs: 3, Digests: []string{"md5", "sha256", "sha512"}}
	entries := oddEntries()
	for i := range entries {
		for n := range 1 + i%3 {
			entries[i].URLs = append(entries[i].URLs, fmt.Sprintf("https://m%d.example/p%%20q?a=%%FF&b=<>\"'&%s;", n, strings.ReplaceAll(url.QueryEscape(entries[i].Path), "%3A", "")))
		}
		entries[i].Digests = []Digest{{"md5", strings.Repeat("y", 16)}, entries[i].Digests[0], {"sha512", strings.Repeat("\x00\xff", 32)}}
	}
	for _, f := range formats {
		checkRoundTrip(t, f, "https://host.example/dir/", o, entries)
	}
}

func TestWriterFields(t *testing.T) {
	t.Parallel()
	pieces := &Pieces{Algorithm: "sha256", Length: 1 << 18, Sums: strings.Repeat("\x01\xfe", 16*3)}
	for _, f := range formats {
		checkRoundTrip(t, f, "sftp://host/", WriterOptions{}, []Entry{
			{Path: "no size", Size: -1, ModTime: jan2, Digests: []Digest{sumOf("1")}},
			{Path: "no time", Size: math.MaxInt64, Digests: []Digest{sumOf("2")}},
			{Path: "nothing", Size: -1, Digests: []Digest{sumOf("3")}},
			{Path: "old", Size: 0, ModTime: time.Unix(-1, 5).UTC(), Digests: []Digest{sumOf("4")}},
			{Path: "pieces", Size: 3 << 18, Digests: []Digest{sumOf("5")}, Pieces: pieces},
			{Path: "a last piece of one byte", Size: 2<<18 + 1, Digests: []Digest{sumOf("6")}, Pieces: pieces},
		})
	}
	checkRoundTrip(t, TSV, "sftp://host/", WriterOptions{}, []Entry{{Path: "no digest", Size: 1}})
	checkRoundTrip(t, JSONLines, "sftp://host/", WriterOptions{}, []Entry{{Path: "no digest", Size: 1}})
	checkRoundTrip(t, Metalink, "sftp://host/", WriterOptions{}, []Entry{{Path: "no digest", Size: 1}})
}

// Pieces that are not a Metalink's are left out: the wrong ones would be worse than none.
func TestWriterForeignPieces(t *testing.T) {
	t.Parallel()
	sums := strings.Repeat("s", 20*2)
	for _, p := range []Pieces{
		{Algorithm: "sha1", Length: 10, Offset: 1, Sums: sums},
		{Algorithm: "sha1", Length: 10, Padding: 3, Sums: sums},
		{Algorithm: "sha1", Length: 5, Sums: sums},
	} {
		var b bytes.Buffer
		w := Metalink.NewWriter(&b, WriterOptions{})
		if err := w.Write(Entry{Path: "a", Size: 17, Pieces: &p}); err != nil || w.Close() != nil {
			t.Fatal(err)
		}
		if strings.Contains(b.String(), "pieces") {
			t.Errorf("%+v was written:\n%s", p, &b)
		}
	}
}

// FuzzWriter holds that what was written is read back, byte for byte, in every format.
func FuzzWriter(f *testing.F) {
	for i, name := range oddNames {
		f.Add(name, oddNames[len(oddNames)-1-i], int64(i), int64(i)*1e9, "q=\xff ü")
	}
	f.Fuzz(func(t *testing.T, a, b string, size, nanos int64, query string) {
		if CheckPath(a) != nil || CheckPath(b) != nil || size < 0 || strings.ContainsAny(query, "#\x7f") || strings.ContainsFunc(query, func(r rune) bool { return r < ' ' }) {
			return
		}
		sum := []Digest{sumOf(b)}
		link := "https://h.example/x?" + strings.ReplaceAll(toASCII(query), "%3A", ":")
		entries := []Entry{
			{Path: a, Size: size, ModTime: time.Unix(0, nanos).UTC(), Digests: sum},
			{Path: b, Size: -1, Digests: sum},
			{Path: b, Size: 1, Digests: sum, URLs: []string{link}},
			{Path: a, Size: size, Digests: sum, URLs: []string{link}, Pieces: &Pieces{Algorithm: "sha256", Length: max(1, size), Sums: sum[0].Sum}},
			{Path: "last", Size: size / 2, ModTime: time.Unix(nanos%(1<<33), 0).UTC(), Digests: sum},
		}
		if size == 0 {
			entries[3].Pieces = nil
		}
		for _, format := range formats {
			checkRoundTrip(t, format, "sftp://bob@host/~/x%20y/", WriterOptions{}, entries)
		}
	})
}
