package listing

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/ulikunitz/xz"
	"github.com/ulikunitz/xz/lzma"
)

const (
	// maxXZBlocks bounds the index that the decoder keeps. xz itself writes blocks of three
	// dictionaries, 24 MiB, if it writes more than one.
	maxXZBlocks = 1 << 16

	// maxXZDictionaries bounds the bytes of all dictionaries, of which the decoder makes one for
	// each block: to clear them takes time, and a block of 60 bytes may claim 64 MiB.
	maxXZDictionaries = 8 << 30
)

var (
	errXZ             = errors.New("its blocks are not laid out as xz data is")
	errXZDictionaries = fmt.Errorf("%w: its blocks have dictionaries of more than %d GiB; decompress it first", ErrTooLarge, maxXZDictionaries>>30)
)

// openXZ bounds what the decoder does not: it allocates a dictionary of the size that a
// block's header claims, which may be 4 GiB.
func openXZ(r *bufio.Reader) (io.ReadCloser, error) {
	x, err := xz.ReaderConfig{DictCap: lzma.MinDictCap}.NewReader(&xzGuard{r: r})
	if err != nil {
		return nil, err
	}
	return io.NopCloser(x), nil
}

// xzGuard passes xz data on and looks at each block's header before the decoder does (The
// .xz File Format, version 1.2.1, tukaani.org/xz/xz-file-format.txt). It also tells an end
// between blocks from the end of the data, which the decoder does not.
type xzGuard struct {
	r      *bufio.Reader
	pass   int // bytes to be passed on before part is looked at
	part   xzPart
	blocks int
	dicts  int64  // bytes of the dictionaries of all blocks so far
	check  int    // bytes of a block's checksum
	size   int    // of the block or index so far, modulo 4: for the padding
	left   uint64 // numbers in the index still to come
	count  []byte // bytes of the number of records
	err    error
}

// xzPart is what comes next.
type xzPart uint8

const (
	xzStream xzPart = iota // a stream's header, padding, or the end of the data
	xzBlock                // a block's header, or the index
	xzChunk                // a chunk of LZMA2
	xzCount                // the number of records in the index
	xzRecord               // a number of a record
)

func (g *xzGuard) Read(p []byte) (int, error) {
	if g.pass == 0 && g.err == nil {
		g.err = g.look()
	}
	if g.err != nil || len(p) == 0 {
		return 0, g.err
	}
	n, err := g.r.Read(p[:min(len(p), g.pass)])
	g.pass -= n
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// look sets pass and part by what lies ahead.
func (g *xzGuard) look() error {
	switch g.part {
	case xzStream:
		return g.stream()
	case xzBlock:
		return g.block()
	case xzChunk:
		return g.chunk()
	}
	return g.index()
}

// peek returns the next n bytes; they are all there unless the error says so.
func (g *xzGuard) peek(n int) ([]byte, error) {
	head, err := g.r.Peek(n)
	if err == io.EOF && (len(head) > 0 || g.part != xzStream) {
		err = io.ErrUnexpectedEOF
	}
	return head, err
}

func (g *xzGuard) stream() error {
	head, err := g.peek(4)
	if err != nil {
		return err
	}
	if binary.LittleEndian.Uint32(head) == 0 { // padding
		g.pass = 4
		return nil
	}
	if head, err = g.peek(12); err != nil {
		return err
	}
	sizes := [16]int{0, 4, 4, 4, 8, 8, 8, 16, 16, 16, 32, 32, 32, 64, 64, 64}
	g.check = sizes[head[7]&0xf]
	g.pass, g.part = 12, xzBlock
	return nil
}

func (g *xzGuard) block() error {
	head, err := g.peek(1)
	if err != nil {
		return err
	}
	if head[0] == 0 {
		g.pass, g.part, g.size, g.count = 1, xzCount, 1, g.count[:0]
		return nil
	}
	if g.blocks++; g.blocks > maxXZBlocks {
		return errXZ
	}
	n := (int(head[0]) + 1) * 4
	if head, err = g.peek(n); err != nil {
		return err
	}
	size, err := xzDictionarySize(head[1:])
	if err != nil {
		return err
	}
	if g.dicts += size; g.dicts > maxXZDictionaries {
		return errXZDictionaries
	}
	g.pass, g.part, g.size = n, xzChunk, 0
	return nil
}

// xzDictionarySize returns the size of the dictionary in a block's header, from its flags on.
// No filter but LZMA2 is decoded.
func xzDictionarySize(head []byte) (int64, error) {
	flags, r := head[0], bytes.NewReader(head[1:])
	for bit := byte(0x40); bit != 0; bit <<= 1 { // sizes of compressed and of other data
		if flags&bit != 0 {
			if _, err := binary.ReadUvarint(r); err != nil {
				return 0, errXZ
			}
		}
	}
	filter := make([]byte, 3) // its name, the size of what follows, the size of the dictionary
	if _, err := io.ReadFull(r, filter); err != nil || flags&3 != 0 || filter[0] != 0x21 || filter[1] != 1 {
		return 0, errors.New("a filter other than LZMA2 is not decoded")
	}
	size, err := lzma.DecodeDictCap(filter[2])
	if err != nil {
		return 0, errXZ
	}
	if size > maxHistory {
		return 0, errHistory
	}
	return size, nil
}

// chunk passes over the chunks of LZMA2 by their sizes, and behind the last one over the
// block's padding and checksum.
func (g *xzGuard) chunk() error {
	head, err := g.peek(1)
	if err != nil {
		return err
	}
	n := 1
	switch control := head[0]; {
	case control == 0:
		g.pass = 1 + (4-(g.size+1)%4)%4 + g.check
		g.part = xzBlock
		return nil
	case control >= 0xc0:
		n = 6
	case control >= 0x80:
		n = 5
	case control <= 2:
		n = 3
	default:
		return errXZ
	}
	if head, err = g.peek(n); err != nil {
		return err
	}
	data := head[1:3]
	if n > 3 {
		data = head[3:5]
	}
	g.pass = n + int(binary.BigEndian.Uint16(data)) + 1
	g.size = (g.size + g.pass) % 4
	return nil
}

// index passes over the index byte by byte, and behind it over the stream's footer.
func (g *xzGuard) index() error {
	head, err := g.peek(1)
	if err != nil {
		return err
	}
	g.pass = 1
	g.size++
	last := head[0] < 0x80 // byte of a number
	switch {
	case g.part == xzCount:
		if g.count = append(g.count, head[0]); len(g.count) > binary.MaxVarintLen64 {
			return errXZ
		}
		if !last {
			return nil
		}
		records, _ := binary.Uvarint(g.count)
		if records > maxXZBlocks {
			return errXZ
		}
		g.left, g.part = 2*records, xzRecord
	case last:
		g.left--
	}
	if g.left == 0 {
		g.pass += (4-g.size%4)%4 + 4 + 12
		g.part = xzStream
	}
	return nil
}
