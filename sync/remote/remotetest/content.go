package remotetest

import (
	"encoding/binary"
	"io"
)

// Content returns n bytes that depend on the seed. They never repeat, so bytes at a
// wrong offset are wrong bytes.
func Content(seed uint64, n int64) []byte {
	p := make([]byte, n)
	source(seed).ReadAt(p, 0)
	return p
}

// Reader returns the bytes that Content returns without holding them in memory.
func Reader(seed uint64, n int64) *io.SectionReader {
	return io.NewSectionReader(source(seed), 0, n)
}

// source is an endless ReaderAt. Word i of it is output i of SplitMix64, whose state is a
// counter, so any word is found at once.
type source uint64

func (s source) ReadAt(p []byte, off int64) (int, error) {
	var word [8]byte
	for n := 0; n < len(p); {
		at := off + int64(n)
		binary.LittleEndian.PutUint64(word[:], s.word(uint64(at/8)))
		n += copy(p[n:], word[at%8:])
	}
	return len(p), nil
}

func (s source) word(i uint64) uint64 {
	const gamma = 0x9e3779b97f4a7c15
	z := uint64(s)*0xd1342543de82ef95 + (i+1)*gamma
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}
