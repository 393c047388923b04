package httptail

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// shareBytes is what the answers under way on one HTTP/2 connection bring together.
	// They share its congestion window, so more of them would wait for each other; a
	// longer one has a connection of its own, which HTTP/1.1 does with less work.
	shareBytes = 256 << 10
	// leastCost is what an answer counts for at least, so that there are 32 at most.
	leastCost = shareBytes / 32
	// An answer that is longer, and was not known to be, is asked for again over HTTP/1.1.
	// No more of it than streamWindow came by then.
	strayBytes   = 1 << 20
	streamWindow = 256 << 10
	// firstGuess is how long the first answers are taken to be.
	firstGuess = 16 << 10

	// dialPause is how long no HTTP/2 connection is tried after one that did not come about.
	dialPause = 10 * time.Second
	// mostShared is how many HTTP/2 connections a request is tried on.
	mostShared = 2
)

// multiplex sends requests for small files over a few HTTP/2 connections, where a server
// offers that by ALPN (RFC 9113 §3.2), and all others over HTTP/1.1. What goes wrong with
// HTTP/2 before there is an answer costs a request over HTTP/1.1, never an error more.
type multiplex struct {
	shared *http.Transport // opens connections and has none of its own
	plain  *http.Transport // HTTP/1.1
	load   *load
	ctx    context.Context // of connections that come about
	cancel context.CancelFunc

	mu    sync.Mutex // guards what follows, and all of hosts
	hosts map[string]*sharing
}

// sharing is what is known of a host, and the connections to it.
type sharing struct {
	conns   []*sharedConn
	asking  int           // requests without an answer yet
	bytes   int64         // what is expected to come over HTTP/2, and of requests that wait for that
	dialing int           // connections that come about
	dialed  chan struct{} // closed when the next of them has, or has not
	offered bool          // it speaks HTTP/2
	never   bool          // it does not, or not well
	rest    time.Time     // none is dialed before
	usual   float64       // bytes of an answer whose length was not known
}

// sharedConn is one HTTP/2 connection.
type sharedConn struct {
	*http.ClientConn
	bytes    int64 // expected to come
	answered atomic.Bool
}

// newMultiplex returns one with connections as a transport's.
func newMultiplex(plain *http.Transport, l *load, stall time.Duration) *multiplex {
	m := &multiplex{plain: plain, shared: plain.Clone(), load: l, hosts: map[string]*sharing{}}
	m.shared.Protocols = new(http.Protocols)
	m.shared.Protocols.SetHTTP1(true)
	m.shared.Protocols.SetHTTP2(true)
	m.shared.HTTP2 = &http.HTTP2Config{MaxReceiveBufferPerStream: streamWindow}
	if stall > 0 {
		// A connection that hangs is found before the requests on it are given up, so
		// that they can be sent again.
		m.shared.HTTP2.SendPingTimeout, m.shared.HTTP2.PingTimeout = stall/3, stall/3
	}
	m.ctx, m.cancel = context.WithCancel(context.Background())
	return m
}

// RoundTrip sends a request, whose answer is likely to have so many bytes; -1: that is
// not known.
func (m *multiplex) RoundTrip(req *http.Request, expect int64) (*http.Response, error) {
	host, cost, share := m.enter(req.URL, expect)
	defer m.leave(host)
	for tries := 0; share && tries < mostShared; tries++ {
		c := m.reserve(req, host, cost)
		if c == nil {
			break
		}
		resp, err := c.RoundTrip(req)
		if err == nil {
			c.answered.Store(true)
			return m.accept(resp, &lease{m: m, host: host, conn: c, cost: cost}, expect)
		}
		m.charge(host, c, -cost)
		if req.Context().Err() != nil || !m.mayAskAgain(host, c, err) {
			return nil, err
		}
	}
	resp, err := m.plain.RoundTrip(req)
	if err == nil {
		m.learn(host, resp, expect)
	}
	return resp, err
}

// enter notes a request, and says whether it may share a connection and for how many bytes
// it counts there.
func (m *multiplex) enter(at *url.URL, expect int64) (h *sharing, cost int64, share bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	h = m.hosts[at.Host]
	if h == nil {
		h = &sharing{usual: firstGuess}
		m.hosts[at.Host] = h
	}
	// A file that comes alone may be a large one, and has nobody to share with.
	alone := h.asking == 0 && m.load.of(at.Host) == 0
	h.asking++
	switch {
	case h.never || !ascii(at.Host):
		return h, 0, false
	case expect < 0 && alone && len(h.conns) == 0:
		return h, 0, false
	case expect < 0:
		expect = int64(h.usual)
	}
	return h, max(expect, leastCost), expect <= shareBytes
}

func (m *multiplex) leave(h *sharing) {
	m.mu.Lock()
	defer m.mu.Unlock()
	h.asking--
}

