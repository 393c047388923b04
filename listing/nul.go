package listing

import (
	"bufio"
	"errors"
	"fmt"
	"io"
)

var (
	errLongName  = fmt.Errorf("the name is longer than %d bytes: does it end in a NUL byte?", maxLine)
	errEmptyName = errors.New("the name is empty")
	errNoNUL     = errors.New("the list has lines and no NUL byte: read it without -0")
)

// readNUL reads names that end in NUL bytes, as find -print0 writes them. The number of a
// name stands for its line.
func (p *parser) readNUL() {
	for n := 1; ; n++ {
		name, err := p.lines.nextNUL()
		switch {
		case err == io.EOF && len(name) == 0:
			return
		case err != nil && err != io.EOF:
			p.fail(n, err)
			return
		case err == io.EOF && n == 1 && name[len(name)-1] == '\n':
			p.fail(0, errNoNUL)
			return
		case len(name) == 0 && n == 1:
			p.fail(0, ErrBinary) // find writes no empty name, disk images begin with NUL bytes
			return
		}
		if !p.nulName(n, string(name)) || err == io.EOF {
			return
		}
	}
}

// nulName yields the entry of a name: a URL, user@host:path or a path, all of it.
func (p *parser) nulName(n int, name string) bool {
	if name == "" {
		return p.fail(n, errEmptyName)
	}
	d := newDraft(n)
	source, ok, err := plainURL(name)
	switch {
	case err != nil:
		return p.fail(n, err)
	case ok:
		d.urls = []string{source}
	default:
		d.source = name
	}
	return p.emit(d)
}

// nextNUL returns the next name without its NUL byte, with io.EOF if it has none. It is
// valid until the next call.
func (l *lines) nextNUL() ([]byte, error) {
	name, err := l.r.ReadSlice(0)
	if err == bufio.ErrBufferFull {
		l.long = l.long[:0]
		for err == bufio.ErrBufferFull {
			if l.long = append(l.long, name...); len(l.long) > maxLine {
				return nil, errLongName
			}
			name, err = l.r.ReadSlice(0)
		}
		l.long = append(l.long, name...)
		name = l.long
	}
	if err == nil {
		name = name[:len(name)-1]
	}
	if len(name) > maxLine {
		return nil, errLongName
	}
	return name, err
}
