package httptail

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"sync"
	"sync/atomic"
	"time"
)

// direct speaks plain HTTP/1.1 to a server, without a proxy, in the goroutine that asks.
// net/http's own Transport hands every request and answer through two goroutines a
// connection, which for many small files costs more than the requests themselves. What
// is written and read is still net/http's: Request.Write and ReadResponse.
type direct struct {
	dialer net.Dialer
	keep   int // idle connections kept for a host

	mu     sync.Mutex // guards what follows
	idle   map[string][]*directConn
	closed bool
	open   map[string]*atomic.Int32 // connections to each address, and attempts at one
}

const (
	idleTime = 90 * time.Second
	// most1xx bounds the interim answers before an answer (RFC 9110 §15.2).
	most1xx = 5
)

// directConn is one connection. The header of an answer may read head bytes from it.
type directConn struct {
	net.Conn
	addr string
	br   *bufio.Reader
	bw   *bufio.Writer
	head int64 // bytes that may still be read, -1: as many as there are
	idle time.Time
	sent time.Time // when the last request was, zero: there was none
	open *atomic.Int32
	gone atomic.Bool // not in open any more
}

var errHeader = errors.New("the header of the answer is too long")

func (c *directConn) Read(p []byte) (int, error) {
	if c.head < 0 {
		return c.Conn.Read(p)
	}
	if c.head == 0 {
		return 0, errHeader
	}
	n, err := c.Conn.Read(p[:min(int64(len(p)), c.head)])
	c.head -= int64(n)
	return n, err
}

// RoundTrip sends a request that has no body and reads the header of its answer. A
// connection that the server closed while it was idle is replaced, once for each.
func (d *direct) RoundTrip(req *http.Request) (*http.Response, error) {
	for {
		c, reused, err := d.get(req)
		if err != nil {
			return nil, err
		}
		resp, answered, err := d.exchange(c, req)
		if err == nil {
			return resp, nil
		}
		c.Close()
		if !reused || answered || req.Context().Err() != nil {
			return nil, err
		}
	}
}

// exchange does one request. answered says that the server sent something.
func (d *direct) exchange(c *directConn, req *http.Request) (resp *http.Response, answered bool, err error) {
	stop, err := c.send(req)
	if err != nil {
		return nil, false, err
	}
	return d.receive(c, req, stop)
}

// send writes a request. stop ends the connection's bond to the request's context.
func (c *directConn) send(req *http.Request) (stop func() bool, err error) {
	// A deadline in the past ends what is under way when the context does.
	stop = context.AfterFunc(req.Context(), func() { c.SetDeadline(time.Unix(1, 0)) })
	if err = req.Write(c.bw); err == nil {
		err = c.bw.Flush()
	}
	if err != nil {
		stop()
	}
	c.sent = time.Now()
	if trace := httptrace.ContextClientTrace(req.Context()); trace != nil && trace.WroteRequest != nil {
		trace.WroteRequest(httptrace.WroteRequestInfo{Err: err})
	}
	return stop, err
}

// receive reads the answer to what was sent.
func (d *direct) receive(c *directConn, req *http.Request, stop func() bool) (resp *http.Response, answered bool, err error) {
	defer func() {
		if err != nil {
			stop()
		}
	}()
	c.head = maxHeader
	if _, err := c.br.Peek(1); err != nil {
		return nil, false, err
	}
	for range most1xx + 1 {
		resp, err = http.ReadResponse(c.br, req)
		if err != nil {
			return nil, true, err
		}
		if resp.StatusCode >= 200 || resp.StatusCode == http.StatusSwitchingProtocols {
			break
		}
		resp.Body.Close()
	}
	c.head = -1
	resp.Body = &directBody{
		body: unframed(resp, c.br), d: d, c: c, stop: stop, empty: resp.Body == http.NoBody,
		reuse: !resp.Close && resp.StatusCode != http.StatusSwitchingProtocols,
	}
	return resp, true, nil
}

// get returns an idle connection or a new one.
func (d *direct) get(req *http.Request) (c *directConn, reused bool, err error) {
	addr := addressOf(req.URL)
	for c := d.take(addr); c != nil; c = d.take(addr) {
		if time.Since(c.idle) < idleTime && quiet(c.Conn) {
			return c, true, nil
		}
		c.Close()
	}
	open := d.opened(addr)
	open.Add(1)
	c, err = d.dial(req.Context(), addr, open)
	return c, false, err
}

// take takes the connection that was used last.
func (d *direct) take(addr string) *directConn {
	d.mu.Lock()
	defer d.mu.Unlock()
	conns := d.idle[addr]
	if len(conns) == 0 {
		return nil
	}
	c := conns[len(conns)-1]
	d.idle[addr] = conns[:len(conns)-1]
	return c
}

// put keeps a connection for the next request.
func (d *direct) put(c *directConn) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.putLocked(c)
}

func (d *direct) putLocked(c *directConn) {
	c.idle = time.Now()
	if d.closed || len(d.idle[c.addr]) >= d.keep {
		c.Close()
		return
	}
	if d.idle == nil {
		d.idle = map[string][]*directConn{}
	}
	d.idle[c.addr] = append(d.idle[c.addr], c)
}

// close closes the idle connections, and those under way when they become idle.
func (d *direct) close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, conns := range d.idle {
		for _, c := range conns {
			c.Close()
		}
	}
	d.idle, d.closed = nil, true
}

// directBody gives the connection back when the body was read to its end, and closes it
// when it was not.
type directBody struct {
	body  io.ReadCloser
	d     *direct
	c     *directConn
	stop  func() bool
	empty bool // there is nothing to read
	reuse bool
	ended bool
	next  *follower
}

func (b *directBody) Read(p []byte) (int, error) {
	if b.ended {
		return 0, io.EOF
	}
	n, err := b.body.Read(p)
	if err != nil {
		b.end(err == io.EOF)
	}
	return n, err
}

func (b *directBody) Close() error {
	b.end(b.empty)
	return nil
}

func (b *directBody) end(whole bool) {
	if b.ended {
		return
	}
	b.ended = true
	whole = b.stop() && whole && b.reuse
	// Bytes behind the body belong to no request: such a connection cannot be trusted.
	switch {
	case whole && b.next != nil && !b.next.dropped:
		b.next.ready = true
	case whole && b.next == nil && b.c.br.Buffered() == 0:
		b.d.put(b.c)
	default:
		b.c.Close()
	}
}
