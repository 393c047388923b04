package sftptail

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/pkg/sftp"
)

// lane is one SFTP session: a channel of a connection with a window of its own (2 MiB in
// x/crypto and in OpenSSH), and on most servers a process of its own.
type lane struct {
	host *host
	conn *conn // nil: an external command
	sftp *sftp.Client
	pipe *pipe
	cut  func(cause error) // ends the lane, and the connection if it has one
	gone chan struct{}

	limits
	inOrder bool // requests for one file are answered as if one by one
	calls   calls

	mu    sync.Mutex
	cause error // of its end

	files int // open or being opened; under the host's mu
}

// window is what one channel carries in a round trip.
const window = 2 << 20

// openLane begins SFTP on a connection.
func (h *host) openLane(c *conn) (*lane, error) {
	var l *lane
	err := h.within(func() { c.cut(fmt.Errorf("opening a session: %w", silence(h.client.opts.Stall))) }, func() error {
		ch, err := c.channel()
		if err != nil {
			return err
		}
		said := newSaid(ch.Stderr())
		l, err = h.newLane(&lane{conn: c, cut: c.cut}, ch, ch, said)
		if err != nil {
			ch.Close()
			return c.wire.why(err)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	h.follow(l)
	return l, nil
}

// within runs f and calls cut if it takes longer than Stall.
func (h *host) within(cut func(), f func() error) error {
	timer := time.AfterFunc(h.client.opts.Stall, cut)
	defer timer.Stop()
	return f()
}

// newLane begins SFTP on a pair of streams.
func (h *host) newLane(l *lane, r io.Reader, w io.WriteCloser, said *said) (*lane, error) {
	l.host, l.gone = h, make(chan struct{})
	known := h.limits.Load()
	start := time.Now()
	version, limits, err := hello(struct {
		io.Reader
		io.Writer
	}{r, w}, known == nil)
	if err != nil {
		return nil, said.explain(err)
	}
	if known == nil {
		h.limits.Store(&limits)
		h.sawRTT(time.Since(start)) // an upper bound, of two or so
	} else {
		limits = *known
	}
	l.limits = limits
	l.inOrder = hasLimits(version[9:]) // OpenSSH's own
	l.pipe = newPipe(r, w, version, &l.calls.data, l.cut)
	l.sftp, err = sftp.NewClientPipe(l.pipe, l.pipe,
		sftp.MaxPacketUnchecked(limits.read), sftp.UseConcurrentReads(false), sftp.UseFstat(true))
	if err != nil {
		return nil, err
	}
	h.client.done.Add(1)
	go func() {
		defer h.client.done.Done()
		err := l.sftp.Wait()
		if l.pipe.err != nil {
			err = l.pipe.err
		}
		l.end(err)
	}()
	return l, nil
}

// end notes why the lane ended.
func (l *lane) end(cause error) {
	if l.conn != nil {
		cause = l.conn.wire.why(cause)
	}
	if cause == nil || errors.Is(cause, io.EOF) || errors.Is(cause, sftp.ErrSSHFxConnectionLost) {
		cause = errLost
	}
	l.blame(cause)
	l.sftp.Close()
	close(l.gone)
	l.pipe.flushing.Wait()
}

// blame notes a cause. The first one counts.
func (l *lane) blame(cause error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.cause == nil {
		l.cause = cause
	}
}

// why returns why the lane ended, or else err.
func (l *lane) why(err error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.cause != nil {
		return l.cause
	}
	return err
}

// dead says that the lane ended, or is about to.
func (l *lane) dead() bool {
	select {
	case <-l.gone:
		return true
	default:
		return l.conn != nil && l.conn.wire.dead()
	}
}

// call runs one request. The error of a lane that broke is why it did.
func (l *lane) call(f func() error) error {
	k := l.calls.begin()
	err := f()
	l.calls.end(k)
	if err == nil || isAnswer(err) {
		return err
	}
	if !errors.Is(err, sftp.ErrSSHFxConnectionLost) && !errors.Is(err, io.EOF) {
		l.cut(err) // what answers so answers the next request no better
	}
	select { // the end is noted by another goroutine
	case <-l.gone:
	case <-time.After(time.Second):
	}
	return l.why(err)
}

// isAnswer says that an error is the server's answer, and not that of a broken lane.
func isAnswer(err error) bool {
	_, status := errors.AsType[*sftp.StatusError](err)
	return status || slices.Contains(answers, err)
}

// answers are what pkg/sftp makes of some status codes, and what is no fault of the lane.
// An error that wraps one of them is something else: a request that could not be sent, or
// a key file that is missing when the login is repeated.
var answers = []error{io.EOF, os.ErrNotExist, os.ErrPermission, os.ErrClosed, context.Canceled, context.DeadlineExceeded}

func (l *lane) open(path string) (f *sftp.File, err error) {
	start := time.Now()
	err = l.call(func() error {
		f, err = l.sftp.Open(path)
		return err
	})
	if err == nil {
		l.host.sawRTT(time.Since(start))
	}
	return f, err
}

// stat looks at a path, following links.
func (l *lane) stat(path string) (s status, err error) {
	err = l.call(func() error {
		fi, err := l.sftp.Stat(path)
		s = statusOf(fi, err)
		return err
	})
	return s, err
}

// fstat looks at an open file.
func (l *lane) fstat(f *sftp.File) (s status, err error) {
	start := time.Now()
	err = l.call(func() error {
		fi, err := f.Stat()
		s = statusOf(fi, err)
		return err
	})
	if err == nil {
		l.host.sawRTT(time.Since(start))
	}
	return s, err
}

// readAt fills p, or says why not: io.EOF where the file ends. What a server answers short
// is asked for again.
func (l *lane) readAt(f *sftp.File, p []byte, off int64) (n int, err error) {
	err = l.call(func() error {
		for n < len(p) {
			r := &read{into: p[n:]}
			if err := l.pipe.read(f, r, off+int64(n)); err != nil {
				return err
			}
			n += r.n
		}
		return nil
	})
	return n, err
}

// first is what is asked for of a file as soon as it is open.
type first struct {
	seen   status // of the file before it was read
	n      int    // bytes that came
	atEnd  bool   // there are none
	proven bool   // the file was looked at again after that
	after  status // what was seen then
}

// begin looks at an open file, reads what p takes, and looks at it again, in one round
// trip.
func (l *lane) begin(f *sftp.File, p []byte, off int64) (first, error) {
	r := &read{into: p, looks: true}
	err := l.call(func() error { return l.pipe.read(f, r, off) })
	switch {
	case err != nil && !isAnswer(err):
		return first{}, err
	case r.before.err != nil:
		return first{}, r.before.err
	case r.mixed: // what was read may be of another time
		return first{seen: r.before.status}, nil
	}
	return first{
		seen: r.before.status, n: r.n, atEnd: err == io.EOF,
		proven: r.after.err == nil, after: r.after.status,
	}, nil
}

func (l *lane) close(f *sftp.File) {
	_ = l.call(f.Close)
}

// status is what SFTP tells of a file that matters here.
type status struct {
	size  int64
	mtime int64 // Unix seconds; 0: not told
	mode  os.FileMode
}

func statusOf(fi os.FileInfo, err error) status {
	if err != nil {
		return status{}
	}
	s := status{size: fi.Size(), mode: fi.Mode()}
	if st, ok := fi.Sys().(*sftp.FileStat); ok {
		s.mtime = int64(st.Mtime)
		if st.Mode&0o170000 == 0 {
			s.mode = 0 // not told: taken for a regular file
		}
	}
	return s
}

// alike says that size and time are the same: what stands for a version.
func (s status) alike(t status) bool { return s.size == t.size && s.mtime == t.mtime }

// check says why a file cannot be read as one.
func (s status) check() error {
	switch {
	case s.mode.IsDir():
		return errDirectory
	case !s.mode.IsRegular():
		return errNotRegular
	case s.size < 0 || s.size >= marked:
		return errNoSize
	}
	return nil
}
