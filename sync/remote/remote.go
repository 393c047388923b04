// Package remote holds the words that the engine and the transports share: what is
// asked of a remote file (Request), what came back (Tail), which state of the file that
// was (Version) and how an attempt failed (Error).
//
// A transport is any type with the method
//
//	Open(ctx context.Context, req Request) (*Tail, error)
//
// whose contract stands at Request and Tail; package remotetest checks it.
package remote

import (
	"crypto/sha256"
	"encoding/base64"
	"io"
	"net"
	"net/url"
	"os"
	"strings"
	"time"
)

// Request asks for a remote file from one byte on, in one round trip. There is no
// separate probe: the answer's Tail says what the file is.
type Request struct {
	URL *url.URL

	// Offset is the first byte wanted. 0 asks for the whole file, without a range.
	// An answer may start earlier, never later.
	Offset int64

	// Length is how many bytes are wanted from Offset on; 0 means up to the end.
	Length int64

	// Expect is how many bytes are likely to come, 0 if nobody knows. A transport may
	// choose by it how to ask, and believes nothing because of it.
	Expect int64

	// Unless, when it has a validator, makes the request conditional: a file that is
	// still this version is answered with Tail.NotModified and no body, whatever the
	// Offset (RFC 9110 §13.2.2). A transport that cannot ask so ignores it. It is not set
	// with a Length.
	Unless *Version

	// Streams is how many connections may bring the body at once, in ranges that are
	// yielded in order; 0 means as many as make it faster, by the transport's measure.
	// Several are used only for a version with a strong validator, or where Proven says
	// that digests will tell whether the bytes belong together.
	Streams int
	Proven  bool
}

// Version is what a transport knows of the state of a remote file.
type Version struct {
	// ETag is the raw entity tag with its quotes (RFC 9110 §8.8.3), "" if there is none.
	// A weak one starts with W/ and proves nothing.
	ETag string

	// ModTime is when the remote was last modified; zero if unknown. WeakTime says that
	// it is too young to tell two states apart (RFC 9110 §8.8.2.2): less than 2 s before
	// the server's own clock.
	ModTime  time.Time
	WeakTime bool

	// Size is the complete length in bytes, -1 if unknown.
	Size int64

	// Place identifies the URL that really answered, after redirects; see PlaceOf.
	// Validators of different places are never compared (RFC 9110 §8.8.1).
	Place string
}

// StrongETag returns the ETag if it may prove that bytes are equal, else "".
func (v Version) StrongETag() string {
	if strings.HasPrefix(v.ETag, "W/") || len(v.ETag) < 2 {
		return ""
	}
	return v.ETag
}

// StrongTime returns ModTime if it may tell two states apart, else the zero time.
func (v Version) StrongTime() time.Time {
	if v.WeakTime {
		return time.Time{}
	}
	return v.ModTime
}

// Tail is an answer: the file's version and its bytes from Start on.
type Tail struct {
	Version

	// NotModified answers Request.Unless; Body is then empty.
	NotModified bool

	// Start is the absolute offset of Body's first byte: at most Request.Offset, and 0
	// where the range was ignored. End is the offset after Body's last byte, -1 if it is
	// not known before the body ends. End may be less than Size: the rest is asked for
	// again.
	Start, End int64

	// Framed says that a body which was cut ends in an error and not in io.EOF. Without
	// it (HTTP/1.0 without a length) only a size known from elsewhere proves the end.
	Framed bool

	// MediaType is the lower-case type/subtype that the server gave, "" if none.
	MediaType string

	// Digests returns the digests of the whole file that the remote offered (RFC 9530
	// Repr-Digest), by algorithm name as in package listing ("sha256", "sha512"). nil
	// means none. Those sent as trailers are there only after Body returned io.EOF.
	Digests func() map[string][]byte

	// Body yields each byte from Start to End once and in order, then io.EOF; or an
	// *Error that says why it was cut. It is never nil and must be closed. Close of a
	// body not read to its end returns soon. A body that also implements Filer offers
	// its bytes as a local file.
	Body io.ReadCloser
}

// Filer is implemented by the body of a Tail whose bytes lie in a file of this machine,
// which lets the kernel copy or share them. Off is the position of the next byte.
type Filer interface {
	File() (f *os.File, off int64)
}

// Splicer is implemented by a body whose next bytes the kernel may be able to move from the
// connection into a pipe without copying them through the program (splice(2)). It may be
// mixed with Read.
type Splicer interface {
	// Splice waits for bytes and moves at most n into an empty pipe. got of them are in
	// the pipe, whatever the error, which is as Read's. 0 without an error means that Read
	// has to be called for the next bytes; errors.ErrUnsupported, that it has to be for all.
	Splice(pipe *os.File, n int) (got int, err error)
}

// Blocks is implemented by a body that reads ahead into blocks of its own, which can so be
// used without being copied. It may be mixed with Read.
type Blocks interface {
	// Next returns the next bytes, at least one, or an error as Read does. They are valid
	// until the call of Next, Read or Close after it.
	Next() ([]byte, error)
}

// Several is implemented by a body that may make requests of its own.
type Several interface {
	// Requests returns how many it made so far.
	Requests() int
}

// PlaceOf returns a short hash of the URL's scheme, host, port and path. User
// information, query and fragment have no part in it, so it holds no secret.
func PlaceOf(u *url.URL) string {
	sum := sha256.Sum256([]byte(OriginOf(u) + u.EscapedPath()))
	return base64.RawURLEncoding.EncodeToString(sum[:8])
}

// OriginOf returns scheme://host:port in lower case, the default port written out: what
// a credential is bound to (RFC 6454 §4).
func OriginOf(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = defaultPort(u.Scheme)
	}
	return strings.ToLower(u.Scheme) + "://" + net.JoinHostPort(strings.ToLower(u.Hostname()), port)
}

func defaultPort(scheme string) string {
	switch strings.ToLower(scheme) {
	case "http":
		return "80"
	case "https":
		return "443"
	case "sftp":
		return "22"
	}
	return ""
}

// Redact returns the URL without user information, query and fragment: the only form in
// which one is shown or stored. Of one without an authority, as user:password@host:path://
// is one, nothing is known and only the scheme is shown.
func Redact(u *url.URL) string {
	if u.Opaque != "" {
		return u.Scheme + ":"
	}
	r := url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path, RawPath: u.RawPath}
	return r.String()
}

// File is what the walk of a directory came upon.
//
// A transport that can walk has the method
//
//	Walk(ctx context.Context, dir *url.URL, prune func(dir string) bool) iter.Seq2[File, error]
//
// which yields what is below dir, whose path ends in a slash, in no certain order. What
// lies in a directory that prune is true for is left out, unseen; prune may be nil, is
// called by several goroutines, and gets a path as in File.
// An error with a Path concerns that directory alone and the walk goes on; one without
// a Path ends it, and what was yielded is then not all there is.
type File struct {
	// Path is relative to the directory and slash-separated. Its bytes are the remote's
	// own; nothing is escaped, and nothing was checked.
	Path string

	Size    int64     // -1 if it is not known to the byte
	ModTime time.Time // zero if it is not known, or without a certain zone

	// Skipped, if not "", says why this is nothing to pull: what it is instead of a
	// regular file, or where a symbolic link leads.
	Skipped string
}
