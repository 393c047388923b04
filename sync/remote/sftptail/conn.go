package sftptail

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/ssh"

	"fsync/sync/remote"
)

// conn is one SSH connection: one login, on which lanes are opened.
type conn struct {
	ssh  *ssh.Client
	wire *wire
	gone chan struct{}

	pinging atomic.Bool

	// Under the host's mu:
	lanes int  // that are open or being opened
	full  bool // the server gave no more (MaxSessions)
}

// longestLogin bounds a login, beside Stall, but for the time that a person is asked:
// sshd's own LoginGraceTime.
const longestLogin = 2 * time.Minute

// dial connects and logs in, through other hosts if the configuration says so.
func (h *host) dial(ctx context.Context) (*conn, error) {
	t, err := h.client.logins.resolve(h.url)
	if err != nil {
		return nil, err
	}
	var under []*conn
	for _, hop := range append(t.jumps[:len(t.jumps):len(t.jumps)], t) {
		password := ""
		if hop == t {
			password = h.password
		}
		c, err := h.dialHop(ctx, hop, under, password)
		if err != nil {
			for _, u := range under {
				u.wire.cut(errClosed)
			}
			return nil, err
		}
		under = append(under[:len(under):len(under)], c)
	}
	return under[len(under)-1], nil
}

// dialHop connects to one host, over the last of the connections under it if there are any.
func (h *host) dialHop(ctx context.Context, t *target, under []*conn, password string) (*conn, error) {
	raw, err := h.connect(ctx, t, under)
	if err != nil {
		return nil, failure(t.label(), err)
	}
	w := newWire(raw)
	if n := len(under); n > 0 {
		w.under = under[n-1].wire
	}
	login, err := h.client.logins.login(ctx, t, password)
	if err != nil {
		w.cut(errClosed)
		return nil, err
	}
	defer login.close()
	stop := h.watchLogin(ctx, w)
	c, chans, reqs, err := ssh.NewClientConn(w, t.addr(), login.config)
	stop()
	if err != nil {
		w.cut(errClosed)
		if cause := w.why(nil); !errors.Is(cause, errClosed) {
			return nil, failure(t.label(), cause)
		}
		return nil, login.explain(err)
	}
	conn := &conn{ssh: ssh.NewClient(c, chans, reqs), wire: w, gone: make(chan struct{})}
	h.client.done.Add(1)
	go func() {
		defer h.client.done.Done()
		conn.cut(conn.ssh.Wait())
		close(conn.gone)
	}()
	return conn, nil
}

// label is how messages name a host that is connected to.
func (t *target) label() string { return "sftp://" + t.addr() }

func (h *host) connect(ctx context.Context, t *target, under []*conn) (net.Conn, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, h.client.opts.Stall, remote.ErrStall)
	defer cancel()
	var c net.Conn
	var err error
	if n := len(under); n > 0 {
		c, err = under[n-1].ssh.DialContext(ctx, "tcp", t.addr())
	} else {
		c, err = new(net.Dialer).DialContext(ctx, "tcp", t.addr())
	}
	if err != nil && ctx.Err() != nil {
		return nil, fmt.Errorf("connecting: %w", context.Cause(ctx))
	}
	if op, ok := errors.AsType[*net.OpError](err); ok {
		return nil, fmt.Errorf("connecting: %w", op.Err) // the address is said already
	}
	return c, err
}

// watchLogin cuts the wire if nothing comes for too long, or if ctx ends.
func (h *host) watchLogin(ctx context.Context, w *wire) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	w.came.now() // a person may have been asked for a passphrase meanwhile
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(h.tick())
		defer tick.Stop()
		left := longestLogin
		for {
			select {
			case <-tick.C:
			case <-ctx.Done():
				w.cutFor(context.Cause(ctx))
				return
			}
			if h.client.asking.Load() > 0 {
				w.came.now()
				continue
			}
			if left -= h.tick(); left < 0 || w.came.ago() > h.client.opts.Stall {
				w.cut(fmt.Errorf("logging in: %w", silence(h.client.opts.Stall)))
				return
			}
		}
	}()
	return func() { cancel(); <-ended }
}

// cutFor cuts the wire for a cause from outside; the end of the watch itself is none.
func (w *wire) cutFor(cause error) {
	if !errors.Is(cause, context.Canceled) {
		w.cut(cause)
	}
}

// cut ends the connection and all that runs over it.
func (c *conn) cut(cause error) {
	if cause == nil {
		cause = errLost
	}
	c.wire.cut(cause)
}

// ping asks the server for a sign of life (OpenSSH's keepalive; any answer will do, RFC
// 4254 §4). One that does not come is noticed as silence of the wire. While it is awaited
// no other is sent: x/crypto would hold a lock.
func (c *conn) ping() {
	if c.pinging.Swap(true) {
		return
	}
	go func() {
		_, _, _ = c.ssh.SendRequest("keepalive@openssh.com", true, nil)
		c.pinging.Store(false)
	}()
}

// errFull says that a connection takes no more channels.
var errFull = errors.New("the server gives no more sessions on this connection")

// session opens a session channel. A connection that ends at that very moment may leave
// x/crypto waiting for ever.
func (c *conn) session() (ssh.Channel, <-chan *ssh.Request, error) {
	var ch ssh.Channel
	var requests <-chan *ssh.Request
	var err error
	opened := make(chan struct{})
	go func() {
		defer close(opened)
		ch, requests, err = c.ssh.OpenChannel("session", nil)
	}()
	select {
	case <-opened:
		return ch, requests, err
	case <-c.gone:
		return nil, nil, errLost
	}
}

// channel opens a session channel with SFTP on it.
func (c *conn) channel() (ssh.Channel, error) {
	ch, requests, err := c.session()
	if _, refused := errors.AsType[*ssh.OpenChannelError](err); refused {
		return nil, errFull
	}
	if err != nil {
		return nil, c.wire.why(err)
	}
	go ssh.DiscardRequests(requests)
	ok, err := ch.SendRequest("subsystem", true, ssh.Marshal(struct{ Name string }{"sftp"}))
	if err != nil {
		ch.Close()
		return nil, c.wire.why(err)
	}
	if !ok {
		ch.Close()
		return nil, errNoSubsystem
	}
	return ch, nil
}

var errNoSubsystem = errors.New("the server offers no SFTP")
