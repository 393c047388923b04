package listing

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"runtime"
	"strings"
	"testing"
)

// bombPart is 8 MiB of comments.
var bombPart = strings.Repeat("#"+strings.Repeat("x", 1022)+"\n", 8<<10)

// TestBombs repeats what compresses well and has no entry.
func TestBombs(t *testing.T) {
	t.Parallel()
	parts := map[string]string{"bzip2": bzip2Data(t, bzip2Lines)}
	for how := range packers {
		parts[how] = pack(t, how, bombPart)
	}
	for how, data := range parts {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			r := &endless{piece: data}
			var errs []error
			for _, err := range Read("list", r, testOptions()) {
				errs = append(errs, err)
			}
			if len(errs) != 1 || !errors.Is(errs[0], ErrTooLarge) || !strings.Contains(errs[0].Error(), how+": ") {
				t.Errorf("got %v, want %v", errs, ErrTooLarge)
			}
			if limit := 20*len(data) + 2*sniffSize; r.n > limit {
				t.Errorf("read %d bytes, want no more than %d", r.n, limit)
			}
			if _, errs := readAll(strings.Repeat(data, freeSize/len(bombPart)), testOptions()); errs != nil {
				t.Errorf("%d MiB: got %q, want no error", freeSize>>20, errs)
			}
		})
	}
}

func TestCheckSize(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		in, out int64
		want    error
	}{
		{0, freeSize, nil},
		{1, freeSize + 1, errRatio},
		{freeSize / maxRatio, freeSize + 1, nil},
		{1<<20 - 1, maxRatio << 20, errRatio},
		{1 << 20, maxRatio << 20, nil},
		{maxSize, maxSize, nil},
		{maxSize, maxSize + 1, errSize},
	} {
		if got := checkSize(c.in, c.out); got != c.want {
			t.Errorf("%d bytes in, %d out: got %v, want %v", c.in, c.out, got, c.want)
		}
	}
}

// xzDictionary returns xz data whose first block claims a dictionary of that size, in xz's
// code of it.
func xzDictionary(t testing.TB, code byte) string {
	b := []byte(pack(t, "xz", sample))
	head := b[12 : 12+(int(b[12])+1)*4]
	i := bytes.Index(head, []byte{0x21, 1})
	if i < 0 {
		t.Fatalf("no LZMA2 in the header % x", head)
	}
	head[i+2] = code
	binary.LittleEndian.PutUint32(head[len(head)-4:], crc32.ChecksumIEEE(head[:len(head)-4]))
	return string(b)
}

// TestHistory is not parallel: it measures what is allocated.
func TestHistory(t *testing.T) {
	const want = "needs more than 64 MiB of memory; decompress it first"
	for _, c := range []struct {
		name, text string
		ok         bool
	}{
		{"xz, 64 MiB", xzDictionary(t, 28), true},
		{"xz, 96 MiB", xzDictionary(t, 29), false},
		{"xz, 4 GiB", xzDictionary(t, 40), false},
		{"zstd, window of 64 MiB", "\x28\xb5\x2f\xfd\x00\x80\x11\x00\x00a\n", true},
		{"zstd, window of 128 MiB", "\x28\xb5\x2f\xfd\x00\x88\x11\x00\x00a\n", false},
		{"zstd, window of 2 TiB", "\x28\xb5\x2f\xfd\x00\xf8\x11\x00\x00a\n", false},
		{"zstd, one segment of 1 TiB", "\x28\xb5\x2f\xfd\xe0\x00\x00\x00\x00\x00\x01\x00\x00\x11\x00\x00a\n", false},
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		entries, errs := readAll(c.text, testOptions())
		runtime.ReadMemStats(&after)
		if got := after.TotalAlloc - before.TotalAlloc; got > 3*maxHistory {
			t.Errorf("%s: %d bytes were allocated, want no more than %d", c.name, got, 3*maxHistory)
		}
		if c.ok && (errs != nil || len(entries) == 0) {
			t.Errorf("%s: got %d entries, errors %q", c.name, len(entries), errs)
		}
		if !c.ok && (len(errs) != 1 || !strings.HasSuffix(errs[0], want)) {
			t.Errorf("%s: got %q, want one error: %s", c.name, errs, want)
		}
	}
}

// TestXZDictionaries: the decoder makes a dictionary for each block, and small blocks may
// claim large ones. It is left out here, as it would be busy for seconds.
func TestXZDictionaries(t *testing.T) {
	t.Parallel()
	piece := xzDictionary(t, 28) // 64 MiB
	streams := maxXZDictionaries >> 26
	read := func(n int) error {
		_, err := io.Copy(io.Discard, &xzGuard{r: bufio.NewReader(strings.NewReader(strings.Repeat(piece, n)))})
		return err
	}
	if err := read(streams); err != nil {
		t.Errorf("%d dictionaries: %v", streams, err)
	}
	err := read(streams + 1)
	if !errors.Is(err, ErrTooLarge) {
		t.Errorf("%d dictionaries: got %v, want %v", streams+1, err, ErrTooLarge)
	}
	d := &decompressor{name: "xz", source: &source{}}
	if got := d.explain(err); !errors.Is(got, ErrTooLarge) || !strings.HasPrefix(got.Error(), "xz: ") {
		t.Errorf("got %v", got)
	}
}
