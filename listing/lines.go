package listing

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

const (
	sniffSize = 64 << 10 // the format is told from that much
	maxLine   = 1 << 20  // bytes, of a line or of a record over several lines
)

var (
	errTooLong = fmt.Errorf("the line is longer than %d bytes", maxLine)
	errLongRow = fmt.Errorf(`the row is longer than %d bytes: is a closing " missing?`, maxLine)
)

// errNUL is not ErrNotList: the list began well.
var errNUL = errors.New("the line has a NUL byte")

// lines reads a list line by line in bounded memory.
type lines struct {
	r    *bufio.Reader
	long []byte // a line that is longer than r's buffer
	line int    // number of the line that next returned last

	source       *source       // what r reads, ahead of the decompressor
	decompressor *decompressor // nil: the list is not compressed
}

func newLines(r io.Reader) *lines {
	s := &source{r: r}
	return &lines{r: bufio.NewReaderSize(s, sniffSize), source: s}
}

// next returns the next line without its end, LF or CRLF. It is valid until the next
// call. At the end of the list the error is io.EOF, with no line. errNUL belongs to this
// line alone; any other error ends reading.
func (l *lines) next() ([]byte, error) {
	text, err := l.read()
	if err != nil && (err != io.EOF || len(text) == 0) {
		if err != io.EOF {
			l.line++
		}
		return nil, err
	}
	l.line++
	text = bytes.TrimSuffix(text, []byte("\n"))
	text = bytes.TrimSuffix(text, []byte("\r"))
	if bytes.IndexByte(text, 0) >= 0 {
		return nil, errNUL
	}
	return text, nil
}

func (l *lines) read() ([]byte, error) {
	text, err := l.r.ReadSlice('\n')
	if err != bufio.ErrBufferFull {
		return text, err
	}
	l.long = append(l.long[:0], text...)
	for err == bufio.ErrBufferFull {
		text, err = l.r.ReadSlice('\n')
		if len(l.long)+len(text) > maxLine+len("\r\n") {
			return nil, errTooLong
		}
		l.long = append(l.long, text...)
	}
	return l.long, err
}

// skip drops n lines.
func (l *lines) skip(n int) error {
	for range n {
		if _, err := l.next(); err != nil && err != errNUL {
			return err
		}
	}
	return nil
}

// recordReader gives a parser one line at a time, counts them, and bounds one record: it
// fails with errLongRow where more than maxLine bytes were read since begin.
type recordReader struct {
	r     *bufio.Reader
	first int    // number of the record's first line
	line  int    // number of the line that is being read
	rest  []byte // of that line
	mid   bool   // that line goes on after rest
	left  int    // bytes that the record may still have
	err   error  // r's, to be returned after rest
}

func (b *recordReader) begin() { b.left, b.first = maxLine, b.line+1 }

func (b *recordReader) Read(p []byte) (int, error) {
	if len(b.rest) == 0 {
		if b.err != nil {
			return 0, b.err
		}
		if b.left <= 0 {
			return 0, errLongRow
		}
		if !b.mid {
			b.line++
		}
		text, err := b.r.ReadSlice('\n')
		if b.mid = err == bufio.ErrBufferFull; !b.mid {
			b.err = err
		}
		if len(text) == 0 {
			return 0, b.err
		}
		b.rest = text
		b.left -= len(text)
	}
	n := copy(p, b.rest)
	b.rest = b.rest[n:]
	return n, nil
}

// significant says that a line is neither blank nor a comment. In every format a line
// that begins with # is a comment.
func significant(line []byte) bool {
	return len(bytes.Trim(line, " \t\r")) > 0 && line[0] != '#'
}
