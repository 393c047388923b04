package listing

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"compress/gzip"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
)

// What a compressed list may come to. Lists of a million alike lines compress to a
// hundredth; deflate cannot do better than 1:1032, the others can.
const (
	freeSize   = 64 << 20 // bytes: up to there the ratio does not count
	maxRatio   = 500
	maxSize    = 64 << 30 // bytes
	maxHistory = 64 << 20 // bytes that a decoder may look back: its window, or dictionary
)

// ErrTooLarge says that compressed data comes to far more than a list does, or that it
// cannot be decompressed in bounded memory.
var ErrTooLarge = errors.New("compressed data that is too large for a list")

var (
	errRatio   = fmt.Errorf("%w: it comes to more than %d MiB, and to more than %d times itself", ErrTooLarge, freeSize>>20, maxRatio)
	errSize    = fmt.Errorf("%w: it comes to more than %d GiB", ErrTooLarge, maxSize>>30)
	errHistory = fmt.Errorf("%w: it needs more than %d MiB of memory; decompress it first", ErrTooLarge, maxHistory>>20)
)

// compression is a way to compress lists, told by how the data begins.
type compression struct {
	name string
	is   func(head []byte) bool
	open func(r *bufio.Reader) (io.ReadCloser, error)
}

// compressionHead is how much of the data tells its compression.
const compressionHead = 10

var compressions = []compression{
	{"gzip", magic("\x1f\x8b"), func(r *bufio.Reader) (io.ReadCloser, error) { return gzip.NewReader(r) }},
	{"zstd", magic("\x28\xb5\x2f\xfd"), openZstd},
	{"xz", magic("\xfd7zXZ\x00"), openXZ},
	{"bzip2", isBzip2, func(r *bufio.Reader) (io.ReadCloser, error) { return io.NopCloser(bzip2.NewReader(r)), nil }},
}

func magic(s string) func([]byte) bool {
	return func(head []byte) bool { return bytes.HasPrefix(head, []byte(s)) }
}

// isBzip2 looks at the magic of the first block, or of the end of an empty stream, as
// well: BZh alone may begin a name.
func isBzip2(head []byte) bool {
	if len(head) < 10 || string(head[:3]) != "BZh" {
		return false
	}
	next := string(head[4:10])
	return next == "\x31\x41\x59\x26\x53\x59" || next == "\x17\x72\x45\x38\x50\x90"
}

// openZstd decodes in the caller's goroutine: it leaves none behind.
func openZstd(r *bufio.Reader) (io.ReadCloser, error) {
	d, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxHistory))
	if err != nil {
		return nil, err
	}
	return d.IOReadCloser(), nil
}

// compressionOf returns how what r yields is compressed; nil: it is not.
func compressionOf(r *bufio.Reader) *compression {
	head, _ := r.Peek(compressionHead) // an error comes again where it matters
	for i := range compressions {
		if compressions[i].is(head) {
			return &compressions[i]
		}
	}
	return nil
}

// decompress makes l read what its data decompresses to, if it is compressed. Then l must
// be closed.
func (l *lines) decompress() error {
	c := compressionOf(l.r)
	if c == nil {
		return nil
	}
	d := &decompressor{name: c.name, source: l.source, in: l.r}
	var err error
	if d.r, err = c.open(l.r); err != nil {
		return d.explain(err)
	}
	l.decompressor, l.r = d, bufio.NewReaderSize(d, sniffSize)
	if again := compressionOf(l.r); again != nil {
		return &Error{Msg: fmt.Sprintf("compressed twice (%s in %s data): fsync decompresses a list once", again.name, c.name), Err: ErrBinary}
	}
	return nil
}

// close frees what decompress took.
func (l *lines) close() {
	if l.decompressor != nil {
		l.decompressor.r.Close() // reading told all errors already
	}
}

// decompressor bounds what comes out of a decoder and says what is wrong with it.
type decompressor struct {
	name   string
	source *source       // the compressed data
	in     *bufio.Reader // of source
	r      io.ReadCloser
	out    int64
	err    error
}

// Read returns the same error again and again, so that half a list is never taken for one.
func (d *decompressor) Read(p []byte) (int, error) {
	if d.err != nil {
		return 0, d.err
	}
	n, err := d.r.Read(p)
	d.out += int64(n)
	d.err = d.explain(err)
	if bad := checkSize(d.source.n-int64(d.in.Buffered()), d.out); bad != nil {
		n, d.err = 0, fmt.Errorf("%s: %w", d.name, bad)
	}
	return n, d.err
}

// checkSize refuses bombs: what in bytes of compressed data come to.
func checkSize(in, out int64) error {
	switch {
	case out > maxSize:
		return errSize
	case out > freeSize && out/maxRatio > in:
		return errRatio
	}
	return nil
}

// explain leaves an error of the source as it is, which some decoders take for an end.
func (d *decompressor) explain(err error) error {
	switch {
	case err == nil:
		return nil
	case d.source.err != nil && d.source.err != io.EOF:
		return d.source.err
	case err == io.EOF:
		return err
	case errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("%s data that ends too early: the list is cut off", d.name)
	case errors.Is(err, zstd.ErrWindowSizeExceeded), errors.Is(err, zstd.ErrDecoderSizeExceeded):
		return fmt.Errorf("%s: %w", d.name, errHistory)
	case errors.Is(err, ErrTooLarge):
		return fmt.Errorf("%s: %w", d.name, err)
	}
	return fmt.Errorf("damaged %s data: %w", d.name, err)
}

// source counts the bytes of a reader and keeps its error.
type source struct {
	r   io.Reader
	n   int64
	err error
}

func (s *source) Read(p []byte) (int, error) {
	if s.err != nil {
		return 0, s.err
	}
	n, err := s.r.Read(p)
	s.n += int64(n)
	s.err = err
	return n, err
}
