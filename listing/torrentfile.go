package listing

import (
	"crypto/md5"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// torrentFile is one file of a torrent.
type torrentFile struct {
	length  int64    // in the torrent
	padding bool     // zero bytes that align the next file to a piece (BEP 47): no file to write
	link    bool     // a symbolic link (BEP 47): it has no bytes
	path    elements // strings
	md5     bencoded // of the whole file, perhaps
	sha1    bencoded
}

// parseTorrentFile takes an element of "files", or the info of a single file.
func parseTorrentFile(raw bencoded) (f torrentFile, err error) {
	v, err := raw.fields("length", "attr", "path", "path.utf-8", "md5sum", "md5", "sha1")
	if err != nil {
		return f, fmt.Errorf("the file %w", err)
	}
	attr, _ := v[1].str()
	f.padding, f.link = strings.Contains(attr, "p"), strings.Contains(attr, "l")
	f.path = v[2].elements()
	if v[3].isList() {
		f.path = v[3].elements()
	}
	f.md5, f.sha1 = v[4], v[6]
	if f.md5 == "" {
		f.md5 = v[5] // as the Internet Archive has it
	}
	if f.link {
		return f, nil // a length, if it gives one, is that of the text of the link
	}
	var ok bool
	if f.length, ok = v[0].integer(); !ok || f.length < 0 {
		return f, errors.New("the file's length is not a whole number of bytes")
	}
	return f, nil
}

// nextFile takes the first of the files away; false if there is none.
func (e *elements) nextFile() (f torrentFile, ok bool, err error) {
	raw, ok := e.next()
	if ok {
		f, err = parseTorrentFile(raw)
	}
	return f, ok, err
}

// digests returns those of the whole file. The keys are not of BEP 3, and found with raw and
// with hexadecimal sums; what is neither is ignored, as the pieces prove the file.
func (f *torrentFile) digests() []Digest {
	var digests []Digest
	for _, d := range []struct {
		algorithm string
		size      int
		sum       bencoded
	}{{"md5", md5.Size, f.md5}, {"sha1", sha1.Size, f.sha1}} {
		sum, _ := d.sum.str()
		raw, err := hex.DecodeString(sum)
		if err == nil && len(raw) == d.size {
			digests = append(digests, Digest{d.algorithm, string(raw)})
		} else if len(sum) == d.size {
			digests = append(digests, Digest{d.algorithm, strings.Clone(sum)})
		}
	}
	return digests
}

// pieces returns those pieces that have bytes of one file alone: the file of that size that
// begins at byte at of the torrent. rest are the files behind it. There may be none. Their sums
// are a part of the torrent's text: an entry that is held holds all of it, but once.
func (t *metainfo) pieces(at, size int64, rest elements) *Pieces {
	if t.length > MaxPieceLength || size == 0 {
		return nil
	}
	end := at + size
	first, last := at/t.length, end/t.length // pieces first … last-1
	if at%t.length != 0 {
		first++
	}
	padding := int64(0)
	if over := end % t.length; over != 0 {
		// The piece with the file's last byte goes on behind it, unless the torrent ends.
		beyond := min(t.length-over, t.total-end)
		if isPadding(rest, beyond) {
			padding = beyond
			last++
		}
	}
	if first >= last {
		return nil
	}
	return &Pieces{
		Algorithm: "sha1",
		Length:    t.length,
		Offset:    first*t.length - at,
		Padding:   padding,
		Sums:      t.sums[first*sha1.Size : last*sha1.Size],
	}
}

// isPadding says that the next n bytes are padding. Files without bytes do not count: they
// lie between.
func isPadding(files elements, n int64) bool {
	for n > 0 {
		f, ok, err := files.nextFile()
		switch {
		case !ok || err != nil || !f.padding && f.length > 0:
			return false
		case f.padding:
			n -= min(n, f.length)
		}
	}
	return true
}
