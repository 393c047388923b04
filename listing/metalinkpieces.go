package listing

import (
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"strconv"
)

// maxPieceSums bounds the piece hashes of one file, in bytes.
const maxPieceSums = 64 << 20

// metalinkPieces are the strongest pieces of a file so far.
type metalinkPieces struct {
	algorithm string // "": none
	strength  int
	length    int64
	sums      string
	line      int // of their element
}

// addPieces takes the hashes of pieces, unless fsync cannot use them or has better ones.
func (f *metalinkFile) addPieces(e xml.StartElement) (err error) {
	p := metalinkPieces{line: f.m.line()}
	written, _ := xmlAttr(e, "", "type")
	length, _ := xmlAttr(e, "", "length")
	p.length, err = strconv.ParseInt(length, 10, 64)
	if err != nil || p.length < 1 {
		return fmt.Errorf("the length %s of the pieces is not a number above 0", show(length))
	}
	var ok bool
	p.algorithm, p.strength, ok = knownAlgorithm(written)
	if !ok || p.length > MaxPieceLength || f.pieces.algorithm != "" && f.pieces.strength >= p.strength {
		return f.m.x.skip()
	}
	if p.sums, err = f.pieceSums(p.algorithm); err == nil {
		f.pieces = p
	}
	return err
}

// pieceSums reads the hashes to the end of their element.
func (f *metalinkFile) pieceSums(algorithm string) (string, error) {
	var sums pieceSums
	for depth := f.m.x.depth; ; {
		t, err := f.m.x.token()
		if err != nil {
			return "", err
		}
		e, ok := t.(xml.StartElement)
		switch {
		case f.m.x.depth < depth:
			return sums.sorted(sumSize(algorithm))
		case !ok:
		case !f.m.is(e, "hash"):
			err = f.m.x.skip()
		default:
			err = f.addSum(&sums, e, sumSize(algorithm))
		}
		if err != nil {
			return "", err
		}
	}
}

// addSum reads the hash of one piece.
func (f *metalinkFile) addSum(sums *pieceSums, e xml.StartElement, size int) error {
	text, err := f.text(maxMetalinkText)
	if err != nil {
		return err
	}
	if f.hashed += size; f.hashed > maxPieceSums {
		return fmt.Errorf("the hashes of the file's pieces are longer than %d bytes", maxPieceSums)
	}
	if len(text) != 2*size {
		return fmt.Errorf("the hash of a piece has %d hexadecimal digits, not %d", 2*size, len(text))
	}
	number := sums.count
	if f.m.space == metalink3Space {
		value, _ := xmlAttr(e, "", "piece")
		if number, err = strconv.Atoi(value); err != nil || number < 0 {
			return fmt.Errorf("the number %s of a piece is not a whole number", show(value))
		}
	}
	if sums.raw, err = hex.AppendDecode(sums.raw, []byte(text)); err != nil {
		return errors.New("the hash of a piece is not hexadecimal")
	}
	sums.add(number)
	return nil
}

// pieceSums are the hashes of pieces in the order of the document, which in Metalink 3 need
// not be that of the pieces.
type pieceSums struct {
	raw     []byte
	count   int
	numbers []int // of the pieces; nil as long as they are in order
}

// add takes the number of the piece whose hash was just appended to raw.
func (s *pieceSums) add(number int) {
	if s.numbers == nil && number == s.count {
		s.count++
		return
	}
	for len(s.numbers) < s.count {
		s.numbers = append(s.numbers, len(s.numbers))
	}
	s.numbers = append(s.numbers, number)
	s.count++
}

// sorted returns the hashes in the order of the pieces, each of which must be there once.
func (s *pieceSums) sorted(size int) (string, error) {
	if s.numbers == nil {
		return string(s.raw), nil
	}
	sorted, seen := make([]byte, len(s.raw)), make([]bool, s.count)
	for i, n := range s.numbers {
		switch {
		case n >= s.count:
			return "", fmt.Errorf("the hash of piece %d is given, but there are only %d", n, s.count)
		case seen[n]:
			return "", fmt.Errorf("piece %d has two hashes", n)
		}
		seen[n] = true
		copy(sorted[n*size:], s.raw[i*size:(i+1)*size])
	}
	return string(sorted), nil
}
