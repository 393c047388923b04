package remotetest

import (
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/crypto/ssh"
)

// session is one channel to the subsystem. All that it answers, it answers from one
// goroutine, in the order that it was asked in, as OpenSSH's server does.
type session struct {
	s       *SFTPServer
	conn    *sftpConn
	ch      ssh.Channel
	config  SFTPConfig
	fault   *SFTPFault // the server's, or nil
	version uint32

	handles map[string]*handle
	opened  int
	over    bool     // the channel was closed
	deaf    bool     // nothing is answered any more
	held    []packet // replies that wait to be sent in another order
	release <-chan time.Time
}

// handle is a file as one OPEN found it, or a directory.
type handle struct {
	name  string
	node  *node
	inode *inode     // nil for what is no file
	fault *SFTPFault // or nil
	names []string   // what READDIR has still to give
	at    int        // what of a directory that was made up was given

	base  int64 // where the first READ was, -1 before it
	reads int
	sent  int64 // bytes of DATA
	done  bool  // the fault has happened
	mute  bool  // nothing is answered any more
}

// readCall is a READ.
type readCall struct {
	id  uint32
	off int64
	n   int
}

func (q *session) run() {
	quit := make(chan struct{})
	defer func() {
		close(quit)
		q.ch.Close()
		for name := range q.handles {
			q.forget(name)
		}
	}()
	if q.fault != nil && q.fault.start != nil {
		q.fault.start(q)
	}
	packets := make(chan []byte)
	q.s.running.Go(func() { readPackets(q.ch, packets, quit) })
	for !q.over {
		select {
		case p, ok := <-packets:
			if !ok {
				return
			}
			if !q.deaf {
				q.serve(p)
			}
		case <-q.release:
			q.sendHeld()
		case <-q.s.done:
			return
		}
	}
}

// readPackets reads until the channel ends.
func readPackets(r io.Reader, packets chan<- []byte, quit <-chan struct{}) {
	defer close(packets)
	for {
		var head [4]byte
		if _, err := io.ReadFull(r, head[:]); err != nil {
			return
		}
		n := binary.BigEndian.Uint32(head[:])
		if n == 0 || n > 1<<20 {
			return
		}
		p := make([]byte, n)
		if _, err := io.ReadFull(r, p); err != nil {
			return
		}
		select {
		case packets <- p:
		case <-quit:
			return
		}
	}
}

// send writes a packet. Where the peer is gone, reading ends as well.
func (q *session) send(p packet) {
	q.ch.Write(append(binary.BigEndian.AppendUint32(make([]byte, 0, 4+len(p)), uint32(len(p))), p...))
}

// hold keeps a reply back until there are n, or no more come for a while.
func (q *session) hold(p packet, n int) {
	q.held = append(q.held, p)
	q.release = time.After(5 * time.Millisecond)
	if len(q.held) >= n {
		q.sendHeld()
	}
}

// sendHeld sends what was held, the last one first.
func (q *session) sendHeld() {
	for i := len(q.held) - 1; i >= 0; i-- {
		q.send(q.held[i])
	}
	q.held, q.release = nil, nil
}

func (q *session) status(id uint32, s status) {
	q.send(newPacket(fxpStatus, id).u32(uint32(s)).str(fmt.Sprintf("status %d", s)).str(""))
}

// data answers a READ.
func (q *session) data(h *handle, id uint32, p []byte) { q.send(q.dataPacket(h, id, p)) }

// dataPacket makes the answer to a READ. Its bytes are counted before they are sent, so
// that what a client has was counted.
func (q *session) dataPacket(h *handle, id uint32, p []byte) packet {
	h.sent += int64(len(p))
	q.s.mu.Lock()
	h.node.bytes += int64(len(p))
	q.s.mu.Unlock()
	return newPacket(fxpData, id).str(string(p))
}

// serve answers one packet.
func (q *session) serve(p []byte) {
	in := &input{rest: p[1:]}
	if p[0] == fxpInit {
		q.hello()
		return
	}
	id := in.u32()
	switch p[0] {
	case fxpOpen:
		path, flags := in.str(), in.u32()
		if flags != 1 { // SSH_FXF_READ
			q.status(id, fxPermissionDenied)
			return
		}
		q.open(id, path)
	case fxpStat, fxpLstat:
		q.stat(id, in.str(), p[0] == fxpStat)
	case fxpOpendir:
		q.opendir(id, in.str())
	case fxpRealpath:
		q.realpath(id, in.str())
	case fxpReadlink:
		q.readlink(id, in.str())
	case fxpExtended:
		q.extended(id, in.str())
	case fxpClose, fxpRead, fxpFstat, fxpReaddir:
		name := in.str()
		h := q.handles[name]
		switch {
		case h == nil:
			q.status(id, fxFailure)
		case p[0] == fxpClose:
			q.forget(name)
			q.closed(id, h)
		case h.mute:
		case p[0] == fxpRead:
			off, n := in.u64(), in.u32()
			q.read(h, readCall{id, int64(off), int(min(n, 1<<30))})
		case p[0] == fxpFstat:
			q.fstat(id, h)
		default:
			q.readdir(id, h)
		}
	default:
		q.status(id, fxUnsupported)
	}
}

