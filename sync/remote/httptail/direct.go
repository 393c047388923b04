package httptail

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"os"
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

	mu     sync.Mutex // guards idle and closed
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
	addr  string
	x     *exchange // under way
	until time.Time // the deadline that is set
	br    *bufio.Reader
	bw    *bufio.Writer
	head  int64 // bytes that may still be read, -1: as many as there are
	idle  time.Time
	sent  time.Time // when the last request was, zero: there was none
	open  *atomic.Int32
	gone  atomic.Bool // not in open any more
}

// lookEvery is how often somebody who waits looks whether to go on. A timer and a context
// that are told of each request cost more than the request of a small file.
const lookEvery = 100 * time.Millisecond

// wait lets the next call on the connection take lookEvery at most, unless the exchange
// was ended or brings too little. last is what the call before it ended in: what has come
// meanwhile is read before anybody is called slow.
func (c *directConn) wait(last error) error {
	if cause := c.x.cause(); cause != nil {
		return cause
	}
	now := time.Now()
	if (last != nil || c.x.dog.spent()) && c.x.dog.over(now) {
		c.x.cancel(errStalled)
		return errStalled
	}
	if c.until.Sub(now) > lookEvery/2 {
		return nil
	}
	c.until = now.Add(lookEvery)
	return c.SetDeadline(c.until)
}

var errHeader = errors.New("the header of the answer is too long")

func (c *directConn) Read(p []byte) (n int, err error) {
	if c.head == 0 {
		return 0, errHeader
	}
	if c.head > 0 {
		p = p[:min(int64(len(p)), c.head)]
	}
	for {
		if err := c.wait(err); err != nil {
			return 0, err
		}
		n, err = c.Conn.Read(p)
		if n > 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
			break
		}
	}
	if c.head > 0 {
		c.head -= int64(n)
	}
	return n, err
}

func (c *directConn) Write(p []byte) (n int, err error) {
	for {
		if err := c.wait(err); err != nil {
			return n, err
		}
		var m int
		m, err = c.Conn.Write(p[n:])
		n += m
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return n, err
		}
	}
}

// roundTrip sends a request that has no body and reads the header of its answer. A
// connection that the server closed while it was idle is replaced, once for each.
func (d *direct) roundTrip(x *exchange, req *http.Request) (*http.Response, error) {
	for {
		c, reused, err := d.get(x, req)
		if err != nil {
			return nil, err
		}
		resp, answered, err := d.exchange(c, x, req)
		if err == nil {
			return resp, nil
		}
		c.Close()
		if !reused || answered || x.cause() != nil {
			return nil, err
		}
	}
}

// exchange does one request. answered says that the server sent something.
func (d *direct) exchange(c *directConn, x *exchange, req *http.Request) (resp *http.Response, answered bool, err error) {
	if err := c.send(x, req); err != nil {
		return nil, false, err
	}
	return d.receive(c, x, req)
}

// send writes a request, in the time that its exchange has.
func (c *directConn) send(x *exchange, req *http.Request) error {
	c.x = x
	err := writeRequest(c.bw, req)
	if err == nil {
		err = c.bw.Flush()
	}
	c.sent = time.Now()
	if trace := httptrace.ContextClientTrace(x.ctx); trace != nil && trace.WroteRequest != nil {
		trace.WroteRequest(httptrace.WroteRequestInfo{Err: err})
	}
	return err
}

// receive reads the answer to what was sent.
func (d *direct) receive(c *directConn, x *exchange, req *http.Request) (resp *http.Response, answered bool, err error) {
	c.x, c.head = x, maxHeader
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
		body: unframed(resp, c.br), d: d, c: c, x: x, empty: resp.Body == http.NoBody,
		reuse: !resp.Close && resp.StatusCode != http.StatusSwitchingProtocols,
	}
	return resp, true, nil
}

// get returns an idle connection or a new one.
func (d *direct) get(x *exchange, req *http.Request) (c *directConn, reused bool, err error) {
	addr := addressOf(req.URL)
	for c := d.take(addr); c != nil; c = d.take(addr) {
		if time.Since(c.idle) < idleTime && quiet(c.Conn) {
			return c, true, nil
		}
		c.Close()
	}
	open := d.opened(addr)
	open.Add(1)
	c, err = d.connect(x, addr, open)
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
	c.idle, c.x = time.Now(), nil
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
	x     *exchange
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
	whole = whole && b.reuse && b.x.cause() == nil
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
