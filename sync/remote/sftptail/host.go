package sftptail

import (
	"context"
	"math"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"fsync/sync/remote"
)

const (
	// A connection is one login, one congestion window and one thread of decryption; a
	// lane has one window of 2 MiB. Four lanes on each of four connections are as much in
	// flight as 0.5 GB/s need at 60 ms. sshd's own limits are ten sessions a connection
	// (MaxSessions), and ten logins under way (MaxStartups).
	lanesPerConn = 4
	mostConns    = 4

	// crowd is how many files a lane has open before another lane is opened for the next:
	// most servers answer the requests of one lane one by one. The fewer the lanes, the
	// more requests leave in one packet, and the more answers come in one.
	crowd = 16

	// mostHandles is how many files a lane opens where the server names no limit.
	mostHandles = 100
)

// host is one login name on one host, with its connections and lanes. All files of the
// host share them.
type host struct {
	client   *Client
	url      *url.URL
	password string

	limits atomic.Pointer[limits] // nil until the first lane has asked
	rtt    atomic.Int64           // the shortest round trip seen, in ns
	bodies atomic.Int32           // that read ahead

	mu       sync.Mutex // guards what follows
	conns    []*conn
	lanes    []*lane
	adding   int   // lanes that are being opened
	enough   bool  // no more lanes can be had
	refused  error // nobody gets in, and asking again would not help
	round    *round
	dials    []*dialing
	watching bool
	hung     map[string]bool // paths whose opening was never answered
}

// round is an attempt that several wait for.
type round struct {
	done chan struct{}
	err  error
}

func newRound() *round { return &round{done: make(chan struct{})} }

// dialing is a connection that is being made, with those who wait for a lane on it.
type dialing struct {
	round
	lanes int
}

func newHost(c *Client, u *url.URL, password string) *host {
	h := &host{client: c, password: password, round: newRound(), hung: make(map[string]bool)}
	h.url = &url.URL{Scheme: u.Scheme, User: u.User, Host: u.Host}
	h.rtt.Store(math.MaxInt64)
	return h
}

func (h *host) sawRTT(d time.Duration) {
	for {
		now := h.rtt.Load()
		if int64(d) >= now || h.rtt.CompareAndSwap(now, int64(d)) {
			return
		}
	}
}

// take returns the lane with the fewest open files, other than those in not, and counts
// one more on it. It opens lanes where there is none, or where all are crowded. It
// returns nil without an error if there is none but those in not.
func (h *host) take(ctx context.Context, not ...*lane) (*lane, error) {
	for {
		h.mu.Lock()
		if h.refused != nil {
			defer h.mu.Unlock()
			return nil, h.refused
		}
		l := h.leastBusy(not)
		if (l == nil || l.files >= crowd) && h.adding == 0 {
			h.add()
		}
		if l != nil {
			l.files++
			h.mu.Unlock()
			return l, nil
		}
		if len(not) > 0 && h.adding == 0 {
			h.mu.Unlock()
			return nil, nil
		}
		r := h.round
		h.mu.Unlock()
		select {
		case <-r.done:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-h.client.ctx.Done():
			return nil, context.Cause(h.client.ctx)
		}
		if r.err != nil && len(not) > 0 {
			return nil, nil
		}
		if r.err != nil {
			return nil, r.err
		}
	}
}

// leastBusy returns the lane with the fewest files that can take one more.
func (h *host) leastBusy(not []*lane) *lane {
	var best *lane
next:
	for _, l := range h.lanes {
		for _, n := range not {
			if l == n {
				continue next
			}
		}
		if l.dead() {
			continue
		}
		most := mostHandles
		if l.handles > 0 {
			most = l.handles
		}
		if l.files < most && (best == nil || l.files < best.files) {
			best = l
		}
	}
	return best
}

// give takes a file off a lane.
func (h *host) give(l *lane) {
	h.mu.Lock()
	defer h.mu.Unlock()
	l.files--
	h.next(nil) // somebody may wait for a handle
}

// next lets those who wait look again.
func (h *host) next(err error) {
	h.round.err = err
	close(h.round.done)
	h.round = newRound()
}

// want has lanes opened, side by side, until there are n.
func (h *host) want(n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for len(h.lanes)+h.adding < n && h.add() {
	}
}

// add opens one more lane, in the background. It is called under mu, and says whether it
// began.
func (h *host) add() bool {
	if h.refused != nil || h.enough && len(h.lanes) > 0 || len(h.lanes)+h.adding >= h.mostLanes() {
		h.enough = true
		return false
	}
	if h.client.enter() != nil {
		return false
	}
	h.adding++
	go func() {
		defer h.client.done.Done()
		err := h.addLane(h.client.ctx)
		h.mu.Lock()
		defer h.mu.Unlock()
		h.adding--
		switch {
		case err == nil:
			h.next(nil)
		case len(h.lanes) > 0:
			h.enough = true // those that there are have to do
			h.next(nil)
		case h.adding == 0: // the others failed, too
			if remote.KindOf(err) == remote.Final {
				h.refused = err
			}
			h.next(err)
		}
	}()
	return true
}

// mostLanes is how many lanes a host may have. Those of a command are a process each.
func (h *host) mostLanes() int {
	if h.client.opts.Command != "" {
		return lanesPerConn
	}
	return lanesPerConn * mostConns
}

// follow adds a lane, until it ends.
func (h *host) follow(l *lane) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.lanes = append(h.lanes, l)
	h.watch()
	h.client.done.Add(1)
	go func() {
		defer h.client.done.Done()
		<-l.gone
		h.mu.Lock()
		defer h.mu.Unlock()
		h.lanes = without(h.lanes, l)
		h.enough = false
		if c := l.conn; c != nil {
			if c.lanes--; c.lanes == 0 {
				c.cut(errLost)
			}
			select {
			case <-c.gone:
				h.forget(c)
			default:
				if c.lanes == 0 || c.wire.dead() {
					h.forget(c)
				}
			}
		}
		h.next(nil)
	}()
}

func (h *host) forget(c *conn) { h.conns = without(h.conns, c) }

func without[T comparable](all []T, x T) []T {
	var rest []T
	for _, y := range all {
		if y != x {
			rest = append(rest, y)
		}
	}
	return rest
}

// cut ends all connections and lanes.
func (h *host) cut(cause error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, c := range h.conns {
		c.cut(cause)
	}
	for _, l := range h.lanes {
		l.cut(cause)
	}
}
