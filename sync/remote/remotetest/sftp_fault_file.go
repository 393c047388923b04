package remotetest

import (
	"bytes"
	"fmt"
	"os"
	"time"
)

// sent makes a fault that happens when n bytes were read by a handle, or all that it
// asked for up to the end. The READ that reaches that is short.
func sent(name string, n int64, fault func(q *session, h *handle, r readCall)) SFTPFault {
	return SFTPFault{Name: name, read: func(q *session, h *handle, r readCall) {
		if h.sent < n && r.off < q.size(h) {
			r.n = int(min(int64(r.n), n-h.sent))
			q.honest(h, r)
			return
		}
		fault(q, h, r)
	}}
}

// changed makes a fault that changes the file once when n bytes were read.
func changed(name string, n int64, change func(*File)) SFTPFault {
	return sent(name, n, func(q *session, h *handle, r readCall) {
		if !h.done {
			h.done = true
			q.s.mu.Lock()
			change(&h.inode.file)
			q.s.mu.Unlock()
		}
		q.honest(h, r)
	}).Times(1)
}

// SFTPGrow appends by bytes to the file when n were read.
func SFTPGrow(n, by int64) SFTPFault {
	return changed("grows under way", n, func(f *File) {
		grow(f, by)
		touch(f, "")
	})
}

// SFTPGrowUnseen does so and leaves the modification time.
func SFTPGrowUnseen(n, by int64) SFTPFault {
	return changed("grows and keeps its time", n, func(f *File) { grow(f, by) })
}

func grow(f *File, by int64) { f.Content = append(bytes.Clone(f.Content), Content(77, by)...) }

// SFTPShrink cuts the file to n bytes when so many were read.
func SFTPShrink(n int64) SFTPFault {
	return changed("shrinks under way", n, func(f *File) {
		f.Content = f.Content[:min(n, f.Size())]
		touch(f, "")
	})
}

// SFTPOverwrite writes the next version over the file in place when n bytes were read.
func SFTPOverwrite(n int64) SFTPFault {
	return changed("overwritten under way", n, func(f *File) { *f = NextVersion(*f) })
}

// SFTPOverwriteUnseen does so and sets the modification time back.
func SFTPOverwriteUnseen(n int64) SFTPFault {
	f := changed("overwritten unseen", n, func(f *File) { f.Content = NextVersion(*f).Content })
	f.Silent = true
	return f
}

// SFTPReplace puts the next version in the file's place by rename once it was opened.
func SFTPReplace() SFTPFault {
	return SFTPFault{Name: "replaced under way", open: func(q *session, h *handle, id uint32) {
		q.s.mu.Lock()
		h.node.replace(func(f *File) { *f = NextVersion(*f) })
		q.s.mu.Unlock()
		q.grip(id, h)
	}}.Times(1)
}

// SFTPSizeOff says a size that is wrong by that much.
func SFTPSizeOff(by int64) SFTPFault {
	return SFTPFault{Name: fmt.Sprintf("size off by %+d", by), attrs: func(_ *node, a *attrs) {
		a.size = uint64(max(int64(a.size)+by, 0))
	}}
}

// SFTPNoSize does not say the size, SFTPNoTime the modification time, SFTPNoAttrs either
// or the type.
func SFTPNoSize() SFTPFault  { return without("no size", attrSize) }
func SFTPNoTime() SFTPFault  { return without("no time", attrTimes).legal() }
func SFTPNoAttrs() SFTPFault { return without("no attributes", ^uint32(0)) }

func without(name string, flags uint32) SFTPFault {
	return SFTPFault{Name: name, attrs: func(_ *node, a *attrs) { a.flags &^= flags }}
}

// SFTPYoung says that the file was modified when it was opened.
func SFTPYoung() SFTPFault {
	return SFTPFault{Name: "modified now", Legal: true, attrs: func(n *node, a *attrs) {
		t := n.opened
		if t.IsZero() {
			t = time.Now()
		}
		a.setTime(t)
	}}
}

// SFTPRestless says another modification time each time.
func SFTPRestless() SFTPFault {
	return SFTPFault{Name: "time changes", attrs: func(n *node, a *attrs) { a.mtime += uint32(n.stats) }}
}

// SFTPStatFails answers FSTAT with FAILURE.
func SFTPStatFails() SFTPFault {
	return SFTPFault{Name: "FSTAT fails", fstat: func(q *session, _ *handle, id uint32) { q.status(id, fxFailure) }}
}

// SFTPSlowStat answers each FSTAT after d.
func SFTPSlowStat(d time.Duration) SFTPFault {
	return SFTPFault{Name: "slow FSTAT", Legal: true, fstat: func(q *session, h *handle, id uint32) {
		q.s.wait(nil, d)
		q.look(h, id)
	}}
}

// SFTPCloseFails answers CLOSE with FAILURE, and closes the file.
func SFTPCloseFails() SFTPFault {
	return SFTPFault{Name: "CLOSE fails", Legal: true, close: func(q *session, _ *handle, id uint32) { q.status(id, fxFailure) }}
}

// SFTPMissing, SFTPDenied and SFTPOpenFails answer OPEN with a status.
func SFTPMissing() SFTPFault   { return openFails("OPEN: no such file", fxNoSuchFile) }
func SFTPDenied() SFTPFault    { return openFails("OPEN: permission denied", fxPermissionDenied) }
func SFTPOpenFails() SFTPFault { return openFails("OPEN: failure", fxFailure) }

func openFails(name string, s status) SFTPFault {
	return SFTPFault{Name: name, open: func(q *session, _ *handle, id uint32) { q.status(id, s) }}
}

// SFTPDirectory is a directory by now: OPEN works, READ does not.
func SFTPDirectory() SFTPFault {
	return SFTPFault{
		Name:  "a directory",
		attrs: func(_ *node, a *attrs) { a.mode, a.size = unixType(os.ModeDir)|0o755, 4096 },
		read:  func(q *session, _ *handle, r readCall) { q.status(r.id, fxFailure) },
	}
}

// SFTPFIFO is a named pipe that nobody writes to: OPEN takes for ever, and with it all
// that the channel is asked afterwards.
func SFTPFIFO() SFTPFault {
	return SFTPFault{
		Name:  "a FIFO",
		attrs: func(_ *node, a *attrs) { a.mode, a.size = unixType(os.ModeNamedPipe)|0o644, 0 },
		open:  func(q *session, _ *handle, _ uint32) { q.deaf = true },
	}
}
