package listing

import (
	"bufio"
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
)

const (
	maxXMLToken = 1 << 20 // bytes of a tag, a text or a comment: encoding/xml buffers each
	maxXMLDepth = 32
	maxXMLAttrs = 64 // of one element
)

var (
	errXMLToken = fmt.Errorf("a tag or a text of the XML document is longer than %d bytes", maxXMLToken)
	errXMLDepth = fmt.Errorf("the XML document is nested more than %d elements deep", maxXMLDepth)
	errXMLAttrs = fmt.Errorf("an XML element has more than %d attributes", maxXMLAttrs)
	errXMLType  = errors.New("the XML document has a <!DOCTYPE> or another declaration: they are not read, as entities can make a bomb of it")
	errXMLCut   = errors.New("the XML document ends too early: it is cut off")
	errXMLNone  = errors.New("the XML document has no element")
	errXMLMore  = errors.New("the XML document goes on after its end")
	errXMLText  = errors.New("the XML document has text ahead of its first element")
	errXMLAmp   = errors.New("the XML document is not well-formed: an entity other than &amp; &lt; &gt; &quot; and &apos;, or a & that should be &amp;")
)

// xmlReader reads XML tokens in bounded memory. An error, io.EOF included, ends it: every
// later call returns the same one. Errors say nothing of the text but names of elements.
type xmlReader struct {
	in    xmlInput
	d     *xml.Decoder
	depth int
	begun bool // the root element began
	first int  // the line that the token returned last begins on
	err   error
}

func newXMLReader(r *bufio.Reader) *xmlReader {
	x := &xmlReader{in: xmlInput{r: r}, first: 1}
	x.d = xml.NewDecoder(&x.in)
	x.d.CharsetReader = func(charset string, _ io.Reader) (io.Reader, error) {
		x.err = fmt.Errorf("the XML document is written in %s: XML is read in UTF-8 alone", show(charset))
		return nil, x.err
	}
	return x
}

// token returns the next xml.StartElement, xml.EndElement or xml.CharData; comments and
// processing instructions are passed over. A CharData is valid until the next call. The
// error is io.EOF where a well-formed document ends, and never inside of one.
func (x *xmlReader) token() (xml.Token, error) {
	for x.err == nil {
		x.first, _ = x.d.InputPos() // where the token before ended
		x.in.left = maxXMLToken
		t, err := x.d.Token()
		if x.err == nil { // else the decoder wraps it
			x.err = x.explain(err)
		}
		if x.err == nil {
			x.err = x.check(t)
		}
		switch t.(type) {
		case xml.StartElement, xml.EndElement, xml.CharData:
			if x.err == nil {
				return t, nil
			}
		}
	}
	return nil, x.err
}

// check counts the elements that are open, and refuses what no list needs.
func (x *xmlReader) check(t xml.Token) error {
	switch t := t.(type) {
	case xml.StartElement:
		x.depth++
		switch {
		case x.depth == 1 && x.begun:
			return errXMLMore
		case x.depth > maxXMLDepth:
			return errXMLDepth
		case len(t.Attr) > maxXMLAttrs:
			return errXMLAttrs
		}
		x.begun = true
	case xml.EndElement:
		x.depth--
	case xml.CharData:
		if x.depth > 0 || len(bytes.TrimLeft(t, " \t\r\n")) == 0 {
			return nil
		}
		if x.begun {
			return errXMLMore
		}
		return errXMLText
	case xml.Directive:
		return errXMLType
	}
	return nil
}

// line returns the line of the document, from 1 on, that the token returned last begins on; after an error,
// the line that the one with the error begins on.
func (x *xmlReader) line() int { return x.first }

// text returns the character data up to the end of the element that the token returned last
// began, as it is: blanks are not trimmed. More than limit bytes and elements within are
// errors.
func (x *xmlReader) text(limit int) (string, error) {
	var b strings.Builder
	for {
		t, err := x.token()
		if err != nil {
			return "", err
		}
		switch t := t.(type) {
		case xml.CharData:
			if b.Len()+len(t) > limit {
				x.err = fmt.Errorf("a text of the XML document is longer than %d bytes, which is all that there may be", limit)
				return "", x.err
			}
			b.Write(t)
		case xml.StartElement:
			x.err = fmt.Errorf("the XML document has an element <%s> where a text is due", showXMLName(t.Name))
			return "", x.err
		case xml.EndElement:
			return b.String(), nil
		}
	}
}

// skip passes over the rest of the element that the token returned last began.
func (x *xmlReader) skip() error {
	for depth := x.depth; x.depth >= depth; {
		if _, err := x.token(); err != nil {
			return err
		}
	}
	return nil
}

// xmlRoot returns the root element of a document that begins with head. Its names are as
// they are written, with prefixes in the place of name spaces. A declaration ahead of it
// does not count here, nor does the charset: what is to be read tells of them.
func xmlRoot(head []byte) (root xml.StartElement, ok bool) {
	d := xml.NewDecoder(bytes.NewReader(head))
	d.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil }
	for {
		t, err := d.RawToken()
		if err != nil {
			return xml.StartElement{}, false
		}
		if e, ok := t.(xml.StartElement); ok {
			return e, true
		}
	}
}

// xmlAttr returns the attribute of an element with that name and name space.
func xmlAttr(e xml.StartElement, space, local string) (value string, ok bool) {
	for _, a := range e.Attr {
		if a.Name.Local == local && a.Name.Space == space {
			return a.Value, true
		}
	}
	return "", false
}

// showXMLName cuts a name. It holds no control character: the decoder takes none.
func showXMLName(n xml.Name) string { return n.Local[:min(len(n.Local), 40)] }

// explain puts the decoder's errors into the words of this package. What the reader below
// it said stays as it is.
func (x *xmlReader) explain(err error) error {
	switch {
	case err == nil || err == io.EOF && x.begun:
		return err
	case err == io.EOF:
		return errXMLNone
	case x.in.err != nil:
		return x.in.err
	}
	msg := strings.TrimPrefix(err.Error(), "xml: ")
	if bad, ok := errors.AsType[*xml.SyntaxError](err); ok {
		msg = bad.Msg
	}
	switch {
	case strings.HasPrefix(msg, "unexpected EOF"):
		return errXMLCut
	case strings.HasPrefix(msg, "invalid character entity"):
		return errXMLAmp
	}
	// A message may repeat something of the document, which has any length and content.
	msg, _, _ = strings.Cut(msg, " in space ")
	msg, _, _ = strings.Cut(msg, ": ")
	return fmt.Errorf("the XML document is not well-formed: %s", strings.ToValidUTF8(msg[:min(len(msg), maxShown)], ""))
}

// xmlInput bounds what encoding/xml may read for one token.
type xmlInput struct {
	r    *bufio.Reader
	left int
	err  error // r's or errXMLToken; io.EOF is none
}

// ReadByte makes this an io.ByteReader, as which the decoder uses it without a buffer of
// its own.
func (i *xmlInput) ReadByte() (byte, error) {
	if i.left--; i.left < 0 {
		i.err = errXMLToken
		return 0, i.err
	}
	b, err := i.r.ReadByte()
	if err != nil && err != io.EOF {
		i.err = err
	}
	return b, err
}

// Read is there for xml.NewDecoder, which does not call it.
func (i *xmlInput) Read(p []byte) (int, error) {
	b, err := i.ReadByte()
	if err != nil || len(p) == 0 {
		return 0, err
	}
	p[0] = b
	return 1, nil
}
