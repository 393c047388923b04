package listing

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

// readJSON reads JSON Lines.
func (p *parser) readJSON() {
	p.each(func(line []byte) (draft, error) {
		d := newDraft(p.lines.line)
		return d, d.setObject(line)
	})
}

// setObject takes a line with one JSON object.
func (d *draft) setObject(line []byte) error {
	if !utf8.Valid(line) {
		return errors.New("the line is not valid UTF-8, as JSON must be") // the decoder would replace bytes silently
	}
	var object map[string]json.RawMessage
	if err := json.Unmarshal(line, &object); err != nil {
		return objectError(line, err)
	}
	// A map has no order, but mirrors and messages need one.
	keys := slices.SortedFunc(maps.Keys(object), func(a, b string) int {
		return cmp.Or(cmp.Compare(columnOf(a).rank, columnOf(b).rank), cmp.Compare(a, b))
	})
	columns := make([]column, len(keys))
	for i, key := range keys {
		if string(object[key]) != "null" {
			columns[i] = columnOf(key)
		}
	}
	if err := choose(columns); err != nil {
		return err
	}
	for i, key := range keys {
		if err := d.setValue(columns[i], object[key]); err != nil {
			return err
		}
	}
	return nil
}

func objectError(line []byte, err error) error {
	switch {
	case bytes.TrimLeft(line, " \t")[0] != '{':
		return errors.New("the line is not a JSON object")
	case strings.Contains(err.Error(), "unexpected end"):
		return errors.New("the JSON object does not end on its line: the list is cut off, or not one object a line")
	}
	return fmt.Errorf("not valid JSON: %w", err)
}

// setValue takes the value of one key. Numbers are taken as they are written: a float
// would round them.
func (d *draft) setValue(c column, raw json.RawMessage) error {
	number := raw[0] == '-' || '0' <= raw[0] && raw[0] <= '9'
	switch {
	case c.kind == ignored:
		return nil
	case c.kind == sizeColumn && !number:
		return fmt.Errorf("%q is not a number", c.name)
	case c.kind == sizeColumn || c.kind == timeColumn && number:
		return d.set(c, string(raw))
	case c.kind == urlColumn && raw[0] == '[':
		return d.setMirrors(c, raw)
	case raw[0] != '"':
		return fmt.Errorf("%q is not a string", c.name)
	}
	s, err := jsonString(raw)
	if err != nil {
		return fmt.Errorf("%q %w", c.name, err)
	}
	return d.set(c, s)
}

func (d *draft) setMirrors(c column, raw json.RawMessage) error {
	var values []json.RawMessage
	if err := json.Unmarshal(raw, &values); err != nil {
		return fmt.Errorf("not valid JSON: %w", err)
	}
	for _, value := range values {
		if value[0] != '"' {
			return fmt.Errorf("%q holds something else than strings", c.name)
		}
		if err := d.setValue(c, value); err != nil {
			return err
		}
	}
	return nil
}

// jsonString decodes a string. Half of a surrogate pair is no character: the decoder
// would put U+FFFD in its place, and so make up another name.
func jsonString(raw json.RawMessage) (string, error) {
	var s string
	if err := json.Unmarshal(raw, &s); err != nil {
		return "", fmt.Errorf("is not valid JSON: %w", err)
	}
	written := bytes.Count(raw, []byte("\uFFFD")) + bytes.Count(bytes.ToLower(raw), []byte(`\ufffd`))
	if strings.Count(s, "\uFFFD") > written {
		return "", errors.New("has an escape that is no character")
	}
	return s, nil
}
