// Package httptail fetches the tails of files over HTTP and HTTPS.
//
// One Open is one GET, plus one for each redirect, and one more where an answer over
// HTTP/2 is longer than was to be expected. There is no HEAD, no If-Range and no
// suffix range: the answer to "bytes=OFFSET-" carries the size, the validators and the
// bytes at once, and whoever asked compares the validators himself. A 206 is believed
// only with a Content-Range that was checked; nothing that a server says makes Body
// yield a byte at another offset than the one announced.
//
// No credential leaves the origin it was given for, and no Referer is ever sent.
package httptail

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"fsync/sync/remote"
)

const (
	// connectTime bounds a dial and, once more, a TLS handshake.
	connectTime = 10 * time.Second

	// maxHeader bounds the header of an answer, with all its 1xx before it.
	maxHeader = 256 << 10

	// readBuffer is the size of a connection's buffer. Blocks of 256 KiB and more are
	// read past it; it saves system calls where chunks are small (servers write 4 to
	// 32 KiB) and costs memory for each connection, so it is not larger.
	readBuffer = 64 << 10
)

// Client opens tails of http and https URLs. It is safe for concurrent use.
type Client struct {
	transport *http.Transport
	direct    direct     // for plain HTTP without a proxy
	multiplex *multiplex // for HTTPS
	headers   []OriginHeader
	netrc     netrc
	userAgent []string
	stall     time.Duration
	conns     int // to one host at a time, as far as a file has several streams
	load      load
}

// New returns a Client. Its errors are about the options: a certificate or netrc file
// that cannot be read, a header that cannot be sent.
func New(o Options) (*Client, error) {
	headers, err := checkHeaders(o.Headers)
	if err != nil {
		return nil, err
	}
	c := &Client{headers: headers, userAgent: []string{o.UserAgent}, stall: o.Stall, conns: max(o.Conns, 1)}
	c.direct.keep, c.direct.dialer.Timeout = max(o.Conns, 2), connectTime
	if o.NetrcFile != "" {
		if c.netrc, err = readNetrc(o.NetrcFile); err != nil {
			return nil, err
		}
	}
	tlsConfig, err := o.tlsConfig()
	if err != nil {
		return nil, err
	}
	// Streams over HTTP/2 share one TCP connection and its congestion window, so large
	// files and ranges would not add up: here HTTP/1.1 only.
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	c.transport = &http.Transport{
		Proxy:                  proxy,
		DialContext:            (&net.Dialer{Timeout: connectTime}).DialContext,
		TLSClientConfig:        tlsConfig,
		TLSHandshakeTimeout:    connectTime,
		Protocols:              protocols,
		DisableCompression:     true, // ranges count encoded bytes (RFC 9110 §14.1.2)
		MaxIdleConnsPerHost:    max(o.Conns, 2),
		IdleConnTimeout:        90 * time.Second,
		MaxResponseHeaderBytes: maxHeader,
		ReadBufferSize:         readBuffer,
	}
	c.multiplex = newMultiplex(c.transport, &c.load, o.Stall)
	return c, nil
}

// Close closes the connections that no body is using.
func (c *Client) Close() {
	c.transport.CloseIdleConnections()
	c.direct.close()
	c.multiplex.close()
}

// roundTrip sends one request by the shortest way. Its answer is likely to have so many
// bytes; -1: that is not known.
func (c *Client) roundTrip(x *exchange, req *http.Request, expect int64) (*http.Response, error) {
	switch {
	case c.isDirect(req):
		return c.direct.roundTrip(x, req)
	case req.URL.Scheme == "https":
		return c.multiplex.RoundTrip(x.bind(req), expect)
	}
	return c.transport.RoundTrip(x.bind(req))
}

// isDirect says whether a request goes straight to its host, unencrypted.
func (c *Client) isDirect(req *http.Request) bool {
	if !canBeDirect || req.URL.Scheme != "http" {
		return false
	}
	via, err := proxy(req)
	return err == nil && via == nil
}

// proxy takes the proxy from the environment. The error of a bad setting would quote
// it, with the password that may be in it.
func proxy(req *http.Request) (*url.URL, error) {
	u, err := http.ProxyFromEnvironment(req)
	if err != nil {
		return nil, errProxy
	}
	return u, nil
}

var errProxy = errors.New("the environment names a proxy that is not a URL")

// Open asks for a file from req.Offset on and follows redirects. ctx governs Body too;
// when it is done, its cause is the error. Any other error is a *remote.Error.
//
// The answer to a Length may be longer than asked, as may be its Tail: the consumer
// closes Body when he has enough.
func (c *Client) Open(ctx context.Context, req remote.Request) (*remote.Tail, error) {
	tail, _, err := c.open(ctx, req, func(*url.URL) error { return nil })
	return tail, err
}

// open is Open. It follows a redirect where may, given where it leads, returns no error,
// and returns the URL that answered too.
func (c *Client) open(ctx context.Context, req remote.Request, may func(next *url.URL) error) (*remote.Tail, *url.URL, error) {
	if err := checkRequest(req); err != nil {
		return nil, nil, err
	}
	at := rooted(req.URL)
	for hops := 0; ; hops++ {
		warm, done := c.warmUp(ctx, at, req)
		x, err := c.ask(warm, at, req, hops > 0)
		if err != nil {
			done(false)
			return nil, nil, err
		}
		if !isRedirect(x.resp) {
			tail, err := x.answer(req)
			if err == nil {
				tail.Body = c.newWindow(ctx, at, req, tail, x.resp.Header)
				_, several := tail.Body.(*window)
				done(several)
			} else {
				done(false)
			}
			return tail, at, err
		}
		done(false)
		next, err := x.location()
		x.discard()
		if err == nil && hops == maxRedirects {
			err = fmt.Errorf("more than %d redirects", maxRedirects)
		}
		if err == nil {
			next = rooted(next)
			err = may(next)
		}
		if err != nil {
			return nil, nil, x.fail(remote.Final, x.resp.StatusCode, err)
		}
		at = next
	}
}

// rooted returns the URL with a path that begins with a slash, as a request line needs
// it (RFC 9112 §3.2.1). Without one ("http://host", or a URL put together from parts)
// the same file would also have two places.
func rooted(u *url.URL) *url.URL {
	if strings.HasPrefix(u.Path, "/") {
		return u
	}
	r := *u
	r.Path = "/" + u.Path
	if u.RawPath != "" {
		r.RawPath = "/" + u.RawPath
	}
	return &r
}

// checkRequest refuses what no server need be asked.
func checkRequest(req remote.Request) error {
	switch u := req.URL; {
	case u == nil:
		return remote.Errorf(remote.Final, "no URL")
	case u.Scheme != "http" && u.Scheme != "https":
		return remote.Errorf(remote.Final, "%s: not an http or https URL", printable(remote.Redact(u)))
	case u.Host == "":
		return remote.Errorf(remote.Final, "%s: no host in the URL", printable(remote.Redact(u)))
	case req.Offset < 0 || req.Length < 0:
		return remote.Errorf(remote.Final, "bad range: %d bytes from byte %d on", req.Length, req.Offset)
	}
	return nil
}
