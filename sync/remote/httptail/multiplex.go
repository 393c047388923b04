package httptail

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"
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
	// crowded is what is too much while another connection comes about, which is waited
	// for crowdTime then. mostWaits is for how many a request waits.
	crowded   = 2 * shareBytes
	crowdTime = 250 * time.Millisecond
	mostWaits = 4
	// mostProbes is how many connections are tried to find out whether a server has HTTP/2.
	mostProbes = 4
	// firstGuess is how long the first answers are taken to be.
	firstGuess = 16 << 10

	// dialPause is how long no HTTP/2 connection is tried after one that did not come about.
	dialPause = 10 * time.Second
	// mostShared is how often a request is sent over HTTP/2.
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
		m.release(host, c, cost)
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
	alone := h.asking == 0 && m.load.of(at.Host) == 0 && len(h.conns) == 0
	h.asking++
	if expect < 0 {
		expect = int64(h.usual)
	}
	// One that is alone has nobody to share with, and may be a large file.
	return h, max(expect, leastCost), expect <= shareBytes && !alone && !h.never && ascii(at.Host)
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
	length := resp.ContentLength
	if resp.StatusCode >= 300 {
		length = 0 // of a 304 it is the file's
	}
	if length > strayBytes {
		resp.Body.Close()
		l.end()
		return m.plain.RoundTrip(resp.Request)
	}
	m.correct(l, max(length, leastCost))
	l.ReadCloser, resp.Body = resp.Body, l
	return resp, nil
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

func (e streamError) Error() string {
	return fmt.Sprintf("HTTP/2 stream reset by the server, error code %#x", e.Code)
}

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
		l.m.release(l.host, l.conn, l.cost)
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
