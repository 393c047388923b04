package listing

import (
	"bufio"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

// readXML returns the tokens of a document, each with its line, and the error at the end.
func readXML(r io.Reader) (tokens []string, err error) {
	x := newXMLReader(bufio.NewReader(r))
	for {
		t, err := x.token()
		switch t := t.(type) {
		case xml.StartElement:
			tokens = append(tokens, fmt.Sprintf("%d <%s>", x.line(), t.Name.Local))
		case xml.EndElement:
			tokens = append(tokens, fmt.Sprintf("%d </%s>", x.line(), t.Name.Local))
		case xml.CharData:
			tokens = append(tokens, fmt.Sprintf("%d %s", x.line(), t))
		}
		if err != nil {
			_, again := x.token()
			if again != err {
				return tokens, fmt.Errorf("first %w, then %w", err, again)
			}
			return tokens, err
		}
	}
}

func TestXMLTokens(t *testing.T) {
	t.Parallel()
	const text = "<?xml version='1.0' encoding='utf-8'?>\n<!-- x -->\n<a b='c'>d &amp;&#101;\n<f/><![CDATA[<g>]]></a>\n<!-- y -->"
	want := []string{"1 \n", "2 \n", "3 <a>", "3 d &e\n", "4 <f>", "4 </f>", "4 <g>", "4 </a>", "4 \n"}
	for _, r := range []io.Reader{strings.NewReader(text), iotest.OneByteReader(strings.NewReader(text))} {
		got, err := readXML(r)
		if diff := cmp.Diff(want, got); diff != "" || err != io.EOF {
			t.Errorf("error %v, tokens (-want +got):\n%s", err, diff)
		}
	}
}

func TestXMLErrors(t *testing.T) {
	t.Parallel()
	const malformed = "the XML document is not well-formed: "
	for _, c := range []struct{ text, want string }{
		{"", errXMLNone.Error()},
		{"<!-- x -->", errXMLNone.Error()},
		{"<a>", errXMLCut.Error()},
		{"<a", errXMLCut.Error()},
		{"<a><![CDATA[x", errXMLCut.Error()},
		{"<a></a><!-- x", errXMLCut.Error()},
		{"<a/><b/>", errXMLMore.Error()},
		{"<a/>b", errXMLMore.Error()},
		{"x<a/>", errXMLText.Error()},
		{"<!DOCTYPE a><a/>", errXMLType.Error()},
		{"<a><!ENTITY b 'c'></a>", errXMLType.Error()},
		{"<a>&b;</a>", errXMLAmp.Error()},
		{"<a b='c&s3cret=1'/>", errXMLAmp.Error()},
		{"<?xml version='1.0' encoding='x\n'?><a/>", `the XML document is written in "x\n": XML is read in UTF-8 alone`},
		{"<?xml version='1.1'?><a/>", malformed + `unsupported version "1.1"; only version 1.0 is supported`},
		{"<a></b>", malformed + "element <a> closed by </b>"},
		{"<a xmlns='s3cret'></x:a>", malformed + "element <a>"},
		{"<a b=c/>", malformed + "unquoted or missing attribute value in element"},
		{"<a>\xff</a>", malformed + "invalid UTF-8"},
		{"<a>\x00</a>", malformed + "illegal character code U+0000"},
		{"<\u0085a/>", malformed + "invalid XML name"},
		{"<a>" + strings.Repeat("<b>", maxXMLDepth), errXMLDepth.Error()},
		{"<a" + strings.Repeat(" b='c'", maxXMLAttrs+1) + "/>", errXMLAttrs.Error()},
	} {
		_, err := readXML(strings.NewReader(c.text))
		if err == nil || err.Error() != c.want {
			t.Errorf("%.50q: got %v, want %s", c.text, err, c.want)
		}
	}
	deep := strings.Repeat("<a>", maxXMLDepth) + strings.Repeat("</a>", maxXMLDepth)
	if _, err := readXML(strings.NewReader(deep)); err != io.EOF {
		t.Errorf("%d elements deep: got %v", maxXMLDepth, err)
	}
	cause := errors.New("the disk is on fire")
	for _, text := range []string{"", "<a>", "<a><b", "<a/>"} {
		if _, err := readXML(io.MultiReader(strings.NewReader(text), iotest.ErrReader(cause))); !errors.Is(err, cause) {
			t.Errorf("%q: got %v, want %v", text, err, cause)
		}
	}
}

// TestXMLBounds reads tokens without an end.
func TestXMLBounds(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ text, piece string }{
		{"<a>", "b"}, {"<a b='", "c"}, {"<", "a"}, {"<!--", "b"}, {"<a><![CDATA[", "b"}, {"<!DOCTYPE a [", " "}, {"<?a ", "b"}, {"<a ", "b='c' "}, {"<a>&", "b"},
	} {
		r := &endless{text: c.text, piece: strings.Repeat(c.piece, 100)}
		_, err := readXML(r)
		if err != errXMLToken || r.n > 2*maxXMLToken {
			t.Errorf("%s%s…: got %v after %d bytes, want %v", c.text, c.piece, err, r.n, errXMLToken)
		}
	}
}

func TestXMLTextSkip(t *testing.T) {
	t.Parallel()
	x := newXMLReader(bufio.NewReader(strings.NewReader("<a><b> x<!-- y -->&lt;<![CDATA[z]]> </b><c><d>1</d>\n<e/></c><f/><g>12345</g></a>")))
	next := func() string {
		t.Helper()
		token, err := x.token()
		if err != nil {
			t.Fatal(err)
		}
		return token.(xml.StartElement).Name.Local
	}
	text := func(limit int, want string) {
		t.Helper()
		if got, err := x.text(limit); got != want || err != nil {
			t.Errorf("got %q, %v, want %q", got, err, want)
		}
	}
	next()
	next()
	text(5, " x<z ")
	if got := next(); got != "c" {
		t.Errorf("got <%s>, want <c>", got)
	}
	if err := x.skip(); err != nil || x.depth != 1 {
		t.Errorf("depth %d, error %v, want 1", x.depth, err)
	}
	next()
	text(0, "")
	next()
	if _, err := x.text(4); err == nil {
		t.Error("5 bytes: got no error")
	}
	if _, err := x.token(); err == nil || err == io.EOF {
		t.Errorf("after an error: got %v", err)
	}
}
