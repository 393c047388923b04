package sync

import (
	"context"
	"io"
	"slices"
	gosync "sync"
)

// pieceGate holds bytes back until the piece that they belong to is complete and right.
type pieceGate struct {
	*pieceSum
	held  []byte // of the piece, behind what the file has of it
	most  int64  // how long held can get
	mixed int    // the piece that the file has the beginning of, -1 if there is none
}

// newPieceGate returns a gate for bytes from pos on, nil if there are no pieces. readAt
// yields what the file already has of the piece that pos lies in. The caller has room for
// a piece.
func (j *job) newPieceGate(ctx context.Context, pos int64, readAt readerAt) (*pieceGate, error) {
	p := j.Pieces
	if p == nil || j.want.Size < 0 {
		return nil, nil
	}
	begin := pos
	if pos >= p.Offset {
		begin -= (pos - p.Offset) % p.Length
	}
	g := &pieceGate{pieceSum: newPieceSum(p, j.want.Size, begin), most: min(p.Length, j.want.Size), mixed: -1}
	if from, _ := g.span(); begin < pos && from == begin {
		g.mixed = g.i
		buf := blocks.Get().(*[]byte)
		defer blocks.Put(buf)
		if err := hashTo(ctx, readAt, *buf, &begin, pos, []io.Writer{g.sum}); err != nil {
			return nil, here(err)
		}
	}
	g.pos = pos
	return g, nil
}

// readerAt is a method ReadAt.
type readerAt func([]byte, int64) (int, error)

func (r readerAt) ReadAt(p []byte, off int64) (int, error) { return r(p, off) }

// put takes the next bytes and gives what may be written to write.
func (g *pieceGate) put(b []byte, write func([]byte) error) error {
	for len(b) > 0 {
		i := g.i
		if i >= g.pieces.Count() { // behind the last piece
			return write(b)
		}
		from, _ := g.span()
		gap := g.pos < from
		n, done, right := g.take(b)
		part := b[:n]
		b = b[n:]
		switch {
		case done && !right:
			return pieceError(g.pieces, i, g.size, i == g.mixed)
		case !gap && (!done || len(g.held) > 0):
			g.hold(part)
			if !done {
				continue
			}
			part = g.held
			g.held = g.held[:0]
		}
		if err := write(part); err != nil {
			return err
		}
	}
	return nil
}

// hold keeps the next bytes of a piece. The memory for all of it is had at once: growing
// would copy, and take twice as much.
func (g *pieceGate) hold(b []byte) {
	if g.held == nil {
		g.held = make([]byte, 0, g.most)
	}
	g.held = append(g.held, b...)
}

// flush gives up holding back and writes what is held, though its piece is not complete: of
// a source that gives less than a piece at a time nothing would ever be written. The gate
// of the next answer checks the piece together with these bytes.
func (g *pieceGate) flush(write func([]byte) error) error {
	if g == nil || len(g.held) == 0 {
		return nil
	}
	part := g.held
	g.held = g.held[:0]
	return write(part)
}

// pieceMemory bounds what the pieces of all files under way hold in memory.
const pieceMemory = 256 << 20

// pieceRoom is what is left of it. Who came first is served first, so that long pieces are
// not passed over by short ones for ever.
type pieceRoom struct {
	mu    gosync.Mutex // guards what follows
	used  int64
	queue []*pieceTurn
}

// pieceTurn is a wait for n bytes of room.
type pieceTurn struct {
	n     int64
	ready chan struct{} // closed when they are taken
}

// takeRoom waits until there is memory for a piece of the job, if it has any. It is called
// ahead of a request: a server does not wait. The function that it returns gives the room
// back.
func (j *job) takeRoom(ctx context.Context) (func(), error) {
	if j.Pieces == nil || j.want.Size < 0 {
		return func() {}, nil
	}
	return j.room.take(ctx, min(j.Pieces.Length, j.want.Size))
}

// take waits until there is room for n bytes, or for anything at all if nobody else has
// any. The function that it returns gives the room back.
func (r *pieceRoom) take(ctx context.Context, n int64) (func(), error) {
	t := &pieceTurn{n, make(chan struct{})}
	r.mu.Lock()
	r.queue = append(r.queue, t)
	r.serve()
	r.mu.Unlock()
	select {
	case <-t.ready:
		return gosync.OnceFunc(func() { r.give(n) }), nil
	case <-ctx.Done():
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if i := slices.Index(r.queue, t); i >= 0 {
		r.queue = slices.Delete(r.queue, i, i+1)
	} else {
		r.used -= n // its turn came at the same moment
	}
	r.serve()
	return nil, context.Cause(ctx)
}

func (r *pieceRoom) give(n int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.used -= n
	r.serve()
}

// serve gives room to the first in the queue while there is some. mu is held.
func (r *pieceRoom) serve() {
	for len(r.queue) > 0 && (r.used == 0 || r.used+r.queue[0].n <= pieceMemory) {
		t := r.queue[0]
		r.queue = slices.Delete(r.queue, 0, 1)
		r.used += t.n
		close(t.ready)
	}
}
