package sftptail

import (
	"encoding/binary"
	"errors"
	"io"
	"os"
	"sync"
	"sync/atomic"

	"github.com/pkg/sftp"
)

// lister has directories read on a lane, an answer at a time. pkg/sftp collects a
// directory before it returns any of it, and one may be endless. So requests are put
// among those of pkg/sftp, with ids that it does not come to, and their replies are taken
// out of the stream before it sees them: the lane is one session as before, that is
// counted, watched and cut as one.
type lister struct {
	r    io.Reader
	data *atomic.Int64 // bytes of NAME packets that came

	// Of Read, which one goroutine calls:
	head [9]byte // length, type and id
	show []byte  // of head, still to be returned
	left uint32  // bytes of a packet for pkg/sftp behind head

	writing sync.Mutex // a packet of one or of the other; pkg/sftp has one Write for each
	w       io.WriteCloser

	mu    sync.Mutex // guards what follows
	asked uint32     // requests so far
	under map[uint32]answer
}

// answer is what is awaited for a request.
type answer struct {
	kind byte // of the packet, unless it is a STATUS
	came chan reply
}

type reply struct {
	kind byte
	body []byte // behind the id
}

// firstID is ours. pkg/sftp counts from 1 on: it would have read 64 TiB on one lane.
const firstID = 1 << 31

const (
	// largestReply is more than servers send: OpenSSH's own limit of a packet is 256 KiB.
	largestReply = 256<<10 + 1024

	largestName = 256 // of a handle (draft §6.2)

	// readAhead is how many READDIR are under way for a directory.
	readAhead = 2
)

// answersTo is the type of what answers a request, beside STATUS.
var answersTo = map[byte]byte{fxpClose: fxpStatus, fxpLstat: fxpAttrs, fxpOpendir: fxpHandle, fxpReaddir: fxpName}

func newLister(r io.Reader, w io.WriteCloser, data *atomic.Int64) *lister {
	return &lister{r: r, w: w, data: data, under: make(map[uint32]answer)}
}

// Read returns what is for pkg/sftp.
func (d *lister) Read(p []byte) (int, error) {
	for len(d.show) == 0 && d.left == 0 {
		if err := d.next(); err != nil {
			return 0, err
		}
	}
	if len(d.show) > 0 {
		n := copy(p, d.show)
		d.show = d.show[n:]
		return n, nil
	}
	n, err := d.r.Read(p[:min(uint64(len(p)), uint64(d.left))])
	d.left -= uint32(n)
	return n, err
}

// next looks at the head of a packet.
func (d *lister) next() error {
	n, err := io.ReadAtLeast(d.r, d.head[:], 5)
	if err != nil {
		return err
	}
	length := binary.BigEndian.Uint32(d.head[:])
	if length < 5 {
		return errMalformed
	}
	if _, err := io.ReadFull(d.r, d.head[n:]); err != nil {
		return err
	}
	id := binary.BigEndian.Uint32(d.head[5:])
	if id < firstID {
		d.show, d.left = d.head[:], length-5
		return nil
	}
	return d.deliver(d.head[4], id, length-5)
}

// deliver hands a reply to who awaits it. Nobody has to be there to take it.
func (d *lister) deliver(kind byte, id, length uint32) error {
	d.mu.Lock()
	a, ok := d.under[id]
	delete(d.under, id)
	d.mu.Unlock()
	if !ok || length > largestReply || kind != a.kind && kind != fxpStatus {
		return errMalformed
	}
	body := make([]byte, length)
	if _, err := io.ReadFull(counted{d.r, kind, d.data}, body); err != nil {
		return err
	}
	if !isReply(kind, a.kind, body) {
		return errMalformed
	}
	a.came <- reply{kind, body}
	return nil
}

// counted counts what comes of directories while it comes: on a slow line a packet takes
// its time.
type counted struct {
	io.Reader
	kind byte
	data *atomic.Int64
}

func (c counted) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	if c.kind == fxpName {
		c.data.Add(int64(n))
	}
	return n, err
}

// isReply says that the body of a packet is whole.
func isReply(kind, want byte, body []byte) bool {
	switch kind {
	case fxpHandle:
		name, rest, ok := cutString(body)
		return ok && len(name) <= largestName && len(rest) == 0
	case fxpName:
		return isNames(body)
	case fxpAttrs:
		_, ok := cutAttrs(body)
		return ok
	}
	// A STATUS, of which some servers leave out the text. OK is no name and no handle.
	return len(body) >= 4 && (want == fxpStatus || binary.BigEndian.Uint32(body) != 0)
}

