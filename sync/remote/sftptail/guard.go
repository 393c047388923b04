package sftptail

import (
	"encoding/binary"
	"errors"
	"io"
	"sync/atomic"
)

// guard stands between a channel and pkg/sftp. It replays the VERSION packet that hello
// got, counts what comes of files and directories, and ends what pkg/sftp would go on with for ever: asking for
// a piece again that the server answers with no data each time.
type guard struct {
	r      io.Reader
	replay []byte
	data   *atomic.Int64

	head [13]byte // length, type, id and, of DATA, the data's length
	have int      // bytes of head that were seen
	left uint32   // bytes of the packet behind head
	load bool     // they are of a file or of a directory

	empty int // DATA packets without data, one after the other
	err   error
}

// mostEmpty is how many empty answers are taken for a mishap.
const mostEmpty = 100

var (
	errEmptyData = errors.New("the server answers reads with no data")
	errMalformed = errors.New("the server sent a malformed packet")
)

func (g *guard) Read(p []byte) (int, error) {
	if len(g.replay) > 0 {
		n := copy(p, g.replay)
		g.replay = g.replay[n:]
		return n, nil
	}
	if g.err != nil {
		return 0, g.err
	}
	n, err := g.r.Read(p)
	if g.err = g.look(p[:n]); g.err != nil {
		return 0, g.err
	}
	return n, err
}

// look follows the packets through the stream.
func (g *guard) look(p []byte) error {
	for len(p) > 0 {
		if g.left > 0 {
			n := min(g.left, uint32(len(p)))
			g.left -= n
			p = p[n:]
			if g.load {
				g.data.Add(int64(n))
			}
			continue
		}
		need := 5
		if g.have >= 5 && g.head[4] == fxpData {
			need = len(g.head)
		}
		n := copy(g.head[g.have:need], p)
		g.have += n
		p = p[n:]
		if g.have < need || need == 5 && g.head[4] == fxpData {
			continue
		}
		length := binary.BigEndian.Uint32(g.head[:])
		if length < uint32(need-4) {
			return errMalformed
		}
		if need > 5 && g.isEmpty() {
			return errEmptyData
		}
		g.left, g.have = length-uint32(need-4), 0
		g.load = g.head[4] == fxpData || g.head[4] == fxpName
	}
	return nil
}

// isEmpty says that a DATA packet is one empty one too many.
func (g *guard) isEmpty() bool {
	if binary.BigEndian.Uint32(g.head[9:]) > 0 {
		g.empty = 0
		return false
	}
	g.empty++
	return g.empty > mostEmpty
}

// quietStart swallows the INIT packet of pkg/sftp, which hello has sent already.
type quietStart struct {
	io.WriteCloser
	left int
}

func (w *quietStart) Write(p []byte) (int, error) {
	n := min(w.left, len(p))
	w.left -= n
	if n == len(p) {
		return n, nil
	}
	m, err := w.WriteCloser.Write(p[n:])
	return n + m, err
}
