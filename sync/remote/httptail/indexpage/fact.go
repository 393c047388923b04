package indexpage

import (
	"regexp"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// A size in digits alone is in bytes, whatever the server: nginx rounds only to K, M and G,
// and from 10,000 bytes on; Apache rounds from 973 bytes on, to K, M, G, T, P or E
// (apr_strfsize); lighttpd always writes K or more; the fancyindex module always a unit
// where it rounds.
func exactSize(s string) int64 {
	if s == "" || len(s) > 18 || strings.Trim(s, "0123456789") != "" {
		return -1
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return -1
	}
	return n
}

// lineDate is what stands between a name and its size in a pre: nginx's and Apache's old
// format, or Apache's.
var lineDate = regexp.MustCompile(`^[ \t]*(?:\d\d-[A-Z][a-z][a-z]-\d{4}|\d{4}-\d\d-\d\d) \d\d:\d\d[ \t]+(\S+)(.*)`)

// lineSize returns the size in a line of a pre, given what stands behind the link. Apache's
// columns can be left out, and the one after the size is a text of any kind: there is a
// size where the header names one, or, as in nginx's pages, which have no header, where
// nothing comes after it.
func lineSize(header, line string) int64 {
	m := lineDate.FindStringSubmatch(line)
	if m == nil {
		return -1
	}
	_, sizes, dated := strings.Cut(header, "Last modified")
	switch {
	case dated && !strings.Contains(sizes, "Size"):
		return -1
	case !dated && strings.TrimSpace(m[2]) != "":
		return -1
	}
	return exactSize(m[1])
}

// openCell begins a cell of a table. Its column says what it is; Caddy's cells hold the
// bytes as an attribute.
func (p *page) openCell(t html.Token) {
	p.col++
	p.cell = t.DataAtom
	if p.caddy && p.pending != nil {
		for _, name := range []string{"data-size", "data-order"} {
			if n := exactSize(attr(t, name)); n >= 0 {
				p.pending.Size = n
			}
		}
	}
	switch {
	case p.depth == 0 || p.pre > 0:
	case t.DataAtom == atom.Th && p.sizeCol < 0, t.DataAtom == atom.Td && p.pending != nil:
		p.listen()
	}
}

// closeCell ends it.
func (p *page) closeCell(tag atom.Atom) {
	if p.cell != tag || !p.capture || p.pre > 0 {
		return
	}
	p.cell = 0
	text := strings.Join(strings.Fields(p.heard()), " ")
	switch {
	case tag == atom.Th && p.sizeCol < 0:
		switch strings.TrimRight(text, " ↓↑") { // the fancyindex module's links that sort
		case "Size", "File Size":
			p.sizeCol = p.col
		}
	case p.pending == nil:
	case p.caddy:
		p.pointed(strings.Contains(text, "↱"))
	case p.col == p.sizeCol:
		p.pending.Size = exactSize(text)
	}
}

// caddyFact takes what only Caddy's template has (modules/caddyhttp/fileserver/browse.html):
// a time in UTC, and icons.
func (p *page) caddyFact(t html.Token) {
	switch t.Data {
	case "time":
		when, err := time.Parse(time.RFC3339, strings.TrimSpace(attr(t, "datetime")))
		if err == nil && !p.symlink {
			p.pending.ModTime = when.UTC()
		}
	case "svg":
		p.pointed(strings.Contains(attr(t, "class"), "symlink"))
	case "use":
		p.pointed(strings.Contains(attr(t, "xlink:href"), "shortcut"))
	}
}

// pointed notes that the last link is a symbolic link: Caddy tells the size of the file it
// leads to, which is what it serves, but the time of the link, which is not.
func (p *page) pointed(symlink bool) { p.symlink = p.symlink || symlink }
