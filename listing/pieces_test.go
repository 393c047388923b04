package listing

import (
	"slices"
	"strings"
	"testing"
)

// checkPieceList holds what is promised of every entry of a list with pieces, whatever its
// text.
func checkPieceList(t *testing.T, text string) {
	t.Helper()
	o := testOptions()
	o.Remote = strings.Count(text, "a")%2 == 0
	line := 0
	for e, err := range Read("list", strings.NewReader(text), o) {
		if err != nil {
			bad, ok := err.(*Error)
			if !ok || bad.Msg == "" || bad.Line != 0 && bad.Line < line || e.Line != 0 {
				t.Errorf("error %#v after line %d, entry %+v", err, line, e)
			} else if strings.ContainsFunc(bad.Msg, func(r rune) bool { return r < ' ' }) {
				t.Errorf("error %q has control characters", bad.Msg)
			} else {
				line = max(line, bad.Line)
			}
			continue
		}
		checkEntry(t, e, o)
		if e.Line < line {
			t.Errorf("entry of line %d after line %d", e.Line, line)
		}
		line = e.Line
		if e.Pieces == nil {
			continue
		}
		if err := e.Pieces.Check(e.Size); err != nil {
			t.Errorf("pieces of line %d: %v", e.Line, err)
			continue
		}
		last := int64(0)
		for i := range e.Pieces.Count() {
			from, to := e.Pieces.Span(i, e.Size)
			if from >= to || i > 0 && from != last || to > e.Size {
				t.Errorf("piece %d of line %d: %d to %d", i, e.Line, from, to)
			}
			last = to
		}
	}
}

func TestNewPieces(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		algorithm    string
		length, size int64
		sums         int // bytes
		want         string
		none         bool
	}{
		{"sha1", 10, 1, 20, "", false},
		{"sha1", 10, 10, 20, "", false},
		{"sha1", 10, 11, 40, "", false},
		{"sha256", MaxPieceLength, 3 * MaxPieceLength, 96, "", false},
		{"sha1", 10, 0, 0, "", true},
		{"sha1", 10, 0, 20, "", true},
		{"sha1", MaxPieceLength + 1, 100, 20, "", true},
		{"sha1", 10, 11, 20, "1 pieces of 10 bytes do not fit a file of 11 bytes", false},
		{"sha1", 10, 10, 40, "2 pieces of 10 bytes do not fit a file of 10 bytes", false},
		{"sha1", 10, 10, 21, "21 bytes are no row of sha1 digests", false},
		{"sha1", 10, 10, 0, "0 bytes are no row of sha1 digests", false},
		{"sha1", 10, -1, 20, "pieces are given, but no size", false},
		{"sha1", 0, 10, 20, "pieces of 0 bytes", false},
		{"sha1", -1, 0, 20, "pieces of -1 bytes", false},
		{"SHA-1", 10, 10, 20, `pieces of unknown algorithm "SHA-1"`, false},
	} {
		p, err := NewPieces(c.algorithm, c.length, c.size, strings.Repeat("x", c.sums))
		switch {
		case c.want != "":
			if err == nil || err.Error() != c.want || p != nil {
				t.Errorf("%+v: %+v, error %v", c, p, err)
			}
		case err != nil || (p == nil) != c.none:
			t.Errorf("%+v: %+v, error %v", c, p, err)
		case p != nil && !p.Cover(c.size):
			t.Errorf("%+v: do not cover the file", c)
		}
	}
}

// TestPiecesCheck has pieces of a torrent: of 10 bytes, from anywhere on.
func TestPiecesCheck(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		offset, padding int64
		count           int
		size            int64
		ok              bool
	}{
		{3, 0, 2, 23, true},
		{3, 0, 2, 30, true},
		{3, 0, 2, 20, true}, // the torrent's last piece is short
		{3, 3, 2, 20, true},
		{3, 2, 2, 20, true}, // and ends in padding
		{9, 9, 1, 10, true},
		{3, 4, 2, 20, false},
		{3, 1, 2, 23, false},
		{3, -1, 2, 20, false},
		{3, 0, 2, 13, false},
		{10, 0, 1, 30, false},
		{-1, 0, 1, 30, false},
		{0, 0, 0, 30, false},
	} {
		p := Pieces{Algorithm: "md5", Length: 10, Offset: c.offset, Padding: c.padding, Sums: strings.Repeat("x", 16*c.count)}
		if err := p.Check(c.size); (err == nil) != c.ok {
			t.Errorf("%+v: error %v", c, err)
		}
	}
}

// TestPiecesID: pieces that differ in anything differ in their ID.
func TestPiecesID(t *testing.T) {
	t.Parallel()
	sums := strings.Repeat("x", 32)
	var ids []Digest
	for _, p := range []Pieces{
		{"md5", 10, 0, 0, sums},
		{"sha256", 10, 0, 0, sums},
		{"md5", 11, 0, 0, sums},
		{"md5", 10, 1, 0, sums},
		{"md5", 10, 0, 1, sums},
		{"md5", 10, 0, 0, sums[:31] + "y"},
		{"md5", 10, 0, 0, sums[:16]},
	} {
		id := p.ID()
		if slices.Contains(ids, id) || id != p.ID() {
			t.Errorf("%+v: ID %v is another's too, or changes", p, id)
		}
		ids = append(ids, id)
	}
}
