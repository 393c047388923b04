package indexpage

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"unicode/utf8"
)

// maxItem bounds one element of a JSON array: a name has 255 bytes.
const maxItem = 64 << 10

// item is an element of the array that nginx writes with "autoindex_format json"
// (ngx_http_autoindex_module). Sizes are exact and times are in GMT.
type item struct {
	Name  *string `json:"name"`
	Type  string  `json:"type"`
	MTime string  `json:"mtime"`
	Size  *int64  `json:"size"`
}

// json reads an array of items, one at a time.
func (p *page) json(r io.Reader) error {
	in := &rawReader{r: r, most: maxItem}
	d := json.NewDecoder(in)
	if _, err := d.Token(); err != nil { // the bracket
		return jsonError(err)
	}
	for d.More() {
		in.most = d.InputOffset() + maxItem
		var it item
		if err := d.Decode(&it); err != nil {
			return jsonError(err)
		}
		e, err := it.entry()
		if err != nil {
			return err
		}
		if !p.send(e) {
			return p.fault
		}
	}
	in.most = d.InputOffset() + maxItem
	if _, err := d.Token(); err != nil {
		return jsonError(err)
	}
	if _, err := d.Token(); err != io.EOF {
		return jsonError(err)
	}
	return nil
}

// jsonError says what an error of the decoder means here.
func jsonError(err error) error {
	switch err.(type) {
	case nil: // something after the array
	case *json.SyntaxError, *json.UnmarshalTypeError:
	default:
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			return ErrCut
		}
		return err
	}
	return ErrNotIndex
}

func (it item) entry() (Entry, error) {
	if it.Name == nil {
		return Entry{}, ErrNotIndex
	}
	e := Entry{Name: unraw(*it.Name), Size: -1}
	switch it.Type {
	case "directory":
		e.Dir = true
	case "file":
		if it.Size != nil && *it.Size >= 0 {
			e.Size = *it.Size
		}
	case "other":
		e.Skipped = "not a regular file"
	default:
		return Entry{}, ErrNotIndex
	}
	if when, err := http.ParseTime(it.MTime); err == nil {
		e.ModTime = when.UTC()
	}
	if why := unfit(e.Name); why != "" {
		e.Skipped = why
	}
	return e, nil
}

// rawRune + b stands for the byte b ≥ 0x80, in a range for private use. nginx writes a
// name's bytes as they are, UTF-8 or not, and package json would make the latter U+FFFD.
const rawRune = 0x10F700

var errItem = fmt.Errorf("%w: an element of more than %d KiB", ErrNotIndex, maxItem>>10)

// rawReader turns each byte from 0x80 on into such a rune. It fails after most bytes.
type rawReader struct {
	r       io.Reader
	n, most int64
	buf     [512]byte
	rest    []byte // of buf
}

func (r *rawReader) Read(p []byte) (int, error) {
	if len(p) < utf8.UTFMax {
		return 0, io.ErrShortBuffer
	}
	if r.n >= r.most {
		return 0, errItem
	}
	if len(r.rest) == 0 {
		n, err := r.r.Read(r.buf[:])
		if r.rest = r.buf[:n]; n == 0 {
			return 0, err
		}
	}
	out := p[:0]
	for len(r.rest) > 0 && cap(out)-len(out) >= utf8.UTFMax {
		if c := r.rest[0]; c < utf8.RuneSelf {
			out = append(out, c)
		} else {
			out = utf8.AppendRune(out, rawRune+rune(c))
		}
		r.rest = r.rest[1:]
	}
	r.n += int64(len(out))
	return len(out), nil
}

// unraw turns them back.
func unraw(s string) string {
	var b strings.Builder
	for _, r := range s {
		if c := r - rawRune; c >= utf8.RuneSelf && c <= 0xFF {
			b.WriteByte(byte(c))
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}
