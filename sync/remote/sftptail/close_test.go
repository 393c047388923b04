package sftptail

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"fsync/sync/remote"
	"fsync/sync/remote/remotetest"
)

// patience is what nothing here takes unless it hangs.
const patience = 20 * time.Second

// within fails the test if f does not return soon.
func within(t *testing.T, limit time.Duration, what string, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() { defer close(done); f() }()
	select {
	case <-done:
	case <-time.After(limit):
		t.Fatalf("%s does not return", what)
	}
}

// until waits for a condition.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("still not: %s", what)
		}
	}
}

// TestCloseUnread: a body that nobody reads does not keep the client from closing, and
// ends in an error that stays.
func TestCloseUnread(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	u := s.Put("file", remotetest.File{Content: remotetest.Content(1, 8<<20), ModTime: then})
	c := newTestClient(t, s)
	tail, err := c.Open(t.Context(), remote.Request{URL: u})
	if err != nil {
		t.Fatal(err)
	}
	b := tail.Body.(*body)
	until(t, "the window is full", func() bool {
		b.mu.Lock()
		defer b.mu.Unlock()
		return b.flying == 0
	})
	within(t, patience, "Close", c.Close)
	within(t, patience, "Read", func() { _, err = io.Copy(io.Discard, tail.Body) })
	if remote.KindOf(err) != remote.Final || !errors.Is(err, errClosed) {
		t.Errorf("kind %d: %v", remote.KindOf(err), err)
	}
	tail.Body.Close()
	if _, err := c.Open(t.Context(), remote.Request{URL: u}); remote.KindOf(err) != remote.Final || !errors.Is(err, errClosed) {
		t.Errorf("Open after Close: kind %d: %v", remote.KindOf(err), err)
	}
}

// TestCloseAnytime: Close returns soon whatever is under way, and leaves nothing.
func TestCloseAnytime(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	content := remotetest.Content(2, 3<<20)
	u := s.Put("dir/file", remotetest.File{Content: content, ModTime: then})
	dir := s.URL("dir/")
	for i := range 12 {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			c := newTestClient(t, s, func(o *Options) { o.Stall = 5 * time.Second })
			var users sync.WaitGroup
			for n := range 12 {
				users.Go(func() {
					for { // until the client is closed
						if n == 0 {
							for _, err := range c.Walk(t.Context(), dir, nil) {
								if errors.Is(err, errClosed) {
									return
								}
							}
							continue
						}
						tail, err := c.Open(t.Context(), remote.Request{URL: u})
						if errors.Is(err, errClosed) {
							return
						}
						if err != nil {
							continue // a connection was lost
						}
						_, _ = io.CopyN(io.Discard, tail.Body, rand.Int64N(4<<20))
						tail.Body.Close()
					}
				})
			}
			switch i % 4 {
			case 1:
				s.Freeze()
				defer s.Thaw()
			case 2:
				s.Disconnect()
			}
			time.Sleep(time.Duration(rand.IntN(60)) * time.Millisecond) // any moment
			within(t, patience, "Close", c.Close)
			within(t, patience, "a user", users.Wait)
			s.Thaw()
		})
	}
	until(t, "no connection is left", func() bool { return s.Conns() == 0 })
}

// TestCloseTwice: and before anything was opened.
func TestCloseTwice(t *testing.T) {
	t.Parallel()
	c := New(Options{})
	c.Close()
	c.Close()
}

// TestCloseDialing: Close does not wait for a server that says nothing.
func TestCloseDialing(t *testing.T) {
	t.Parallel()
	for _, fault := range []remotetest.SFTPFault{remotetest.SFTPNoBanner(), remotetest.SFTPNoVersion()} {
		t.Run(fault.Name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t)
			s.Break(fault)
			u := s.Put("file", remotetest.File{Content: remotetest.Content(1, 100), ModTime: then})
			c := newTestClient(t, s, func(o *Options) { o.Stall = time.Minute })
			got := make(chan error)
			go func() {
				_, err := c.Open(t.Context(), remote.Request{URL: u})
				got <- err
			}()
			until(t, "it connects", func() bool { return s.Conns() > 0 })
			within(t, patience, "Close", c.Close)
			if err := <-got; !errors.Is(err, errClosed) || remote.KindOf(err) != remote.Final {
				t.Errorf("kind %d: %v", remote.KindOf(err), err)
			}
		})
	}
}

