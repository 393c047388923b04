package sync

import (
	"cmp"
	"context"
	"errors"
	"io"
	gosync "sync"
	"time"

	"fsync/sync/local"
	"fsync/sync/remote"
)

const (
	// smallRest is up to where one goroutine reads and writes: starting another costs more.
	smallRest = 1 << 20
	// queueDepth is how many blocks wait between the reader and the writer.
	queueDepth = 2
	// A writer that has nothing to do gets a block of this size, or one as old as this.
	idleBlock = 256 << 10
	blockAge  = 100 * time.Millisecond
)

// pump appends the rest of the stream to w, strictly in order. What was appended stays,
// whatever the error.
func (j *job) pump(ctx context.Context, w *local.Writer, s *stream, total int64, v *verifier) error {
	gate, err := j.newPieceGate(ctx, w.Size(), w.ReadAt)
	if err != nil {
		return err
	}
	before := w.Size()
	b := &wholeBlocks{w: w, wrote: func() {
		v.grown(w.Size())
		j.active.Have.Store(w.Size())
	}}
	put := func(p []byte) error {
		if total >= 0 && s.pos+int64(len(p)) > total {
			if s.tail.Size < 0 {
				return errListMore
			}
			return remote.Errorf(remote.Final, "the body is longer than the %d bytes announced", total)
		}
		if err := s.guard.check(p, s.pos); err != nil {
			return err
		}
		s.pos += int64(len(p))
		last := s.pos == total
		if gate != nil {
			return gate.put(p, func(p []byte) error { return b.put(p, last) })
		}
		return b.put(p, last)
	}
	if len(s.rest) > 0 {
		p := s.rest
		s.rest = nil
		if err := put(p); err != nil {
			return err
		}
	}
	if j.Limiter == nil && s.guard == nil && gate == nil && total >= 0 {
		if f, ok := s.tail.Body.(remote.Filer); ok {
			return j.pumpFile(ctx, b, s, f, total)
		}
		err = j.pumpPipe(b, s, total, put)
	}
	if err == nil {
		err = s.all(put) // or what is left
	}
	if several, ok := s.tail.Body.(remote.Several); ok {
		j.Requests += several.Requests()
	}
	if w.Size() == before && ctx.Err() == nil && endedEarly(err) {
		if err := gate.flush(func(p []byte) error { return b.put(p, true) }); err != nil {
			return err
		}
	}
	return cmp.Or(b.flush(), err)
}

// endedEarly says that a body ended, or broke off, without anything being wrong with what
// came.
func endedEarly(err error) bool {
	return err == nil || remote.KindOf(err) == remote.Temporary && !errors.Is(err, remote.ErrChanged)
}

// all gives the rest of the body to put, in the way that suits the body.
func (s *stream) all(put func([]byte) error) error {
	if b, ok := s.tail.Body.(remote.Blocks); ok {
		return s.eachBlock(b, put)
	}
	if end := s.tail.End; end >= 0 && end-s.pos <= smallRest {
		return s.each(put)
	}
	return s.eachAhead(put)
}

// each gives every block of the rest of the body to put.
func (s *stream) each(put func([]byte) error) error {
	b := s.buffer()
	for {
		n, err := s.fill(b, nil)
		if n > 0 {
			if err := put(b[:n]); err != nil {
				return err
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// eachBlock does the same with a body that reads ahead by itself.
func (s *stream) eachBlock(b remote.Blocks, put func([]byte) error) error {
	for {
		p, err := s.next(b)
		if len(p) > 0 {
			if err := put(p); err != nil {
				return err
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// fill reads until p is full or the body ends, so that writes are large. early, if not
// nil, says when less will do: what is only in memory is lost to SIGKILL.
func (s *stream) fill(p []byte, early func(n int) bool) (n int, err error) {
	for n < len(p) && err == nil && (early == nil || !early(n)) {
		var m int
		m, err = s.read(p[n:])
		n += m
	}
	return n, err
}

// eachAhead does the same with a goroutine that reads ahead while put writes.
func (s *stream) eachAhead(put func([]byte) error) error {
	type piece struct {
		block *[]byte
		n     int
		err   error
	}
	queue := make(chan piece, queueDepth)
	quit := make(chan struct{})
	var reader gosync.WaitGroup
	reader.Go(func() {
		defer close(queue)
		for {
			b := blocks.Get().(*[]byte)
			var first time.Time
			n, err := s.fill(*b, func(n int) bool {
				if n == 0 {
					first = time.Now()
					return false
				}
				return len(queue) == 0 && (n >= idleBlock || time.Since(first) > blockAge)
			})
			select {
			case queue <- piece{b, n, err}:
			case <-quit:
				return
			}
			if err != nil {
				return
			}
		}
	})
	var err error
	for p := range queue {
		if err == nil && p.n > 0 {
			err = put((*p.block)[:p.n])
		}
		blocks.Put(p.block)
		if err == nil && p.err != nil && p.err != io.EOF {
			err = p.err
		}
		if err != nil {
			break
		}
	}
	close(quit)
	if err != nil {
		s.stop() // ends a read that still waits
	}
	reader.Wait()
	return err
}

// fileStep is how much of a local source is copied between two looks at the context.
const fileStep = 64 << 20

// pumpFile lets the kernel copy from a file of this machine.
func (j *job) pumpFile(ctx context.Context, b *wholeBlocks, s *stream, f remote.Filer, total int64) error {
	src, off := f.File()
	w := b.w
	if err := b.flush(); err != nil {
		return err
	}
	for s.pos < total {
		before := w.Size()
		step := int64(fileStep)
		if begun := before % blockAlign; begun > 0 {
			step = blockAlign - begun
		}
		err := w.AppendFrom(ctx, src, off, min(step, total-s.pos))
		n := w.Size() - before
		s.pos, off = s.pos+n, off+n
		s.count(n)
		b.wrote()
		if err == io.EOF {
			return shortBody(s.pos, total)
		}
		if err == nil && step < blockAlign && s.pos < total {
			err = w.SyncData() // as wholeBlocks does
		}
		if err != nil {
			return here(err)
		}
	}
	if c, ok := s.tail.Body.(interface{ Verify() error }); ok {
		return c.Verify()
	}
	return nil
}
