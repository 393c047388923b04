package listing

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode"
)

// parseHeader tells a table's header row, and what separates its fields: TABs if it has
// any, else commas. It has two fields or more, one of which is path, name, file, url or
// mirror; the others are words of letters, digits, blanks and some signs, but no slash and
// no dot, so that a path or a URL is none.
func parseHeader(line string) (comma rune, columns []column, ok bool) {
	comma = ','
	if strings.Contains(line, "\t") {
		comma = '\t'
	}
	r := csv.NewReader(strings.NewReader(line))
	r.Comma = comma
	names, err := r.Read()
	if err != nil || len(names) < 2 {
		return 0, nil, false
	}
	for _, name := range names {
		if strings.ContainsFunc(name, notInHeader) {
			return 0, nil, false
		}
		c := columnOf(name)
		ok = ok || c.kind == pathColumn || c.kind == urlColumn
		columns = append(columns, c)
	}
	return comma, columns, ok
}

func notInHeader(r rune) bool {
	return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune(" _-()[]%#:", r)
}

// choose ignores all but the first, by rank, of the columns that say the same.
func choose(columns []column) error {
	best := map[kind]int{}
	for i, c := range columns {
		if c.kind == ignored || c.kind.repeats() {
			continue
		}
		j, ok := best[c.kind]
		switch {
		case !ok || c.rank < columns[j].rank:
			best[c.kind] = i
		case c.rank == columns[j].rank:
			return fmt.Errorf("%q is given twice", c.name)
		}
	}
	for i, c := range columns {
		if j, ok := best[c.kind]; ok && i != j {
			columns[i].kind = ignored
		}
	}
	return nil
}

// readTable reads CSV, or the same with TABs, from its header row on.
func (p *parser) readTable() {
	header, err := p.lines.next()
	if err != nil {
		p.fail(p.lines.line, err)
		return
	}
	comma, columns, _ := parseHeader(string(header))
	if err := choose(columns); err != nil {
		p.fail(p.lines.line, err)
		return
	}
	above := p.lines.line // csv counts from the line after the header
	bounded := &recordReader{r: p.lines.r, line: above}
	r := csv.NewReader(bounded)
	r.Comma, r.Comment, r.ReuseRecord, r.FieldsPerRecord = comma, '#', true, len(columns)
	rows := &rowReader{in: bounded, comma: byte(comma), fields: make([]string, len(columns))}
	for more := true; more; {
		if fields, ok := rows.next(); ok {
			above++ // a line that csv does not see
			more = p.row(bounded.line, columns, fields)
			continue
		}
		bounded.begin()
		record, err := r.Read()
		bad, isBad := errors.AsType[*csv.ParseError](err)
		switch {
		case err == io.EOF:
			return
		case isBad:
			more = p.fail(above+bad.StartLine, recordError(bad, len(columns), len(record)))
		case err != nil:
			p.fail(bounded.first, err)
			return
		default:
			line, _ := r.FieldPos(0)
			more = p.row(above+line, columns, record)
		}
	}
}

// row yields the entry of one record.
func (p *parser) row(line int, columns []column, record []string) bool {
	d := newDraft(line)
	for i, value := range record {
		if strings.IndexByte(value, 0) >= 0 {
			return p.fail(line, errNUL)
		}
		if err := d.set(columns[i], value); err != nil {
			return p.fail(line, err)
		}
	}
	return p.emit(d)
}

// recordError says what csv found in the words of a table.
func recordError(err *csv.ParseError, want, got int) error {
	switch {
	case errors.Is(err.Err, csv.ErrFieldCount):
		return fmt.Errorf("the row has %d fields, the header has %d", got, want)
	case errors.Is(err.Err, csv.ErrBareQuote):
		return fmt.Errorf(`column %d has a " in a field without quotes: write "a ""b"" c"`, err.Column)
	case errors.Is(err.Err, csv.ErrQuote):
		return fmt.Errorf(`column %d has a stray " in a quoted field, or the field does not end`, err.Column)
	}
	return err.Err
}
