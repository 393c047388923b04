package listing

import (
	"io"
	"strings"
	"testing"
)

func TestDigest(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		algorithm, sum string
		want           string
		weak           bool
	}{
		{"", emptyMD5, "md5:" + emptyMD5, true},
		{"SHA-1", emptySHA1, "sha1:" + emptySHA1, true},
		{"sha_256", strings.ToUpper(emptySHA256), "sha256:" + emptySHA256, false},
		{"sha512", emptySHA512, "sha512:" + emptySHA512, false},
	} {
		d, err := NewDigest(c.algorithm, c.sum)
		if err != nil {
			t.Errorf("%s %s: %v", c.algorithm, c.sum, err)
			continue
		}
		if d.String() != c.want || d.Weak() != c.weak {
			t.Errorf("got %s, weak %v, want %s, weak %v", d, d.Weak(), c.want, c.weak)
		}
		h := d.New() // the sums above are those of nothing
		io.WriteString(h, "")
		if got := string(h.Sum(nil)); got != d.Sum {
			t.Errorf("%s of nothing: got %x, want %x", d.Algorithm, got, d.Sum)
		}
	}
	for _, c := range []struct{ algorithm, sum, want string }{
		{"", "zz", "the digest is not hexadecimal"},
		{"", "00", "no known digest has 2 hexadecimal digits"},
		{"md5", "00", "a md5 digest has 32 hexadecimal digits, not 2"},
		{"crc32", "00000000", `unknown digest algorithm "crc32" (known: md5, sha1, sha224, sha256, sha384, sha512)`},
	} {
		if _, err := NewDigest(c.algorithm, c.sum); err == nil || err.Error() != c.want {
			t.Errorf("%q %q: got %v, want %s", c.algorithm, c.sum, err, c.want)
		}
	}
}