// learn takes the length of an answer for that of the next ones.
func (m *multiplex) learn(h *sharing, resp *http.Response, expect int64) {
	const weight = 0.25
	if expect >= 0 || resp.StatusCode >= 300 || resp.ContentLength < 0 {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	h.usual += weight * (min(float64(resp.ContentLength), 8*shareBytes) - h.usual)
}

// accept takes an answer over HTTP/2, unless it is long.
func (m *multiplex) accept(resp *http.Response, l *lease, expect int64) (*http.Response, error) {
	m.learn(l.host, resp, expect)
	if resp.ContentLength > strayBytes && resp.StatusCode < 300 {
		resp.Body.Close()
		l.end()
		return m.plain.RoundTrip(resp.Request)
	}
	if n := max(resp.ContentLength, leastCost); n != l.cost {
		m.charge(l.host, l.conn, n-l.cost)
		l.cost = n
	}
	l.ReadCloser, resp.Body = resp.Body, l
	return resp, nil
}

// reserve returns a connection with room for one more request, nil if there is none.
func (m *multiplex) reserve(req *http.Request, h *sharing, cost int64) *sharedConn {
	m.mu.Lock()
	defer m.mu.Unlock()
	h.bytes += cost
	for waited := false; ; waited = true {
		c, usable := h.pick()
		m.dialMore(req.URL, h, usable)
		if c != nil {
			c.bytes += cost
			return c
		}
		if waited || h.dialing == 0 {
			h.bytes -= cost
			return nil
		}
		dialed := h.dialed
		m.mu.Unlock()
		select {
		case <-dialed:
		case <-req.Context().Done():
		}
		m.mu.Lock()
	}
}

// pick reserves the connection with the least on it, and says how many have room. Those
// that are closed, or closed to more requests and idle, are forgotten.
func (h *sharing) pick() (best *sharedConn, usable int) {
	kept := h.conns[:0]
	for _, c := range h.conns {
		switch room := c.Available() > 0; {
		case room:
			usable++
			if best == nil || c.bytes < best.bytes {
				best = c
			}
		case c.Err() != nil:
			continue
		case c.InFlight() == 0:
			go c.Close()
			continue
		}
		kept = append(kept, c)
	}
	clear(h.conns[len(kept):])
	h.conns = kept
	if best != nil && best.Reserve() != nil {
		best = nil // it ended this moment
	}
	return best, usable
}

// dialMore begins as many connections as are wanting: one until it is known what the
// server speaks, then one for each shareBytes.
func (m *multiplex) dialMore(at *url.URL, h *sharing, usable int) {
	want := 1
	if h.offered {
		want = int((h.bytes + shareBytes - 1) / shareBytes)
	}
	if h.never || time.Now().Before(h.rest) {
		return
	}
	for ; usable+h.dialing < want; h.dialing++ {
		if h.dialed == nil {
			h.dialed = make(chan struct{})
		}
		go m.dial(at, h)
	}
}

// dial opens a connection. Why it did not come about is for the request over HTTP/1.1 to
// find out, and to tell.
func (m *multiplex) dial(at *url.URL, h *sharing) {
	var protocol string
	ctx := httptrace.WithClientTrace(m.ctx, &httptrace.ClientTrace{
		TLSHandshakeDone: func(s tls.ConnectionState, _ error) { protocol = s.NegotiatedProtocol },
	})
	port := at.Port()
	if port == "" {
		port = "443"
	}
	conn, err := m.shared.NewClientConn(ctx, "https", net.JoinHostPort(at.Hostname(), port))
	m.mu.Lock()
	defer m.mu.Unlock()
	h.dialing--
	close(h.dialed)
	h.dialed = nil
	if h.dialing > 0 {
		h.dialed = make(chan struct{})
	}
	switch {
	case err != nil:
		h.rest = time.Now().Add(dialPause)
	case protocol != "h2":
		h.never = true
		conn.Close()
	case m.ctx.Err() != nil:
		conn.Close()
	default:
		h.offered = true
		h.conns = append(h.conns, &sharedConn{ClientConn: conn})
	}
}

// HTTP/2's error codes that say something about the next request (RFC 9113 §7).
const (
	codeRefused = 0x7
	codeHTTP11  = 0xd
)

// streamError has the shape of net/http's errors about one stream, which let errors.As
// fill it in.
type streamError struct {
	StreamID uint32
	Code     uint32
	Cause    error
}

func (e streamError) Error() string { return "stream reset by the server" }

// mayAskAgain says whether a request without an answer is sent again: what its connection
// died of is no more the request's fault than that of one which was closed while idle. But
// what the server refuses, it refuses.
func (m *multiplex) mayAskAgain(h *sharing, c *sharedConn, err error) bool {
	s, ok := errors.AsType[streamError](err)
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case ok && s.Code == codeHTTP11:
		h.never = true
	case ok && s.Code != codeRefused:
		return false
	case !ok && !c.answered.Load():
		h.never = true // HTTP/2 does not work with this server, or with what lies between
	}
	return true
}

// charge changes a connection's account.
func (m *multiplex) charge(h *sharing, c *sharedConn, cost int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	h.bytes += cost
	c.bytes += cost
	if c.bytes == 0 && m.ctx.Err() != nil {
		go c.Close()
	}
}

// close closes the idle connections, and those under way when they become idle.
func (m *multiplex) close() {
	m.cancel()
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, h := range m.hosts {
		for _, c := range h.conns {
			if c.bytes == 0 {
				go c.Close()
			}
		}
	}
}

// lease is the body of an answer that shares a connection.
type lease struct {
	io.ReadCloser
	m     *multiplex
	host  *sharing
	conn  *sharedConn
	cost  int64
	ended bool
}

func (l *lease) Read(p []byte) (int, error) {
	n, err := l.ReadCloser.Read(p)
	if err != nil {
		l.end()
	}
	return n, err
}

func (l *lease) Close() error {
	err := l.ReadCloser.Close()
	l.end()
	return err
}

func (l *lease) end() {
	if !l.ended {
		l.ended = true
		l.m.charge(l.host, l.conn, -l.cost)
	}
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}
