package httptail

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"fsync/sync/remote"
)

// body yields the bytes of an answer. It never yields more than was announced, and
// never ends in io.EOF before that.
type body struct {
	x               *exchange
	start, off, end int64 // off is the next byte; end is -1 if unknown
	err             error // sticky
}

// errClosed is the cause of a request that ended because its body was closed.
var errClosed = errors.New("body closed")

func (b *body) Read(p []byte) (int, error) {
	if b.err != nil || len(p) == 0 {
		return 0, b.err
	}
	if b.off == b.end {
		b.err = b.atEnd()
		return 0, b.err
	}
	if b.end >= 0 {
		p = p[:min(int64(len(p)), b.end-b.off)]
	}
	b.x.dog.begin()
	n, err := b.x.resp.Body.Read(p)
	b.x.dog.end(int64(n))
	b.off += int64(n)
	b.err = b.translate(err)
	return n, b.err
}

// Splice is that of remote.Splicer. Small pieces that come slowly are gathered, as each
// write has its price; but what is only in a pipe is lost to SIGKILL.
func (b *body) Splice(pipe *os.File, n int) (got int, err error) {
	conn, ok := b.x.resp.Body.(interface {
		splice(pipe *os.File, n int) (int, error)
	})
	if !ok || b.end < 0 {
		return 0, errors.ErrUnsupported
	}
	var first time.Time
	for b.err == nil && b.off < b.end && got < n {
		b.x.dog.begin()
		m, err := conn.splice(pipe, int(min(int64(n-got), b.end-b.off)))
		b.x.dog.end(int64(m))
		b.off, got = b.off+int64(m), got+m
		switch {
		case errors.Is(err, errors.ErrUnsupported) && got == 0:
			return 0, errors.ErrUnsupported
		case errors.Is(err, errors.ErrUnsupported):
			return got, nil // the next call says so
		case err != nil:
			b.err = b.translate(err)
		case m == 0 || got >= idleBlock || !first.IsZero() && time.Since(first) > blockAge:
			return got, nil
		case first.IsZero():
			first = time.Now()
		}
	}
	return got, b.err
}

// atEnd looks behind the last byte announced. A body in chunks can have more, and its
// trailers are read here; one with a Content-Length ends by itself.
func (b *body) atEnd() error {
	var more [1]byte
	for {
		b.x.dog.begin()
		n, err := b.x.resp.Body.Read(more[:])
		b.x.dog.end(int64(n))
		if n > 0 {
			return b.x.fail(remote.Temporary, 0, fmt.Errorf("more than the %d bytes announced", b.end-b.start))
		}
		if err != nil {
			return b.translate(err)
		}
	}
}

// translate says in our words how a read ended.
func (b *body) translate(err error) error {
	short := b.end >= 0 && b.off < b.end
	switch {
	case err == nil:
		return nil
	case err == io.EOF && !short:
		return io.EOF
	case err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF):
		err = io.ErrUnexpectedEOF
	}
	return b.x.transportError(b.progress(), err)
}

// progress says where a body was cut.
func (b *body) progress() string {
	if b.end < 0 {
		return fmt.Sprintf("cut after %d bytes at byte %d", b.off-b.start, b.off)
	}
	return fmt.Sprintf("cut after %d of %d bytes at byte %d", b.off-b.start, b.end-b.start, b.off)
}

// Close ends the request. It must not be called while a Read is under way: cancel the
// context for that.
func (b *body) Close() error {
	rest := int64(0)
	if b.err == nil && b.end >= 0 && b.end-b.off <= drainSize {
		rest = b.end - b.off + 1 // one more, to see the end
	}
	b.err = errClosed
	b.x.finish(rest)
	return nil
}

// finish ends an exchange. Up to drain bytes of the body are read if they come at once,
// so that the connection can be used again; a peer that stalls is not waited for.
func (x *exchange) finish(drain int64) {
	x.dog.stop()
	if x.load != nil {
		x.load.add(x.url.Host, -1)
		x.load = nil
	}
	if b, ok := x.resp.Body.(*directBody); ok && b.empty {
		drain = 0
	}
	if drain > 0 {
		t := time.AfterFunc(drainTime, func() { x.cancel(errClosed) })
		io.CopyN(io.Discard, x.resp.Body, drain)
		t.Stop()
	}
	x.resp.Body.Close() // its error says nothing that a reader has not seen
	if x.cancelCtx != nil {
		x.cancelCtx(errClosed)
	}
}
