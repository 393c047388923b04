package sync

import (
	"cmp"
	"errors"
	"io"

	"fsync/sync/local"
	"fsync/sync/remote"
)

// pipeStep is how much of a body is spliced between two looks at anything else: as much as
// a pipe holds.
const pipeStep = 1 << 20

// pumpPipe lets the kernel move bytes from the connection to the file for as long as it
// can. Without an error the rest of the body, if only its end, is still to be read.
func (j *job) pumpPipe(b *wholeBlocks, s *stream, total int64, put func([]byte) error) (err error) {
	body, ok := s.tail.Body.(remote.Splicer)
	if !ok || min(s.tail.End, total)-s.pos <= smallRest {
		return nil
	}
	pipe, err := local.NewPipe()
	if err != nil {
		return nil // what is read comes, too
	}
	defer pipe.Close()
	p := &piped{wholeBlocks: b, Pipe: pipe}
	defer func() { err = cmp.Or(p.takeOut(), err) }()
	for s.pos < total {
		if err := p.takeIn(); err != nil {
			return err
		}
		n, err := body.Splice(pipe.W, int(min(pipeStep, total-s.pos)))
		spliced := true
		switch {
		case n > 0:
			// A body that broke off has still brought these.
			s.count(int64(n))
			s.pos += int64(n)
			var werr error
			if spliced, werr = p.append(n, s.pos == total); werr != nil {
				return here(werr)
			}
		case err == nil:
			if err = p.takeOut(); err == nil {
				err = s.once(put)
			}
		}
		if !spliced && err == nil || err == io.EOF || errors.Is(err, errors.ErrUnsupported) {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// piped appends whole blocks that are in a pipe. What comes behind them waits there.
type piped struct {
	*wholeBlocks
	*local.Pipe
	in int // bytes in the pipe
}

// append appends what the pipe has, to which n bytes were added. Where the kernel cannot
// splice into the file, it says so and does it in another way.
func (p *piped) append(n int, last bool) (spliced bool, err error) {
	p.in += n
	spliced = true
	if missing := p.missing(); missing > 0 {
		if p.in < missing && !last {
			return true, nil
		}
		if spliced, err = p.move(min(p.in, missing)); err == nil && !(last && p.in == 0) {
			err = p.w.SyncData()
		}
	}
	whole := p.in
	if !last {
		whole -= p.in % blockAlign
	}
	if err == nil && whole > 0 {
		spliced, err = p.move(whole)
	}
	return spliced, err
}

// move appends the next n bytes of the pipe.
func (p *piped) move(n int) (spliced bool, err error) {
	p.in -= n
	if spliced, err = p.w.AppendPipe(p.Pipe, n); err != nil {
		p.in = 0 // there is more in it, and none of it is of use
	}
	p.wrote()
	return spliced, err
}

// takeIn puts what waits to be written into the pipe, which is empty then.
func (p *piped) takeIn() error {
	if len(p.part) == 0 {
		return nil
	}
	n, err := p.W.Write(p.part)
	p.part, p.in = p.part[n:], n
	return here(err)
}

// takeOut takes what waits in the pipe out of it.
func (p *piped) takeOut() error {
	if p.in == 0 {
		return nil
	}
	buf := make([]byte, p.in)
	p.in = 0
	if _, err := io.ReadFull(p.R, buf); err != nil {
		return here(err)
	}
	return p.put(buf, false)
}

// once gives what one read of the body brings to put.
func (s *stream) once(put func([]byte) error) error {
	b := s.buffer()
	n, err := s.read(b)
	if n > 0 {
		if err := put(b[:n]); err != nil {
			return err
		}
	}
	return err
}
