package listing

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
)

// packers compress texts. bzip2 is not among them: the standard library reads it alone.
var packers = map[string]func(w io.Writer) (io.WriteCloser, error){
	"gzip": func(w io.Writer) (io.WriteCloser, error) { return gzip.NewWriterLevel(w, gzip.BestCompression) },
	"zstd": func(w io.Writer) (io.WriteCloser, error) { return zstd.NewWriter(w, zstd.WithEncoderConcurrency(1)) },
	"xz":   func(w io.Writer) (io.WriteCloser, error) { return xz.NewWriter(w) },
}

func pack(t testing.TB, how, text string) string {
	t.Helper()
	var b bytes.Buffer
	w, err := packers[how](&b)
	if err == nil {
		_, err = io.WriteString(w, text)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func bzip2Data(t testing.TB, base string) string {
	t.Helper()
	data, err := base64.StdEncoding.DecodeString(base)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// What bzip2 made of samples, by what they were.
const (
	bzip2Sample = "QlpoOTFBWSZTWY6SdKcAAANRgAAQQAG4AA5AIAAxANNNA0A0aaMJijxlDgkPF3JFOFCQjpJ0pw=="
	bzip2Empty  = "QlpoORdyRThQkAAAAAA="
	bzip2Lines  = "QlpoOTFBWSZTWZqq3IMAH//QgIAQCAAAQAAIIABQZpoFUxKAAgACAAMAAMAAoAAPF3JFOFCQmqrcgw==" // bombPart
)

const sample = "a.txt\nsub/b c.txt\n"

// packedSamples returns the sample in each compression.
func packedSamples(t testing.TB) map[string]string {
	packed := map[string]string{"bzip2": bzip2Data(t, bzip2Sample)}
	for how := range packers {
		packed[how] = pack(t, how, sample)
	}
	return packed
}

func sampleEntries() []Entry {
	return []Entry{at(1, "a.txt"), at(2, "sub/b c.txt", testBase+"sub/b%20c.txt")}
}

func TestCompressed(t *testing.T) {
	t.Parallel()
	for how, data := range packedSamples(t) {
		entries, errs := readAll(data, testOptions())
		if diff := cmp.Diff(sampleEntries(), entries); diff != "" || errs != nil {
			t.Errorf("%s: errors %q, entries (-want +got):\n%s", how, errs, diff)
		}
	}
	for how := range packers {
		for _, cases := range allCases() {
			for _, c := range cases {
				entries, errs := readAll(pack(t, how, c.text), testOptions())
				if diff := cmp.Diff(c.want, entries); diff != "" || errs != nil {
					t.Errorf("%s of %s: errors %q, entries (-want +got):\n%s", how, c.name, errs, diff)
				}
			}
		}
	}
}

// TestCompressedParts holds data in several members, streams or frames, as parallel
// compressors write it.
func TestCompressedParts(t *testing.T) {
	t.Parallel()
	empties := map[string]string{"bzip2": bzip2Data(t, bzip2Empty)}
	for how := range packers {
		empties[how] = pack(t, how, "")
	}
	for how, data := range packedSamples(t) {
		text := data + empties[how] + data
		if how == "xz" {
			text = data + "\x00\x00\x00\x00" + empties[how] + data + "\x00\x00\x00\x00\x00\x00\x00\x00"
		}
		var got []string
		for e, err := range Read("list", iotest.OneByteReader(strings.NewReader(text)), testOptions()) {
			if err != nil {
				t.Errorf("%s: %v", how, err)
			}
			got = append(got, e.Path)
		}
		if want := []string{"a.txt", "sub/b c.txt", "a.txt", "sub/b c.txt"}; !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", how, got, want)
		}
		if _, err := Check("list", strings.NewReader(empties[how]), testOptions()); !errors.Is(err, ErrEmpty) {
			t.Errorf("%s of nothing: got %v, want %v", how, err, ErrEmpty)
		}
		if _, errs := readAll(data+"rest of something", testOptions()); len(errs) != 1 || !strings.Contains(errs[0], "damaged "+how+" data") {
			t.Errorf("%s with something behind it: got %q, want damaged data", how, errs)
		}
	}
}

// TestCompressedCut cuts at every byte of two members: half a list is never taken for one,
// but where the first one ends.
func TestCompressedCut(t *testing.T) {
	t.Parallel()
	for how, data := range packedSamples(t) {
		for n := compressionHead; n < 2*len(data); n++ {
			_, errs := readAll((data + data)[:n], testOptions())
			want := how + " data that ends too early: the list is cut off"
			switch {
			case n == len(data):
				if errs != nil {
					t.Errorf("%s: got %q, want no error", how, errs)
				}
			case len(errs) != 1 || !strings.HasSuffix(errs[0], want):
				t.Errorf("%s of %d bytes, cut at %d: got %q, want %s", how, len(data), n, errs, want)
			}
		}
	}
}

// TestCompressedDamaged flips bits of every byte: what is read is right, or reading ends
// with an error.
func TestCompressedDamaged(t *testing.T) {
	t.Parallel()
	for how, data := range packedSamples(t) {
		for i := compressionHead; i < len(data); i++ {
			for _, flip := range []byte{0x01, 0x10, 0x80, 0xff} {
				b := []byte(data)
				b[i] ^= flip
				entries, errs := readAll(string(b), testOptions())
				if errs == nil && !cmp.Equal(entries, sampleEntries()) {
					t.Errorf("%s, byte %d ^ %x: got %v and no error", how, i, flip, entries)
				}
			}
		}
	}
}

func TestCompressedNoList(t *testing.T) {
	t.Parallel()
	iso := string(append(make([]byte, 32<<10), "\x01CD001\x01"...))
	for _, c := range []struct{ name, text, want string }{
		{"image", pack(t, "xz", iso), "list: binary data, not a list"},
		{"page", pack(t, "zstd", "<html>"), "list: an HTML page, not a list (is it a login page?)"},
		{"twice", pack(t, "gzip", pack(t, "gzip", "a")), "list: compressed twice (gzip in gzip data): fsync decompresses a list once"},
		{"twice, differently", pack(t, "zstd", bzip2Data(t, bzip2Sample)), "list: compressed twice (bzip2 in zstd data): fsync decompresses a list once"},
		{"late NUL", pack(t, "gzip", "a\nb\x00\n"), "list: binary data, not a list"},
	} {
		_, errs := readAll(c.text, testOptions())
		if diff := cmp.Diff([]string{c.want}, errs); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}

func TestCompressedReaderError(t *testing.T) {
	t.Parallel()
	for how, data := range packedSamples(t) {
		for _, n := range []int{compressionHead, len(data) / 2, len(data)} {
			for _, cause := range []error{errors.New("the disk is on fire"), io.ErrUnexpectedEOF} {
				var last error
				for _, err := range Read("list", io.MultiReader(strings.NewReader(data[:n]), iotest.ErrReader(cause)), testOptions()) {
					last = err
				}
				if !errors.Is(last, cause) || strings.Contains(last.Error(), "damaged") {
					t.Errorf("%s: got %v, want an error of %v", how, last, cause)
				}
			}
		}
	}
}

// FuzzDecompress reads any data in bounded memory, and what a compressed text says as the
// text itself.
func FuzzDecompress(f *testing.F) {
	for _, data := range packedSamples(f) {
		f.Add(data)
	}
	f.Add(xzDictionary(f, 40))
	f.Add("\x28\xb5\x2f\xfd\x00\xf8\x11\x00\x00a\n")
	f.Add(sample)
	f.Fuzz(func(t *testing.T, text string) {
		l := newLines(strings.NewReader(text))
		if l.decompress() == nil {
			io.Copy(io.Discard, io.LimitReader(l.r, 1<<20)) // any error is right
		}
		l.close()
		if c := compressionOf(newLines(strings.NewReader(text)).r); c != nil {
			return
		}
		want, wantErrs := readAll(text, testOptions())
		for how := range packers {
			got, errs := readAll(pack(t, how, text), testOptions())
			if diff := cmp.Diff(want, got) + cmp.Diff(wantErrs, errs); diff != "" {
				t.Errorf("%s of %q (-want +got):\n%s", how, text, diff)
			}
		}
	})
}