// Write takes a packet of pkg/sftp.
func (d *lister) Write(p []byte) (int, error) {
	d.writing.Lock()
	defer d.writing.Unlock()
	return d.w.Write(p)
}

func (d *lister) Close() error { return d.w.Close() }

// send sends a request that has one string in it, as all of ours have.
func (d *lister) send(kind byte, arg []byte) (answer, error) {
	a := answer{answersTo[kind], make(chan reply, 1)}
	d.mu.Lock()
	id := firstID | d.asked
	d.asked++
	d.under[id] = a
	d.mu.Unlock()
	p := binary.BigEndian.AppendUint32(nil, uint32(1+4+4+len(arg)))
	p = binary.BigEndian.AppendUint32(append(p, kind), id)
	p = binary.BigEndian.AppendUint32(p, uint32(len(arg)))
	if _, err := d.Write(append(p, arg...)); err != nil {
		return answer{}, sftp.ErrSSHFxConnectionLost // and not io.EOF, which is an answer
	}
	return a, nil
}

// send sends a request. That may take as long as an answer: the server has to read it.
func (l *lane) send(kind byte, arg []byte) (a answer, err error) {
	err = l.call(func() error {
		a, err = l.dirs.send(kind, arg)
		return err
	})
	return a, err
}

// await returns the answer to a request. It waits as long as the lane lives, and
// regardless of any context: a handle that nobody takes would stay open.
func (l *lane) await(a answer) (r reply, err error) {
	err = l.call(func() error {
		select {
		case r = <-a.came:
			return nil
		case <-l.gone:
			return sftp.ErrSSHFxConnectionLost
		}
	})
	return r, err
}

// ask sends a request and returns the body of its answer.
func (l *lane) ask(kind byte, arg []byte) ([]byte, error) {
	a, err := l.send(kind, arg)
	if err != nil {
		return nil, err
	}
	r, err := l.await(a)
	if err != nil {
		return nil, err
	}
	return r.body, r.failed()
}

// ended says that a STATUS is the end of a directory.
func (r reply) ended() bool {
	return r.kind == fxpStatus && binary.BigEndian.Uint32(r.body) == 1
}

// failed returns what a STATUS says, as pkg/sftp has it.
func (r reply) failed() error {
	if r.kind != fxpStatus {
		return nil
	}
	switch code := binary.BigEndian.Uint32(r.body); code {
	case 2:
		return os.ErrNotExist
	case 3:
		return os.ErrPermission
	default:
		return &sftp.StatusError{Code: code}
	}
}

// lstat looks at a path, not following a link.
func (l *lane) lstat(path string) (a attrs, err error) {
	body, err := l.ask(fxpLstat, []byte(path))
	if err == nil {
		a, _ = cutAttrs(body)
	}
	return a, err
}

// readdir hands on what a directory holds, as it comes, as long as each says so. The name
// is of no use afterwards. While each takes its time, no more is asked for.
func (l *lane) readdir(path string, each func(entry) bool) error {
	body, err := l.ask(fxpOpendir, []byte(path))
	if err != nil {
		return err
	}
	handle, _, _ := cutString(body)
	defer l.send(fxpClose, handle) // nothing hangs on the answer
	var under []answer
	empty := 0
	for ended := false; !ended || len(under) > 0; {
		for !ended && len(under) < readAhead {
			a, err := l.send(fxpReaddir, handle)
			if err != nil {
				return err
			}
			under = append(under, a)
		}
		r, err := l.await(under[0])
		if err != nil {
			return err
		}
		under = under[1:]
		switch {
		case r.ended():
			ended = true // and who answers side by side may have names behind it
			continue
		case r.kind == fxpStatus && ended: // some fail what is asked for behind the end
			continue
		case r.kind == fxpStatus:
			return r.failed()
		}
		n, _ := cutNames(r.body)
		if empty++; n.left > 0 {
			empty = 0
		}
		if empty > mostEmpty {
			return errNoNames
		}
		if !n.each(each) {
			return nil
		}
	}
	return nil
}

// each says whether f wants more.
func (n *names) each(f func(entry) bool) bool {
	for n.left > 0 {
		if e, _ := n.next(); !f(e) {
			return false
		}
	}
	return true
}

var errNoNames = errors.New("the server answers for a directory with no names")
