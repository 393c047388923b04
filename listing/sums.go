package listing

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// readSums reads checksum files: GNU lines, BSD tags, PGP armour around them.
func (p *parser) readSums() {
	var a armour
	p.each(func(line []byte) (draft, error) {
		text, ok := a.text(line)
		if !ok {
			return draft{}, nil
		}
		s, ok := parseSum(string(text))
		if !ok {
			return draft{}, errors.New(`neither "HEX  name" nor "SHA256 (name) = HEX"`)
		}
		return s.draft(p.lines.line)
	})
}

// sum is one line of a checksum file.
type sum struct {
	algorithm string // "": told by the length
	hex       string
	name      string
	escaped   bool // the line began with a backslash: the name has escapes
}

func isSum(line []byte) bool {
	_, ok := parseSum(string(line))
	return ok
}

// parseSum takes "HEX  name", "HEX *name", the one blank or TAB of other tools, and
// "SHA256 (name) = HEX" with or without its blanks (openssl leaves some out).
func parseSum(line string) (sum, bool) {
	s := sum{}
	line, s.escaped = strings.CutPrefix(line, `\`)
	if i := strings.IndexAny(line, " \t"); i >= 0 && isSumHex(line[:i]) {
		s.hex, s.name = line[:i], line[i+1:]
		if s.name != "" && (s.name[0] == ' ' || s.name[0] == '*') {
			s.name = s.name[1:]
		}
		return s, s.name != ""
	}
	tag, rest, ok := strings.Cut(line, "(")
	end := strings.LastIndexByte(rest, ')')
	tag = strings.TrimSuffix(tag, " ")
	if !ok || end <= 0 || !isTag(tag) {
		return sum{}, false
	}
	s.algorithm, s.name = tag, rest[:end]
	s.hex, ok = strings.CutPrefix(strings.TrimLeft(rest[end+1:], " "), "=")
	s.hex = strings.Trim(s.hex, " \t")
	_, err := hex.DecodeString(s.hex)
	return s, ok && s.hex != "" && err == nil
}

// isSumHex tells a digest by its form. One of a length that no algorithm has is left to
// be an error if lines before it were digests.
func isSumHex(s string) bool {
	if len(s) < 32 || len(s) > 128 {
		return false
	}
	_, err := NewDigest("", s)
	return err == nil
}

func isTag(s string) bool {
	for i := range len(s) {
		c := s[i] | 0x20
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && strings.IndexByte("-_/", s[i]) < 0 {
			return false
		}
	}
	return s != ""
}

func (s sum) draft(line int) (draft, error) {
	d := newDraft(line)
	name := s.name
	if s.escaped {
		var err error
		if name, err = unescape(name); err != nil {
			return draft{}, err
		}
	}
	if name == "-" {
		return draft{}, errors.New(`the name "-" stands for standard input, not for a file`)
	}
	d.path = name
	// OpenSSL 3 writes SHA2-256.
	if rest, ok := strings.CutPrefix(s.algorithm, "SHA2-"); ok {
		s.algorithm = "SHA" + rest
	}
	return d, d.addDigest(s.algorithm, s.hex)
}

// unescape undoes what GNU coreutils does to names with a newline, a carriage return or a
// backslash, announced by a backslash at the line's begin.
func unescape(name string) (string, error) {
	var b strings.Builder
	for i := 0; i < len(name); i++ {
		if name[i] != '\\' {
			b.WriteByte(name[i])
			continue
		}
		i++
		switch {
		case i < len(name) && name[i] == '\\':
			b.WriteByte('\\')
		case i < len(name) && name[i] == 'n':
			b.WriteByte('\n')
		case i < len(name) && name[i] == 'r':
			b.WriteByte('\r')
		default:
			return "", fmt.Errorf(`name %s has an escape other than \\, \n and \r`, show(name))
		}
	}
	return b.String(), nil
}

// armour passes over the frame of a clear-signed PGP message (RFC 9580 §7). What lies
// outside the frame is read as well: without a check of the signature it is worth as much.
type armour struct{ in armourPart }

type armourPart uint8

const (
	outside armourPart = iota
	inHeaders
	inMessage
	inSignature
)

const (
	beginMessage   = "-----BEGIN PGP SIGNED MESSAGE-----"
	beginSignature = "-----BEGIN PGP SIGNATURE-----"
	endSignature   = "-----END PGP SIGNATURE-----"
)

func isArmour(line []byte) bool { return string(line) == beginMessage }

// text returns the line without dash-escaping; false if it belongs to the frame.
func (a *armour) text(line []byte) ([]byte, bool) {
	switch string(bytes.TrimRight(line, " \t")) {
	case beginMessage:
		a.in = inHeaders
		return nil, false
	case beginSignature:
		a.in = inSignature
		return nil, false
	case endSignature:
		a.in = outside
		return nil, false
	}
	switch a.in {
	case inSignature:
		return nil, false
	case inHeaders:
		// The blank line that ends the headers is not seen here.
		if bytes.HasPrefix(line, []byte("Hash: ")) {
			return nil, false
		}
		a.in = inMessage
	}
	if a.in == inMessage {
		line = bytes.TrimPrefix(line, []byte("- "))
	}
	return line, true
}
