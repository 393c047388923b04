package local

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strconv"
	"strings"
	"time"
)

// StampState says how far the file is that carries the stamp.
type StampState byte

const (
	Partial StampState = 'p' // bytes are missing, or not yet known to be durable
	Trial   StampState = 'u' // partial, and its prefix was taken on trust: only a digest of the whole can prove it
	Done    StampState = 'd' // complete, verified and, but for Boot, durable
	Bad     StampState = 'b' // complete, and not what a digest of the list says
)

// MaxStamp is the longest stamp in bytes. Common ones are much shorter: up to 56 bytes, ext4
// keeps the attribute in an inode of 256 bytes; beyond, it takes a block of its own, to be
// written and read for each file.
const MaxStamp = 200

// Stamp records which version of the remote file the bytes of a file belong to. It is
// kept in an extended attribute of the file itself, so it survives SIGKILL and power
// cuts, and goes where the file goes.
type Stamp struct {
	State StampState
	Total int64  // complete length of the remote, -1 if it was unknown
	Place string // remote.PlaceOf the URL that answered

	// ETag is the raw strong entity tag, "" if there was none. A long one is kept as a
	// hash, see TagHash: it can be compared, not sent.
	ETag string
	// LastModified is the remote's modification time in whole seconds, zero if unknown.
	// A weak one (WeakTime) can only prove that the remote changed.
	LastModified time.Time
	WeakTime     bool

	// ModTime is the file's own modification time when it was marked Done.
	ModTime time.Time
	// Digests are short forms (see ShortDigest) of the digests that were verified, or,
	// in a Bad stamp, that the file failed.
	Digests []string
	// Boot identifies the boot of the system that the data is known to have survived
	// nothing but; "" means that the data is durable.
	Boot string
}

const stampVersion = "1"

// sameAsLastModified stands for the mtime that most files are given.
const sameAsLastModified = "="

// String returns the stamp as it is stored: at most MaxStamp bytes, fields separated by
// blanks, numbers in base 36, "-" for what is not there, the ETag last because servers
// put anything into it.
func (s Stamp) String() string { return string(s.appendTo(make([]byte, 0, MaxStamp))) }

// appendTo appends what String returns to an empty buffer.
func (s *Stamp) appendTo(b []byte) []byte {
	b = append(b, stampVersion...)
	b = append(b, byte(s.State))
	if s.Total >= 0 {
		b = strconv.AppendInt(append(b, ' '), s.Total, 36)
	} else {
		b = appendField(b, "")
	}
	b = appendField(b, s.Place)
	switch {
	case s.LastModified.IsZero():
		b = appendField(b, "")
	case s.WeakTime:
		b = strconv.AppendInt(append(b, " w"...), s.LastModified.Unix(), 36)
	default:
		b = strconv.AppendInt(append(b, " s"...), s.LastModified.Unix(), 36)
	}
	switch {
	case s.ModTime.IsZero():
		b = appendField(b, "")
	case s.ModTime.Equal(s.LastModified):
		b = appendField(b, sameAsLastModified)
	default:
		b = strconv.AppendInt(append(b, ' '), s.ModTime.UnixNano(), 36)
	}
	b = appendField(b, strings.Join(s.Digests, ","))
	b = appendField(b, s.Boot)
	return appendField(b, shortTag(s.ETag, MaxStamp-len(b)-1))
}

func appendField(b []byte, text string) []byte {
	if text == "" {
		text = "-"
	}
	return append(append(b, ' '), text...)
}

// TagHash returns the form in which an ETag too long for a stamp is kept.
func TagHash(etag string) string {
	sum := sha256.Sum256([]byte(etag))
	return "#" + base64.RawURLEncoding.EncodeToString(sum[:16])
}

func shortTag(etag string, room int) string {
	if len(etag) > room && !strings.HasPrefix(etag, "#") {
		return TagHash(etag)
	}
	return etag
}

// HasTag says whether the stamp's ETag is this one, raw or hashed.
func (s Stamp) HasTag(etag string) bool {
	return s.ETag != "" && (s.ETag == etag || s.ETag == TagHash(etag))
}

// RawTag returns the ETag if it can be sent to a server, else "".
func (s Stamp) RawTag() string {
	if strings.HasPrefix(s.ETag, "#") {
		return ""
	}
	return s.ETag
}

// ShortDigest returns the form in which a digest is remembered: the algorithm and the
// first 128 bits of the sum, enough to tell two digests apart.
func ShortDigest(algorithm, sum string) string {
	return algorithm + ":" + base64.RawURLEncoding.EncodeToString([]byte(sum[:min(16, len(sum))]))
}

var errStamp = errors.New("not a stamp")

// ParseStamp is the inverse of String. Anything that String would not write is an error.
func ParseStamp(text string) (Stamp, error) {
	if len(text) > MaxStamp {
		return Stamp{}, errStamp
	}
	var f [8]string
	ok := true
	for i, rest := 0, text; i < len(f) && ok; i++ {
		if i == len(f)-1 {
			f[i] = rest // blanks and all
			break
		}
		f[i], rest, ok = strings.Cut(rest, " ")
	}
	if !ok || len(f[0]) != 2 || f[0][:1] != stampVersion {
		return Stamp{}, errStamp
	}
	for i := range f {
		if f[i] == "" {
			return Stamp{}, errStamp
		}
		if f[i] == "-" {
			f[i] = ""
		}
	}
	s := Stamp{State: StampState(f[0][1]), Total: -1, Place: f[2], Boot: f[6], ETag: f[7]}
	if !strings.ContainsRune("pudb", rune(s.State)) {
		return Stamp{}, errStamp
	}
	var err error
	if f[1] != "" {
		if s.Total, err = strconv.ParseInt(f[1], 36, 64); err != nil || s.Total < 0 {
			return Stamp{}, errStamp
		}
	}
	if f[3] != "" {
		sec, err := strconv.ParseInt(f[3][1:], 36, 64)
		if err != nil || f[3][0] != 'w' && f[3][0] != 's' {
			return Stamp{}, errStamp
		}
		s.LastModified, s.WeakTime = time.Unix(sec, 0), f[3][0] == 'w'
	}
	switch f[4] {
	case "":
	case sameAsLastModified:
		s.ModTime = s.LastModified
	default:
		ns, err := strconv.ParseInt(f[4], 36, 64)
		if err != nil {
			return Stamp{}, errStamp
		}
		s.ModTime = time.Unix(0, ns)
	}
	if f[5] != "" {
		s.Digests = strings.Split(f[5], ",")
	}
	var buf [MaxStamp]byte
	if string(s.appendTo(buf[:0])) != text {
		return Stamp{}, errStamp
	}
	return s, nil
}
