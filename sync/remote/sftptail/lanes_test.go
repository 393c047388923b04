package sftptail

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh/knownhosts"

	"fsync/sync/remote"
	"fsync/sync/remote/remotetest"
)

// mustURL parses.
func mustURL(t *testing.T, s string) *url.URL {
	t.Helper()
	u, err := url.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

type userinfo = url.Userinfo

func password(p string) *userinfo { return url.UserPassword(remotetest.SFTPUser, p) }

// openOnce opens a file and reads it.
func openOnce(t *testing.T, c *Client, u *url.URL) error {
	t.Helper()
	_, _, err := fetchAll(t, c, remote.Request{URL: u})
	return err
}

// knownAs writes a known_hosts file by which the server's key is that of another address.
func knownAs(t *testing.T, s *remotetest.SFTPServer, addr string) string {
	t.Helper()
	text, err := os.ReadFile(s.KnownHosts())
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "known_hosts")
	text = bytes.ReplaceAll(text, []byte(knownhosts.Normalize(s.Addr())), []byte(knownhosts.Normalize(addr)))
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// far returns a client whose way to the server is long, and the way.
func far(t *testing.T, s *remotetest.SFTPServer, u *url.URL, change ...func(*Options)) (*Client, *remotetest.DelayLine) {
	t.Helper()
	d := remotetest.NewDelay(t, s.Addr(), 50*time.Millisecond, 0)
	u.Host = d.Addr()
	known := knownAs(t, s, d.Addr())
	return newTestClient(t, s, append(change, func(o *Options) { o.KnownHosts = []string{known} })...), d
}

const largeSize = 40 << 20 // enough for other lanes to be worth it

var large = sync.OnceValue(func() []byte { return remotetest.Content(9, largeSize) })

// TestManyFiles: all files of a host need one login.
func TestManyFiles(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	content := remotetest.Content(3, 1000)
	u := s.Put("file", remotetest.File{Content: content, ModTime: then})
	c := newTestClient(t, s)
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			for range 40 {
				got, _, err := fetchAll(t, c, remote.Request{URL: u})
				if err != nil || !bytes.Equal(got, content) {
					t.Errorf("%d bytes, %v", len(got), err)
				}
			}
		})
	}
	all.Wait()
	if s.Logins() != 1 {
		t.Errorf("%d logins", s.Logins())
	}
}

// TestLanes: over a long way a large file is read on several lanes; over a short one, or
// where its version could not be told from another, on one.
func TestLanes(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		near, single bool
		sessions     int
		time         time.Time
		fault        []remotetest.SFTPFault
	}{
		"far":         {time: then},
		"one session": {time: then, sessions: 1},
		"near":        {time: then, near: true, single: true},
		"young":       {time: time.Now().Add(time.Hour), single: true},
		"no time":     {time: then, single: true, fault: []remotetest.SFTPFault{remotetest.SFTPNoTime()}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t)
			s.Configure(func(c *remotetest.SFTPConfig) { c.MaxSessions = test.sessions })
			u := s.PutFaulty("file", remotetest.File{Content: large(), ModTime: test.time}, test.fault...)
			var c *Client
			if test.near {
				c = newTestClient(t, s)
			} else {
				c, _ = far(t, s, u)
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			tail, err := c.Open(ctx, remote.Request{URL: u, Offset: 1234})
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(tail.Body)
			if err != nil || !bytes.Equal(got, large()[1234:]) {
				t.Errorf("%d bytes, %v", len(got), err)
			}
			tail.Body.Close()
			t.Logf("%d logins, %d channels, %d opens", s.Logins(), s.Channels(), s.Opens("file"))
			if n := s.Opens("file"); (n > 1) == test.single {
				t.Errorf("%d handles", n)
			}
			if n := s.Logins(); n > mostConns || test.sessions == 1 && n == 1 || test.single && n != 1 {
				t.Errorf("%d logins", n)
			}
			s.Settle("file") // no handle is left
		})
	}
}

