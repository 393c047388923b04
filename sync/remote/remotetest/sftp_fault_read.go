package remotetest

import "time"

// shortReads answers READs with no more than most of the bytes.
func shortReads(name string, most func(h *handle, r readCall) int) SFTPFault {
	return SFTPFault{Name: name, read: func(q *session, h *handle, r readCall) {
		r.n = min(r.n, most(h, r))
		q.honest(h, r)
	}}
}

// SFTPShortReads brings at most n bytes by a READ.
func SFTPShortReads(n int) SFTPFault {
	return shortReads("short READs", func(*handle, readCall) int { return n }).legal()
}

// SFTPOneByteReads brings one byte by each of the first n READs.
func SFTPOneByteReads(n int) SFTPFault {
	return shortReads("READs of one byte", func(h *handle, r readCall) int {
		if h.reads <= n {
			return 1
		}
		return r.n
	}).legal()
}

// SFTPRandomReads brings any number of bytes by a READ.
func SFTPRandomReads() SFTPFault {
	return shortReads("READs of any length", func(_ *handle, r readCall) int {
		return 1 + int(source(5).word(uint64(r.off))%uint64(max(r.n, 1)))
	}).legal()
}

// beyond makes a fault of the bytes from the n-th on, counted from a handle's first READ.
// A READ that reaches them is short.
func beyond(name string, n int64, fault func(q *session, h *handle, r readCall)) SFTPFault {
	return SFTPFault{Name: name, read: func(q *session, h *handle, r readCall) {
		if r.off-h.base >= n {
			fault(q, h, r)
			return
		}
		r.n = int(min(int64(r.n), h.base+n-r.off))
		q.honest(h, r)
	}}
}

// SFTPEarlyEOF ends the file after n bytes, although its size says more.
func SFTPEarlyEOF(n int64) SFTPFault {
	return beyond("early EOF", n, func(q *session, h *handle, r readCall) { q.status(r.id, fxEOF) })
}

// SFTPEmptyData answers with DATA without a byte after n bytes, for ever.
func SFTPEmptyData(n int64) SFTPFault {
	return beyond("empty DATA", n, func(q *session, h *handle, r readCall) { q.data(h, r.id, nil) })
}

// SFTPReadOK answers with STATUS OK after n bytes.
func SFTPReadOK(n int64) SFTPFault {
	return beyond("READ is OK", n, func(q *session, h *handle, r readCall) { q.status(r.id, fxOK) })
}

// SFTPReadFails answers with FAILURE after n bytes, as a disk error does.
func SFTPReadFails(n int64) SFTPFault {
	return beyond("READ fails", n, func(q *session, h *handle, r readCall) { q.status(r.id, fxFailure) })
}

// SFTPReadFailsOnce does so once for each handle.
func SFTPReadFailsOnce(n int64) SFTPFault {
	return beyond("READ fails once", n, func(q *session, h *handle, r readCall) {
		if h.done {
			q.honest(h, r)
			return
		}
		h.done = true
		q.status(r.id, fxFailure)
	})
}

// SFTPEmptyDataOnce answers the first READ of a handle without a byte.
func SFTPEmptyDataOnce() SFTPFault {
	return shortReads("empty DATA once", func(h *handle, r readCall) int {
		if h.reads == 1 {
			return 0
		}
		return r.n
	}).legal()
}

// SFTPLongData brings n bytes more than were asked for: the file's, as long as it has any.
func SFTPLongData(n int) SFTPFault {
	return SFTPFault{Name: "longer than the READ", read: func(q *session, h *handle, r readCall) {
		want := r.n
		r.n += n
		p, ok := q.bytes(h, r)
		if !ok {
			q.status(r.id, fxEOF)
			return
		}
		if len(p) <= want {
			p = append(p, Content(99, int64(want+n-len(p)))...)
		}
		q.data(h, r.id, p)
	}}
}

// SFTPReversed answers READs by n at a time, the last one first.
func SFTPReversed(n int) SFTPFault {
	return SFTPFault{Name: "reversed by " + itoa(int64(n)), Legal: true, read: func(q *session, h *handle, r readCall) {
		p, ok := q.bytes(h, r)
		if !ok {
			q.hold(newPacket(fxpStatus, r.id).u32(uint32(fxEOF)).str("end").str(""), n)
			return
		}
		q.hold(q.dataPacket(h, r.id, p), n)
	}}
}

// SFTPTrickle brings a byte by a READ, each after d.
func SFTPTrickle(d time.Duration) SFTPFault {
	return slow("trickles", d, 1)
}

// SFTPSlow brings 8 KiB by a READ, each after d.
func SFTPSlow(d time.Duration) SFTPFault {
	return slow("slow", d, 8<<10).legal()
}

func slow(name string, d time.Duration, n int) SFTPFault {
	return SFTPFault{Name: name, read: func(q *session, h *handle, r readCall) {
		q.s.wait(nil, d)
		r.n = min(r.n, n)
		q.honest(h, r)
	}}
}