// closed answers a CLOSE.
func (q *session) closed(id uint32, h *handle) {
	switch {
	case h.mute:
	case h.fault != nil && h.fault.close != nil:
		h.fault.close(q, h, id)
	default:
		q.status(id, fxOK)
	}
}

// hello answers INIT.
func (q *session) hello() {
	p := newPacket(fxpVersion, q.version)
	if q.config.Limits != nil {
		p = p.str("limits@openssh.com").str("1")
	}
	q.send(p)
}

func (q *session) extended(id uint32, name string) {
	l := q.config.Limits
	if name != "limits@openssh.com" || l == nil {
		q.status(id, fxUnsupported)
		return
	}
	q.send(newPacket(fxpExtendedReply, id).u64(l.Packet).u64(l.Read).u64(l.Write).u64(l.Handles))
}

// find resolves a path and answers for what is not there.
func (q *session) find(id uint32, path string, follow bool) (place, bool) {
	q.s.mu.Lock()
	at, st := q.s.root.resolve(path, follow)
	q.s.mu.Unlock()
	if st != fxOK {
		q.status(id, st)
	}
	return at, st == fxOK
}

// grip makes a handle, unless there are too many.
func (q *session) grip(id uint32, h *handle) {
	if q.config.MaxHandles > 0 && len(q.handles) >= q.config.MaxHandles {
		q.status(id, fxFailure)
		return
	}
	q.opened++
	h.name, h.base = fmt.Sprintf("\x00handle %d", q.opened), -1
	q.handles[h.name] = h
	q.s.mu.Lock()
	h.node.handles++
	q.s.mu.Unlock()
	q.send(newPacket(fxpHandle, id).str(h.name))
}

func (q *session) forget(name string) {
	q.s.mu.Lock()
	q.handles[name].node.handles--
	q.s.mu.Unlock()
	delete(q.handles, name)
}

// open answers an OPEN, by the first fault of the file that is left.
func (q *session) open(id uint32, path string) {
	at, ok := q.find(id, path, true)
	if !ok {
		return
	}
	n := at.node()
	q.s.mu.Lock()
	n.opens++
	n.opened = time.Now()
	forbidden := n.forbidden
	h := &handle{node: n, inode: n.inode, fault: pick(n.faults, n.used, nil)}
	q.s.mu.Unlock()
	switch {
	case h.fault != nil && h.fault.open != nil:
		h.fault.open(q, h, id)
	case n.mode == os.ModeNamedPipe:
		q.deaf = true // open(2) waits for somebody to write
	case n.mode == os.ModeSocket:
		q.status(id, fxFailure)
	case forbidden:
		q.status(id, fxPermissionDenied)
	default:
		q.grip(id, h)
	}
}

// stat answers STAT and LSTAT.
func (q *session) stat(id uint32, path string, follow bool) {
	at, ok := q.find(id, path, follow)
	if !ok {
		return
	}
	q.s.mu.Lock()
	a := at.node().look()
	q.s.mu.Unlock()
	q.send(newPacket(fxpAttrs, id).attrs(a))
}

// look returns a node's attributes as the fault has them that the next OPEN will meet.
func (n *node) look() attrs {
	n.stats++
	a := n.attrs()
	if f := next(n.faults, n.used, nil); f != nil && f.attrs != nil {
		f.attrs(n, &a)
	}
	return a
}

func (q *session) fstat(id uint32, h *handle) {
	if h.fault != nil && h.fault.fstat != nil {
		h.fault.fstat(q, h, id)
		return
	}
	q.look(h, id)
}

// look answers an FSTAT.
func (q *session) look(h *handle, id uint32) {
	q.s.mu.Lock()
	h.node.stats++
	a := h.node.attrs()
	if h.inode != nil {
		a = h.inode.attrs()
	}
	if h.fault != nil && h.fault.attrs != nil {
		h.fault.attrs(h.node, &a)
	}
	q.s.mu.Unlock()
	q.send(newPacket(fxpAttrs, id).attrs(a))
}

// read answers a READ, by the file's fault if it has one.
func (q *session) read(h *handle, r readCall) {
	if h.inode == nil {
		q.status(r.id, fxFailure) // EISDIR
		return
	}
	h.reads++
	if h.base < 0 {
		h.base = r.off
	}
	if h.fault != nil && h.fault.read != nil {
		h.fault.read(q, h, r)
		return
	}
	q.honest(h, r)
}

// honest answers a READ as a good server does.
func (q *session) honest(h *handle, r readCall) {
	p, ok := q.bytes(h, r)
	if !ok {
		q.status(r.id, fxEOF)
		return
	}
	q.data(h, r.id, p)
}

// bytes returns what a READ is to bring, and whether there is anything.
func (q *session) bytes(h *handle, r readCall) ([]byte, bool) {
	q.s.mu.Lock()
	file := h.inode.file.reader()
	q.s.mu.Unlock()
	if r.off < 0 || r.off >= file.Size() {
		return nil, false
	}
	p := make([]byte, min(int64(r.n), int64(q.config.MaxRead), file.Size()-r.off))
	file.ReadAt(p, r.off)
	return p, true
}

// size is how large an open file is now.
func (q *session) size(h *handle) int64 {
	q.s.mu.Lock()
	defer q.s.mu.Unlock()
	return h.inode.file.Size()
}

// readdirNames is how many names a READDIR brings of OpenSSH's server.
const readdirNames = 100