// TestLanesChanged: a file that is replaced while lanes are opened for it is never mixed,
// however slowly it is read.
func TestLanesChanged(t *testing.T) {
	t.Parallel()
	for name, slow := range map[string]bool{"slow reader": true, "fast reader": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t)
			u := s.Put("file", remotetest.File{Content: large(), ModTime: then})
			c, _ := far(t, s, u)
			tail, err := c.Open(t.Context(), remote.Request{URL: u})
			if err != nil {
				t.Fatal(err)
			}
			defer tail.Body.Close()
			s.Change("file", func(f *remotetest.File) { *f = remotetest.NextVersion(*f) })
			if b := tail.Body.(*body); slow {
				until(t, "the other lanes are there", func() bool {
					b.mu.Lock()
					defer b.mu.Unlock()
					return b.widening == 0 && b.flying == 0
				})
			}
			var got []byte
			within(t, patience, "Read", func() { got, err = io.ReadAll(tail.Body) })
			if !bytes.HasPrefix(large(), got) {
				t.Error("bytes of another version")
			}
			if err == nil && len(got) < largeSize || err != nil && remote.KindOf(err) != remote.Temporary {
				t.Errorf("%d bytes, kind %d: %v", len(got), remote.KindOf(err), err)
			}
			t.Logf("%d bytes, %v", len(got), err)
		})
	}
}

// TestHandleLimit: no lane has more files open than the server allows, and who is one too
// many waits.
func TestHandleLimit(t *testing.T) {
	t.Parallel()
	for name, sessions := range map[string]int{"lanes": 0, "one lane a connection": 1} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t)
			s.Configure(func(c *remotetest.SFTPConfig) {
				c.MaxHandles, c.MaxSessions, c.Limits.Handles = 2, sessions, 2
			})
			content := remotetest.Content(3, 50_000)
			u := s.PutFaulty("file", remotetest.File{Content: content, ModTime: then}, remotetest.SFTPSlow(2*time.Millisecond))
			c := newTestClient(t, s)
			var all sync.WaitGroup
			for range 60 {
				all.Go(func() {
					got, _, err := fetchAll(t, c, remote.Request{URL: u})
					if err != nil || !bytes.Equal(got, content) {
						t.Errorf("%d bytes, %v", len(got), err)
					}
				})
			}
			within(t, patience, "a file", all.Wait)
			if n := s.Logins(); n > mostConns {
				t.Errorf("%d logins", n)
			}
		})
	}
}

// TestTinyReads: a server that allows reads of a byte does not make the client hold a
// million of them.
func TestTinyReads(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.Break(remotetest.SFTPSmallLimit(1))
	u := s.Put("file", remotetest.File{Content: remotetest.Content(1, 1<<20), ModTime: then})
	c := newTestClient(t, s)
	tail, err := c.Open(t.Context(), remote.Request{URL: u})
	if err != nil {
		t.Fatal(err)
	}
	defer tail.Body.Close()
	b := tail.Body.(*body)
	b.mu.Lock()
	defer b.mu.Unlock()
	if n := len(b.queue); n > 10_000 {
		t.Errorf("%d requests at a time", n)
	}
}

// TestDisconnect: a connection that is lost in the middle is worth another try, which
// connects again.
func TestDisconnect(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	content := remotetest.Content(4, 8<<20)
	u := s.Put("file", remotetest.File{Content: content, ModTime: then})
	c := newTestClient(t, s)
	var got []byte
	for range 20 {
		tail, err := c.Open(t.Context(), remote.Request{URL: u, Offset: int64(len(got))})
		if err != nil {
			t.Fatal(err) // what was lost is not met again
		}
		p := make([]byte, 100_000)
		n, err := io.ReadFull(tail.Body, p)
		if got = append(got, p[:n]...); err != nil {
			t.Fatal(err)
		}
		s.Disconnect()
		rest, err := io.ReadAll(tail.Body)
		if err != nil && remote.KindOf(err) != remote.Temporary {
			t.Fatalf("kind %d: %v", remote.KindOf(err), err)
		}
		got = append(got, rest...)
		tail.Body.Close()
		if !bytes.HasPrefix(content, got) {
			t.Fatal("wrong bytes")
		}
		if len(got) == len(content) {
			break
		}
	}
	if s.Logins() < 2 {
		t.Errorf("%d logins", s.Logins())
	}
}

