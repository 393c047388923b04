package httptail

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync/atomic"
	"time"
)

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
	streams  int   // requests and answers under way
	bytes    int64 // expected to come of them
	answered atomic.Bool
}

// reserve returns a connection with room for one more request, nil if there is none. It
// does not crowd the first connection while others are about to be there.
func (m *multiplex) reserve(req *http.Request, h *sharing, cost int64) *sharedConn {
	m.mu.Lock()
	defer m.mu.Unlock()
	h.bytes += cost
	for waits := 0; ; waits++ {
		c, usable := h.pick()
		m.dialMore(req.URL, h, usable)
		last := waits == mostWaits || h.dialing == 0 || req.Context().Err() != nil
		switch {
		case c != nil && (last || c.bytes+cost <= crowded):
			c.streams++
			c.bytes += cost
			return c
		case last:
			h.bytes -= cost
			return nil
		case c == nil && !m.await(req.Context(), h.dialed, connectTime),
			c != nil && !m.await(req.Context(), h.dialed, crowdTime):
			waits = mostWaits - 1
		}
	}
}

// await waits, without the lock, until a connection has come about or has not, for a time
// at most. It says whether that was so.
func (m *multiplex) await(ctx context.Context, dialed chan struct{}, most time.Duration) bool {
	m.mu.Unlock()
	defer m.mu.Lock()
	t := time.NewTimer(most)
	defer t.Stop()
	select {
	case <-dialed:
		return true
	case <-ctx.Done():
	case <-t.C:
	}
	return false
}

// pick returns the connection with the least on it, and how many have room. Those that are
// closed, or closed to more requests and idle, are forgotten.
func (h *sharing) pick() (best *sharedConn, usable int) {
	kept := h.conns[:0]
	for _, c := range h.conns {
		switch {
		case c.hasRoom():
			usable++
			if best == nil || c.bytes < best.bytes {
				best = c
			}
		case c.Err() != nil:
			continue
		case c.streams == 0 && c.InFlight() == 0:
			go c.Close()
			continue
		}
		kept = append(kept, c)
	}
	clear(h.conns[len(kept):])
	h.conns = kept
	return best, usable
}

// hasRoom says whether one more request can be sent now. Reserve would say so too, but as
// of Go 1.26 a connection waits for ever when more was reserved, before the server's
// settings came, than they allow.
func (c *sharedConn) hasRoom() bool {
	free := c.Available()
	return free > 0 && c.streams < free+c.InFlight()
}

// dialMore begins as many connections as are wanting: one for each shareBytes, but few
// until it is known what the server speaks.
func (m *multiplex) dialMore(at *url.URL, h *sharing, usable int) {
	want := int((h.bytes + shareBytes - 1) / shareBytes)
	if !h.offered {
		want = min(want, mostProbes)
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

// correct changes what an answer counts for.
func (m *multiplex) correct(l *lease, cost int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	l.host.bytes += cost - l.cost
	l.conn.bytes += cost - l.cost
	l.cost = cost
}

// release takes a request and its answer from their connection.
func (m *multiplex) release(h *sharing, c *sharedConn, cost int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	h.bytes -= cost
	c.bytes -= cost
	if c.streams--; c.streams == 0 && m.ctx.Err() != nil {
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
			if c.streams == 0 {
				go c.Close()
			}
		}
	}
}
