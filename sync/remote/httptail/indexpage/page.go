// Package indexpage reads the pages on which a web server lists a directory: those of
// nginx (autoindex in HTML and JSON, and the fancyindex module), Apache, lighttpd, Caddy
// and Python's http.server. It knows no network.
//
// A page is taken for a listing only if it has the marks of one of these servers. When in
// doubt it is none: an error is better than half a mirror.
package indexpage

import (
	"bufio"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"iter"
	"net/url"
	"time"
)

const (
	// maxPage bounds a page, in bytes: some 500,000 names.
	maxPage = 64 << 20

	// maxNames bounds what is kept of one.
	maxNames = 1_000_000

	// maxHead is how far the marks of a listing may be from the beginning of a page.
	maxHead = 1 << 20
)

var (
	// ErrNotIndex is wrapped by the error about a page that is no listing, or none that is
	// known.
	ErrNotIndex = errors.New("not an index page")

	// ErrCut is wrapped by the error about a listing whose end is missing.
	ErrCut = errors.New("the index page is cut")
)

// Entry is what a page says of one name.
type Entry struct {
	// Name is one segment of a path: the bytes that its link stands for, percent-decoded.
	Name string

	Dir     bool
	Size    int64     // -1 unless the page gives exact bytes
	ModTime time.Time // zero unless its zone is certain

	// Skipped, if not "", says why the link is not followed. Name is then the link as it
	// is shown, and no name.
	Skipped string
}

// Parse yields what a page lists, each name once, or twice if a file and a directory have it.
// The page was had from at, whose path ends in a slash. An error ends it: one that wraps
// ErrNotIndex or ErrCut, that of r, or one about a bound. What was yielded before it is not to
// be trusted.
func Parse(r io.Reader, at *url.URL) iter.Seq2[Entry, error] {
	return parse(r, at, maxPage, maxNames)
}

// parse is Parse with other bounds.
func parse(r io.Reader, at *url.URL, most int64, names int) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		in := &meter{r: r, most: most, err: fmt.Errorf("the index page is longer than %d MiB", most>>20)}
		p := &page{base: newBase(at), in: in, yield: yield, names: names, sizeCol: -1}
		p.seed = maphash.MakeSeed()
		p.seen = make(map[uint64]struct{})
		if err := p.parse(bufio.NewReader(in)); err != nil && !p.stopped {
			yield(Entry{}, err)
		}
	}
}

// parse tells the formats apart by their first byte.
func (p *page) parse(r *bufio.Reader) error {
	for {
		c, err := r.ReadByte()
		switch {
		case err == io.EOF:
			return ErrNotIndex
		case err != nil:
			return err
		}
		switch c {
		case ' ', '\t', '\r', '\n', 0xEF, 0xBB, 0xBF: // and a byte order mark
			if p.in.n > maxHead {
				return ErrNotIndex
			}
		case '<', '[':
			if err := r.UnreadByte(); err != nil {
				return err
			}
			if c == '[' {
				return p.json(r)
			}
			return p.html(r)
		default:
			return ErrNotIndex
		}
	}
}

// send yields an entry if its name is a new one. It says whether to go on.
func (p *page) send(e Entry) bool {
	type same struct {
		name, skipped string
		dir           bool
	}
	key := maphash.Comparable(p.seed, same{e.Name, e.Skipped, e.Dir})
	if _, twice := p.seen[key]; twice {
		return true
	}
	if len(p.seen) >= p.names {
		p.fault = fmt.Errorf("the index page has more than %d names", p.names)
		return false
	}
	p.seen[key] = struct{}{}
	p.stopped = !p.yield(e, nil)
	return !p.stopped
}

// meter counts what is read and fails after most bytes.
type meter struct {
	r       io.Reader
	n, most int64
	err     error // at the limit
}

func (m *meter) Read(p []byte) (int, error) {
	if m.n >= m.most {
		return 0, m.err
	}
	n, err := m.r.Read(p[:min(int64(len(p)), m.most-m.n)])
	m.n += int64(n)
	return n, err
}