// TestFreeze: a server that stands still is noticed at each stage, and when it goes on so
// does the client.
func TestFreeze(t *testing.T) {
	t.Parallel()
	const stall = 300 * time.Millisecond
	content := remotetest.Content(4, 8<<20)
	for name, fault := range map[string][]remotetest.SFTPFault{
		"banner": {remotetest.SFTPNoBanner().Times(1)}, "hello": {remotetest.SFTPNoVersion().Times(1)},
		"connect": nil, "open": nil, "read": nil, "slow reader": nil,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t)
			s.Break(fault...)
			u := s.Put("file", remotetest.File{Content: content, ModTime: then})
			c := newTestClient(t, s, func(o *Options) { o.Stall = stall })
			var got []byte
			var err error
			begin := time.Now()
			switch name {
			case "connect":
				s.Freeze()
				_, _, err = fetchAll(t, c, remote.Request{URL: u})
			case "banner", "hello":
				_, _, err = fetchAll(t, c, remote.Request{URL: u})
			case "open":
				if err := openOnce(t, c, u); err != nil {
					t.Fatal(err)
				}
				s.Freeze()
				begin = time.Now()
				_, _, err = fetchAll(t, c, remote.Request{URL: u})
			default:
				tail, openErr := c.Open(t.Context(), remote.Request{URL: u})
				if openErr != nil {
					t.Fatal(openErr)
				}
				defer tail.Body.Close()
				s.Freeze()
				begin = time.Now()
				if name == "slow reader" {
					until(t, "the lanes are given up", func() bool {
						h := c.host(u)
						h.mu.Lock()
						defer h.mu.Unlock()
						return len(h.lanes) == 0
					})
				}
				got, err = io.ReadAll(tail.Body)
			}
			took := time.Since(begin)
			if !errors.Is(err, remote.ErrStall) || remote.KindOf(err) != remote.Temporary {
				t.Errorf("kind %d: %v", remote.KindOf(err), err)
			}
			if took > 20*stall {
				t.Errorf("it took %v", took)
			}
			if !bytes.HasPrefix(content, got) {
				t.Error("wrong bytes")
			}
			s.Thaw()
			if err := openOnce(t, c, u); err != nil {
				t.Errorf("afterwards: %v", err)
			}
		})
	}
}

// TestClosedFrozen: a body that is closed while the server stands still leaves nothing
// behind.
func TestClosedFrozen(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	u := s.Put("file", remotetest.File{Content: remotetest.Content(4, 8<<20), ModTime: then})
	c := newTestClient(t, s, func(o *Options) { o.Stall = 300 * time.Millisecond })
	tail, err := c.Open(t.Context(), remote.Request{URL: u})
	if err != nil {
		t.Fatal(err)
	}
	s.Freeze()
	within(t, patience, "Close", func() { tail.Body.Close() })
	h := c.host(u)
	until(t, "all is given back", func() bool {
		h.mu.Lock()
		defer h.mu.Unlock()
		return len(h.lanes) == 0 && len(h.conns) == 0 && h.bodies.Load() == 0
	})
	s.Thaw()
	if err := openOnce(t, c, u); err != nil {
		t.Error(err)
	}
}

