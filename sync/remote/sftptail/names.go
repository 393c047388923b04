package sftptail

import (
	"encoding/binary"
	"io/fs"
)

// attrs are the attributes of a file (draft-ietf-secsh-filexfer-02 §5), so far as they
// matter here. What the flags do not name was not told.
type attrs struct {
	flags uint32
	size  uint64
	mode  uint32
	mtime uint32
}

const (
	attrSize     = 1
	attrOwner    = 2
	attrMode     = 4
	attrTimes    = 8
	attrExtended = 1 << 31

	typeBits = 0o170000 // of mode
)

// fileTypes are the types that mode tells (stat(2)).
var fileTypes = map[uint32]fs.FileMode{
	0o010000: fs.ModeNamedPipe,
	0o020000: fs.ModeDevice | fs.ModeCharDevice,
	0o040000: fs.ModeDir,
	0o060000: fs.ModeDevice,
	0o100000: 0,
	0o120000: fs.ModeSymlink,
	0o140000: fs.ModeSocket,
}

// typed and sized say what was told.
func (a attrs) typed() bool { return a.flags&attrMode != 0 && a.mode&typeBits != 0 }
func (a attrs) sized() bool { return a.flags&attrSize != 0 }

// status returns what was told. A file without a type is taken for a regular one.
func (a attrs) status() status {
	s := status{size: int64(a.size)}
	if a.flags&attrTimes != 0 {
		s.mtime = int64(a.mtime)
	}
	if a.typed() {
		kind, known := fileTypes[a.mode&typeBits]
		if !known {
			kind = fs.ModeIrregular
		}
		s.mode = kind | fs.FileMode(a.mode)&fs.ModePerm
	}
	return s
}

// names are the entries of a NAME packet (§7) that were not looked at yet.
type names struct {
	left uint32
	rest []byte
}

// entry is one of them.
type entry struct {
	name []byte
	attrs
}

// cutNames begins with what follows the id.
func cutNames(p []byte) (n names, ok bool) {
	in := fields{rest: p}
	n.left = in.number()
	n.rest = in.rest
	return n, !in.short
}

// next returns an entry. It may be called as long as any are left.
func (n *names) next() (e entry, ok bool) {
	in := fields{rest: n.rest}
	e.name = in.text()
	in.text() // as ls -l has it, in a form of the server's own
	e.attrs = in.attrs()
	n.rest = in.rest
	n.left--
	return e, !in.short
}

// isNames says that there is what a NAME packet says that there is, and no more.
func isNames(p []byte) bool {
	n, ok := cutNames(p)
	for ok && n.left > 0 {
		_, ok = n.next()
	}
	return ok && len(n.rest) == 0
}

// cutAttrs takes an ATTRS packet, from behind its id.
func cutAttrs(p []byte) (a attrs, ok bool) {
	in := fields{rest: p}
	a = in.attrs()
	return a, !in.short && len(in.rest) == 0
}

// fields are what is left of a packet. What is asked for of one that was too short is
// nothing.
type fields struct {
	rest  []byte
	short bool
}

func (in *fields) take(n int) []byte {
	if in.short = in.short || n > len(in.rest); in.short {
		return nil
	}
	p := in.rest[:n]
	in.rest = in.rest[n:]
	return p
}

func (in *fields) number() uint32 {
	if p := in.take(4); p != nil {
		return binary.BigEndian.Uint32(p)
	}
	return 0
}

func (in *fields) text() []byte {
	if in.short {
		return nil
	}
	s, rest, ok := cutString(in.rest)
	in.rest, in.short = rest, !ok
	return s
}

func (in *fields) attrs() attrs {
	a := attrs{flags: in.number()}
	if a.flags&attrSize != 0 {
		if p := in.take(8); p != nil {
			a.size = binary.BigEndian.Uint64(p)
		}
	}
	if a.flags&attrOwner != 0 {
		in.take(8)
	}
	if a.flags&attrMode != 0 {
		a.mode = in.number()
	}
	if a.flags&attrTimes != 0 {
		in.number() // of the last access
		a.mtime = in.number()
	}
	if a.flags&attrExtended != 0 {
		for n := in.number(); n > 0 && !in.short; n-- {
			in.text()
			in.text()
		}
	}
	return a
}
