package listing

import (
	"bytes"
	"encoding/json"
	"io"
)

// format is how a list is written.
type format uint8

const (
	plain format = iota
	sums
	table
	jsonLines
	metalink
	torrent
	deb822
	rpm
	nulNames // told by Options.NUL, not by content
)

var utf8BOM = []byte("\xef\xbb\xbf")

// sniff tells the format from the first 64 KiB, of which it consumes a byte order mark
// alone. skip is the number of blank and comment lines ahead of the first line that
// matters, which are to be passed over.
//
//	a bencoded dictionary                          torrent
//	UTF-16, or a NUL byte anywhere                 no list
//	a block of digests as in Debian's Release      no list
//	the first line that is no blank or comment:
//	  begins with <, root element is a metalink    Metalink
//	  begins with <, root element is RPM metadata  RPM primary.xml
//	  begins with < otherwise                      no list: HTML or XML
//	  begins with {, then " or } or its end        JSON Lines
//	  begins with [, then { " [ ] or its end       no list: a JSON array
//	  is a checksum line, or begins PGP armour     checksum file
//	  begins a stanza of a package (see isDeb822)  Debian Packages or Sources
//	  is a header row (see parseHeader)            table
//	  anything else, or no such line               plain
func sniff(l *lines) (f format, skip int, err error) {
	head, readErr := l.r.Peek(sniffSize)
	if len(head) == 0 && readErr != nil && readErr != io.EOF {
		return plain, 0, readErr
	}
	if isTorrent(head) {
		return torrent, 0, nil
	}
	if err := notText(head); err != nil {
		return plain, 0, err
	}
	if bytes.HasPrefix(head, utf8BOM) {
		head = head[len(utf8BOM):]
		l.r.Discard(len(utf8BOM)) // it was just peeked at
	}
	first := head
	for {
		line, rest, more := bytes.Cut(first, []byte("\n"))
		if significant(line) {
			f, err := formatOf(line, first, more)
			if err == nil && (f == plain || f == table) && isDeb822(first, readErr == io.EOF) {
				f = deb822
			}
			return f, skip, err
		}
		if !more {
			return plain, 0, nil
		}
		first = rest
		skip++
	}
}

// formatOf tells the format from the first line that matters. Whole says that head has
// all of it.
func formatOf(line, head []byte, whole bool) (format, error) {
	line = bytes.TrimSuffix(line, []byte("\r"))
	trimmed := bytes.Trim(line, " \t")
	var after byte // what follows the first byte; 0: nothing
	if rest := bytes.TrimLeft(trimmed[1:], " \t"); len(rest) > 0 {
		after = rest[0]
	}
	switch {
	case isRelease(head):
		return plain, &Error{Msg: "a Release file of a Debian archive: give the Packages and Sources files that it names as lists", Err: ErrNotList}
	case trimmed[0] == '<' && isMetalink(head):
		return metalink, nil
	case trimmed[0] == '<':
		return markup(trimmed, head)
	case trimmed[0] == '[' && bytes.IndexByte([]byte("\x00{[]\""), after) >= 0:
		return plain, &Error{Msg: "a JSON array: fsync reads JSON Lines, one object a line (jq -c '.[]' makes them)", Err: ErrNotList}
	case trimmed[0] == '{' && bytes.IndexByte([]byte("\x00}\""), after) >= 0:
		if whole && goesOn(trimmed) {
			return plain, &Error{Msg: "a JSON document over several lines: fsync reads JSON Lines, one object a line (jq -c . makes them)", Err: ErrNotList}
		}
		return jsonLines, nil
	case isArmour(trimmed) || isSum(line):
		return sums, nil
	}
	if _, _, ok := parseHeader(string(line)); ok {
		return table, nil
	}
	return plain, nil
}

// notText refuses what cannot be a list in UTF-8 or another superset of ASCII.
func notText(head []byte) error {
	if bytes.HasPrefix(head, []byte("\xff\xfe")) || bytes.HasPrefix(head, []byte("\xfe\xff")) {
		return &Error{Msg: "a text in UTF-16: lists are read in UTF-8", Err: ErrNotList}
	}
	if bytes.IndexByte(head, 0) >= 0 {
		return ErrBinary
	}
	return nil
}

// markup tells what begins with < and is no Metalink.
func markup(first, head []byte) (format, error) {
	root, _ := xmlRoot(head)
	if isRPM(root) {
		return rpm, nil
	}
	if err := rpmOther(root); err != nil {
		return plain, err
	}
	if bytes.HasPrefix(bytes.ToLower(first), []byte("<?xml")) && !bytes.Contains(bytes.ToLower(head), []byte("<html")) {
		return plain, &Error{Msg: "an XML document, not a list", Err: ErrNotList}
	}
	return plain, &Error{Msg: ErrHTML.Error() + " (is it a login page?)", Err: ErrHTML}
}

// isRelease tells the Release or InRelease file of a Debian archive by its blocks of digests.
func isRelease(head []byte) bool {
	for _, field := range []string{"MD5Sum", "SHA1", "SHA256", "SHA512"} {
		if bytes.Contains(head, []byte("\n"+field+":\n ")) {
			return true
		}
	}
	return false
}

// goesOn tells an object that goes on after its first line.
func goesOn(first []byte) bool {
	last := first[len(first)-1]
	return !json.Valid(first) && (last == '{' || last == '[' || last == ',')
}
