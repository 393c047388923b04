package remotetest

import (
	"io"

	"golang.org/x/crypto/ssh"
)

// SFTPStall answers nothing more that is about the handle when n bytes were read.
func SFTPStall(n int64) SFTPFault {
	return sent("stalls", n, func(_ *session, h *handle, _ readCall) { h.mute = true })
}

// SFTPStallOpen never answers the OPEN; the channel lives.
func SFTPStallOpen() SFTPFault {
	return SFTPFault{Name: "OPEN stalls", open: func(*session, *handle, uint32) {}}
}

// SFTPLostRead never answers one READ of a handle, the one with the n-th byte. Others it
// answers.
func SFTPLostRead(n int64) SFTPFault {
	return SFTPFault{Name: "a READ is lost", read: func(q *session, h *handle, r readCall) {
		at := min(h.base+n, q.size(h)-1)
		if !h.done && r.off <= at && at < r.off+int64(r.n) {
			h.done = true
			return
		}
		q.honest(h, r)
	}}
}

// SFTPReset resets the connection when n bytes were read. The client may lose some of
// them.
func SFTPReset(n int64) SFTPFault {
	return sent("connection reset", n, func(q *session, _ *handle, _ readCall) {
		q.over = true
		q.conn.reset()
	})
}

// SFTPDisconnect ends the connection when n bytes were read. What was sent arrives.
func SFTPDisconnect(n int64) SFTPFault {
	return sent("connection ended", n, func(q *session, _ *handle, _ readCall) {
		q.deaf = true
		q.conn.CloseWrite()
	})
}

// SFTPChannelClosed closes the channel when n bytes were read. The connection lives.
func SFTPChannelClosed(n int64) SFTPFault {
	return sent("channel closed", n, func(q *session, _ *handle, _ readCall) { q.over = true })
}

// SFTPChannelEOF ends what the channel brings when n bytes were read, and leaves it open.
func SFTPChannelEOF(n int64) SFTPFault {
	return sent("channel ended", n, func(q *session, _ *handle, _ readCall) {
		q.deaf = true
		q.ch.CloseWrite()
	})
}

// raw makes a fault that sends what is no answer to a READ when n bytes were read.
func raw(name string, n int64, p func(r readCall) []byte) SFTPFault {
	return sent(name, n, func(q *session, _ *handle, r readCall) { q.ch.Write(p(r)) })
}

// SFTPGarbage sends bytes that are no packet, with what a terminal would obey.
func SFTPGarbage(n int64) SFTPFault {
	return raw("garbage", n, func(readCall) []byte {
		return []byte("\x00\x00\x00\x30\x1b[31m\x07 out of memory, killed process 4711 (sftp)\r\n\r\n")
	})
}

// SFTPHugePacket begins a packet of almost 2 GiB.
func SFTPHugePacket(n int64) SFTPFault {
	return raw("huge packet", n, func(readCall) []byte { return packet{}.u32(1<<31 - 1) })
}

// SFTPShortPacket sends DATA that is shorter than it says.
func SFTPShortPacket(n int64) SFTPFault {
	return sent("short packet", n, func(q *session, _ *handle, r readCall) { q.send(newPacket(fxpData, r.id).u32(1000)) })
}

// SFTPUnknownID answers what nobody asked.
func SFTPUnknownID(n int64) SFTPFault {
	return sent("unknown id", n, func(q *session, h *handle, r readCall) {
		r.id ^= 0x40000000
		q.honest(h, r)
	})
}

// SFTPTwice answers each READ twice.
func SFTPTwice(n int64) SFTPFault {
	return sent("answers twice", n, func(q *session, h *handle, r readCall) {
		q.honest(h, r)
		q.honest(h, r)
	})
}

// SFTPWrongType answers a READ with a HANDLE.
func SFTPWrongType(n int64) SFTPFault {
	return sent("wrong type", n, func(q *session, _ *handle, r readCall) { q.send(newPacket(fxpHandle, r.id).str("handle")) })
}

// SFTPNoSubsystem refuses the subsystem.
func SFTPNoSubsystem() SFTPFault {
	return SFTPFault{Name: "no subsystem", Whole: true, noSubsystem: true}
}

// SFTPDies lets the subsystem end as soon as it is started, as where its program is not
// there.
func SFTPDies() SFTPFault {
	return SFTPFault{Name: "subsystem dies", Whole: true, start: func(q *session) {
		q.ch.SendRequest("exit-status", false, ssh.Marshal(struct{ Status uint32 }{1}))
		q.ch.CloseWrite()
		q.over = true
	}}
}

// SFTPChatter has a shell's start file say something before the protocol begins.
func SFTPChatter() SFTPFault {
	return SFTPFault{Name: "text before VERSION", Whole: true, start: func(q *session) { io.WriteString(q.ch, "Welcome\n") }}
}

// SFTPNoVersion never answers INIT.
func SFTPNoVersion() SFTPFault {
	return SFTPFault{Name: "no VERSION", Whole: true, start: func(q *session) { q.deaf = true }}
}

// SFTPOtherVersion speaks another version of the protocol.
func SFTPOtherVersion(v uint32) SFTPFault {
	return SFTPFault{Name: "VERSION " + itoa(int64(v)), Whole: true, start: func(q *session) { q.version = v }}
}

func configured(name string, change func(*SFTPConfig)) SFTPFault {
	return SFTPFault{Name: name, Whole: true, config: change}
}

// SFTPOneSession lets a connection have one channel.
func SFTPOneSession() SFTPFault {
	f := configured("one channel", func(c *SFTPConfig) { c.MaxSessions = 1 })
	f.perConn = true
	return f.legal()
}

// SFTPFewHandles has OPEN fail where n handles are open, without having said so.
func SFTPFewHandles(n int) SFTPFault {
	return configured("few handles", func(c *SFTPConfig) { c.MaxHandles = n })
}

// SFTPLimitsLie promises READs of 1 MiB and brings 8 KiB.
func SFTPLimitsLie() SFTPFault {
	return configured("limits lie", func(c *SFTPConfig) {
		c.MaxRead, c.Limits = 8<<10, &SFTPLimits{Packet: 1<<20 + 1024, Read: 1 << 20, Write: 1 << 20}
	}).legal()
}

// SFTPSmallLimit allows READs of n bytes.
func SFTPSmallLimit(n int) SFTPFault {
	return configured("small limit", func(c *SFTPConfig) {
		c.MaxRead, c.Limits = n, &SFTPLimits{Packet: 34_000, Read: uint64(n), Write: uint64(n)}
	}).legal()
}

// SFTPNoLimits advertises no extension.
func SFTPNoLimits() SFTPFault {
	return configured("no limits", func(c *SFTPConfig) { c.Limits = nil }).legal()
}

// SFTPNoKeepalive answers no request that is about the connection.
func SFTPNoKeepalive() SFTPFault {
	return SFTPFault{Name: "no keepalive", Whole: true, Legal: true, perConn: true, noKeepalive: true}
}

// SFTPNoBanner accepts connections and says nothing.
func SFTPNoBanner() SFTPFault {
	return SFTPFault{Name: "no banner", Whole: true, perConn: true, noBanner: true}
}

// SFTPNoLogin lets nobody in.
func SFTPNoLogin() SFTPFault {
	return SFTPFault{Name: "no login", Whole: true, perConn: true, noLogin: true}
}
