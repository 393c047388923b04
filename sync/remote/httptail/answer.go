package httptail

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"fsync/sync/remote"
)

// answer turns an answer that is no redirect into a Tail or an error. With an error the
// exchange is over.
func (x *exchange) answer(req remote.Request) (*remote.Tail, error) {
	tail, err := x.judge(req)
	if err != nil {
		x.discard()
		return nil, err
	}
	if tail.NotModified {
		x.discard()
		tail.Body = http.NoBody
		return tail, nil
	}
	b := &body{x: x, start: tail.Start, off: tail.Start, end: tail.End}
	tail.Body = b
	tail.MediaType = mediaTypeOf(x.resp.Header)
	tail.Digests = digestsOf(x.resp)
	return tail, nil
}

// judge decides by the status (RFC 9110 §15).
func (x *exchange) judge(req remote.Request) (*remote.Tail, error) {
	resp := x.resp
	switch status := resp.StatusCode; {
	case status == http.StatusOK:
		return x.whole(req)
	case status == http.StatusPartialContent:
		return x.part(req)
	case status == http.StatusNotModified:
		return x.notModified(req)
	case status == http.StatusRequestedRangeNotSatisfiable && ranged(req):
		// It tells neither "complete" from "shrunk" nor from a server that mishandles
		// ranges: some send it for valid ones, some without the size (§15.5.17).
		return nil, x.fail(remote.BadRange, status, statusText(status))
	case isTemporary(status):
		e := x.fail(remote.Temporary, status, statusText(status))
		e.After = retryAfter(resp.Header, time.Now())
		return nil, e
	case status >= 400:
		return nil, x.fail(remote.Final, status, statusText(status))
	default:
		return nil, x.fail(remote.Final, status, fmt.Errorf("unexpected answer %w", statusText(status)))
	}
}

// whole is a 200: the whole file, whatever was asked. Content-Range has no meaning here
// (§14.4).
func (x *exchange) whole(req remote.Request) (*remote.Tail, error) {
	if encoded(x.resp.Header) {
		return nil, x.unbelieved(req, errEncoded)
	}
	v := versionOf(x.resp.Header, x.url)
	v.Size = x.resp.ContentLength
	chunked := len(x.resp.TransferEncoding) > 0 || x.resp.ProtoMajor > 1
	return &remote.Tail{Version: v, End: v.Size, Framed: v.Size >= 0 || chunked}, nil
}

// part is a 206, of which nothing is believed that does not fit together (§15.3.7).
func (x *exchange) part(req remote.Request) (*remote.Tail, error) {
	switch {
	case !ranged(req):
		return nil, x.unbelieved(req, errors.New("a part of the file, which was not asked for"))
	case encoded(x.resp.Header):
		return nil, x.unbelieved(req, errEncoded)
	case strings.HasPrefix(mediaTypeOf(x.resp.Header), "multipart/"): // byteranges, §15.3.7.2
		return nil, x.unbelieved(req, errors.New("several parts for one range"))
	}
	r, err := rangeOf(x.resp, req.Offset)
	if err != nil {
		return nil, x.unbelieved(req, err)
	}
	v := versionOf(x.resp.Header, x.url)
	v.Size = r.size
	// The end is known, so the body finds a cut by itself, however it is framed.
	return &remote.Tail{Version: v, Start: r.first, End: r.last + 1, Framed: true}, nil
}

// notModified is a 304. What it leaves out is as it was (§15.4.5).
func (x *exchange) notModified(req remote.Request) (*remote.Tail, error) {
	if name, _ := condition(req); name == "" {
		return nil, x.fail(remote.Final, http.StatusNotModified, errors.New("not modified, which was not asked"))
	}
	v := versionOf(x.resp.Header, x.url)
	v.Size = req.Unless.Size
	if v.ETag == "" {
		v.ETag = req.Unless.ETag
	}
	if v.ModTime.IsZero() {
		v.ModTime, v.WeakTime = req.Unless.ModTime, req.Unless.WeakTime
	}
	// A length is that of the whole file (§8.6), but 0 is what servers write that mean
	// the empty body.
	if n, err := strconv.ParseInt(single(x.resp.Header, "Content-Length"), 10, 64); err == nil && n > 0 {
		v.Size = n
	}
	return &remote.Tail{Version: v, NotModified: true, Framed: true}, nil
}

// unbelieved is the error of an answer that contradicts itself or the request. One to a
// range is worth a request without one.
func (x *exchange) unbelieved(req remote.Request, err error) error {
	kind := remote.Final
	if ranged(req) {
		kind = remote.BadRange
	}
	return x.fail(kind, x.resp.StatusCode, err)
}

var errEncoded = errors.New("encoded, although identity was asked for")

// isTemporary says whether the same request may fare better later. 501 and 505 are
// about what the server is.
func isTemporary(status int) bool {
	switch status {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return true
	case http.StatusNotImplemented, http.StatusHTTPVersionNotSupported:
		return false
	}
	return status >= 500
}

// statusText is the error for a status. The server's own words are not repeated.
func statusText(status int) error {
	if text := http.StatusText(status); text != "" {
		return fmt.Errorf("%d %s", status, text)
	}
	return fmt.Errorf("status %d", status)
}
