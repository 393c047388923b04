package listing

import (
	"crypto/sha1"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// bencode encodes int, string, []any and map[string]any.
func bencode(v any) string {
	var b strings.Builder
	switch v := v.(type) {
	case int:
		fmt.Fprintf(&b, "i%de", v)
	case string:
		fmt.Fprintf(&b, "%d:%s", len(v), v)
	case []any:
		b.WriteByte('l')
		for _, e := range v {
			b.WriteString(bencode(e))
		}
		b.WriteByte('e')
	case map[string]any:
		b.WriteByte('d')
		for _, key := range slices.Sorted(maps.Keys(v)) {
			b.WriteString(bencode(key))
			b.WriteString(bencode(v[key]))
		}
		b.WriteByte('e')
	default:
		panic(fmt.Sprintf("%T", v))
	}
	return b.String()
}

// torrentPart is a file of a torrent that a test makes.
type torrentPart struct {
	path  string
	attr  string
	bytes []byte
}

// randomParts are files of those sizes. One of a negative size is padding.
func randomParts(seed byte, sizes ...int) []torrentPart {
	random := rand.NewChaCha8([32]byte{seed})
	parts := make([]torrentPart, len(sizes))
	for i, size := range sizes {
		if size < 0 {
			parts[i] = torrentPart{fmt.Sprintf(".pad/%d", -size), "p", make([]byte, -size)}
			continue
		}
		parts[i] = torrentPart{path: fmt.Sprintf("d%d/f%d", i%3, i), bytes: make([]byte, size)}
		random.Read(parts[i].bytes)
	}
	return parts
}

// pieceSums1 are the SHA-1 digests of the pieces of text.
func pieceSums1(text []byte, length int) string {
	var sums strings.Builder
	for piece := range slices.Chunk(text, length) {
		sum := sha1.Sum(piece)
		sums.Write(sum[:])
	}
	return sums.String()
}

// makeTorrent returns a torrent with one web seed of several files.
func makeTorrent(length int, parts []torrentPart) string {
	var files []any
	var all []byte
	for _, p := range parts {
		var path []any
		for e := range strings.SplitSeq(p.path, "/") {
			path = append(path, e)
		}
		file := map[string]any{"length": len(p.bytes), "path": path}
		if p.attr != "" {
			file["attr"] = p.attr
		}
		files = append(files, file)
		all = append(all, p.bytes...)
	}
	return bencode(map[string]any{
		"url-list": "https://seed.example/",
		"info":     map[string]any{"name": "top", "files": files, "piece length": length, "pieces": pieceSums1(all, length)},
	})
}

// ownSums returns the digests that a file alone answers for, found byte by byte: of pieces
// that begin in it and go on in padding at most.
func ownSums(length int, parts []torrentPart, file int) string {
	var owner []int // of each byte; -1: padding
	var all []byte
	for i, p := range parts {
		if p.attr == "p" {
			i = -1
		}
		owner = append(owner, slices.Repeat([]int{i}, len(p.bytes))...)
		all = append(all, p.bytes...)
	}
	var sums strings.Builder
	at := 0
	for owners := range slices.Chunk(owner, length) {
		foreign := func(o int) bool { return o != file && o != -1 }
		if owners[0] == file && !slices.ContainsFunc(owners, foreign) {
			sum := sha1.Sum(all[at : at+len(owners)])
			sums.Write(sum[:])
		}
		at += len(owners)
	}
	return sums.String()
}

// checkPieces holds that pieces are of these bytes.
func checkPieces(t *testing.T, p *Pieces, file []byte) {
	t.Helper()
	size := int64(len(file))
	if err := p.Check(size); err != nil {
		t.Fatal(err)
	}
	for i := range p.Count() {
		from, to := p.Span(i, size)
		h := p.Sum(i).New()
		h.Write(file[from:to])
		if i == p.Count()-1 {
			h.Write(make([]byte, p.Padding))
		}
		if string(h.Sum(nil)) != p.Sum(i).Sum {
			t.Errorf("piece %d, bytes %d to %d of %d with %d zeros behind the last: wrong digest", i, from, to, size, p.Padding)
		}
	}
}

// torrentSizes returns sizes of the files of torrents: those round the boundaries of pieces, and
// any that come together.
func torrentSizes(length int) [][]int {
	random := rand.New(rand.NewPCG(1, 2))
	cases := [][]int{
		{0},
		{1},
		{length - 1},
		{length},
		{length + 1},
		{5*length + 3},
		{length, length},
		{length - 1, 1},
		{10, 20, 5 * length, 30},
		{0, 3 * length, 0},
		{10, -(length - 10), 2 * length, 5},
		{10, -(length - 10)},
		{length + 10, -20},
		{length + 10, -30, 0, -24, 7},
		{3, -(3*length - 3), length},
		{-5, length - 5, length},
		{10, -20, 30},
		{2*length + 10, 0, -(length - 10)},
	}
	sizes := []int{0, 1, length - 1, length, length + 1, 3*length - 1, 3 * length, -1, -10, -(length - 1), -length}
	for range 300 {
		var c []int
		for range 1 + random.IntN(7) {
			c = append(c, sizes[random.IntN(len(sizes))])
		}
		cases = append(cases, c)
	}
	return cases
}

func TestTorrentPieces(t *testing.T) {
	t.Parallel()
	pieces := 0
	const length = 64
	for i, c := range torrentSizes(length) {
		parts := randomParts(byte(i), c...)
		entries, errs := readAll(makeTorrent(length, parts), Options{})
		for i, part := range parts {
			if part.attr == "p" {
				continue
			}
			if len(entries) == 0 || entries[0].Line != i+1 || entries[0].Path != "top/"+part.path || entries[0].Size != int64(len(part.bytes)) {
				t.Fatalf("%v: file %d is missing or wrong: %+v", c, i, entries)
			}
			e := entries[0]
			entries = entries[1:]
			want := ownSums(length, parts, i)
			if e.Pieces == nil {
				if want != "" {
					t.Errorf("%v: file %d has no pieces, want %d", c, i, len(want)/sha1.Size)
				}
				continue
			}
			if e.Pieces.Sums != want {
				t.Errorf("%v: file %d has %d pieces, want %d", c, i, e.Pieces.Count(), len(want)/sha1.Size)
			}
			checkPieces(t, e.Pieces, part.bytes)
			pieces += e.Pieces.Count()
		}
		if len(entries) > 0 || errs != nil {
			t.Errorf("%v: %d entries too many, errors %v", c, len(entries), errs)
		}
	}
	if pieces < 500 {
		t.Errorf("only %d pieces were compared", pieces)
	}
}

// TestTorrentSingle has sizes round the piece length, and pieces that are not to be kept.
func TestTorrentSingle(t *testing.T) {
	t.Parallel()
	for _, length := range []int{1, 64, MaxPieceLength, MaxPieceLength + 1} {
		for _, size := range []int{0, 1, 63, 64, 65, 640, 641} {
			part := randomParts(byte(size), size)[0]
			text := bencode(map[string]any{
				"info": map[string]any{"name": "f", "length": size, "piece length": length, "pieces": pieceSums1(part.bytes, length)},
			})
			entries, errs := readAll(text, testOptions())
			if len(entries) != 1 || errs != nil {
				t.Fatalf("%d of %d: %d entries, errors %v", size, length, len(entries), errs)
			}
			p := entries[0].Pieces
			if size == 0 || length > MaxPieceLength {
				if p != nil {
					t.Errorf("%d of %d: %d pieces, want none", size, length, p.Count())
				}
				continue
			}
			if p == nil || !p.Cover(int64(size)) || p.Padding != 0 {
				t.Fatalf("%d of %d: pieces %+v do not cover the file", size, length, p)
			}
			checkPieces(t, p, part.bytes)
		}
	}
}

func TestTorrentReader(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	text := makeTorrent(64, randomParts(1, 1000))
	read := 0
	for e, err := range Read("list", &failingReader{strings.NewReader(text[:len(text)/2]), broken}, Options{}) {
		read++
		if !errors.Is(err, broken) || e.Line != 0 {
			t.Errorf("entry %+v, error %v", e, err)
		}
	}
	if read != 1 {
		t.Errorf("yielded %d times, want once", read)
	}
	read = 0
	for range Read("list", strings.NewReader(makeTorrent(64, randomParts(1, 10, 20, 30))), Options{}) {
		read++
		break
	}
	if read != 1 {
		t.Errorf("yielded %d times after the end, want once", read)
	}
}

// failingReader fails at the end of a text.
type failingReader struct {
	r   *strings.Reader
	err error
}

func (f *failingReader) Read(p []byte) (int, error) {
	if f.r.Len() == 0 {
		return 0, f.err
	}
	return f.r.Read(p)
}

func TestTorrentTooLong(t *testing.T) {
	t.Parallel()
	text := bencode(map[string]any{"comment": strings.Repeat("a", maxTorrent), "info": map[string]any{}})
	_, errs := readAll(text, Options{})
	if diff := cmp.Diff([]string{"list: the torrent is longer than 67108864 bytes"}, errs); diff != "" {
		t.Error(diff)
	}
}
