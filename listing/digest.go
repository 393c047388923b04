package listing

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"strings"
)

// Digest is the checksum of a whole file. Digests are comparable with ==.
type Digest struct {
	Algorithm string // "md5", "sha1", "sha224", "sha256", "sha384" or "sha512"
	Sum       string // the raw bytes, not hex
}

// algorithms holds what fsync can compute. md5 and sha1 find accidents, not attackers.
var algorithms = []struct {
	name string
	size int // of the sum, in bytes
	new  func() hash.Hash
	weak bool
}{
	{"md5", md5.Size, md5.New, true},
	{"sha1", sha1.Size, sha1.New, true},
	{"sha224", sha256.Size224, sha256.New224, false},
	{"sha256", sha256.Size, sha256.New, false},
	{"sha384", sha512.Size384, sha512.New384, false},
	{"sha512", sha512.Size, sha512.New, false},
}

// NewDigest returns the digest with that hexadecimal sum. The algorithm may be written
// in any of the usual ways: sha256, SHA-256, sha_256. An empty one is told by the
// length of the sum.
func NewDigest(algorithm, sum string) (Digest, error) {
	var buf [sha512.Size]byte
	raw, err := decodeHex(buf[:], sum)
	if err != nil {
		// The text is not repeated: in a wrong column it may be a URL with a password.
		return Digest{}, errors.New("the digest is not hexadecimal")
	}
	if algorithm == "" {
		for _, a := range algorithms {
			if a.size == len(raw) {
				return Digest{a.name, string(raw)}, nil
			}
		}
		return Digest{}, fmt.Errorf("no known digest has %d hexadecimal digits", len(sum))
	}
	name, _, ok := knownAlgorithm(algorithm)
	switch size := sumSize(name); {
	case !ok:
		return Digest{}, fmt.Errorf("unknown digest algorithm %s (known: md5, sha1, sha224, sha256, sha384, sha512)", show(algorithm))
	case size != len(raw):
		return Digest{}, fmt.Errorf("a %s digest has %d hexadecimal digits, not %d", name, 2*size, len(sum))
	}
	return Digest{name, string(raw)}, nil
}

// decodeHex decodes into buf, or where that is too small into new memory.
func decodeHex(buf []byte, text string) ([]byte, error) {
	if len(text) > 2*len(buf) {
		return hex.DecodeString(text)
	}
	return hex.AppendDecode(buf[:0], []byte(text))
}

// knownAlgorithm returns an algorithm's name in Digest, however it is written, and how strong
// it is among the others; false if fsync cannot compute it.
func knownAlgorithm(written string) (name string, strength int, ok bool) {
	for i, a := range algorithms {
		if a.name == written {
			return a.name, i, true
		}
	}
	name = strings.ToLower(strings.NewReplacer("-", "", "_", "").Replace(written))
	for i, a := range algorithms {
		if a.name == name {
			return a.name, i, true
		}
	}
	return "", 0, false
}

// sumSize returns the bytes of an algorithm's sums, 0 if it is not known.
func sumSize(algorithm string) int {
	for _, a := range algorithms {
		if a.name == algorithm {
			return a.size
		}
	}
	return 0
}

// New returns a hash that computes digests of d's algorithm.
func (d Digest) New() hash.Hash {
	for _, a := range algorithms {
		if a.name == d.Algorithm {
			return a.new()
		}
	}
	panic("listing: internal error: digest of unknown algorithm " + d.Algorithm)
}

// Weak says that the algorithm no longer withstands an attacker: it proves that nothing
// broke by accident, and no more.
func (d Digest) Weak() bool {
	for _, a := range algorithms {
		if a.name == d.Algorithm {
			return a.weak
		}
	}
	return true
}

// String returns algorithm:hex.
func (d Digest) String() string { return d.Algorithm + ":" + hex.EncodeToString([]byte(d.Sum)) }
