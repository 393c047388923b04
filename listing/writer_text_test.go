package listing

import (
	"bytes"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// With --base, what is written is absolute, wherever the entries came from.
func TestWriterBase(t *testing.T) {
	t.Parallel()
	base := "https://host.example/a%2Fb/"
	for _, f := range formats {
		var b bytes.Buffer
		w := f.NewWriter(&b, WriterOptions{Base: mustURL(base)})
		for _, e := range oddEntries() {
			e.URLs = []string{"sftp://elsewhere/x"}
			if err := w.Write(e); (err == nil) != f.holds(e) {
				t.Errorf("%v, %q: %v", f, e.Path, err)
			}
		}
		if w.Close() != nil || strings.Contains(b.String(), "elsewhere") || (f != SHA256Sums) != strings.Contains(b.String(), base+"%23a") {
			t.Errorf("%v:\n%s", f, &b)
		}
	}
}

func TestWriterRefuses(t *testing.T) {
	t.Parallel()
	long := make([]string, 200)
	for i := range long {
		long[i] = "https://host.example/" + strings.Repeat("x", 8000)
	}
	for _, c := range []struct {
		f    Format
		e    Entry
		want string
	}{
		{TSV, Entry{Path: "../a"}, `path "../a" has an element ".."`},
		{TSV, Entry{Path: ".x.fsync"}, "staged copies"},
		{TSV, Entry{Path: "a", URLs: long[:2]}, `path "a": it has 2 URLs, and the table columns for 1`},
		{TSV, Entry{Path: "a", Digests: []Digest{{"md5", "0123456789abcdef"}}}, `path "a": it has a digest md5`},
		{JSONLines, Entry{Path: "a\xff", URLs: long[:1]}, `path "a\xff": JSON Lines cannot hold`},
		{JSONLines, Entry{Path: "a", URLs: long}, "more than 1048576 cannot be read back"},
		{SHA256Sums, Entry{Path: "d/a\n"}, `path "d/a\n": its sha256 is not known`},
		{Metalink, Entry{Path: "d/a\x01"}, `path "d/a\x01": XML`},
		{Metalink, Entry{Path: "d/a\xff"}, "TSV and JSON Lines can"},
	} {
		var b bytes.Buffer
		w := c.f.NewWriter(&b, WriterOptions{})
		if err := w.Write(c.e); err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "xxxx") {
			t.Errorf("%v: got %v, want %s", c.f, err, c.want)
		}
		if w.Close() != nil || strings.Contains(b.String(), "xxxx") {
			t.Errorf("%v: %s", c.f, &b)
		}
	}
}

func TestWriterText(t *testing.T) {
	t.Parallel()
	entries := []Entry{
		{Path: "a/b c", Size: 12, ModTime: jan2, Digests: []Digest{sumOf("")}},
		{Path: "say \"hi\"\n", Size: -1, Digests: []Digest{sumOf("")}},
		{Path: "x\r\ny", Size: 0, ModTime: time.Unix(1<<60, 0), Digests: []Digest{sumOf("")}}, // no calendar has that year
		{Path: "-", Size: 300 << 10, Digests: []Digest{sumOf("")}, URLs: []string{"https://h/-?a&b", "sftp://h/~/-"}, Pieces: &Pieces{"sha1", 256 << 10, 0, 0, strings.Repeat("0", 40)}},
	}
	sum := "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	for f, want := range map[Format]string{
		TSV: "path\tsize\tmtime\tsha256\turl\turl\n" +
			"a/b c\t12\t2024-01-02T03:04:05Z\t" + sum + "\t\t\n" +
			"\"say \"\"hi\"\"\n\"\t\t\t" + sum + "\t\t\n" +
			"\t0\t\t" + sum + "\tx%0D%0Ay\t\n" +
			"-\t307200\t\t" + sum + "\thttps://h/-?a&b\tsftp://h/~/-\n",
		JSONLines: `{"path":"a/b c","size":12,"mtime":"2024-01-02T03:04:05Z","sha256":"` + sum + "\"}\n" +
			`{"path":"say \"hi\"\n","sha256":"` + sum + "\"}\n" +
			`{"path":"x\r\ny","size":0,"sha256":"` + sum + "\"}\n" +
			`{"path":"-","size":307200,"sha256":"` + sum + `","url":["https://h/-?a&b","sftp://h/~/-"]}` + "\n",
		SHA256Sums: sum + "  a/b c\n" + `\` + sum + `  say "hi"\n` + "\n" + `\` + sum + `  x\r\ny` + "\n" + sum + "  ./-\n",
		Metalink: `<?xml version="1.0" encoding="UTF-8"?>
<metalink xmlns="urn:ietf:params:xml:ns:metalink">
  <file name="a/b c">
    <size>12</size>
    <hash type="sha-256">SUM</hash>
  </file>
  <file name="say &#34;hi&#34;&#xA;">
    <hash type="sha-256">SUM</hash>
  </file>
  <file name="x&#xD;&#xA;y">
    <size>0</size>
    <hash type="sha-256">SUM</hash>
  </file>
  <file name="-">
    <size>307200</size>
    <hash type="sha-256">SUM</hash>
    <pieces length="262144" type="sha-1">
      <hash>3030303030303030303030303030303030303030</hash>
      <hash>3030303030303030303030303030303030303030</hash>
    </pieces>
    <url priority="1">https://h/-?a&amp;b</url>
    <url priority="2">sftp://h/~/-</url>
  </file>
</metalink>
`,
	} {
		var b bytes.Buffer
		w := f.NewWriter(&b, WriterOptions{URLs: 2})
		for _, e := range entries {
			if err := w.Write(e); err != nil {
				t.Error(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff(strings.ReplaceAll(want, "SUM", sum), b.String()); diff != "" {
			t.Errorf("%v (-want +got):\n%s", f, diff)
		}
	}
}

func TestParseFormat(t *testing.T) {
	t.Parallel()
	for _, f := range formats {
		if got, err := ParseFormat(f.String()); err != nil || got != f {
			t.Errorf("%v: got %v, %v", f, got, err)
		}
	}
	if _, err := ParseFormat("xml"); err == nil || !strings.Contains(err.Error(), "tsv, jsonl, sha256sums, metalink") {
		t.Errorf("got %v", err)
	}
}

func TestPieceLength(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ size, want int64 }{
		{0, 256 << 10},
		{1, 256 << 10},
		{1 << 30, 256 << 10},
		{1<<30 + 1, 512 << 10},
		{2 << 30, 512 << 10},
		{32 << 30, 8 << 20},
		{64 << 30, 16 << 20},
		{64<<30 + 1, 16 << 20},
		{1 << 40, 16 << 20},
		{math.MaxInt64, 16 << 20},
	} {
		if got := PieceLength(c.size); got != c.want {
			t.Errorf("%d: got %d, want %d", c.size, got, c.want)
		}
	}
}

type brokenWriter struct{}

var errBroken = errors.New("the disk is full")

func (brokenWriter) Write([]byte) (int, error) { return 0, errBroken }

func TestWriterError(t *testing.T) {
	t.Parallel()
	for _, f := range formats {
		w := f.NewWriter(brokenWriter{}, WriterOptions{})
		failed := false
		for range 10_000 {
			if err := w.Write(Entry{Path: "a", Size: 1, Digests: []Digest{sumOf("")}}); err != nil {
				failed = true
				break
			}
		}
		if err := w.Close(); !failed || !errors.Is(err, errBroken) {
			t.Errorf("%v: got %v", f, err)
		}
	}
}
