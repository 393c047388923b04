package sftptail

import (
	"errors"
	"io"
	"math"
	"net/url"
	"time"

	"github.com/pkg/sftp"

	"fsync/sync/remote"
)

// open opens the file and looks at it. A file that is still the version of req.Unless is
// not opened.
func (b *body) open() (*handle, error) {
	l, err := b.host.take(b.ctx)
	if err != nil {
		return nil, err
	}
	hd, err := b.openOn(l)
	if hd == nil {
		b.host.give(l)
	}
	return hd, err
}

func (b *body) openOn(l *lane) (*handle, error) {
	if b.req.Unless != nil && b.req.Length == 0 || b.host.hangs(b.path) {
		st, err := l.stat(b.path)
		if err == nil {
			err = st.check()
		}
		if err != nil {
			return nil, err
		}
		b.version = st.version(b.url)
		if b.notModified = same(b.version, b.req.Unless); b.notModified {
			return nil, nil
		}
	}
	hd, f, err := b.openFirst(l)
	if err != nil {
		return nil, err
	}
	st := f.seen
	b.seen, b.version = st, st.version(b.url)
	b.pos = min(b.req.Offset, st.size)
	b.end = st.size
	if n := b.req.Length; n > 0 && b.pos <= math.MaxInt64-n {
		b.end = min(b.end, b.pos+n)
	}
	b.next = b.pos
	b.begun(f)
	return hd, nil
}

// openFirst opens the file on a lane. Where the server does one thing after the other,
// its first bytes are asked for in the same breath as its size. An error leaves nothing
// open.
func (b *body) openFirst(l *lane) (*handle, first, error) {
	if !l.inOrder || b.req.Offset >= marked {
		hd, st, err := b.openHandle(l)
		return hd, first{seen: st}, err
	}
	n := int64(min(commonRead, l.read))
	if b.req.Length > 0 {
		n = min(n, b.req.Length)
	}
	file, err := b.openName(l)
	if err != nil {
		return nil, first{}, err
	}
	b.first = getBuffer(int(n))
	f, err := l.begin(file, b.first, b.req.Offset)
	if errors.Is(err, remote.ErrStall) {
		b.host.hanging(b.path) // a device may be read from for ever, too
	}
	if err == nil {
		err = f.seen.check()
	}
	if err == nil && f.seen.size == 0 && !(f.atEnd && b.req.Offset == 0) {
		err = checkEmpty(l, file)
	}
	if err != nil {
		l.close(file) // before the lane is given back: it is counted there
		return nil, f, err
	}
	return &handle{lane: l, file: file}, f, nil
}

// begun takes the first bytes, so far as they are those that are wanted. If there are no
// others, the file was looked at after them.
func (b *body) begun(f first) {
	if b.first == nil {
		return
	}
	n := int(max(0, min(int64(f.n), b.end-b.pos)))
	if b.pos != b.req.Offset {
		n = 0
	}
	if b.first = b.first[:n]; n == 0 {
		putBuffer(b.first)
		b.first = nil
	}
	if f.proven && b.pos+int64(n) == b.end {
		b.proof = &f.after
	}
}

// openName opens the file on a lane.
func (b *body) openName(l *lane) (*sftp.File, error) {
	file, err := l.open(b.path)
	if errors.Is(err, remote.ErrStall) {
		b.host.hanging(b.path)
	}
	return file, err
}

// openHandle opens the file on a lane. An error leaves nothing open.
func (b *body) openHandle(l *lane) (*handle, status, error) {
	f, err := b.openName(l)
	if err != nil {
		return nil, status{}, err
	}
	st, err := l.fstat(f)
	if err == nil {
		err = st.check()
	}
	if err == nil && st.size == 0 {
		err = checkEmpty(l, f)
	}
	if err != nil {
		l.close(f) // before the lane is given back: it is counted there
		return nil, st, err
	}
	return &handle{lane: l, file: f}, st, nil
}

// checkEmpty: a size that the server did not tell looks like 0.
func checkEmpty(l *lane, f *sftp.File) error {
	n, err := l.readAt(f, make([]byte, 1), 0)
	switch {
	case n > 0:
		return errNoSize
	case err == io.EOF:
		return nil
	}
	return err
}

// version returns what is known of a file's state. A time that is less than 2 s old, or in
// the future, may stay the same when the file is written again. The server's clock is not
// known: this machine's has to do.
func (s status) version(u *url.URL) remote.Version {
	v := remote.Version{Size: s.size, Place: remote.PlaceOf(u)}
	if s.mtime != 0 {
		v.ModTime = time.Unix(s.mtime, 0)
		v.WeakTime = time.Since(v.ModTime) < 2*time.Second
	}
	return v
}

// same says whether a file is still a version.
func same(now remote.Version, was *remote.Version) bool {
	if was == nil || now.Size <= 0 || now.Size != was.Size || was.Place != "" && was.Place != now.Place {
		return false
	}
	t := now.StrongTime()
	return !t.IsZero() && t.Equal(was.StrongTime().Truncate(time.Second))
}

// hangs says that the opening of a path was never answered: it may be a FIFO.
func (h *host) hangs(path string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.hung[path]
}

// mostHung bounds what is remembered of a server where everything hangs.
const mostHung = 1000

func (h *host) hanging(path string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.hung) < mostHung {
		h.hung[path] = true
	}
}
