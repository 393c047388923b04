// Package sftptail fetches the tails of files over SFTP, version 3 of the protocol
// (draft-ietf-secsh-filexfer-02), by sftp: URLs.
//
// SFTP has no entity tag. What stands for one is the pair of size and modification time,
// looked at before the first byte is read and after the last: a body whose file moved in
// between ends in an error and not in io.EOF.
//
// A path in a URL is the server's absolute path, but for one that begins with /~/, which
// lies in the home directory of the login.
//
// Reads are pipelined and delivered in order; what a server answers short is asked for
// again, and nothing behind a gap is ever delivered. sftp.File.WriteTo is not used: it
// loses bytes where an answer is short (github.com/pkg/sftp issue 658).
package sftptail

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"fsync/sync/remote"
)

// Client opens tails of sftp: URLs. It logs in once for all files of a host. It is safe
// for concurrent use.
type Client struct {
	opts   Options
	logins *logins

	ctx  context.Context // until Close
	stop context.CancelCauseFunc
	done sync.WaitGroup // goroutines, and bodies that are open

	asking atomic.Int32 // a person is being asked: no login waits in vain

	mu        sync.Mutex // guards what follows
	hosts     map[hostKey]*host
	passwords map[string]string // by origin
	closed    bool
}

// hostKey is what logins have in common. One with another password is not let in by the
// first.
type hostKey struct{ user, origin, password string }

var errClosed = errors.New("the client was closed")

// New returns a client. Nothing is connected before it is needed.
func New(o Options) *Client {
	if o.Stall <= 0 {
		o.Stall = 30 * time.Second
	}
	c := &Client{opts: o, hosts: make(map[hostKey]*host), passwords: make(map[string]string)}
	if o.Ask != nil {
		c.opts.Ask = c.ask(o.Ask)
	}
	c.logins = newLogins(c.opts)
	c.ctx, c.stop = context.WithCancelCause(context.Background())
	return c
}

// ask has a person asked, for whom logins wait.
func (c *Client) ask(ask func(context.Context, string) (string, error)) func(context.Context, string) (string, error) {
	return func(ctx context.Context, prompt string) (string, error) {
		c.asking.Add(1)
		defer c.asking.Add(-1)
		return ask(ctx, prompt)
	}
}

// SetPassword gives the password for an origin, in the form of remote.OriginOf. One in
// the user information of a URL goes before it.
func (c *Client) SetPassword(origin, password string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.passwords[origin] = password
}

// Close cuts all connections and returns when nothing of the client is left. Bodies that
// are still open end in an error.
func (c *Client) Close() {
	c.mu.Lock()
	c.closed = true
	var hosts []*host
	for _, h := range c.hosts {
		hosts = append(hosts, h)
	}
	c.mu.Unlock()
	c.stop(errClosed)
	for _, h := range hosts {
		h.cut(errClosed)
	}
	c.done.Wait()
}

// enter counts one more user of the client, who says c.done.Done() in the end.
func (c *Client) enter() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return remote.Errorf(remote.Final, "%w", errClosed)
	}
	c.done.Add(1)
	return nil
}

// host returns what is known of a URL's host as the user of the URL.
func (c *Client) host(u *url.URL) *host {
	password, given := u.User.Password()
	c.mu.Lock()
	defer c.mu.Unlock()
	if !given {
		password = c.passwords[remote.OriginOf(u)]
	}
	key := hostKey{u.User.Username(), remote.OriginOf(u), password}
	h := c.hosts[key]
	if h == nil {
		h = newHost(c, u, password)
		c.hosts[key] = h
	}
	return h
}

// Open asks for a file from req.Offset on. An offset beyond its end gives an empty body
// that starts at the end. req.Unless is compared by size and modification time.
func (c *Client) Open(ctx context.Context, req remote.Request) (*remote.Tail, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	path, err := pathOf(req.URL)
	if err != nil {
		return nil, err
	}
	if req.Offset < 0 || req.Length < 0 {
		return nil, remote.Errorf(remote.Final, "bad range: %d bytes from byte %d on", req.Length, req.Offset)
	}
	if err := c.enter(); err != nil {
		return nil, err
	}
	b := newBody(ctx, c.host(req.URL), path, req)
	go b.run()
	select {
	case <-b.opened:
	case <-ctx.Done():
		b.Close()
		return nil, context.Cause(ctx)
	}
	if b.openErr != nil && ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if b.openErr != nil {
		return nil, b.openErr
	}
	tail := &remote.Tail{Version: b.version, Start: b.pos, End: b.end, Framed: true, Body: b}
	if b.notModified {
		tail.NotModified, tail.Start, tail.End, tail.Body = true, 0, 0, http.NoBody
	}
	return tail, nil
}

// pathOf returns the path on the server that a URL means.
func pathOf(u *url.URL) (string, error) {
	if u == nil {
		return "", remote.Errorf(remote.Final, "no URL")
	}
	switch name := remote.Redact(u); {
	case u.Scheme != "sftp":
		return "", remote.Errorf(remote.Final, "%s: not an sftp URL", name)
	case u.Hostname() == "":
		return "", remote.Errorf(remote.Final, "%s: no host", name)
	case strings.Contains(u.Path, "\x00"):
		return "", remote.Errorf(remote.Final, "%s: a NUL in the path", name)
	case u.RawQuery != "" || u.ForceQuery:
		return "", remote.Errorf(remote.Final, "%s: an sftp URL has no query: in a file name, write ? as %%3F", name)
	}
	path := u.Path
	if home, ok := strings.CutPrefix(path, "/~/"); ok {
		path = strings.TrimLeft(home, "/") // relative paths are the home directory's
	} else if path == "/~" {
		path = ""
	} else if path == "" {
		path = "/"
	}
	if path == "" {
		path = "."
	}
	return path, nil
}
