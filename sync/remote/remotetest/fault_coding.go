package remotetest

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"io"
	"net/http"
)

// gzipped returns the file compressed.
func (c *call) gzipped() []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	io.Copy(z, c.file.reader())
	z.Close()
	return b.Bytes()
}

// Gzip compresses although identity was asked for.
func Gzip() Fault {
	return Fault{Name: "gzip", serve: func(c *call) {
		c.headers().Set("Content-Encoding", "gzip")
		c.w.WriteHeader(http.StatusOK)
		c.copy(c.w, bytes.NewReader(c.gzipped()))
	}}
}

// EncodedRange answers a range with one of the compressed bytes.
func EncodedRange() Fault {
	return rangeFault("206 gzip", func(c *call) {
		z := c.gzipped()
		if c.first >= int64(len(z)) {
			c.w.WriteHeader(http.StatusRequestedRangeNotSatisfiable)
			return
		}
		c.file.Content, c.file.Large = z, nil
		c.last = c.file.Size() - 1
		c.headers().Set("Content-Encoding", "gzip")
		c.part(c.contentRange(), c.first, c.length())
	})
}

// Transcoded unpacks a stored gzip object as Cloud Storage does: no length, no ranges,
// and the digest of the packed object.
func Transcoded() Fault {
	return Fault{Name: "transcoded", serve: func(c *call) {
		h := c.headers()
		h.Set("X-Goog-Stored-Content-Encoding", "gzip")
		h.Set("Repr-Digest", reprDigest(c.gzipped()))
		c.w.WriteHeader(http.StatusOK)
		http.NewResponseController(c.w).Flush() // chunked from here on
		c.copy(c.w, c.file.reader())
	}}
}

func sum(p []byte) string {
	d := sha256.Sum256(p)
	return base64.StdEncoding.EncodeToString(d[:])
}

func reprDigest(p []byte) string { return "sha-256=:" + sum(p) + ":" }

// whole returns all bytes of the file.
func (c *call) whole() []byte {
	p, _ := io.ReadAll(c.file.reader())
	return p
}

// digestFault serves the file honestly with one more field.
func digestFault(name string, set func(h http.Header, whole []byte)) Fault {
	return fileFault(name, func(c *call) { set(c.w.Header(), c.whole()) })
}

// ReprDigest gives the digest of the whole file.
func ReprDigest() Fault {
	return digestFault("Repr-Digest", func(h http.Header, p []byte) { h.Set("Repr-Digest", reprDigest(p)) })
}

// ReprDigestBad gives a digest of something else.
func ReprDigestBad() Fault {
	return digestFault("Repr-Digest wrong", func(h http.Header, p []byte) {
		h.Set("Repr-Digest", reprDigest([]byte("something else")))
	})
}

// OldDigest gives the digest in the obsolete field of RFC 3230.
func OldDigest() Fault {
	return digestFault("Digest", func(h http.Header, p []byte) { h.Set("Digest", "SHA-256="+sum(p)) })
}

// ReprDigestTrailer gives the digest behind the body.
func ReprDigestTrailer() Fault {
	return Fault{Name: "Repr-Digest trailer", serve: func(c *call) {
		h := c.headers()
		h.Set("Trailer", "Repr-Digest")
		if c.ranged {
			h.Set("Content-Range", c.contentRange())
		}
		c.w.WriteHeader(c.status())
		c.copy(c.w, c.section(c.first, c.length()))
		h.Set("Repr-Digest", reprDigest(c.whole()))
	}}
}
