package sftptail

import (
	"context"
	"errors"
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
	// most servers answer the requests of one lane one by one.
	crowd = 8

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

// addLane opens a lane on a connection that has room, or on a new one.
func (h *host) addLane(ctx context.Context) error {
	if h.client.opts.Command != "" {
		return h.addCommand(ctx)
	}
	for {
		c, d, err := h.room(ctx)
		switch {
		case err != nil:
			return err
		case d != nil:
			select {
			case <-d.done:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
			if d.err != nil {
				return d.err
			}
			continue
		}
		_, err = h.openLane(c)
		if err == nil {
			return nil
		}
		if last := h.noLane(c, err); last != nil {
			return failure(remote.Redact(h.url), last)
		}
	}
}

// room returns a connection with room for a lane, which is counted on it, or one that is
// being made. The first is made alone: the others then know that they are let in, and
// with what.
func (h *host) room(ctx context.Context) (*conn, *dialing, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, c := range h.conns {
		if !c.full && c.lanes < lanesPerConn && !c.wire.dead() {
			c.lanes++
			return c, nil, nil
		}
	}
	for _, d := range h.dials {
		if d.lanes < lanesPerConn || len(h.conns) == 0 {
			d.lanes++
			return nil, d, nil
		}
	}
	if len(h.conns)+len(h.dials) >= mostConns {
		return nil, nil, errTooMany
	}
	d := &dialing{*newRound(), 1}
	h.dials = append(h.dials, d)
	h.client.done.Add(1) // under that of the caller
	go h.addConn(ctx, d)
	return nil, d, nil
}

// addConn dials.
func (h *host) addConn(ctx context.Context, d *dialing) {
	defer h.client.done.Done()
	c, err := h.dial(ctx)
	h.mu.Lock()
	defer h.mu.Unlock()
	if err == nil {
		h.conns = append(h.conns, c)
		h.watch()
		if h.client.ctx.Err() != nil { // Close has cut all others
			c.cut(errClosed)
		}
	}
	h.dials = without(h.dials, d)
	d.err = err
	close(d.done)
}

var errTooMany = remote.Errorf(remote.Temporary, "no more connections to this host")

// noLane takes a lane that could not be opened off its connection. It returns nil if
// another connection may do.
func (h *host) noLane(c *conn, err error) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	c.lanes--
	if errors.Is(err, errFull) && c.lanes > 0 {
		c.full = true
		return nil
	}
	if c.lanes == 0 { // of no use, and perhaps the next one is
		c.cut(err)
		h.forget(c)
	}
	if errors.Is(err, errNoSubsystem) || errors.Is(err, errNotSFTP) || errors.Is(err, errOtherVersion) {
		return remote.Errorf(remote.Final, "%s: %w", remote.Redact(h.url), err)
	}
	return err
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

// tick is how often is looked for signs of life.
func (h *host) tick() time.Duration {
	return min(max(h.client.opts.Stall/8, 10*time.Millisecond), time.Second)
}

// watch begins to look for connections and lanes that went silent. It is called under mu.
func (h *host) watch() {
	if h.watching {
		return
	}
	h.watching = true
	h.client.done.Add(1)
	go func() {
		defer h.client.done.Done()
		tick := time.NewTicker(h.tick())
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
			case <-h.client.ctx.Done():
				h.cut(errClosed) // those that were opened meanwhile, too
				return
			}
			if !h.look() {
				return
			}
		}
	}()
}

// look cuts what is silent, and asks for a sign of life what is silent for a while. It
// ends with the last connection.
func (h *host) look() bool {
	stall := h.client.opts.Stall
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, c := range h.conns {
		switch ago := c.wire.came.ago(); {
		case c.wire.dead():
			if c.lanes == 0 { // else the last of them does it
				h.forget(c)
			}
		case ago >= stall:
			c.cut(silence(stall))
		case ago >= stall/3:
			c.ping()
		}
	}
	for _, l := range h.lanes {
		if l.calls.stalled(stall) {
			l.cut(silence(stall))
		}
	}
	h.watching = len(h.conns)+len(h.lanes)+h.adding > 0
	return h.watching
}
