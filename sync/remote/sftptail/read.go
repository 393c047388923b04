package sftptail

import (
	"encoding/binary"
	"io"

	"github.com/pkg/sftp"
)

// read is a READ. It is pkg/sftp's own, by File.ReadAt; but its offset is marked, by which
// the pipe knows it. What it brings goes into the buffer right away, and pkg/sftp, which
// would have made one of its own for each packet, is told that all is well.
//
// With looks, an FSTAT goes ahead of it and another one behind it, in one write. A server
// has to answer requests for one file as if it did one after the other (draft §6.1), so
// nothing has moved under the READ if both agree. That is all that a small file takes.
type read struct {
	into   []byte
	n      int  // bytes that came
	filled bool // DATA came, if only an empty one

	looks         bool
	before, after look

	sent    bool
	id      uint32
	failed  []byte // the STATUS that came instead of DATA
	arrived int    // replies
	mixed   bool   // they came in another order
}

// look is what an FSTAT brought.
type look struct {
	status
	err error
}

// marked is a bit of the offset of a READ on its way from pkg/sftp to the pipe. No file
// is as long.
const marked = 1 << 62

// read makes a READ and waits for what it brings: some of what was asked for, or io.EOF.
func (d *pipe) read(f *sftp.File, r *read, off int64) error {
	d.reading.Lock()
	d.coming = r
	_, err := f.ReadAt(r.into, off|marked)
	if !r.sent { // and was not taken from there
		d.coming = nil
		d.reading.Unlock()
	}
	if err == nil && !r.filled {
		return errMalformed // a STATUS that says OK is no answer to a READ
	}
	return err
}

// putRead adds the READ that is coming. It runs within the call of ReadAt, and under mu.
func (d *pipe) putRead(p []byte) {
	r := d.coming
	d.coming = nil
	d.reading.Unlock()
	r.sent, r.id = true, binary.BigEndian.Uint32(p[5:])
	d.reads[r.id] = r
	handle, _, _ := cutString(p[9:])
	if r.looks {
		d.put(fxpFstat, handle, answer{of: r})
	}
	d.out = append(d.out, p...)
	off := d.out[len(d.out)-8-4:]
	binary.BigEndian.PutUint64(off, binary.BigEndian.Uint64(off)&^marked)
	if r.looks {
		d.put(fxpFstat, handle, answer{of: r, after: true})
	}
}

// answered takes the reply to a READ.
func (d *pipe) answered(r *read, kind byte, length uint32) error {
	switch {
	case r.filled || r.failed != nil: // it was answered before
		return errMalformed
	case kind == fxpData:
		if err := d.fill(r, length); err != nil {
			return err
		}
	case kind == fxpStatus && length <= largestReply:
		r.failed = append(make([]byte, 0, len(d.head)+int(length)), d.head[:]...)[:len(d.head)+int(length)]
		if _, err := io.ReadFull(d.r, r.failed[len(d.head):]); err != nil {
			return err
		}
	default:
		return errMalformed
	}
	d.came(r, 1)
	return nil
}

// fill reads the data of a file to where it is wanted. What was not asked for is dropped.
func (d *pipe) fill(r *read, length uint32) error {
	if length < 4 {
		return errMalformed
	}
	if _, err := io.ReadFull(d.r, d.head[:4]); err != nil {
		return err
	}
	told := binary.BigEndian.Uint32(d.head[:])
	if told > length-4 {
		return errMalformed
	}
	if d.empty++; told > 0 {
		d.empty = 0
	}
	if d.empty > mostEmpty { // and would go on like that
		return errEmptyData
	}
	r.n, r.filled = int(min(uint64(told), uint64(len(r.into)))), true
	if _, err := io.ReadFull(counted{d.r, fxpData, d.data}, r.into[:r.n]); err != nil {
		return err
	}
	_, err := io.CopyN(io.Discard, d.r, int64(length)-4-int64(r.n))
	return err
}

// looked takes the reply to an FSTAT beside a READ.
func (d *pipe) looked(a answer, r reply) {
	l := look{err: r.failed()}
	if l.err == nil {
		attrs, _ := cutAttrs(r.body)
		l.status = attrs.status()
	}
	if a.after {
		a.of.after = l
		d.came(a.of, 2)
	} else {
		a.of.before = l
		d.came(a.of, 0)
	}
}

// came counts a reply, the i-th of those that belong together. With the last of them
// pkg/sftp gets its own.
func (d *pipe) came(r *read, i int) {
	if !r.looks {
		i, r.arrived = 2, 2
	}
	r.mixed = r.mixed || i != r.arrived
	if r.arrived++; r.arrived < 3 {
		return
	}
	d.mu.Lock()
	delete(d.reads, r.id)
	d.mu.Unlock()
	if d.show = r.failed; d.show == nil {
		d.show = okStatus(d.ok[:0], r.id)
	}
}

// okStatus appends a STATUS with neither text nor language.
func okStatus(p []byte, id uint32) []byte {
	p = append(p, 0, 0, 0, 17, fxpStatus)
	p = binary.BigEndian.AppendUint32(p, id)
	return append(p, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
}
