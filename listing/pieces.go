package listing

import (
	"crypto/sha256"
	"encoding/binary"
)

// Pieces are the digests of a file that is cut into pieces of one length. Those of a
// Metalink begin at byte 0 and cover all of the file. Those of a torrent may not: there the
// pieces are cut from all files one behind the other, and a piece with bytes of two files
// proves nothing of one.
type Pieces struct {
	Algorithm string // as in Digest
	Length    int64  // of a piece, in bytes; above 0
	Offset    int64  // of the first piece in the file: from 0 to Length-1
	Padding   int64  // zero bytes that belong to the last piece, behind the file's end
	Sums      string // the raw digests, one behind the other
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
	for _, a := range algorithms {
		if a.name == p.Algorithm {
			return a.size
		}
	}
	panic("listing: internal error: pieces of unknown algorithm " + p.Algorithm)
}
