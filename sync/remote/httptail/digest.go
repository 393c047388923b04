package httptail

import (
	"bytes"
	"encoding/base64"
	"maps"
	"net/http"
	"strings"
)

// digestSizes holds the algorithms taken, as HTTP writes them, with the length of their
// sums. Others are too weak, or not digests at all (RFC 9530 §5).
var digestSizes = map[string]int{"sha-256": 32, "sha-512": 64}

// digestsOf returns the function that Tail.Digests is: what the header says, with what
// the trailer says once it was read.
func digestsOf(resp *http.Response) func() map[string][]byte {
	if resp.ContentLength >= 0 && resp.ProtoMajor == 1 && len(resp.Header["Repr-Digest"]) == 0 && len(resp.Header["Digest"]) == 0 {
		return noDigests // only a body in chunks has a trailer (RFC 9112 §7.1.2)
	}
	// Cloud Storage unpacks an object that is stored packed, and then gives the digest
	// of the packed one.
	h := resp.Header
	if strings.EqualFold(single(h, "X-Goog-Stored-Content-Encoding"), "gzip") && len(h.Values("Content-Encoding")) == 0 {
		return noDigests
	}
	return func() map[string][]byte { return merge(fieldDigests(h), fieldDigests(resp.Trailer)) }
}

func noDigests() map[string][]byte { return nil }

// merge joins two sets. Where they contradict each other neither is believed.
func merge(a, b map[string][]byte) map[string][]byte {
	all := make(map[string][]byte)
	maps.Copy(all, a)
	for name, sum := range b {
		if other, ok := a[name]; ok && !bytes.Equal(other, sum) {
			delete(all, name)
			continue
		}
		all[name] = sum
	}
	if len(all) == 0 {
		return nil
	}
	return all
}

// fieldDigests reads the digests of the whole file from one field section. Repr-Digest
// is over the whole representation also in a 206 (RFC 9530 §3, B.3), as is the obsolete
// Digest (RFC 3230 §4.3.2). Content-Digest is not.
func fieldDigests(h http.Header) map[string][]byte {
	return merge(parseReprDigest(strings.Join(h.Values("Repr-Digest"), ", ")),
		parseDigest(strings.Join(h.Values("Digest"), ",")))
}

// parseReprDigest reads the field of RFC 9530: a dictionary of byte sequences.
func parseReprDigest(s string) map[string][]byte {
	dict, ok := parseDictionary(s)
	if !ok {
		return nil
	}
	found := make(map[string][]byte)
	for name, size := range digestSizes {
		value, isBytes := strings.CutPrefix(dict[name], ":")
		if sum, ok := decodeSum(strings.TrimSuffix(value, ":"), size); ok && isBytes {
			found[ourName(name)] = sum
		}
	}
	return found
}

// ourName returns the name of an algorithm as package listing writes it.
func ourName(name string) string { return strings.ReplaceAll(name, "-", "") }

// parseDigest reads the obsolete field: name=base64, with names in any case.
func parseDigest(s string) map[string][]byte {
	found := make(map[string][]byte)
	for member := range strings.SplitSeq(s, ",") {
		name, value, _ := strings.Cut(strings.Trim(member, " \t"), "=")
		name = strings.ToLower(name)
		if size, ok := digestSizes[name]; ok {
			if sum, ok := decodeSum(value, size); ok {
				found[ourName(name)] = sum
			}
		}
	}
	return found
}

// decodeSum decodes strict base64 of exactly that many bytes.
func decodeSum(s string, size int) ([]byte, bool) {
	if strings.ContainsAny(s, "\r\n") { // which the decoder would skip
		return nil, false
	}
	sum, err := base64.StdEncoding.Strict().DecodeString(s)
	return sum, err == nil && len(sum) == size
}
