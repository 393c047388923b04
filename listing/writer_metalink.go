package listing

import (
	"bytes"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// metalinkEncoder writes Metalink 4 (RFC 5854). What would differ from run to run,
// generator and published, is left out. A file without a URL has none: RFC 5854 §4.1.2
// wants one, and has no form for a relative one.
type metalinkEncoder struct{}

// maxMetalinkFile bounds a file's element: 4096 pieces take 400 KiB.
const maxMetalinkFile = 64 << 20

func (metalinkEncoder) begin(b []byte) []byte {
	return append(b, xml.Header+"<metalink xmlns=\"urn:ietf:params:xml:ns:metalink\">\n"...)
}

func (metalinkEncoder) end(b []byte) []byte { return append(b, "</metalink>\n"...) }

func (metalinkEncoder) entry(b []byte, e Entry) ([]byte, error) {
	if !isXML(e.Path) {
		return nil, errors.New("XML, and so a Metalink, cannot hold a name with control characters or without UTF-8: TSV and JSON Lines can")
	}
	if len(e.URLs) > maxMirrors {
		return nil, fmt.Errorf("it has %d URLs: no more than %d are read back", len(e.URLs), maxMirrors)
	}
	b = fmt.Appendf(b, "  <file name=\"%s\">\n", escapeXML(e.Path))
	if e.Size >= 0 {
		b = fmt.Appendf(b, "    <size>%d</size>\n", e.Size)
	}
	for _, d := range e.Digests {
		b = fmt.Appendf(b, "    <hash type=\"%s\">%x</hash>\n", hashType(d.Algorithm), d.Sum)
	}
	// Those of a torrent may be cut otherwise.
	if p := e.Pieces; p != nil && e.Size > 0 && p.Padding == 0 && p.Cover(e.Size) {
		b = fmt.Appendf(b, "    <pieces length=\"%d\" type=\"%s\">\n", p.Length, hashType(p.Algorithm))
		for i := range p.Count() {
			b = append(b, "      <hash>"...)
			b = append(hex.AppendEncode(b, []byte(p.Sum(i).Sum)), "</hash>\n"...)
		}
		b = append(b, "    </pieces>\n"...)
	}
	for i, u := range e.URLs {
		b = fmt.Appendf(b, "    <url priority=\"%d\">%s</url>\n", i+1, escapeXML(u))
	}
	return append(b, "  </file>\n"...), nil
}

// hashType returns an algorithm's name in the registry that RFC 5854 §4.2.5 refers to
// (Hash Function Textual Names).
func hashType(algorithm string) string {
	if digits, ok := strings.CutPrefix(algorithm, "sha"); ok {
		return "sha-" + digits
	}
	return algorithm
}

// escapeXML writes line ends and TABs as references, too: as they are, a parser makes
// blanks of them in an attribute (XML 1.0 §3.3.3).
func escapeXML(s string) string {
	var b bytes.Buffer
	_ = xml.EscapeText(&b, []byte(s)) // into memory
	return b.String()
}

// isXML says that each character is one of XML 1.0 §2.2.
func isXML(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool {
		return r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == 0xfffe || r == 0xffff
	})
}
