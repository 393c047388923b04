package local

import (
	"bytes"
	"os"
)

const (
	zeroRun    = 512       // a shorter run of zero bytes at the end is ordinary data
	zeroReach  = 16 << 20  // how far back a run of zeros is followed
	falseReach = 256 << 20 // where holes say little, only this much of the end is doubted
)

// Suspect returns the first offset that a power cut may have left wrong, the size if there
// is none: the first hole (never written, though the size says so) or the beginning of a
// run of zeros at the end. On ext4, XFS and btrfs a size can be ahead of the data after a
// power cut, also with good bytes behind the hole.
func (f *File) Suspect() (int64, error) {
	if err := f.open(); err != nil {
		return 0, err
	}
	if f.f == nil || f.Size == 0 {
		return 0, nil
	}
	hole := f.dir.fs.seekHole(f.f, f.Size)
	if !f.dir.fs.trueHoles {
		// ZFS and others turn zeros into holes: a hole there asks for a look, no more.
		hole = max(hole, min(f.Size, f.Size-falseReach))
	}
	zeros, err := trailingZeros(f.f, f.Size)
	return max(0, min(hole, zeros)), err
}

var zeroBlock = make([]byte, 64<<10)

// trailingZeros returns where the run of zero bytes that ends the file begins, the size
// if it is shorter than zeroRun.
func trailingZeros(f *os.File, size int64) (int64, error) {
	buf := make([]byte, 4<<10)
	start := size
	for start > 0 && size-start < zeroReach {
		n := min(int64(len(buf)), start)
		if _, err := f.ReadAt(buf[:n], start-n); err != nil {
			return 0, err
		}
		if !bytes.Equal(buf[:n], zeroBlock[:n]) {
			start -= n - lastNonZero(buf[:n]) - 1
			break
		}
		start -= n
		if len(buf) < len(zeroBlock) { // zeros indeed: look in larger steps
			buf = make([]byte, len(zeroBlock))
		}
	}
	if size-start < zeroRun {
		return size, nil
	}
	return start, nil
}

func lastNonZero(b []byte) int64 {
	return int64(len(bytes.TrimRight(b, "\x00"))) - 1
}
