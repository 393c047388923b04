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
	raw, err := hex.DecodeString(sum)
	if err != nil {
		// The text is not repeated: in a wrong column it may be a URL with a password.
		return Digest{}, errors.New("the digest is not hexadecimal")
	}
	name := strings.ToLower(strings.NewReplacer("-", "", "_", "").Replace(algorithm))
	for _, a := range algorithms {
		switch {
		case name == "" && a.size == len(raw), name == a.name && a.size == len(raw):
			return Digest{a.name, string(raw)}, nil
		case name == a.name:
			return Digest{}, fmt.Errorf("a %s digest has %d hexadecimal digits, not %d", a.name, 2*a.size, len(sum))
		}
	}
	if name == "" {
		return Digest{}, fmt.Errorf("no known digest has %d hexadecimal digits", len(sum))
	}
	return Digest{}, fmt.Errorf("unknown digest algorithm %s (known: md5, sha1, sha224, sha256, sha384, sha512)", show(algorithm))
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
