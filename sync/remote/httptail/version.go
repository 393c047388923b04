package httptail

import (
	"mime"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"fsync/sync/remote"
)

// maxETag bounds what is kept for each file.
const maxETag = 1 << 10

// versionOf reads the validators of an answer. Its Size is not known yet.
func versionOf(h http.Header, at *url.URL) remote.Version {
	v := remote.Version{ETag: etagOf(h), Size: -1, Place: remote.PlaceOf(at)}
	v.ModTime, v.WeakTime = modTimeOf(h)
	return v
}

// etagOf returns the entity tag as it was sent, "" if there is none or it is not one
// (RFC 9110 §8.8.3): [ "W/" ] DQUOTE *etagc DQUOTE.
func etagOf(h http.Header) string {
	if tag := single(h, "Etag"); isETag(tag) {
		return tag
	}
	return ""
}

func isETag(s string) bool {
	tag := strings.TrimPrefix(s, "W/")
	if len(s) > maxETag || len(tag) < 2 || tag[0] != '"' || tag[len(tag)-1] != '"' {
		return false
	}
	for _, c := range []byte(tag[1 : len(tag)-1]) {
		if c <= ' ' || c == '"' || c == 0x7f {
			return false
		}
	}
	return true
}

// modTimeOf returns Last-Modified, and whether it is too weak to tell two states apart.
func modTimeOf(h http.Header) (t time.Time, weak bool) {
	t, err := http.ParseTime(single(h, "Last-Modified"))
	if err != nil || t.Unix() < 0 {
		return time.Time{}, false
	}
	if t.Unix() <= 1 {
		// 0 and 1 stand for "unknown" or "made reproducible": every state has them.
		return t, true
	}
	// A file may change twice in the second that Last-Modified names, so the answer
	// must be made clearly later (§8.8.2.2). Without the server's Date none can say.
	date, err := parseDate(single(h, "Date"))
	return t, err != nil || date.Sub(t) < 2*time.Second
}

// lastDate is the Date that was parsed last: most answers of a second have the same.
var lastDate atomic.Pointer[parsedDate]

type parsedDate struct {
	text string
	time time.Time
}

func parseDate(text string) (time.Time, error) {
	if last := lastDate.Load(); last != nil && last.text == text {
		return last.time, nil
	}
	t, err := http.ParseTime(text)
	if err == nil {
		lastDate.Store(&parsedDate{strings.Clone(text), t})
	}
	return t, err
}

// single returns the value of a field that may come once. One that comes twice and
// differs is worth nothing.
func single(h http.Header, name string) string {
	values := h.Values(name)
	for _, v := range values {
		if v != values[0] {
			return ""
		}
	}
	if len(values) == 0 {
		return ""
	}
	return values[0]
}

// mediaTypeOf returns the lower-case type/subtype of Content-Type, "" if there is none.
func mediaTypeOf(h http.Header) string {
	full := single(h, "Content-Type")
	media, _, err := mime.ParseMediaType(full)
	if err != nil { // bad parameters do not hide the type
		media, _, _ = strings.Cut(full, ";")
		media = strings.ToLower(strings.TrimSpace(media))
	}
	kind, sub, ok := strings.Cut(media, "/")
	if !ok || !isToken(kind) || !isToken(sub) {
		return ""
	}
	return media
}

// encoded says whether the bytes of an answer are not those of the file, although
// identity was asked for (RFC 9110 §8.4, §12.5.3).
func encoded(h http.Header) bool {
	for _, v := range h.Values("Content-Encoding") {
		for coding := range strings.SplitSeq(v, ",") {
			coding = strings.Trim(coding, " \t")
			if coding != "" && !strings.EqualFold(coding, "identity") {
				return true
			}
		}
	}
	return false
}
