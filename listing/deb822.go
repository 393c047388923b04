package listing

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
)

// maxStanza bounds what is kept of a stanza: the files that a source package has.
const maxStanza = 4 << 20 // bytes

var (
	errStanza  = fmt.Errorf("the stanza is longer than %d bytes: is a blank line missing?", maxStanza)
	errNoField = errors.New(`neither "Field: value" nor a line that goes on with one`)
)

// isDeb822 tells a Packages or Sources index of a Debian archive by its first stanza, which
// begins head: it has lines of deb822(5) alone, names a package as Debian policy §5.6.1
// wants it, and says where its files lie, or which version it has. Whole says that head is
// the whole list.
func isDeb822(head []byte, whole bool) bool {
	name, more, fields := false, false, 0
	for first := true; len(head) > 0; first = false {
		line, rest, ended := bytes.Cut(head, []byte("\n"))
		if !ended && !whole {
			break // in the middle of a line
		}
		head = rest
		line = bytes.TrimSuffix(line, []byte("\r"))
		if len(line) == 0 {
			break
		}
		if line[0] == ' ' || line[0] == '\t' {
			if first {
				return false
			}
			continue
		}
		field, value, ok := cutField(line)
		if !ok {
			return false
		}
		fields++
		switch {
		case isField(field, "Package"):
			name = isPackageName(value)
		case isField(field, "Filename"), isField(field, "Directory"), isField(field, "Version"):
			more = true
		}
	}
	return name && more && fields > 1
}

// cutField takes "Field: value". A field's name has printable ASCII without blanks and
// colons, and begins with neither # nor -.
func cutField(line []byte) (field, value []byte, ok bool) {
	field, value, ok = bytes.Cut(line, []byte(":"))
	if !ok || len(field) == 0 || field[0] == '#' || field[0] == '-' {
		return nil, nil, false
	}
	for _, c := range field {
		if c <= ' ' || c > '~' {
			return nil, nil, false
		}
	}
	return field, bytes.Trim(value, " \t"), true
}

// isField compares names of fields, in which case does not count.
func isField(field []byte, name string) bool {
	return len(field) == len(name) && strings.EqualFold(string(field), name)
}

// isPackageName follows Debian policy §5.6.1: lower-case letters, digits and + - . alone.
func isPackageName(name []byte) bool {
	for _, c := range name {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && bytes.IndexByte([]byte("+-."), c) < 0 {
			return false
		}
	}
	return len(name) >= 2
}

// readDeb822 reads Packages and Sources indexes. The source packages of several versions
// share files, and a package may be in several components.
func (p *parser) readDeb822() {
	p.repeats = true
	p.resolver = newResolver(p.options.within(archiveRoot))
	var s stanza
	for {
		line, err := p.lines.next()
		if err != nil && err != errNUL {
			if err == io.EOF {
				p.stanza(&s)
				return
			}
			p.fail(p.lines.line, err) // the rest of the stanza is lost
			return
		}
		if err == nil && len(line) == 0 {
			if !p.stanza(&s) {
				return
			}
			s = stanza{}
			continue
		}
		if s.size += len(line) + 1; s.size > maxStanza {
			p.fail(p.lines.line, errStanza)
			return
		}
		if s.line == 0 {
			s.line = p.lines.line
		}
		if err == nil {
			err = s.add(p.lines.line, line)
		}
		if err != nil && s.err == nil {
			s.err, s.errLine = err, p.lines.line
		}
	}
}

// stanza yields the entries of a stanza, or what is wrong with it. One without lines is
// none.
func (p *parser) stanza(s *stanza) bool {
	if s.line == 0 {
		return true
	}
	if s.err != nil {
		return p.fail(s.errLine, s.err)
	}
	drafts, err := s.drafts()
	if err != nil {
		return p.fail(s.line, err)
	}
	for _, d := range drafts {
		if !p.emit(d) {
			return false
		}
	}
	return true
}

// within returns options whose Place is the directory that entries are relative to, where
// there is no Base.
func (o Options) within(dir func(path string) string) Options {
	if o.Base != nil || o.Place == nil {
		return o
	}
	escaped := o.Place.EscapedPath()
	escaped = dir(escaped[:strings.LastIndexByte(escaped, '/')+1])
	decoded, _ := url.PathUnescape(escaped) // what EscapedPath returns is well-formed
	place := *o.Place
	place.Path, place.RawPath = decoded, escaped
	o.Place = &place
	return o
}

// archiveRoot returns the root of the Debian archive that an index lies in. Its directory
// ends in a slash. An archive without dists is flat: there files lie beside their index.
func archiveRoot(dir string) string {
	if i := strings.LastIndex(dir, "/dists/"); i >= 0 {
		return dir[:i+1]
	}
	return dir
}
