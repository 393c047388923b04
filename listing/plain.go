package listing

import (
	"errors"
	"io"
	"strings"
)

// readPlain reads URLs and relative paths with aria2's options. An entry is complete only
// where the next one begins.
func (p *parser) readPlain() {
	var open *draft // the last entry, unless something is wrong with it
	flush := func() bool {
		d := open
		open = nil
		return d == nil || p.emit(*d)
	}
	begun := false
	for {
		text, err := p.next()
		line := string(text)
		switch {
		case err == io.EOF:
			flush()
			return
		case err != nil && err != errNUL:
			p.fail(p.lines.line, err) // the open entry may lack its options: dropped
			return
		case err == errNUL:
			if !flush() {
				return
			}
		case line[0] != ' ' && line[0] != '\t':
			if !flush() {
				return
			}
			d := newDraft(p.lines.line)
			begun, open = true, &d
			err = d.setPlain(line)
		case !begun:
			err = errors.New("an indented line is an option of the entry above it, and there is none")
		default:
			err = open.setOption(strings.Trim(line, " \t"))
		}
		if err != nil {
			open = nil
			if !p.fail(p.lines.line, err) {
				return
			}
		}
	}
}

// setPlain takes a path, a URL, or the URLs of one file with TABs between.
func (d *draft) setPlain(line string) error {
	fields := strings.Split(line, "\t")
	urls := 0
	for i, f := range fields {
		source, ok, err := plainURL(f)
		if err != nil {
			return err
		}
		if ok {
			fields[i] = source
			urls++
		}
	}
	if urls > 0 { // trailing TABs
		for fields[len(fields)-1] == "" {
			fields = fields[:len(fields)-1]
		}
	}
	switch {
	case urls == len(fields):
		d.urls = fields
	case len(fields) == 1:
		d.source = line
	case urls == 0:
		return errors.New("a TAB in a path: a table needs a header row that names its columns (path, size …); a name with a TAB can be written in JSON Lines")
	default:
		return errors.New("a path and a URL on one line: a table needs a header row that names its columns (path, url …)")
	}
	return nil
}

// plainURL returns the URL that a field is, or stands for as user@host:path does.
func plainURL(field string) (string, bool, error) {
	if trimmed := strings.Trim(field, " "); isURL(trimmed) {
		return trimmed, true, nil
	}
	u, ok, err := SSHURL(field, true)
	if !ok || err != nil {
		return "", ok, err
	}
	return u.String(), true, nil
}
