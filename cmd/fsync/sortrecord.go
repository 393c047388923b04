package main

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"slices"
	"time"

	"fsync/listing"
)

// A record is an entry in bytes: its length, then its fields, strings with their lengths
// ahead of them.

// appendEntry appends the record of an entry, without its Line, and returns where in it the
// path begins.
func appendEntry(b []byte, e listing.Entry) (record []byte, path int) {
	begin := len(b)
	b = append(b, 0, 0, 0, 0)
	b = appendString(b, e.Path)
	path = len(b) - len(e.Path)
	b = binary.AppendVarint(b, e.Size)
	b = binary.AppendVarint(b, e.ModTime.Unix()) // that of the zero time, too
	b = binary.AppendUvarint(b, uint64(e.ModTime.Nanosecond()))
	b = binary.AppendUvarint(b, uint64(len(e.URLs)))
	for _, u := range e.URLs {
		b = appendString(b, u)
	}
	b = binary.AppendUvarint(b, uint64(len(e.Digests)))
	for _, d := range e.Digests {
		b = appendString(appendString(b, d.Algorithm), d.Sum)
	}
	if p := e.Pieces; p != nil {
		b = appendString(b, p.Algorithm)
		b = binary.AppendVarint(binary.AppendVarint(binary.AppendVarint(b, p.Length), p.Offset), p.Padding)
		b = appendString(b, p.Sums)
	}
	binary.BigEndian.PutUint32(b[begin:], uint32(len(b)-begin))
	return b, path
}

func appendString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// nextRecord reads a record into buf, or a longer one; io.EOF if there is none.
func nextRecord(r *bufio.Reader, buf []byte) ([]byte, error) {
	length, err := r.Peek(4)
	if err != nil {
		return buf, err
	}
	n := int(binary.BigEndian.Uint32(length))
	buf = slices.Grow(buf[:0], n)[:n]
	_, err = io.ReadFull(r, buf)
	return buf, err
}

// readEntry takes an entry out of its record.
func readEntry(record []byte) (listing.Entry, error) {
	r := recordReader{b: record[4:]}
	e := listing.Entry{Path: r.string(), Size: r.int()}
	e.ModTime = time.Unix(r.int(), int64(r.uint())).UTC()
	for range r.count() {
		e.URLs = append(e.URLs, r.string())
	}
	for range r.count() {
		e.Digests = append(e.Digests, listing.Digest{Algorithm: r.string(), Sum: r.string()})
	}
	if len(r.b) > 0 && !r.bad {
		e.Pieces = &listing.Pieces{Algorithm: r.string(), Length: r.int(), Offset: r.int(), Padding: r.int(), Sums: r.string()}
	}
	if r.bad {
		return listing.Entry{}, errors.New("the temporary file is damaged")
	}
	return e, nil
}

// recordReader reads the fields of a record. What is missing is zero, and bad.
type recordReader struct {
	b   []byte
	bad bool
}

func (r *recordReader) uint() uint64 {
	v, n := binary.Uvarint(r.b)
	return uint64(r.number(int64(v), n))
}

// count is how many strings follow, of a byte at least.
func (r *recordReader) count() uint64 {
	n := r.uint()
	if n > uint64(len(r.b)) {
		r.b, r.bad = nil, true
		return 0
	}
	return n
}

func (r *recordReader) int() int64 {
	v, n := binary.Varint(r.b)
	return r.number(v, n)
}

func (r *recordReader) number(v int64, n int) int64 {
	if n <= 0 {
		r.b, r.bad = nil, true
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *recordReader) string() string {
	n := r.count()
	s := string(r.b[:n])
	r.b = r.b[n:]
	return s
}
