package listing

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strconv"
	"unicode/utf8"
)

// jsonEncoder writes an object for each entry, with its keys always in one order.
type jsonEncoder struct{}

func (jsonEncoder) begin(b []byte) []byte { return b }
func (jsonEncoder) end(b []byte) []byte   { return b }

func (jsonEncoder) entry(b []byte, e Entry) ([]byte, error) {
	switch {
	case utf8.ValidString(e.Path):
		b = appendJSON(append(b, `{"path":`...), e.Path)
	case len(e.URLs) > 0:
		return nil, errors.New("JSON Lines cannot hold a name that is not UTF-8 beside an absolute URL: TSV can")
	default: // the path is read from the URL
		b = appendJSON(append(b, `{"url":`...), escapeReference(e.Path))
	}
	if e.Size >= 0 {
		b = strconv.AppendInt(append(b, `,"size":`...), e.Size, 10)
	}
	if hasTime(e.ModTime) {
		b = append(appendTime(append(b, `,"mtime":"`...), e.ModTime), '"')
	}
	for _, d := range e.Digests {
		b = append(append(append(b, `,"`...), d.Algorithm...), `":"`...)
		b = append(hex.AppendEncode(b, []byte(d.Sum)), '"')
	}
	switch len(e.URLs) {
	case 0:
	case 1:
		b = appendJSON(append(b, `,"url":`...), e.URLs[0])
	default:
		b = appendJSON(append(b, `,"url":`...), e.URLs)
	}
	return append(b, "}\n"...), nil
}

// appendJSON appends a value that holds valid UTF-8 only. Package json would write < and &
// as escapes, which are of use in HTML alone.
func appendJSON(b []byte, value any) []byte {
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(value); err != nil {
		panic("listing: internal error: " + err.Error()) // strings can be encoded
	}
	return append(b, bytes.TrimSuffix(text.Bytes(), []byte("\n"))...)
}
