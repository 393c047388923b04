package remotetest

// MakeUp makes a directory of which READDIR tells what entry returns, from 0 on, until it
// says that there is no more: one that is too large to be kept, or without end. Nothing
// in it can be opened. A name that ends in a slash is a directory's, and told without it.
func (s *SFTPServer) MakeUp(name string, entry func(i int) (name string, f File, ok bool)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.root.dir(name).madeUp = entry
}

// makeUp answers a READDIR.
func (q *session) makeUp(id uint32, h *handle) {
	var count uint32
	var list packet
	for ; count < readdirNames; count++ {
		name, f, ok := h.node.madeUp(h.at)
		if !ok {
			break
		}
		h.at++
		n := &node{inode: &inode{file: f}}
		if base := len(name) - 1; base > 0 && name[base] == '/' {
			n, name = newDir(), name[:base]
		}
		list = list.str(name).str("-rw-r--r--    1 user     user     " + name).attrs(n.attrs())
	}
	if count == 0 {
		q.status(id, fxEOF)
		return
	}
	q.send(append(newPacket(fxpName, id).u32(count), list...))
}
