package listing

import (
	"bytes"
	"encoding/csv"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// tableEncoder writes the native format: a table with TABs, quoted as in CSV.
type tableEncoder struct {
	digests []string
	urls    int
	text    bytes.Buffer
	csv     *csv.Writer
	row     []string
}

func newTableEncoder(o WriterOptions) *tableEncoder {
	t := &tableEncoder{digests: o.Digests, urls: max(1, o.URLs)}
	if t.digests == nil {
		t.digests = []string{"sha256"}
	}
	t.csv = csv.NewWriter(&t.text)
	t.csv.Comma = '\t'
	return t
}

func (t *tableEncoder) begin(b []byte) []byte {
	header := append([]string{"path", "size", "mtime"}, t.digests...)
	for range t.urls {
		header = append(header, "url")
	}
	return append(b, strings.Join(header, "\t")+"\n"...)
}

func (t *tableEncoder) entry(b []byte, e Entry) ([]byte, error) {
	if len(e.URLs) > t.urls {
		return nil, fmt.Errorf("it has %d URLs, and the table columns for %d", len(e.URLs), t.urls)
	}
	for _, d := range e.Digests {
		if !slices.Contains(t.digests, d.Algorithm) {
			return nil, fmt.Errorf("it has a digest %s, and the table no column for it", d.Algorithm)
		}
	}
	path, urls := t.name(e)
	size := ""
	if e.Size >= 0 {
		size = strconv.FormatInt(e.Size, 10)
	}
	t.row = append(t.row[:0], path, size, string(appendTime(nil, e.ModTime)))
	for _, algorithm := range t.digests {
		d, _ := e.sum(algorithm)
		t.row = append(t.row, hex.EncodeToString([]byte(d.Sum)))
	}
	t.row = append(t.row, urls...)
	for range t.urls - len(urls) {
		t.row = append(t.row, "")
	}
	t.text.Reset()
	_ = t.csv.Write(t.row) // into memory
	t.csv.Flush()
	return append(b, t.text.Bytes()...), nil
}

func (t *tableEncoder) end(b []byte) []byte { return b }

// name returns what is written for the path, and the URLs. A row that begins with # is a
// comment. A reader of CSV makes LF of CR LF in quotes: a relative entry is written as a
// URL then, which the path comes from. One that has URLs gets a second CR, of which package
// csv takes one away ("Carriage returns before newline characters are silently removed").
func (t *tableEncoder) name(e Entry) (path string, urls []string) {
	switch {
	case e.Path[0] == '#':
		e.Path = "./" + e.Path
	case len(e.URLs) == 0 && strings.Contains(e.Path, "\r\n"):
		return "", []string{escapeReference(e.Path)}
	}
	return strings.ReplaceAll(e.Path, "\r\n", "\r\r\n"), e.URLs
}