// TestUnless: a file that is still the version is not opened.
func TestUnless(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	u := s.Put("file", remotetest.File{Content: remotetest.Content(4, 1000), ModTime: then})
	c := newTestClient(t, s)
	v := remote.Version{Size: 1000, ModTime: then, Place: remote.PlaceOf(u)}
	for name, test := range map[string]struct {
		change func(*remote.Version)
		want   bool
	}{
		"same":        {func(*remote.Version) {}, true},
		"fraction":    {func(v *remote.Version) { v.ModTime = v.ModTime.Add(time.Millisecond) }, true},
		"other time":  {func(v *remote.Version) { v.ModTime = v.ModTime.Add(time.Second) }, false},
		"weak":        {func(v *remote.Version) { v.WeakTime = true }, false},
		"no time":     {func(v *remote.Version) { v.ModTime = time.Time{} }, false},
		"other size":  {func(v *remote.Version) { v.Size++ }, false},
		"no size":     {func(v *remote.Version) { v.Size = -1 }, false},
		"other place": {func(v *remote.Version) { v.Place = "elsewhere" }, false},
	} {
		was := v
		test.change(&was)
		before := s.Opens("file")
		tail, err := c.Open(t.Context(), remote.Request{URL: u, Unless: &was})
		if err != nil {
			t.Fatal(err)
		}
		if tail.NotModified != test.want || (s.Opens("file") == before) != test.want {
			t.Errorf("%s: not modified: %v, opens: %d", name, tail.NotModified, s.Opens("file")-before)
		}
		tail.Body.Close()
	}
	s.Settle("file")
}

// TestFIFO: a pipe that nobody writes to is refused after one stall, and the next time at
// once.
func TestFIFO(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	fifo := s.PutFaulty("fifo", remotetest.File{Content: []byte("x"), ModTime: then}, remotetest.SFTPFIFO())
	s.Special("special", os.ModeNamedPipe)
	u := s.Put("file", remotetest.File{Content: remotetest.Content(4, 1000), ModTime: then})
	c := newTestClient(t, s, func(o *Options) { o.Stall = 300 * time.Millisecond })
	for _, u := range []*url.URL{fifo, s.URL("special")} {
		if err := openOnce(t, c, u); !errors.Is(err, remote.ErrStall) || remote.KindOf(err) != remote.Temporary {
			t.Errorf("first: kind %d: %v", remote.KindOf(err), err)
		}
		if err := openOnce(t, c, u); err == nil || remote.KindOf(err) != remote.Final || !strings.Contains(err.Error(), "not a regular file") {
			t.Errorf("second: kind %d: %v", remote.KindOf(err), err)
		}
	}
	before := s.Logins()
	for range 3 {
		_ = openOnce(t, c, fifo)
		if err := openOnce(t, c, u); err != nil {
			t.Error(err)
		}
	}
	if s.Opens("fifo") != 1 || s.Logins() != before {
		t.Errorf("%d opens, %d logins", s.Opens("fifo"), s.Logins()-before)
	}
}

// TestHugeSize: a size that is no int64 is refused, one that is almost too large is read
// as far as there is anything.
func TestHugeSize(t *testing.T) {
	t.Parallel()
	for name, by := range map[string]int64{"almost 2^63": 1<<63 - 1 - 1000, "at 2^63": 1<<63 - 1} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t)
			u := s.PutFaulty("file", remotetest.File{Content: remotetest.Content(4, 1000), ModTime: then}, remotetest.SFTPSizeOff(by))
			c := newTestClient(t, s)
			for _, req := range []remote.Request{{URL: u}, {URL: u, Offset: 10}, {URL: u, Offset: 1<<63 - 1}, {URL: u, Offset: 10, Length: 1<<63 - 1}} {
				ctx, cancel := context.WithTimeout(t.Context(), patience)
				tail, err := c.Open(ctx, req)
				if err == nil {
					remotetest.CheckTail(t, req, tail)
					_, err = io.Copy(io.Discard, tail.Body)
					tail.Body.Close()
				}
				if errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("%d+%d: %v", req.Offset, req.Length, err)
				}
				cancel()
			}
		})
	}
}
