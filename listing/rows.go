package listing

import (
	"bytes"
	"strings"
)

// rowReader cuts the rows of a table that need no CSV parser: lines without quotes, which
// are nearly all of nearly all tables. It shares its reader with one, and leaves to that
// what is quoted, blank, a comment, of another number of fields, or longer than the buffer.
type rowReader struct {
	in     *recordReader
	comma  byte
	block  string   // lines that were taken from the reader and not yet cut
	fields []string // of the last row
}

// blockSize bounds what an entry can keep in memory: its strings are cut from one block.
const blockSize = 4 << 10

// next returns the fields of the next row; false where it is for the CSV parser, which is
// to read one record then.
func (r *rowReader) next() ([]string, bool) {
	if r.block == "" && !r.fill() {
		return nil, false
	}
	line, rest, _ := strings.Cut(r.block, "\n")
	r.block = rest
	r.in.line++
	r.cut(strings.TrimSuffix(line, "\r"))
	return r.fields, true
}

// cut sets fields. Their number was looked at before.
func (r *rowReader) cut(line string) {
	for i := range r.fields {
		end := strings.IndexByte(line, r.comma)
		if end < 0 {
			r.fields[i] = line
			return
		}
		r.fields[i], line = line[:end], line[end+1:]
	}
}

// fill takes as many simple lines as are there, up to a block.
func (r *rowReader) fill() bool {
	if len(r.in.rest) > 0 || r.in.mid || r.in.err != nil {
		return false
	}
	if r.in.r.Buffered() < blockSize {
		_, _ = r.in.r.Peek(blockSize) // an error comes again, to who reads on
	}
	buf, _ := r.in.r.Peek(min(blockSize, r.in.r.Buffered()))
	end := 0
	for {
		n := bytes.IndexByte(buf[end:], '\n')
		if n < 0 || !r.isSimple(buf[end:end+n]) {
			break
		}
		end += n + 1
	}
	if end == 0 {
		return false
	}
	r.block = string(buf[:end])
	_, _ = r.in.r.Discard(end)
	return true
}

// isSimple says that a line is a row, and the same to a CSV parser.
func (r *rowReader) isSimple(line []byte) bool {
	line = bytes.TrimSuffix(line, []byte("\r"))
	return len(line) > 0 && line[0] != '#' && bytes.IndexByte(line, '"') < 0 &&
		bytes.Count(line, []byte{r.comma}) == len(r.fields)-1
}
