package httptail

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"fsync/sync/remote"
)

// ranged says whether a request asks for less than the whole file.
func ranged(req remote.Request) bool { return req.Offset > 0 || req.Length > 0 }

// condition returns the header that makes a request conditional, "" if it is not. There
// is one at most: beside an entity tag a date adds nothing (RFC 9110 §13.1.3), and some
// servers given both look at neither.
func condition(req remote.Request) (name, value string) {
	if req.Length > 0 || req.Unless == nil {
		return "", ""
	}
	if tag := req.Unless.StrongETag(); isETag(tag) {
		return "If-None-Match", tag
	}
	if t := req.Unless.StrongTime(); !t.IsZero() {
		return "If-Modified-Since", t.UTC().Format(http.TimeFormat)
	}
	return "", ""
}

// expected returns how many bytes the answer is likely to have, -1 if that is not known.
func expected(req remote.Request) int64 {
	name, _ := condition(req)
	switch {
	case name != "":
		return 0 // most files have not changed
	case req.Length > 0:
		return req.Length
	case req.Expect > 0:
		return req.Expect
	}
	return -1
}

// ask sends one GET and waits for the header of its answer.
func (c *Client) ask(ctx context.Context, at *url.URL, req remote.Request, redirected bool) (*exchange, error) {
	x, hr := c.prepare(ctx, at, req, redirected)
	return c.answered(x, func() (*http.Response, error) { return c.roundTrip(x, hr, expected(req)) })
}

// prepare makes a request, which is not sent yet.
func (c *Client) prepare(ctx context.Context, at *url.URL, req remote.Request, redirected bool) (*exchange, *http.Request) {
	x := &exchange{ctx: ctx, url: at, redirected: redirected, load: &c.load}
	x.dog.start(c.stall)
	hr := &http.Request{
		Method: http.MethodGet,
		URL:    &url.URL{Scheme: at.Scheme, Host: at.Host, Path: at.Path, RawPath: at.RawPath, RawQuery: at.RawQuery},
		Header: make(http.Header, 8),
	}
	hr.Header["User-Agent"] = c.userAgent // an empty one keeps net/http from sending its own
	c.authorize(hr, req.URL)
	setRange(hr.Header, req)
	return x, hr
}

// answered waits for the header of the answer.
func (c *Client) answered(x *exchange, roundTrip func() (*http.Response, error)) (*exchange, error) {
	// The transport and not an http.Client, which would follow redirects with the
	// headers of the first request, add a Referer and put the URL into its errors.
	x.dog.begin()
	resp, err := roundTrip()
	x.dog.end(stallBytes) // the header is as good as that
	if err != nil {
		err = x.transportError("", err)
		x.dog.stop()
		x.cancel(nil)
		return nil, err
	}
	x.resp = resp
	c.load.add(x.url.Host, 1)
	return x, nil
}

// Values that every request shares, and nobody appends to.
var (
	identity    = []string{"identity"}
	wantDigests = []string{"sha-256=10, sha-512=5"} // RFC 9530 §4
)

// setRange writes what is asked for. It is the same for every hop of a redirect.
func setRange(h http.Header, req remote.Request) {
	h["Accept-Encoding"] = identity
	h["Want-Repr-Digest"] = wantDigests
	switch {
	case ranged(req) && req.Length > 0 && req.Offset <= math.MaxInt64-req.Length:
		h["Range"] = []string{fmt.Sprintf("bytes=%d-%d", req.Offset, req.Offset+req.Length-1)}
	case ranged(req):
		h["Range"] = []string{fmt.Sprintf("bytes=%d-", req.Offset)}
	}
	// It goes before the range: what is still the same is answered by 304 (§13.2.2).
	if name, value := condition(req); name != "" {
		h[name] = []string{value}
	}
}

// authorize adds the credentials of the origin that is asked, and of no other. A header
// beats the user information of the list's URL, and that beats netrc.
func (c *Client) authorize(hr *http.Request, listed *url.URL) {
	if len(c.headers) == 0 && len(c.netrc) == 0 && listed.User == nil {
		return
	}
	origin := remote.OriginOf(hr.URL)
	for _, h := range c.headers {
		switch {
		case h.Origin != origin:
		case h.Name == "Host":
			hr.Host = h.Value
		case h.Name == "User-Agent":
			hr.Header.Set(h.Name, h.Value)
		default:
			hr.Header.Add(h.Name, h.Value)
		}
	}
	if _, ok := hr.Header["Authorization"]; ok {
		return
	}
	if listed.User != nil && remote.OriginOf(listed) == origin {
		password, _ := listed.User.Password()
		hr.SetBasicAuth(listed.User.Username(), password)
	} else if l, ok := c.netrc[strings.ToLower(hr.URL.Hostname())]; ok {
		hr.SetBasicAuth(l.user, l.password)
	}
}

// exchange is one request and its answer.
type exchange struct {
	url        *url.URL
	redirected bool // the URL is not the one of the list
	resp       *http.Response
	ctx        context.Context
	cancelCtx  context.CancelCauseFunc // nil: the connection looks at broken
	broken     atomic.Pointer[error]   // why the exchange was ended, if not by ctx
	dog        watchdog
	load       *load // nil once the exchange is over
}

// bind lets a context end a request, for those who look at nothing else.
func (x *exchange) bind(req *http.Request) *http.Request {
	x.ctx, x.cancelCtx = context.WithCancelCause(x.ctx)
	x.dog.bark(func() { x.cancel(errStalled) })
	return req.WithContext(x.ctx)
}

// cancel ends the exchange, from any goroutine.
func (x *exchange) cancel(cause error) {
	if x.cancelCtx != nil {
		x.cancelCtx(cause)
	} else if cause != nil {
		x.broken.CompareAndSwap(nil, &cause)
	}
}

// cause returns why the exchange was ended ahead of time, nil if it was not.
func (x *exchange) cause() error {
	if broken := x.broken.Load(); broken != nil {
		return *broken
	}
	if x.ctx.Err() == nil {
		return nil
	}
	return context.Cause(x.ctx)
}

// name is how errors call what was asked.
func (x *exchange) name() string { return printable(remote.Redact(x.url)) }

// fail returns an error that names what was asked.
func (x *exchange) fail(kind remote.Kind, status int, err error) *remote.Error {
	e := remote.Errorf(kind, "%s: %w", x.name(), err)
	e.Status, e.Redirected = status, x.redirected
	return e
}

const (
	// A rest so small is read, and not cut off, to keep its connection. The time says
	// when that is no longer worth it.
	drainSize = 64 << 10
	drainTime = 200 * time.Millisecond
)

// discard ends an exchange whose body is of no use.
func (x *exchange) discard() {
	if x.resp.StatusCode == http.StatusSwitchingProtocols || x.resp.ContentLength > drainSize {
		x.finish(0) // the body of a 101 is the connection itself
		return
	}
	x.finish(drainSize)
}
