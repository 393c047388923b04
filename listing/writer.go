package listing

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Format is a format that lists are written in.
type Format uint8

// What a format has no place for is left out. Pieces are in a Metalink alone, which has no
// times; checksums and names are all that SHA256Sums has.
const (
	TSV        Format = iota // the native one: a table with TABs
	JSONLines                // an object on each line
	SHA256Sums               // as GNU sha256sum writes them
	Metalink                 // version 4, RFC 5854
)

var formatNames = []string{TSV: "tsv", JSONLines: "jsonl", SHA256Sums: "sha256sums", Metalink: "metalink"}

// ParseFormat returns the format of that name, as String returns it.
func ParseFormat(name string) (Format, error) {
	if i := slices.Index(formatNames, name); i >= 0 {
		return Format(i), nil
	}
	return 0, fmt.Errorf("unknown format %s (known: %s)", show(name), strings.Join(formatNames, ", "))
}

// String returns the format's name.
func (f Format) String() string { return formatNames[f] }

// WriterOptions say how a list is written. The zero value is good for entries with a URL and
// a sha256 at most.
type WriterOptions struct {
	// Base is the directory that all entries lie in: its URL with the path is written in
	// place of an entry's own URLs. Its path ends in /. nil writes the URLs as they are.
	Base *url.URL

	// URLs is how many URLs an entry of a table may have, and Digests what algorithms: its
	// columns are written ahead of the entries. 0 is one, nil is sha256. The other formats
	// write what there is.
	URLs    int
	Digests []string
}

// ErrNoSHA256 says that an entry lacks what SHA256Sums are made of.
var ErrNoSHA256 = errors.New("its sha256 is not known")

// Writer writes a list. What is written, Read gets back byte for byte, whatever the names;
// an entry that the format cannot hold is refused.
type Writer struct {
	w      *bufio.Writer
	base   *resolver // nil: none
	format encoder
	record []byte
	most   int // bytes that Read takes for one record
}

// encoder writes entries that were checked, in one format.
type encoder interface {
	begin(b []byte) []byte
	// entry appends an entry's record.
	entry(b []byte, e Entry) ([]byte, error)
	end(b []byte) []byte
}

// NewWriter returns a Writer of that format. What is written is buffered until Close.
func (f Format) NewWriter(w io.Writer, o WriterOptions) *Writer {
	l := &Writer{w: bufio.NewWriterSize(w, 64<<10), most: maxLine}
	if o.Base != nil {
		l.base = newResolver(Options{Base: o.Base, Schemes: []string{o.Base.Scheme}})
	}
	switch f {
	case TSV:
		l.format = newTableEncoder(o)
	case JSONLines:
		l.format = jsonEncoder{}
	case SHA256Sums:
		l.format = sumsEncoder{}
	case Metalink:
		l.format, l.most = metalinkEncoder{}, maxMetalinkFile
	}
	l.put(l.format.begin(nil))
	return l
}

// Write writes the entry. One without URLs is written without, and lies below the base that
// the list is read with. A Size below 0 and a zero ModTime are not known; Line has no part
// in it. If the path is none that CheckPath lets pass, or the format cannot hold the entry,
// nothing is written, and the error says which path and why; the list may go on.
func (l *Writer) Write(e Entry) error {
	if err := CheckPath(e.Path); err != nil {
		return err
	}
	if l.base != nil {
		u, err := l.base.below(e.Path)
		if err != nil {
			return err
		}
		e.URLs = []string{u}
	} else if slices.ContainsFunc(e.URLs, notASCII) {
		e.URLs = slices.Clone(e.URLs)
		for i, u := range e.URLs {
			e.URLs[i] = toASCII(u)
		}
	}
	record, err := l.format.entry(l.record[:0], e)
	if err != nil {
		return fmt.Errorf("path %s: %w", show(e.Path), err)
	}
	l.record = record
	if len(record) > l.most {
		return fmt.Errorf("path %s: its URLs and digests take %d bytes: more than %d cannot be read back", show(e.Path), len(record), l.most)
	}
	return l.put(record)
}

// Close ends the list and hands on what was written. It returns the first error of writing
// and leaves the underlying writer open.
func (l *Writer) Close() error {
	l.put(l.format.end(nil))
	return l.w.Flush()
}

func (l *Writer) put(b []byte) error {
	_, err := l.w.Write(b) // the first error is kept there
	return err
}

// appendTime appends a time that is known, and that RFC 3339 can write.
func appendTime(b []byte, t time.Time) []byte {
	if !hasTime(t) {
		return b
	}
	return t.UTC().AppendFormat(b, time.RFC3339Nano)
}

func hasTime(t time.Time) bool {
	year := t.UTC().Year()
	return !t.IsZero() && 0 <= year && year <= 9999
}

// sum returns the entry's digest of that algorithm.
func (e *Entry) sum(algorithm string) (Digest, bool) {
	i := slices.IndexFunc(e.Digests, func(d Digest) bool { return d.Algorithm == algorithm })
	if i < 0 {
		return Digest{}, false
	}
	return e.Digests[i], true
}

// escapeReference makes a relative URL of a raw path. A colon in it would make a scheme of
// what is ahead of it.
func escapeReference(path string) string {
	return strings.ReplaceAll(escapePath(path), ":", "%3A")
}

// toASCII percent-encodes what RFC 3986 has no place for in a URL. A query may come with
// bytes that are no text, which JSON and XML cannot hold.
func toASCII(u string) string {
	var b strings.Builder
	for i := range len(u) {
		if outsideASCII(u[i]) {
			fmt.Fprintf(&b, "%%%02X", u[i])
		} else {
			b.WriteByte(u[i])
		}
	}
	return b.String()
}

func notASCII(u string) bool {
	for i := range len(u) {
		if outsideASCII(u[i]) {
			return true
		}
	}
	return false
}

func outsideASCII(c byte) bool { return c <= ' ' || c >= 0x7f }
