package listing

import (
	"bytes"
	"errors"
	"math"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// oddNames are file names that a format may trip over.
var oddNames = []string{
	"a", "a b", " a", "  ", "a ", "a\tb", "\t", "a\nb", "\n", "a\rb", "\r", "a\r", "a\r\nb", "\r\n", "a\r\n", "\r\n\r\n\n\r", `"`, `a"b`, `""`, `"a"`,
	`\.`, `\`, `a\nb`, "#a", "#", "-rf", "%41", "100%", "what?", "a#b", "a+b", "a&b=c;d,e", "\xff\xfe", "\xef\xbb\xbfa", "ü/日本", "a:b", "bob@host:x", "http:x", "x:\r\ny",
	"path", "...", "~", "~/x", "*", "[x]", "{", "'", "`", "$x", "\x1b[31m", "\x7f", strings.Repeat("x", 255), "d/" + strings.Repeat("\r\n", 127),
}

func writerOptions(base string) Options {
	return Options{Base: mustURL(base), Schemes: []string{"http", "https", "sftp"}, Remote: true}
}

// checkRoundTrip writes files and reads them back.
func checkRoundTrip(t *testing.T, base string, files []Entry) {
	t.Helper()
	var b bytes.Buffer
	w := NewWriter(&b)
	for _, e := range files {
		if err := w.Write(e.Path, e.Size, e.ModTime); err != nil {
			t.Fatalf("%q: %v", e.Path, err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	i := 0
	for got, err := range Read("list", &b, writerOptions(base)) {
		if err != nil || i == len(files) {
			t.Fatalf("entry %d: %+v, error %v", i, got, err)
		}
		want := files[i]
		i++
		if got.Path != want.Path || got.Size != want.Size || !got.ModTime.Equal(want.ModTime) || len(got.URLs) != 1 {
			t.Errorf("got %+v, want %+v", got, want)
			continue
		}
		u, err := url.Parse(got.URLs[0])
		if err != nil || u.Path != mustURL(base).Path+want.Path || u.RawQuery != "" || u.Fragment != "" {
			t.Errorf("%q has the URL %s", want.Path, got.URLs[0])
		}
	}
	if i != len(files) {
		t.Errorf("%d entries, want %d", i, len(files))
	}
}

func TestWriter(t *testing.T) {
	t.Parallel()
	var files []Entry
	for i, name := range oddNames {
		files = append(files, Entry{Path: name, Size: int64(i), ModTime: jan2.Add(time.Duration(i) * 333)})
	}
	for _, base := range []string{"sftp://bob@host/~/", "sftp://host/srv/100%25/", "sftp://host/~/../x/", "https://host.example/dir/"} {
		checkRoundTrip(t, base, files)
	}
	checkRoundTrip(t, "sftp://host/", []Entry{
		{Path: "no size", Size: -1, ModTime: jan2},
		{Path: "no time", Size: math.MaxInt64},
		{Path: "nothing", Size: -1},
		{Path: "old", Size: 0, ModTime: time.Unix(-1, 5).UTC()},
	})
}

func TestWriterText(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	w := NewWriter(&b)
	w.Write("a/b c", 12, jan2)
	w.Write("say \"hi\"\n", -1, time.Time{})
	w.Write("x\r\ny", 0, time.Unix(1<<60, 0)) // no calendar has that year
	for _, bad := range []string{"", "..", "../a", "/a", "a//b", "a/", "a\x00", ".x.fsync", strings.Repeat("x", 256)} {
		if err := w.Write(bad, 1, jan2); err == nil {
			t.Errorf("%q was written", bad)
		}
	}
	if err := w.Flush(); err != nil {
		t.Error(err)
	}
	want := "path\tsize\tmtime\turl\n" +
		"a/b c\t12\t2024-01-02T03:04:05Z\t\n" +
		"\"say \"\"hi\"\"\n\"\t\t\t\n" +
		"\t0\t\tx%0D%0Ay\n"
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("text (-want +got):\n%s", diff)
	}
}

type brokenWriter struct{}

var errBroken = errors.New("the disk is full")

func (brokenWriter) Write([]byte) (int, error) { return 0, errBroken }

func TestWriterError(t *testing.T) {
	t.Parallel()
	w := NewWriter(brokenWriter{})
	for range 10_000 {
		if err := w.Write("a", 1, jan2); err != nil {
			break
		}
	}
	if err := w.Flush(); !errors.Is(err, errBroken) {
		t.Errorf("got %v", err)
	}
}

// FuzzWrite holds that what was written is read back, byte for byte.
func FuzzWrite(f *testing.F) {
	for i, name := range oddNames {
		f.Add(name, oddNames[len(oddNames)-1-i], int64(i), int64(i)*1e9)
	}
	f.Fuzz(func(t *testing.T, a, b string, size, nanos int64) {
		if CheckPath(a) != nil || CheckPath(b) != nil || size < 0 {
			return
		}
		checkRoundTrip(t, "sftp://bob@host/~/x%20y/", []Entry{
			{Path: a, Size: size, ModTime: time.Unix(0, nanos)},
			{Path: b, Size: -1},
			{Path: "last", Size: size / 2, ModTime: time.Unix(nanos%(1<<33), 0)},
		})
	})
}
