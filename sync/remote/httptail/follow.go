package httptail

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"

	"fsync/sync/remote"
)

// followTime is how long the answer to a request that was sent ahead may take once the one
// before it is read: a server that passed the request over would never send it.
const followTime = 5 * time.Second

// errNotReached says that a connection ended before the answer to a request sent ahead.
var errNotReached = errors.New("the connection ended before this answer")

// follower is a request that was sent while the answer before it was still being read
// (pipelining, RFC 9112 §9.3.2). It is for parts of one file only: their Content-Range says
// which one an answer is, and nothing says which file.
type follower struct {
	x       *exchange
	hr      *http.Request
	d       *direct
	c       *directConn
	ready   bool // what the connection brings now is the answer
	dropped bool
}

// followable says whether one more request may be sent over the connection of an answer.
func (x *exchange) followable() bool {
	b, ok := x.resp.Body.(*directBody)
	return ok && !b.ended && b.reuse && b.next == nil && x.resp.ProtoAtLeast(1, 1)
}

// follow sends one more request over the connection of an answer that is followable; nil: it
// broke.
func (c *Client) follow(ctx context.Context, before *exchange, at *url.URL, req remote.Request) *follower {
	b := before.resp.Body.(*directBody)
	x, hr := c.prepare(ctx, at, req, before.redirected)
	f := &follower{x: x, hr: hr, d: b.d, c: b.c}
	b.next = f // whatever was sent of it, nobody else may use the connection
	x.dog.begin()
	err := b.c.send(x, hr)
	x.dog.end(stallBytes)
	b.c.x = before // whose answer is still to be read
	if err != nil {
		f.drop()
		return nil
	}
	return f
}

// answer waits for the answer, after the one before it was closed.
func (f *follower) answer(c *Client) (*exchange, error) {
	if limit := f.x.dog.limit; limit == 0 || limit > followTime {
		stop := time.AfterFunc(followTime, func() { f.x.cancel(errStalled) })
		defer stop.Stop()
	}
	return c.answered(f.x, func() (*http.Response, error) {
		if !f.ready {
			return nil, errNotReached
		}
		resp, _, err := f.d.receive(f.c, f.x, f.hr)
		if err != nil {
			f.c.Close()
		}
		return resp, err
	})
}

// drop gives the request up, and with it the connection: at once, or once the answer before
// it was read.
func (f *follower) drop() {
	f.dropped = true
	if f.ready {
		f.c.Close()
	}
	f.x.dog.stop()
	f.x.cancel(errClosed)
}
