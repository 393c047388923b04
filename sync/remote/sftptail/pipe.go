package sftptail

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/pkg/sftp"
)

// pipe stands between a channel and pkg/sftp, for what its client has no way to be asked:
//
//   - Requests that come together leave in one write.
//   - What a READ brings goes straight to where it is wanted, and a file is looked at
//     ahead of and behind its first READ in the same flight: see read.
//   - Directories are read an answer at a time. pkg/sftp collects a directory before it
//     returns any of it, and one may be endless. So requests are put among those of
//     pkg/sftp, with ids that it does not come to, and their replies are taken out of the
//     stream before it sees them.
//
// The lane is one session as before, that is counted, watched and cut as one.
type pipe struct {
	data *atomic.Int64  // bytes of files and of directories that came
	cut  func(error)    // ends the lane
	w    io.WriteCloser // one Write of pkg/sftp is one packet

	// Of Read, which one goroutine calls:
	r     *bufio.Reader
	head  [9]byte  // length, type and id
	ok    [21]byte // a STATUS
	show  []byte   // still to be returned
	left  uint32   // bytes of a packet for pkg/sftp behind show
	empty int      // DATA packets without data, one after the other
	err   error    // what made no sense

	reading sync.Mutex // guards coming: from the call of ReadAt until its packet is here
	coming  *read

	flushing sync.WaitGroup

	mu      sync.Mutex // guards what follows
	out     []byte     // packets that are not written yet
	spare   []byte
	writing bool  // somebody does it
	broken  error // nothing more can be sent
	asked   uint32
	under   map[uint32]answer // requests of ours
	reads   map[uint32]*read  // of pkg/sftp
}

// answer is what is awaited for a request of ours.
type answer struct {
	kind  byte       // of the packet, unless it is a STATUS
	came  chan reply // nil for a look
	of    *read      // that it is a look beside
	after bool       // behind it
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

	// mostEmpty is how many empty answers are taken for a mishap.
	mostEmpty = 100

	// pipeBuffer has a few small packets in it; the data of large ones passes it by.
	pipeBuffer = 16 << 10
)

var (
	errEmptyData = errors.New("the server answers reads with no data")
	errMalformed = errors.New("the server sent a malformed packet")
)

// answersTo is the type of what answers a request, beside STATUS.
var answersTo = map[byte]byte{fxpClose: fxpStatus, fxpLstat: fxpAttrs, fxpFstat: fxpAttrs, fxpOpendir: fxpHandle, fxpReaddir: fxpName}

// newPipe returns a pipe that shows pkg/sftp the VERSION packet that hello got.
func newPipe(r io.Reader, w io.WriteCloser, version []byte, data *atomic.Int64, cut func(error)) *pipe {
	return &pipe{
		r: bufio.NewReaderSize(r, pipeBuffer), w: w, show: version, data: data, cut: cut,
		under: make(map[uint32]answer), reads: make(map[uint32]*read),
	}
}

// Read returns what is for pkg/sftp.
func (d *pipe) Read(p []byte) (int, error) {
	for len(d.show) == 0 && d.left == 0 {
		if err := d.next(); err != nil {
			if !errors.Is(err, io.EOF) {
				d.err = err
			}
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
func (d *pipe) next() error {
	if _, err := io.ReadFull(d.r, d.head[:5]); err != nil {
		return err
	}
	length := binary.BigEndian.Uint32(d.head[:])
	if length < 5 {
		return errMalformed
	}
	if _, err := io.ReadFull(d.r, d.head[5:]); err != nil {
		return err
	}
	kind, id := d.head[4], binary.BigEndian.Uint32(d.head[5:])
	d.mu.Lock()
	r := d.reads[id]
	d.mu.Unlock()
	switch {
	case id >= firstID:
		return d.deliver(kind, id, length-5)
	case r != nil:
		return d.answered(r, kind, length-5)
	case kind == fxpData: // pkg/sftp would ask for what is missing by itself
		return errMalformed
	}
	d.show, d.left = d.head[:], length-5
	return nil
}

// deliver hands a reply to who awaits it. Nobody has to be there to take it.
func (d *pipe) deliver(kind byte, id, length uint32) error {
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
	if a.of != nil {
		d.looked(a, reply{kind, body})
	} else {
		a.came <- reply{kind, body}
	}
	return nil
}

// counted counts what comes of files and of directories while it comes: on a slow line a
// packet takes its time.
type counted struct {
	io.Reader
	kind byte
	data *atomic.Int64
}

func (c counted) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	if c.kind == fxpName || c.kind == fxpData {
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

// Write takes a packet of pkg/sftp. It does not wait for it to be sent, so what others
// ask meanwhile goes along.
func (d *pipe) Write(p []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.broken != nil: // who is told so has his buffer back: nothing may come for it
		return 0, d.broken
	case p[4] == fxpInit: // hello has sent one
		return len(p), nil
	case p[4] == fxpRead:
		d.putRead(p)
	default:
		d.out = append(d.out, p...)
	}
	d.start()
	return len(p), nil
}

// put adds a request that has one string in it, as all of ours have.
func (d *pipe) put(kind byte, arg []byte, a answer) {
	id := firstID | d.asked
	d.asked++
	a.kind = answersTo[kind]
	d.under[id] = a
	d.out = binary.BigEndian.AppendUint32(d.out, uint32(1+4+4+len(arg)))
	d.out = binary.BigEndian.AppendUint32(append(d.out, kind), id)
	d.out = binary.BigEndian.AppendUint32(d.out, uint32(len(arg)))
	d.out = append(d.out, arg...)
}

// send sends a request of ours.
func (d *pipe) send(kind byte, arg []byte) (answer, error) {
	a := answer{came: make(chan reply, 1)}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.broken != nil {
		return answer{}, d.broken
	}
	d.put(kind, arg, a)
	d.start()
	return a, nil
}

// start has what was put written, unless somebody is about to. It is called under mu.
func (d *pipe) start() {
	if !d.writing {
		d.writing = true
		d.flushing.Go(d.flush)
	}
}

// flush writes what there is, and what is added meanwhile.
func (d *pipe) flush() {
	runtime.Gosched() // others that were answered by the same packet ask in the same one
	d.mu.Lock()
	defer d.mu.Unlock()
	for len(d.out) > 0 && d.broken == nil {
		p := d.out
		d.out = d.spare[:0]
		d.mu.Unlock()
		_, err := d.w.Write(p)
		d.mu.Lock()
		d.spare = p
		if err != nil {
			d.broken = sftp.ErrSSHFxConnectionLost // and not io.EOF, which is an answer
		}
		if err != nil && !errors.Is(err, io.EOF) { // else the reading ends, too
			d.cut(fmt.Errorf("sending: %w", err))
		}
	}
	d.writing = false
}

// Close says that no more is sent.
func (d *pipe) Close() error {
	d.mu.Lock()
	if d.broken == nil {
		d.broken = sftp.ErrSSHFxConnectionLost
	}
	d.mu.Unlock()
	return d.w.Close()
}
