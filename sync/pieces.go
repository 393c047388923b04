package sync

import (
	"errors"
	"fmt"
	"hash"

	"fsync/listing"
)

var errPiece = errors.New("wrong piece")

// badPiece is a piece whose bytes are not what the list says.
type badPiece struct {
	error
	local bool // some of its bytes were here before
}

func (e badPiece) Unwrap() error { return e.error }

func pieceError(p *listing.Pieces, i int, size int64, local bool) error {
	from, to := p.Span(i, size)
	return badPiece{fmt.Errorf("%w: bytes %d to %d are not those that the list has the %s of", errPiece, from, to-1, p.Algorithm), local}
}

// pieceSum hashes the piece that begins at or behind a position, from bytes that come in
// order.
type pieceSum struct {
	pieces *listing.Pieces
	size   int64 // of the file
	i      int   // the piece
	pos    int64 // of the next byte
	sum    hash.Hash
}

func newPieceSum(p *listing.Pieces, size, pos int64) *pieceSum {
	s := &pieceSum{pieces: p, size: size, pos: pos, sum: listing.Digest{Algorithm: p.Algorithm}.New()}
	if pos > p.Offset {
		s.i = int((pos - p.Offset + p.Length - 1) / p.Length)
	}
	return s
}

// span returns the bytes of the piece, or behind the last one none at the end of the file.
func (s *pieceSum) span() (from, to int64) {
	if s.i >= s.pieces.Count() {
		return s.size, s.size
	}
	return s.pieces.Span(s.i, s.size)
}

// take hashes the beginning of b, up to the end of a piece or of a gap between pieces, and
// returns its length. done says that a piece is complete, and right whether its digest is.
func (s *pieceSum) take(b []byte) (n int, done, right bool) {
	from, to := s.span()
	if s.pos < from { // in no piece
		n = int(min(int64(len(b)), from-s.pos))
		s.pos += int64(n)
		return n, false, false
	}
	n = int(min(int64(len(b)), to-s.pos))
	s.sum.Write(b[:n])
	if s.pos += int64(n); s.pos < to {
		return n, false, false
	}
	return n, true, s.end()
}

// end compares the digest of the piece and begins the next one.
func (s *pieceSum) end() bool {
	if s.i == s.pieces.Count()-1 {
		writeZeros(s.sum, s.pieces.Padding)
	}
	want := s.pieces.Sum(s.i)
	right := string(s.sum.Sum(nil)) == want.Sum
	s.sum.Reset()
	s.i++
	return right
}

func writeZeros(h hash.Hash, n int64) {
	var zeros [4096]byte
	for n > 0 {
		m := min(n, int64(len(zeros)))
		h.Write(zeros[:m])
		n -= m
	}
}

// pieceCheck checks the pieces of bytes that are written to it from byte 0 on.
type pieceCheck struct {
	*pieceSum
	until int64  // what lies behind is not looked at
	good  []bool // by piece; those that were not seen whole are not
}

func newPieceCheck(p *listing.Pieces, size, until int64) *pieceCheck {
	return &pieceCheck{newPieceSum(p, size, 0), until, make([]bool, p.Count())}
}

func (c *pieceCheck) Write(b []byte) (int, error) {
	all := len(b)
	for len(b) > 0 && c.i < len(c.good) && c.pos < c.until {
		i := c.i
		n, done, right := c.take(b)
		if done {
			c.good[i] = right
		}
		b = b[n:]
	}
	return all, nil
}

// bad returns the error of the first piece that was seen and is wrong, nil if none is.
func (c *pieceCheck) bad() error {
	if c == nil {
		return nil
	}
	for i := range c.i {
		if !c.good[i] {
			return pieceError(c.pieces, i, c.size, true)
		}
	}
	return nil
}
