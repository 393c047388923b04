package listing

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
)

const (
	metalink4Space = "urn:ietf:params:xml:ns:metalink" // RFC 5854
	metalink3Space = "http://www.metalinker.org/"      // Metalink 3.0 second edition

	maxMetalinkURL  = 64 << 10 // bytes
	maxMetalinkText = 4 << 10  // bytes of any other text
)

// isMetalink says that the root element is metalink: the word alone, in a comment or in the
// text of a page, does not make one. Any case will do here: readMetalink says what is wrong.
func isMetalink(head []byte) bool {
	root, ok := xmlRoot(head)
	return ok && strings.EqualFold(root.Name.Local, "metalink")
}

// metalinkReader reads Metalink 4 and 3, one file at a time.
type metalinkReader struct {
	p     *parser
	x     *xmlReader
	space string // of the elements that count
	above int    // lines that came before x
}

// readMetalink reads a Metalink. The line of an entry is that of its file element.
func (p *parser) readMetalink() {
	m := &metalinkReader{p: p, x: newXMLReader(p.lines.r), above: p.lines.line}
	if err := m.read(); err != nil {
		p.fail(m.line(), err)
	}
}

func (m *metalinkReader) line() int { return m.above + m.x.line() }

// read yields all files; the error is what ends reading before the document does.
func (m *metalinkReader) read() error {
	for {
		t, err := m.x.token()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		e, ok := t.(xml.StartElement)
		switch {
		case !ok:
		case m.space == "":
			if err := m.begin(e); err != nil {
				return err
			}
		case m.is(e, "files") && m.space == metalink3Space:
			// Its files come next.
		case m.is(e, "file"):
			if more, err := m.file(e); err != nil || !more {
				return err
			}
		default:
			if err := m.x.skip(); err != nil {
				return err
			}
		}
	}
}

// begin takes the root element.
func (m *metalinkReader) begin(e xml.StartElement) error {
	m.space = e.Name.Space
	if e.Name.Local != "metalink" || m.space != metalink4Space && m.space != metalink3Space {
		return fmt.Errorf("the document is no Metalink of version 4 or 3: its first element is <%s> of name space %s", showXMLName(e.Name), show(e.Name.Space))
	}
	return nil
}

// is says that an element is one of Metalink's own with that name.
func (m *metalinkReader) is(e xml.StartElement, name string) bool {
	return e.Name.Local == name && e.Name.Space == m.space
}

// file reads a file and yields it, or the first thing that is wrong with it. An error of its
// own ends reading.
func (m *metalinkReader) file(e xml.StartElement) (more bool, err error) {
	f := metalinkFile{m: m, draft: newDraft(m.line()), depth: m.x.depth}
	line := m.line()
	err = f.setName(e)
	for err == nil && m.x.depth >= f.depth {
		var t xml.Token
		if t, err = m.x.token(); err == nil {
			if e, ok := t.(xml.StartElement); ok {
				err = f.child(e)
			}
			line = m.line()
		}
	}
	if err == nil {
		line, err = f.finish()
	}
	if m.x.err != nil {
		return false, m.x.err
	}
	if err == nil {
		return m.p.emit(f.draft), nil
	}
	more = m.p.fail(line, err)
	for more && m.x.depth >= f.depth {
		if _, err := m.x.token(); err != nil {
			return false, err
		}
	}
	return more, nil
}

func (f *metalinkFile) setName(e xml.StartElement) error {
	f.draft.path, _ = xmlAttr(e, "", "name")
	if f.draft.path == "" {
		return errors.New("a file without a name")
	}
	return nil
}
