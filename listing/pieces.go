package listing

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
)

// MaxPieceLength is how long a piece may be, in bytes. A piece is held in memory until it is
// checked, so longer ones are of no use: lists that have them are read as if they had none.
const MaxPieceLength = 64 << 20

// Pieces are the digests of a file that is cut into pieces of one length. Those of a
// Metalink begin at byte 0 and cover all of the file. Those of a torrent may not: there the
// pieces are cut from all files one behind the other, and a piece with bytes of two files
// proves nothing of one.
type Pieces struct {
	Algorithm string // as in Digest
	Length    int64  // of a piece, in bytes: from 1 to MaxPieceLength
	Offset    int64  // of the first piece in the file: from 0 to Length-1
	Padding   int64  // zero bytes that belong to the last piece, behind the file's end
	Sums      string // the raw digests, one behind the other; at least one
}

// NewPieces returns the pieces of a whole file of that size: they begin at byte 0, and only
// the last one may be shorter than length. It returns nil without an error for an empty file,
// which has none, and for pieces longer than MaxPieceLength.
func NewPieces(algorithm string, length, size int64, sums string) (*Pieces, error) {
	p := &Pieces{Algorithm: algorithm, Length: length, Sums: sums}
	switch {
	case length < 1:
		return nil, fmt.Errorf("pieces of %d bytes", length)
	case size == 0 || length > MaxPieceLength:
		return nil, nil
	}
	if err := p.Check(size); err != nil {
		return nil, err
	}
	if !p.Cover(size) {
		return nil, p.misfit(size)
	}
	return p, nil
}

// Check says why these cannot be pieces of a file of that size: nil if they can.
func (p *Pieces) Check(size int64) error {
	n := sumSize(p.Algorithm)
	switch {
	case n == 0:
		return fmt.Errorf("pieces of unknown algorithm %s", show(p.Algorithm))
	case p.Length < 1 || p.Length > MaxPieceLength:
		return fmt.Errorf("pieces of %d bytes: from 1 to %d are possible", p.Length, MaxPieceLength)
	case p.Offset < 0 || p.Offset >= p.Length:
		return fmt.Errorf("pieces of %d bytes from byte %d on", p.Length, p.Offset)
	case size < 0:
		return errors.New("pieces are given, but no size")
	case p.Sums == "" || len(p.Sums)%n != 0:
		return fmt.Errorf("%d bytes are no row of %s digests", len(p.Sums), p.Algorithm)
	}
	last, end := p.Span(p.Count()-1, size)
	// A torrent's last piece may be short with the padding counted in.
	if last >= size || p.Padding < 0 || p.Padding > last+p.Length-end {
		return p.misfit(size)
	}
	return nil
}

func (p *Pieces) misfit(size int64) error {
	return fmt.Errorf("%d pieces of %d bytes do not fit a file of %d bytes", p.Count(), p.Length, size)
}

// Count returns the number of pieces.
func (p *Pieces) Count() int { return len(p.Sums) / p.sumSize() }

// Sum returns the digest of a piece.
func (p *Pieces) Sum(i int) Digest {
	n := p.sumSize()
	return Digest{p.Algorithm, p.Sums[i*n : (i+1)*n]}
}

// Span returns which bytes of a file of that size a piece has: [from, to).
func (p *Pieces) Span(i int, size int64) (from, to int64) {
	from = p.Offset + int64(i)*p.Length
	return from, min(from+p.Length, size)
}

// Cover says that each byte of a file of that size is in a piece.
func (p *Pieces) Cover(size int64) bool {
	return p.Offset == 0 && int64(p.Count())*p.Length >= size
}

// ID returns a digest that tells these pieces from others: of their digests, lengths and
// places, not of any bytes of the file.
func (p *Pieces) ID() Digest {
	h := sha256.New()
	h.Write([]byte(p.Algorithm))
	for _, n := range []int64{p.Length, p.Offset, p.Padding} {
		var b [9]byte
		binary.BigEndian.PutUint64(b[1:], uint64(n))
		h.Write(b[:])
	}
	h.Write([]byte(p.Sums))
	return Digest{"pieces", string(h.Sum(nil))}
}

func (p *Pieces) sumSize() int {
	if n := sumSize(p.Algorithm); n > 0 {
		return n
	}
	panic("listing: internal error: pieces of unknown algorithm " + p.Algorithm)
}
