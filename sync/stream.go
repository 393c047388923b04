package sync

import (
	"bytes"
	"context"
	"io"
	gosync "sync"

	"fsync/sync/local"
	"fsync/sync/remote"
)

// blockSize is how much is read and written in one go: large enough for few system
// calls (4 GiB took 0.8 of the time that blocks of 256 KiB took), small enough for one a
// file under way.
const blockSize = 1 << 20

// smallBlock is the same for bodies that fit: a run of small files then stays in the cache.
const smallBlock = 32 << 10

var (
	blocks      = gosync.Pool{New: func() any { b := make([]byte, blockSize); return &b }}
	smallBlocks = gosync.Pool{New: func() any { b := make([]byte, smallBlock); return &b }}
)

// stream reads the body of a tail and knows at which offset of the file it is.
type stream struct {
	ctx   context.Context
	stop  context.CancelFunc // ends the request
	job   *job
	tail  *remote.Tail
	pos   int64 // offset of the first byte of rest
	block *[]byte
	rest  []byte // read and not yet used
	guard *zeroGuard
}

// zeroGuard watches over the repair of a file that fsync did not write: up to end, every
// byte of file that the stream replaces must be zero.
type zeroGuard struct {
	file *local.File
	end  int64
}

// behind says whether the stream reached the end of what it replaces: the bytes behind a
// shorter one would be lost unseen.
func (g *zeroGuard) behind(pos int64) error {
	if g == nil || pos >= g.end {
		return nil
	}
	return conflictf("the local file has bytes behind the remote one's end, at byte %d", pos)
}

// check compares the next bytes of the stream, which are for offset pos.
func (g *zeroGuard) check(p []byte, pos int64) error {
	if g == nil || pos >= g.end {
		return nil
	}
	block := blocks.Get().(*[]byte)
	defer blocks.Put(block)
	mine := (*block)[:min(int64(len(p)), g.end-pos)]
	if _, err := g.file.ReadAt(mine, pos); err != nil && err != io.EOF {
		return here(err)
	}
	for i, b := range mine {
		if b != 0 && b != p[i] {
			return conflictf("the local file differs from the remote one at byte %d, and not by missing data alone", pos+int64(i))
		}
	}
	return nil
}

func newStream(ctx context.Context, stop context.CancelFunc, j *job, t *remote.Tail) *stream {
	return &stream{ctx: ctx, stop: stop, job: j, tail: t, pos: t.Start}
}

func (s *stream) release() {
	if s.block == nil {
		return
	}
	if len(*s.block) == smallBlock {
		smallBlocks.Put(s.block)
	} else {
		blocks.Put(s.block)
	}
	s.block, s.rest = nil, nil
}

// buffer returns the stream's own block.
func (s *stream) buffer() []byte {
	if s.block == nil && s.tail.End >= 0 && s.tail.End-s.pos < smallBlock {
		s.block = smallBlocks.Get().(*[]byte)
	} else if s.block == nil {
		s.block = blocks.Get().(*[]byte)
	}
	return *s.block
}

// read reads once from the body into p, and keeps the counts and the rate limit.
func (s *stream) read(p []byte) (int, error) {
	if lim := s.job.Limiter; lim != nil && len(p) > lim.Burst() {
		p = p[:lim.Burst()]
	}
	n, err := s.tail.Body.Read(p)
	s.count(int64(n))
	if lim := s.job.Limiter; lim != nil && n > 0 {
		if lim.WaitN(s.ctx, n) != nil {
			// It fails at once where the wait would be longer than the context lasts.
			<-s.ctx.Done()
			return n, context.Cause(s.ctx)
		}
	}
	return n, err
}

// next returns the next block of a body that lends its own, with the same counts and limit.
func (s *stream) next(b remote.Blocks) ([]byte, error) {
	p, err := b.Next()
	s.count(int64(len(p)))
	lim := s.job.Limiter
	for n := len(p); lim != nil && n > 0; {
		m := min(n, lim.Burst())
		if lim.WaitN(s.ctx, m) != nil {
			<-s.ctx.Done() // as in read
			return p, context.Cause(s.ctx)
		}
		n -= m
	}
	return p, err
}

func (s *stream) count(n int64) {
	s.job.Fetched += n
	s.job.stats.Fetched.Add(n)
}

// peek returns the next bytes, at least one, or io.EOF at the end of the body.
func (s *stream) peek() ([]byte, error) {
	for len(s.rest) == 0 {
		b := s.buffer()
		n, err := s.read(b)
		s.rest = b[:n]
		if n == 0 && err != nil {
			return nil, err
		}
	}
	return s.rest, nil
}

// skip goes n bytes on, at most as many as peek returned.
func (s *stream) skip(n int) {
	s.rest = s.rest[n:]
	s.pos += int64(n)
}

// compare goes on while the body equals the file, up to offset limit, and returns where
// it stopped: at limit, at the first byte that differs, or with io.EOF where the body
// ended before.
func (s *stream) compare(f *local.File, limit int64) (int64, error) {
	mine := blocks.Get().(*[]byte)
	defer blocks.Put(mine)
	for s.pos < limit {
		theirs, err := s.peek()
		if err != nil {
			return s.pos, err
		}
		n := int(min(int64(len(theirs)), limit-s.pos, blockSize))
		if _, err := f.ReadAt((*mine)[:n], s.pos); err != nil && err != io.EOF {
			return s.pos, here(err)
		} else if err == io.EOF {
			return s.pos, here(local.ErrChanged) // it was shortened under our eyes
		}
		same := equalPrefix(theirs[:n], (*mine)[:n])
		s.skip(same)
		s.job.Refetched += int64(same)
		if same < n {
			return s.pos, nil
		}
	}
	return s.pos, nil
}

// equalPrefix returns how many leading bytes of two slices of one length are equal.
func equalPrefix(a, b []byte) int {
	if bytes.Equal(a, b) {
		return len(a)
	}
	for i := range a {
		if a[i] != b[i] {
			return i
		}
	}
	return len(a)
}
