package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	gosync "sync"
	"sync/atomic"
	"syscall"

	"fsync/listing"
)

// hasher computes the digests of files below a directory. It is safe for concurrent use.
type hasher struct {
	root *os.Root
	real string // the directory without symbolic links

	pieces bool          // digests of pieces are wanted, too
	length int64         // of a piece; 0: listing.PieceLength
	bytes  *atomic.Int64 // counts what was read

	blocks gosync.Pool // of *[hashBlock]byte
}

// hashBlock is how many bytes are read at a time.
const hashBlock = 1 << 20

func newHasher(dir string) (*hasher, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	h := &hasher{root: root, bytes: new(atomic.Int64)}
	h.blocks.New = func() any { return new([hashBlock]byte) }
	if h.real, err = filepath.Abs(dir); err == nil {
		h.real, err = filepath.EvalSymlinks(h.real)
	}
	if err != nil {
		root.Close()
		return nil, err
	}
	return h, nil
}

func (h *hasher) close() { h.root.Close() }

var (
	errMoving     = errors.New("it changed while it was read, twice")
	errNotRegular = errors.New("not a regular file")
)

// hash reads a file and returns its entry. A file that changes meanwhile is read once more.
func (h *hasher) hash(ctx context.Context, path string) (listing.Entry, error) {
	for range 2 {
		e, same, err := h.once(ctx, path)
		if err != nil || same {
			return e, reason(err)
		}
	}
	return listing.Entry{}, errMoving
}

// try says why a file cannot be read, without reading it.
func (h *hasher) try(path string) error {
	f, _, err := h.open(path)
	if err != nil {
		return reason(err)
	}
	return f.Close()
}

// reason leaves the path away that a message begins with already.
func reason(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	return err
}

// once reads a file, and says whether it was the same all the time.
func (h *hasher) once(ctx context.Context, path string) (e listing.Entry, same bool, err error) {
	f, before, err := h.open(path)
	if err != nil {
		return e, false, err
	}
	defer f.Close()
	e = listing.Entry{Path: path, Size: before.Size(), ModTime: before.ModTime()}
	same, err = h.read(ctx, f, f, &e)
	return e, same, err
}

// read sets the digests of an open file's entry. It says whether the file was all the time
// what the entry says.
func (h *hasher) read(ctx context.Context, f *os.File, r io.Reader, e *listing.Entry) (same bool, err error) {
	n, err := h.sum(ctx, r, e)
	if err != nil {
		return false, err
	}
	after, err := f.Stat()
	if err != nil {
		return false, err
	}
	return n == e.Size && after.Size() == e.Size && after.ModTime().Equal(e.ModTime), nil
}

// open opens a regular file, and follows links in the directory only.
func (h *hasher) open(path string) (*os.File, fs.FileInfo, error) {
	path = filepath.FromSlash(path)
	f, err := h.openRoot(path)
	if err != nil {
		// A Root follows no link that is absolute, or leads out and in again.
		target, evalErr := filepath.EvalSymlinks(filepath.Join(h.real, path))
		if evalErr != nil {
			return nil, nil, err
		}
		inside, relErr := filepath.Rel(h.real, target)
		if relErr != nil || !filepath.IsLocal(inside) || inside == path {
			return nil, nil, err
		}
		if f, err = h.openRoot(inside); err != nil {
			return nil, nil, err
		}
	}
	fi, err := f.Stat()
	if err == nil && !fi.Mode().IsRegular() {
		err = errNotRegular
	}
	if err != nil {
		f.Close()
		return nil, nil, err
	}
	return f, fi, nil
}

// openRoot does not wait for a FIFO that took a file's place.
func (h *hasher) openRoot(path string) (*os.File, error) {
	return h.root.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
}

// sum reads to the end, and sets the entry's digests. It returns how much there was.
func (h *hasher) sum(ctx context.Context, r io.Reader, e *listing.Entry) (n int64, err error) {
	block := h.blocks.Get().(*[hashBlock]byte)
	defer h.blocks.Put(block)
	whole, pieces := sha256.New(), h.newPieces(e.Size)
	for {
		if ctx.Err() != nil {
			return n, context.Cause(ctx)
		}
		m, err := r.Read(block[:])
		n += int64(m)
		h.bytes.Add(int64(m))
		whole.Write(block[:m])
		pieces.write(block[:m])
		switch {
		case err == io.EOF:
			e.Digests = []listing.Digest{{Algorithm: "sha256", Sum: string(whole.Sum(nil))}}
			e.Pieces = pieces.end()
			return n, nil
		case err != nil:
			return n, err
		case n > e.Size: // it grows, perhaps without end
			return n, nil
		}
	}
}

// pieceSums computes the digests of pieces; nil computes none.
type pieceSums struct {
	length int64
	hash   hash.Hash
	left   int64 // bytes that the piece under way lacks
	sums   []byte
}

// mostPieces bounds what is kept of a file, and written of it.
const mostPieces = 1 << 16

func (h *hasher) newPieces(size int64) *pieceSums {
	if !h.pieces || size == 0 {
		return nil
	}
	length := h.length
	if length == 0 {
		length = listing.PieceLength(size)
	}
	for size/length >= mostPieces {
		length *= 2
	}
	return &pieceSums{length: length, left: length, hash: sha256.New()}
}

func (p *pieceSums) write(b []byte) {
	if p == nil {
		return
	}
	for len(b) > 0 {
		n := min(p.left, int64(len(b)))
		p.hash.Write(b[:n])
		b = b[n:]
		if p.left -= n; p.left == 0 {
			p.next()
		}
	}
}

func (p *pieceSums) next() {
	p.sums = p.hash.Sum(p.sums)
	p.hash.Reset()
	p.left = p.length
}

// end returns the digests.
func (p *pieceSums) end() *listing.Pieces {
	if p == nil {
		return nil
	}
	if p.left < p.length {
		p.next()
	}
	return &listing.Pieces{Algorithm: "sha256", Length: p.length, Sums: string(p.sums)}
}