// TestCancel: an Open, a Read and a walk that wait end with their context, for its cause,
// and while the server stands still.
func TestCancel(t *testing.T) {
	t.Parallel()
	enough := errors.New("enough")
	for name, wait := range map[string]func(ctx context.Context, s *remotetest.SFTPServer, c *Client, cancel func()) error{
		"dialing": func(ctx context.Context, s *remotetest.SFTPServer, c *Client, cancel func()) error {
			s.Freeze()
			time.AfterFunc(50*time.Millisecond, cancel)
			_, err := c.Open(ctx, remote.Request{URL: s.URL("file")})
			return err
		},
		"opening": func(ctx context.Context, s *remotetest.SFTPServer, c *Client, cancel func()) error {
			tail, err := c.Open(ctx, remote.Request{URL: s.URL("small")})
			if err != nil {
				return err
			}
			tail.Body.Close()
			s.Freeze()
			time.AfterFunc(50*time.Millisecond, cancel)
			_, err = c.Open(ctx, remote.Request{URL: s.URL("file")})
			return err
		},
		"reading": func(ctx context.Context, s *remotetest.SFTPServer, c *Client, cancel func()) error {
			tail, err := c.Open(ctx, remote.Request{URL: s.URL("file")})
			if err != nil {
				return err
			}
			defer tail.Body.Close()
			s.Freeze()
			time.AfterFunc(50*time.Millisecond, cancel)
			_, err = io.Copy(io.Discard, tail.Body)
			return err
		},
		"walking": func(ctx context.Context, s *remotetest.SFTPServer, c *Client, cancel func()) error {
			tail, err := c.Open(ctx, remote.Request{URL: s.URL("small")})
			if err != nil {
				return err
			}
			tail.Body.Close()
			s.Freeze()
			time.AfterFunc(50*time.Millisecond, cancel)
			for _, e := range c.Walk(ctx, s.URL(""), nil) {
				err = e
			}
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t)
			s.Put("file", remotetest.File{Content: remotetest.Content(1, 8<<20), ModTime: then})
			s.Put("small", remotetest.File{Content: []byte("x"), ModTime: then})
			c := newTestClient(t, s, func(o *Options) { o.Stall = time.Minute })
			ctx, cancel := context.WithCancelCause(t.Context())
			within(t, patience, "it", func() {
				if err := wait(ctx, s, c, func() { cancel(enough) }); !errors.Is(err, enough) {
					t.Errorf("the error %v", err)
				}
			})
			within(t, patience, "Close", c.Close)
			s.Thaw()
		})
	}
}

// TestPasswords: logins with several passwords for a host neither wait for each other nor
// share what they know.
func TestPasswords(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.Configure(func(c *remotetest.SFTPConfig) { c.Password = "right" })
	u := s.Put("file", remotetest.File{Content: remotetest.Content(1, 100_000), ModTime: then})
	c := newTestClient(t, s, func(o *Options) { o.Identities = nil })
	var all sync.WaitGroup
	for i := range 40 {
		all.Go(func() {
			given := *u
			given.User = []*userinfo{password("right"), password("wrong")}[i%2]
			tail, err := c.Open(t.Context(), remote.Request{URL: &given})
			if i%2 == 1 {
				if remote.KindOf(err) != remote.Final || err == nil {
					t.Errorf("wrong password: kind %d: %v", remote.KindOf(err), err)
				}
				return
			}
			if err != nil {
				t.Error(err)
				return
			}
			_, _ = io.Copy(io.Discard, tail.Body)
			tail.Body.Close()
		})
	}
	within(t, patience, "Open", all.Wait)
	if n := s.Logins(); n < 1 || n > mostConns {
		t.Errorf("%d logins", n)
	}

	c.SetPassword(remote.OriginOf(u), "right")
	if err := openOnce(t, c, u); err != nil {
		t.Errorf("with SetPassword: %v", err)
	}
	other := newServer(t) // another port, another origin
	other.Configure(func(c *remotetest.SFTPConfig) { c.Password = "right" })
	o := Options{Stall: 20 * time.Second, KnownHosts: []string{other.KnownHosts()}, User: remotetest.SFTPUser}
	c = New(o)
	t.Cleanup(c.Close)
	c.SetPassword(remote.OriginOf(u), "right")
	if err := openOnce(t, c, other.Put("file", remotetest.File{})); err == nil || other.Logins() != 0 {
		t.Errorf("another origin got the password: %d logins, %v", other.Logins(), err)
	}
}

// TestRefusedOnce: who is not let in does not knock again.
func TestRefusedOnce(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	d := remotetest.NewDelay(t, s.Addr(), 0, 0) // it counts
	u := s.Put("file", remotetest.File{Content: remotetest.Content(1, 1000), ModTime: then})
	u.Host = d.Addr()
	c := newTestClient(t, s, func(o *Options) {
		o.KnownHosts, o.Identities = []string{knownAs(t, s, d.Addr())}, nil
	})
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if err := openOnce(t, c, u); err == nil || remote.KindOf(err) != remote.Final {
				t.Errorf("kind %d: %v", remote.KindOf(err), err)
			}
		})
	}
	within(t, patience, "Open", all.Wait)
	for _, err := range c.Walk(t.Context(), u.JoinPath("..", "/"), nil) {
		if err == nil || remote.KindOf(err) != remote.Final {
			t.Errorf("Walk: kind %d: %v", remote.KindOf(err), err)
		}
	}
	if n := d.Connections(); n != 1 {
		t.Errorf("%d connections", n)
	}
}
