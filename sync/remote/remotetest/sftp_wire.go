package remotetest

import (
	"encoding/binary"
	"os"
	"time"
)

// The packets of version 3 (draft-ietf-secsh-filexfer-02 §3).
const (
	fxpInit          = 1
	fxpVersion       = 2
	fxpOpen          = 3
	fxpClose         = 4
	fxpRead          = 5
	fxpLstat         = 7
	fxpFstat         = 8
	fxpOpendir       = 11
	fxpReaddir       = 12
	fxpRealpath      = 16
	fxpStat          = 17
	fxpReadlink      = 19
	fxpStatus        = 101
	fxpHandle        = 102
	fxpData          = 103
	fxpName          = 104
	fxpAttrs         = 105
	fxpExtended      = 200
	fxpExtendedReply = 201
)

// status is the code of a STATUS (§7).
type status uint32

const (
	fxOK status = iota
	fxEOF
	fxNoSuchFile
	fxPermissionDenied
	fxFailure
	fxBadMessage
	fxNoConnection
	fxConnectionLost
	fxUnsupported
)

// packet is one that is being written; the first byte is its type.
type packet []byte

func newPacket(kind byte, id uint32) packet { return packet{kind}.u32(id) }

func (p packet) u32(v uint32) packet { return binary.BigEndian.AppendUint32(p, v) }
func (p packet) u64(v uint64) packet { return binary.BigEndian.AppendUint64(p, v) }
func (p packet) str(s string) packet { return append(p.u32(uint32(len(s))), s...) }

// input is what is left of a packet that is being read. Once it was too short, all that
// is read of it is zero.
type input struct {
	rest []byte
	bad  bool
}

func (in *input) take(n int) []byte {
	if in.bad = in.bad || n < 0 || n > len(in.rest); in.bad {
		return make([]byte, 8)
	}
	p := in.rest[:n]
	in.rest = in.rest[n:]
	return p
}

func (in *input) u32() uint32 { return binary.BigEndian.Uint32(in.take(4)) }
func (in *input) u64() uint64 { return binary.BigEndian.Uint64(in.take(8)) }

func (in *input) str() string {
	n := in.u32()
	p := in.take(int(n))
	if in.bad {
		return ""
	}
	return string(p)
}

// attrs are a file's attributes (§5), and which of them are given.
type attrs struct {
	flags uint32
	size  uint64
	mode  uint32
	mtime uint32
}

const (
	attrSize  = 1
	attrOwner = 2
	attrMode  = 4
	attrTimes = 8
)

func (p packet) attrs(a attrs) packet {
	p = p.u32(a.flags)
	if a.flags&attrSize != 0 {
		p = p.u64(a.size)
	}
	if a.flags&attrOwner != 0 {
		p = p.u32(1000).u32(1000)
	}
	if a.flags&attrMode != 0 {
		p = p.u32(a.mode)
	}
	if a.flags&attrTimes != 0 {
		p = p.u32(a.mtime).u32(a.mtime)
	}
	return p
}

// setTime gives the modification time; the zero time is not given.
func (a *attrs) setTime(t time.Time) {
	a.flags |= attrTimes
	a.mtime = uint32(t.Unix())
	if t.IsZero() {
		a.flags &^= attrTimes
		a.mtime = 0
	}
}

// unixType returns the file type bits that a server sends (S_IFMT).
func unixType(m os.FileMode) uint32 {
	switch m.Type() {
	case os.ModeDir:
		return 0o040000
	case os.ModeSymlink:
		return 0o120000
	case os.ModeNamedPipe:
		return 0o010000
	case os.ModeSocket:
		return 0o140000
	case os.ModeDevice:
		return 0o060000
	case os.ModeDevice | os.ModeCharDevice:
		return 0o020000
	}
	return 0o100000
}
