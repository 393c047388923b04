package listing

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
)

// stanza is what counts of a stanza of a Packages or Sources index: that of a package, with
// its Filename, or of a source package, with its Directory and the files there.
type stanza struct {
	line    int // of its begin; 0: nothing was read
	size    int // bytes read
	field   string
	given   map[string]bool // the fields that may be there once
	name    string          // of the package, for messages
	file    draft           // of Filename
	dir     string
	files   []draft        // of the blocks, in the order of their first lines
	index   map[string]int // in files, by name
	err     error          // the first error
	errLine int
}

// fields are the fields that count, in lower case. Those with a digest's algorithm are a
// digest in a package's stanza, a block of files in a source package's.
var fields = map[string]string{
	"package": "", "filename": "", "size": "", "directory": "",
	"files": "md5", "checksums-sha1": "sha1", "checksums-sha256": "sha256", "checksums-sha512": "sha512",
	"md5sum": "md5", "sha1": "sha1", "sha256": "sha256", "sha512": "sha512",
}

// add takes a line that is not blank.
func (s *stanza) add(line int, text []byte) error {
	if text[0] == ' ' || text[0] == '\t' {
		if s.size == len(text)+1 {
			return errors.New("the stanza begins with a blank")
		}
		return s.goOn(line, text)
	}
	name, value, ok := cutField(text)
	if !ok {
		s.field = ""
		return errNoField
	}
	s.field = strings.ToLower(string(name[:min(len(name), len("checksums-sha256")+1)]))
	algorithm, counts := fields[s.field]
	if !counts {
		return nil
	}
	if s.given[s.field] {
		return fmt.Errorf("%q is given twice in a stanza", s.field)
	}
	if s.given == nil {
		s.given = map[string]bool{}
		s.file = newDraft(s.line)
	}
	s.given[s.field] = true
	switch {
	case isBlock(s.field):
		return s.goOn(line, value)
	case algorithm != "":
		return s.file.addDigest(algorithm, string(value))
	case s.field == "package":
		s.name = string(value)
	case s.field == "filename":
		s.file.path = string(value)
	case s.field == "directory":
		s.dir = string(value)
	case s.field == "size":
		return s.file.setSize(string(value))
	}
	return nil
}

// isBlock tells the fields that hold a file on each line.
func isBlock(field string) bool { return field == "files" || strings.HasPrefix(field, "checksums-") }

// goOn takes a line of a block: "HEX SIZE NAME". Other fields need no more than a line.
func (s *stanza) goOn(line int, text []byte) error {
	text = bytes.Trim(text, " \t")
	if !isBlock(s.field) || len(text) == 0 {
		return nil
	}
	parts := strings.Fields(string(text))
	if len(parts) != 3 {
		return fmt.Errorf(`not a line of %q: "HEX SIZE NAME"`, s.field)
	}
	sum, size, name := parts[0], parts[1], parts[2]
	if strings.Contains(name, "/") {
		return fmt.Errorf("file %s of a source package has a slash", show(name))
	}
	i, known := s.index[name]
	if !known {
		if s.index == nil {
			s.index = map[string]int{}
		}
		i = len(s.files)
		s.index[name] = i
		s.files = append(s.files, newDraft(line))
		s.files[i].path = name
	}
	f := &s.files[i]
	before := f.size
	if err := f.setSize(size); err != nil {
		return err
	}
	if before >= 0 && before != f.size {
		return fmt.Errorf("two sizes of %s are given: %d and %d", show(name), before, f.size)
	}
	return f.addDigest(fields[s.field], sum)
}

// drafts returns the files of the stanza.
func (s *stanza) drafts() ([]draft, error) {
	switch {
	case s.given["filename"]:
		s.file.keepStrong()
		return []draft{s.file}, nil
	case s.given["directory"] && len(s.files) > 0:
		for i := range s.files {
			if s.dir != "" {
				s.files[i].path = s.dir + "/" + s.files[i].path
			}
			s.files[i].keepStrong()
		}
		return s.files, nil
	case s.given["directory"]:
		return nil, fmt.Errorf("the stanza of %s names no files", show(s.name))
	}
	return nil, fmt.Errorf("the stanza of %s has neither a Filename nor a Directory: only Packages and Sources of an archive say where files lie", show(s.name))
}

// keepStrong drops the digests that no longer withstand an attacker, if there are others.
func (d *draft) keepStrong() {
	var strong []Digest
	for _, one := range d.digests {
		if !one.Weak() {
			strong = append(strong, one)
		}
	}
	if strong != nil {
		d.digests = strong
	}
}
