package remotetest

import (
	"os"
	"path"
	"strings"
)

func (q *session) opendir(id uint32, path string) {
	at, ok := q.find(id, path, true)
	if !ok {
		return
	}
	q.s.mu.Lock()
	h := &handle{node: at.node(), names: at.node().names()}
	forbidden := h.node.forbidden
	q.s.mu.Unlock()
	switch {
	case h.node.children == nil:
		q.status(id, fxNoSuchFile) // ENOTDIR
	case forbidden:
		q.status(id, fxPermissionDenied)
	default:
		q.grip(id, h)
	}
}

func (q *session) readdir(id uint32, h *handle) {
	if h.node.children == nil {
		q.status(id, fxFailure)
		return
	}
	if h.node.madeUp != nil {
		q.makeUp(id, h)
		return
	}
	names := h.names[:min(readdirNames, len(h.names))]
	h.names = h.names[len(names):]
	if len(names) == 0 {
		q.status(id, fxEOF)
		return
	}
	p := newPacket(fxpName, id)
	var count uint32
	var list packet
	q.s.mu.Lock()
	for _, name := range names {
		n := h.node
		if name != "." && name != ".." {
			n = h.node.children[name]
		}
		if n == nil {
			continue // removed since
		}
		count++
		list = list.str(name).str("-rw-r--r--    1 user     user     " + name).attrs(n.look())
	}
	q.s.mu.Unlock()
	q.send(append(p.u32(count), list...))
}

// realpath answers also for a path whose end does not exist, as OpenSSH does.
func (q *session) realpath(id uint32, name string) {
	q.s.mu.Lock()
	at, st := q.s.root.resolve(name, true)
	q.s.mu.Unlock()
	real := at.String()
	if st == fxNoSuchFile {
		if !strings.HasPrefix(name, "/") {
			name = "/" + SFTPHome + "/" + name
		}
		real = path.Clean(name)
	} else if st != fxOK {
		q.status(id, st)
		return
	}
	q.send(newPacket(fxpName, id).u32(1).str(real).str(real).attrs(attrs{}))
}

func (q *session) readlink(id uint32, name string) {
	at, ok := q.find(id, name, false)
	if !ok {
		return
	}
	if at.node().mode != os.ModeSymlink {
		q.status(id, fxBadMessage) // EINVAL
		return
	}
	target := at.node().target
	q.send(newPacket(fxpName, id).u32(1).str(target).str(target).attrs(attrs{}))
}
