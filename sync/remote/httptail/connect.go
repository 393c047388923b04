package httptail

import (
	"bufio"
	"context"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync/atomic"

	"fsync/sync/remote"
)

// addressOf returns what to connect to for a URL.
func addressOf(u *url.URL) string {
	if u.Port() == "" {
		return net.JoinHostPort(u.Hostname(), "80")
	}
	return u.Host
}

// opened returns the count of the connections to an address.
func (d *direct) opened(addr string) *atomic.Int32 {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := d.open[addr]
	if n == nil {
		if d.open == nil {
			d.open = map[string]*atomic.Int32{}
		}
		n = new(atomic.Int32)
		d.open[addr] = n
	}
	return n
}

// dial makes a connection that was counted in open before.
func (d *direct) dial(ctx context.Context, addr string, open *atomic.Int32) (*directConn, error) {
	conn, err := d.dialer.DialContext(ctx, "tcp", addr)
	if err != nil {
		open.Add(-1)
		return nil, err
	}
	c := &directConn{Conn: conn, addr: addr, open: open}
	c.br, c.bw = bufio.NewReaderSize(c, readBuffer), bufio.NewWriterSize(c, 4<<10)
	return c, nil
}

// connect makes a connection for an exchange, in the time that it has.
func (d *direct) connect(x *exchange, addr string, open *atomic.Int32) (*directConn, error) {
	ctx := x.ctx
	if x.dog.limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, x.dog.left, errStalled)
		defer cancel()
	}
	c, err := d.dial(ctx, addr, open)
	if err != nil && context.Cause(ctx) == errStalled {
		x.cancel(errStalled)
	}
	return c, err
}

func (c *directConn) Close() error {
	if c.gone.CompareAndSwap(false, true) {
		c.open.Add(-1)
	}
	return c.Conn.Close()
}

// warmUp lets the first request to a host of which several streams are wanted be followed
// by their connections at once, so that they are there when its answer comes. To be used is
// the context that it returns; done is to be called when it is known whether they are wanted.
//
// They come after the request: a server that has one connection at a time then begins with
// that. And those that nobody wants are closed, as such a server would wait for a request
// there for ever.
func (c *Client) warmUp(ctx context.Context, at *url.URL, req remote.Request) (_ context.Context, done func(wanted bool)) {
	if req.Streams < 2 || !c.isDirect(&http.Request{URL: at}) || c.load.single(at.Host) || !c.load.first(at.Host) {
		return ctx, func(bool) {}
	}
	w := &warmth{d: &c.direct, addr: addressOf(at), most: int32(min(req.Streams, c.conns))}
	trace := &httptrace.ClientTrace{WroteRequest: func(info httptrace.WroteRequestInfo) {
		if info.Err == nil {
			w.begin(ctx)
		}
	}}
	return httptrace.WithClientTrace(ctx, trace), w.done
}

// warmth is connections that are made before somebody needs them.
type warmth struct {
	d        *direct
	addr     string
	most     int32
	unwanted bool // guarded by d.mu
}

// begin connects until there are so many connections to the address in all.
func (w *warmth) begin(ctx context.Context) {
	open := w.d.opened(w.addr)
	for range w.most {
		if open.Add(1) > w.most {
			open.Add(-1)
			return
		}
		go func() {
			if c, err := w.d.dial(ctx, w.addr, open); err == nil {
				w.put(c)
			}
		}()
	}
}

func (w *warmth) put(c *directConn) {
	w.d.mu.Lock()
	defer w.d.mu.Unlock()
	if w.unwanted {
		c.Close()
		return
	}
	w.d.putLocked(c)
}

// done closes what was not used yet if it is not wanted.
func (w *warmth) done(wanted bool) {
	if wanted {
		return
	}
	w.d.mu.Lock()
	defer w.d.mu.Unlock()
	w.unwanted = true
	var used []*directConn
	for _, c := range w.d.idle[w.addr] {
		if c.sent.IsZero() {
			c.Close()
		} else {
			used = append(used, c)
		}
	}
	if w.d.idle != nil {
		w.d.idle[w.addr] = used
	}
}
