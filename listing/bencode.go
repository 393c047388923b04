package listing

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Bencode is the encoding of torrents (BEP 3): integers i42e, strings 4:spam, lists l…e and
// dictionaries d…e. The decoders that exist build trees by reflection and trust lengths and
// depths; a torrent comes from anywhere and its hashes may be most of 64 MiB. So the text is
// checked once here, and then read in place.

// maxBencodeDepth is how deep values may lie in each other. A torrent needs 6, the file tree
// of BEP 52 one more for each directory.
const maxBencodeDepth = 32

var (
	// errBencodeCut says that the text ends within a value.
	errBencodeCut  = errors.New("the torrent is cut off")
	errBencodeDeep = fmt.Errorf("the torrent is nested more than %d deep", maxBencodeDepth)
)

// bencoded is the text of one value, checked by parseBencode; "" is none.
type bencoded string

// parseBencode returns the value that the text is, with line ends behind it at most. It is as
// lenient as other readers of torrents are: keys may be in any order, numbers may begin with
// zeros.
func parseBencode(text string) (bencoded, error) {
	s := bencodeScanner{text: text}
	if err := s.value(1); err != nil {
		return "", err
	}
	if rest := strings.TrimRight(text[s.at:], "\r\n"); rest != "" {
		return "", fmt.Errorf("the torrent ends at byte %d, but %d bytes follow", s.at, len(rest))
	}
	return bencoded(text[:s.at]), nil
}

// bencodeScanner finds where values end.
type bencodeScanner struct {
	text string
	at   int
}

// value skips a value that lies in depth-1 others.
func (s *bencodeScanner) value(depth int) error {
	if s.at >= len(s.text) {
		return errBencodeCut
	}
	c := s.text[s.at]
	switch {
	case isDigit(c):
		_, err := s.str()
		return err
	case c == 'i':
		return s.integer()
	case c != 'l' && c != 'd':
		return s.bad()
	case depth > maxBencodeDepth:
		return errBencodeDeep
	}
	for s.at++; ; {
		if s.at >= len(s.text) {
			return errBencodeCut
		}
		if s.text[s.at] == 'e' {
			s.at++
			return nil
		}
		if c == 'd' {
			if _, err := s.str(); err != nil {
				return err
			}
		}
		if err := s.value(depth + 1); err != nil {
			return err
		}
	}
}

// integer skips i-12e. Its range matters only where it is used.
func (s *bencodeScanner) integer() error {
	s.at++
	if s.at < len(s.text) && s.text[s.at] == '-' {
		s.at++
	}
	first := s.at
	for s.at < len(s.text) && isDigit(s.text[s.at]) {
		s.at++
	}
	switch {
	case s.at >= len(s.text):
		return errBencodeCut
	case s.at == first || s.text[s.at] != 'e':
		return s.bad()
	}
	s.at++
	return nil
}

// str skips 4:spam and returns spam.
func (s *bencodeScanner) str() (string, error) {
	n := 0
	first := s.at
	for ; s.at < len(s.text) && isDigit(s.text[s.at]); s.at++ {
		n = min(10*n+int(s.text[s.at]-'0'), len(s.text)) // longer than the text is too long: no overflow
	}
	switch {
	case s.at >= len(s.text):
		return "", errBencodeCut
	case s.at == first || s.text[s.at] != ':':
		return "", s.bad()
	case n > len(s.text)-s.at-1:
		return "", errBencodeCut
	}
	from := s.at + 1
	s.at = from + n
	return s.text[from:s.at], nil
}

func (s *bencodeScanner) bad() error {
	return fmt.Errorf("the torrent is damaged at byte %d: no value of bencode begins or goes on so", s.at)
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// str returns the string that b is.
func (b bencoded) str() (string, bool) {
	if b == "" || !isDigit(b[0]) {
		return "", false
	}
	_, s, ok := strings.Cut(string(b), ":")
	return s, ok
}

// integer returns the integer that b is; false if it is none, or none of 64 bits.
func (b bencoded) integer() (int64, bool) {
	if b == "" || b[0] != 'i' {
		return 0, false
	}
	n, err := strconv.ParseInt(string(b[1:len(b)-1]), 10, 64)
	return n, err == nil
}

// isList says that b is a list, perhaps an empty one.
func (b bencoded) isList() bool { return b != "" && b[0] == 'l' }

// elements returns the elements of a list; none of anything else.
func (b bencoded) elements() elements {
	if !b.isList() {
		return ""
	}
	return elements(b[1:])
}

// elements are values one behind the other, perhaps with the end of their list. A copy goes
// its own way: so one can look ahead.
type elements string

// next takes the first of them away.
func (e *elements) next() (bencoded, bool) {
	s := bencodeScanner{text: string(*e)}
	if *e == "" || (*e)[0] == 'e' || s.value(1) != nil {
		return "", false
	}
	first := bencoded((*e)[:s.at])
	*e = (*e)[s.at:]
	return first, true
}

// fields returns the values of those keys of a dictionary, "" for each that it lacks. A key
// that is there twice is an error: other readers may take the other value.
func (b bencoded) fields(keys ...string) ([]bencoded, error) {
	if b == "" || b[0] != 'd' {
		return nil, errors.New("is not a dictionary")
	}
	values := make([]bencoded, len(keys))
	s := bencodeScanner{text: string(b), at: 1}
	for s.at < len(b)-1 {
		key, err := s.str()
		if err != nil {
			return nil, err // not to be had: b was checked
		}
		from := s.at
		if err := s.value(1); err != nil {
			return nil, err
		}
		for i, k := range keys {
			if k != key {
				continue
			}
			if values[i] != "" {
				return nil, fmt.Errorf("has the key %q twice", k)
			}
			values[i] = b[from:s.at]
		}
	}
	return values, nil
}
