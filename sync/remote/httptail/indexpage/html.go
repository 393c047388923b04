package indexpage

import (
	"fmt"
	"hash/maphash"
	"io"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

const (
	// maxToken bounds a tag, a text, a script or a style.
	maxToken = 1 << 20

	// maxText bounds a text that is kept until it is understood.
	maxText = 4 << 10
)

// page is one page under way.
type page struct {
	base    base
	in      *meter
	yield   func(Entry, error) bool
	stopped bool  // by who looks at the entries
	fault   error // that of send
	seed    maphash.Seed
	seen    map[uint64]struct{} // hashes of the names that were yielded
	names   int                 // how many there may be

	// The marks of a listing.
	titled bool // a title or heading says "Index of /"
	caddy  bool // the table of Caddy's template
	sealed bool // the template's link to Caddy
	listed bool // there is a list, complete
	ended  bool // the page's own end

	depth   int // of lists: pre, ul and table
	pre     int // how many of them are pre
	heading atom.Atom
	text    strings.Builder // of the heading, the cell or what follows a link
	capture bool            // text is wanted

	pending *Entry // the last link, whose facts may still come
	symlink bool   // it is a symbolic link

	header  string // what stands above the first link in a pre
	col     int    // the column of this cell; -1 before the first
	cell    atom.Atom
	sizeCol int // the column of the sizes, -1 if there is none
}

// html reads a page in HTML, tag by tag: no tree is made.
func (p *page) html(r io.Reader) error {
	z := html.NewTokenizer(r)
	z.SetMaxBuf(maxToken)
	for !p.stopped && p.fault == nil {
		switch z.Next() {
		case html.ErrorToken:
			return p.end(z.Err())
		case html.TextToken:
			if p.capture && p.text.Len() < maxText {
				text := z.Text()
				p.text.Write(text[:min(len(text), maxText)])
			}
		case html.StartTagToken, html.SelfClosingTagToken:
			if err := p.open(z.Token()); err != nil {
				return err
			}
		case html.EndTagToken:
			name, _ := z.TagName()
			p.close(atom.Lookup(name))
		}
		if !p.marked() && p.in.n > maxHead {
			return ErrNotIndex
		}
	}
	return p.fault
}

func (p *page) marked() bool { return p.titled || p.caddy }

// end judges the page when its last tag was read.
func (p *page) end(err error) error {
	switch {
	case err == html.ErrBufferExceeded:
		return fmt.Errorf("%w: a tag or a text of more than %d MiB", ErrNotIndex, maxToken>>20)
	case err != io.EOF:
		return err
	case !p.marked():
		return ErrNotIndex
	case !p.ended || p.depth > 0:
		return ErrCut
	case !p.listed, !p.titled && !p.sealed:
		return ErrNotIndex
	}
	p.flush()
	return p.fault
}

// open takes a start tag.
func (p *page) open(t html.Token) error {
	switch t.DataAtom {
	case atom.Base:
		return p.rebase(attr(t, "href"))
	case atom.Title, atom.H1, atom.H2:
		if p.depth == 0 {
			p.heading = t.DataAtom
			p.listen()
		}
	case atom.Table, atom.Pre, atom.Ul:
		p.openList(t)
	case atom.Tr:
		p.flush()
		p.col, p.cell = -1, 0
	case atom.Td, atom.Th:
		p.openCell(t)
	case atom.A:
		p.link(attr(t, "href"))
	case atom.Img, atom.Hr:
		p.flushLine()
	default:
		if p.caddy && p.pending != nil {
			p.caddyFact(t)
		}
	}
	return nil
}

// rebase refuses a page whose links do not start at its own directory.
func (p *page) rebase(href string) error {
	if href == "" {
		return nil
	}
	at, err := p.base.url.Parse(href)
	if err != nil || p.base.url.Scheme != at.Scheme || p.base.url.Host != at.Host || at.EscapedPath() != p.base.url.EscapedPath() {
		return fmt.Errorf("%w: its links start elsewhere (<base href>)", ErrNotIndex)
	}
	return nil
}

func (p *page) openList(t html.Token) {
	if t.DataAtom == atom.Table && attr(t, "aria-describedby") == "summary" {
		p.caddy = true
	}
	p.flush()
	p.depth++
	if t.DataAtom == atom.Pre {
		if p.pre++; p.header == "" {
			p.listen()
		}
	}
}

// close takes an end tag.
func (p *page) close(tag atom.Atom) {
	switch tag {
	case atom.Title, atom.H1, atom.H2:
		if p.heading == tag {
			p.heading = 0
			p.titled = p.titled || isTitle(p.heard())
		}
	case atom.Td, atom.Th:
		p.closeCell(tag)
	case atom.Tr:
		p.flush()
	case atom.Table, atom.Pre, atom.Ul:
		p.flush()
		p.depth = max(p.depth-1, 0)
		if tag == atom.Pre {
			p.pre = max(p.pre-1, 0)
		}
		p.listed = p.listed || p.marked()
	case atom.A:
		if p.pre > 0 && p.pending != nil {
			p.listen() // the line's rest
		}
	case atom.Html, atom.Body:
		p.ended = true
	}
}

// isTitle says whether a title or heading is that of a listing. All servers that are known
// here but Caddy write one of them, with a path.
func isTitle(s string) bool {
	s = strings.TrimSpace(s)
	return strings.HasPrefix(s, "Index of /") || strings.HasPrefix(s, "Directory listing for /")
}

// link takes a link.
func (p *page) link(href string) {
	if strings.HasPrefix(href, "https://caddyserver.com") {
		p.sealed = true
	}
	if p.depth == 0 || !p.marked() {
		return
	}
	e, ok := p.base.link(href)
	if ok && p.pending != nil && *p.pending == e {
		p.silence() // the icon's link, and the name's
		return
	}
	if p.pre > 0 && p.pending == nil && p.capture && p.header == "" && ok {
		p.header = p.text.String()
	}
	p.flush()
	if ok {
		p.silence()
		p.pending, p.symlink = &e, false
	}
}

// listen begins to keep text, silence drops it.
func (p *page) listen() { p.text.Reset(); p.capture = true }

func (p *page) silence() { p.text.Reset(); p.capture = false }

// heard returns the text that was kept.
func (p *page) heard() string {
	s := p.text.String()
	p.silence()
	return s
}

// flush yields the last link with what is known of it.
func (p *page) flush() {
	e := p.pending
	if e == nil {
		return
	}
	p.pending = nil
	if p.pre > 0 && p.capture {
		e.Size = lineSize(p.header, p.heard())
	}
	if e.Dir || e.Skipped != "" {
		e.Size = -1
	}
	if !p.stopped {
		p.send(*e)
	}
}

// flushLine ends the line of a link in a pre, where an icon or a rule follows.
func (p *page) flushLine() {
	if p.pre > 0 && p.pending != nil && p.capture {
		p.flush()
	}
}

func attr(t html.Token, name string) string {
	for _, a := range t.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}
