package sync

import (
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
func (j *job) pumpPipe(w *local.Writer, s *stream, total int64, v *verifier, put func([]byte) error) error {
	body, ok := s.tail.Body.(remote.Splicer)
	if !ok || min(s.tail.End, total)-s.pos <= smallRest {
		return nil
	}
	pipe, err := local.NewPipe()
	if err != nil {
		return nil // what is read comes, too
	}
	defer pipe.Close()
	for s.pos < total {
		n, err := body.Splice(pipe.W, int(min(pipeStep, total-s.pos)))
		spliced := true
		switch {
		case n > 0:
			// A body that broke off has still brought these.
			var werr error
			spliced, werr = j.appendPipe(w, s, pipe, n, v)
			if werr != nil {
				return here(werr)
			}
		case err == nil:
			err = s.once(put)
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

// appendPipe appends n bytes of the body, which are in the pipe.
func (j *job) appendPipe(w *local.Writer, s *stream, pipe *local.Pipe, n int, v *verifier) (spliced bool, err error) {
	s.count(int64(n))
	s.pos += int64(n)
	spliced, err = w.AppendPipe(pipe, n)
	v.grown(w.Size())
	j.active.Have.Store(w.Size())
	return spliced, err
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
