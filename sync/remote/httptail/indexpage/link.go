package indexpage

import (
	"net/url"
	"strings"
)

// base is where a page was had from.
type base struct {
	url  *url.URL
	segs []string // the path's segments, decoded; without the "" after the last slash
}

func newBase(at *url.URL) base {
	path := at.EscapedPath()
	path = path[:strings.LastIndexByte(path, '/')+1]
	b := base{url: at}
	for _, seg := range split(path) {
		if name, ok := decode(seg); ok {
			seg = name
		}
		b.segs = append(b.segs, seg)
	}
	return b
}

// split returns the segments of a path between its first and its last slash.
func split(path string) []string {
	path, ok := strings.CutPrefix(path, "/")
	if !ok || path == "" {
		return nil
	}
	return strings.Split(strings.TrimSuffix(path, "/"), "/")
}

// link says what a page means by a reference (RFC 3986 §4.2): a name in its directory, or
// nothing (ok is false). Segments are compared decoded, since servers differ in what they
// encode. The reference is not taken to pieces by package url, which knows no bytes but
// those of a valid URL: a link that a sloppy server wrote must not get lost in silence.
func (b base) link(href string) (e Entry, ok bool) {
	e.Size = -1
	href = strings.Trim(href, " \t\r\n\f") // as HTML has it
	path, here := b.path(href)
	if !here || strings.ContainsAny(path, "?#") { // such as the links that sort
		return e, false
	}
	if strings.HasPrefix(path, "/") {
		segs := strings.Split(path[1:], "/")
		if len(segs) <= len(b.segs) {
			return e, false
		}
		for i, want := range b.segs {
			if name, ok := decode(segs[i]); !ok || name != want {
				return e, false
			}
		}
		path = strings.Join(segs[len(b.segs):], "/")
	}
	for strings.HasPrefix(path, "./") {
		path = path[2:]
	}
	seg, rest, slash := strings.Cut(path, "/")
	if rest != "" || seg == "" || seg == "." || seg == ".." {
		return e, false
	}
	e.Dir = slash
	return named(e, seg), true
}

// path returns the path of a reference, with what follows it. here is false if it leads to
// another origin.
func (b base) path(href string) (path string, here bool) {
	scheme, _, absolute := strings.Cut(href, ":")
	absolute = absolute && isScheme(scheme)
	if !absolute && !strings.HasPrefix(href, "//") {
		return href, true
	}
	if absolute {
		if !strings.EqualFold(scheme, b.url.Scheme) {
			return "", false
		}
		href = href[len(scheme)+1:]
	}
	rest, ok := strings.CutPrefix(href, "//")
	if !ok {
		return "", false
	}
	end := strings.IndexAny(rest, "/?#")
	if end < 0 {
		end = len(rest)
	}
	host := url.URL{Scheme: b.url.Scheme, Host: rest[:end]}
	if !strings.EqualFold(host.Hostname(), b.url.Hostname()) || port(&host) != port(b.url) {
		return "", false
	}
	if path = rest[end:]; !strings.HasPrefix(path, "/") {
		path = "/" + path
	}
	return path, true
}

func port(u *url.URL) string {
	switch p := u.Port(); {
	case p != "":
		return p
	case strings.EqualFold(u.Scheme, "https"):
		return "443"
	}
	return "80"
}

// isScheme says whether s is a scheme (RFC 3986 §3.1).
func isScheme(s string) bool {
	for i := range len(s) {
		c := s[i] | 0x20
		if (c < 'a' || c > 'z') && (i == 0 || strings.IndexByte("0123456789+-.", s[i]) < 0) {
			return false
		}
	}
	return s != ""
}

// named decodes a segment into the name of e.
func named(e Entry, seg string) Entry {
	name, ok := decode(seg)
	switch {
	case !ok:
		e.Skipped = "its link is no valid URL"
	case strings.ContainsFunc(seg, func(r rune) bool { return r < ' ' || r == 0x7f || r == '\\' }):
		// Browsers drop a tab and a line break, and take a backslash for a slash.
		e.Skipped = "its link is no valid URL"
	default:
		e.Skipped = unfit(name)
	}
	if e.Name = name; e.Skipped != "" {
		e.Name = seg
	}
	return e
}

// unfit says why a name is none, "" if it is one.
func unfit(name string) string {
	switch {
	case name == "" || name == "." || name == "..":
		return "its name is none"
	case strings.Contains(name, "/"):
		return "its name has a slash"
	case strings.Contains(name, "\x00"):
		return "its name has a NUL"
	}
	return ""
}

// decode undoes percent-encoding (RFC 3986 §2.1).
func decode(seg string) (name string, ok bool) {
	name, err := url.PathUnescape(seg)
	return name, err == nil
}
