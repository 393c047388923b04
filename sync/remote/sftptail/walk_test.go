package sftptail

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"fsync/sync/remote"
	"fsync/sync/remote/remotetest"
)

// walkAll returns what a walk yields: by path its size, or "skipped: why", or "error: what".
// The error is the one without a path.
func walkAll(t *testing.T, c *Client, dir *url.URL) (found map[string]string, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	found = make(map[string]string)
	for f, e := range c.Walk(ctx, dir, nil) {
		if err != nil {
			t.Errorf("%q comes after the end", f.Path)
		}
		if e != nil && f.Path == "" {
			err = e
			continue
		}
		if _, twice := found[f.Path]; twice {
			t.Errorf("%q comes twice", f.Path)
		}
		switch {
		case e != nil:
			found[f.Path] = "error: " + e.Error()
		case f.Skipped != "":
			found[f.Path] = "skipped: " + f.Skipped
		default:
			found[f.Path] = fmt.Sprint(f.Size)
			if !f.ModTime.Equal(then) {
				t.Errorf("%q: time %v", f.Path, f.ModTime)
			}
		}
	}
	return found, err
}

func wantWalk(t *testing.T, c *Client, dir *url.URL, want map[string]string) {
	t.Helper()
	got, err := walkAll(t, c, dir)
	if err != nil {
		t.Errorf("the walk ended in %v", err)
	}
	for path, what := range got {
		if w, ok := want[path]; !ok || !strings.HasPrefix(what, w) {
			t.Errorf("%q: %s, want %s", path, what, w)
		}
	}
	for _, path := range slices.Sorted(maps.Keys(want)) {
		if _, ok := got[path]; !ok {
			t.Errorf("%q is missing", path)
		}
	}
}

func putAll(s *remotetest.SFTPServer, names ...string) {
	for _, name := range names {
		s.Put(name, remotetest.File{Content: []byte(name), ModTime: then})
	}
}

func TestWalk(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	odd := []string{"d/new\nline", "d/\xff\xfe", "d/-rf", "d/ ", "d/...", "d/a?b#c%41", "d/\x1b[31m"}
	putAll(s, "d/a", "d/sub/b", "d/sub/deep/er/c", "d/secret/x", "outside", SFTPHomeFile)
	putAll(s, odd...)
	s.Mkdir("d/empty")
	s.Mkdir("bare")
	s.Forbid("d/secret")
	s.Special("d/fifo", os.ModeNamedPipe)
	s.Special("d/socket", os.ModeSocket)
	s.Symlink("d/inside", "sub/b")
	s.Symlink("d/sub/up", "../a")
	s.Symlink("d/out", "../outside")
	s.Symlink("d/absolute", "/outside")
	s.Symlink("d/dir", "sub")
	s.Symlink("d/self", ".")
	s.Symlink("d/dangling", "nowhere")
	s.Symlink("d/loop", "loop")
	s.Symlink("d/pipe", "fifo")
	want := map[string]string{
		"a": "3", "sub/b": "7", "sub/deep/er/c": "15", "inside": "7", "sub/up": "3",
		"secret": "error: ", "fifo": "skipped: a FIFO", "socket": "skipped: a socket", "pipe": "skipped: a symbolic link to a FIFO",
		"out": "skipped: a symbolic link out of", "absolute": "skipped: a symbolic link out of",
		"dir": "skipped: a symbolic link to a directory", "self": "skipped: a symbolic link to a directory",
		"dangling": "skipped: a symbolic link to nothing", "loop": "skipped: a symbolic link to nothing",
	}
	for _, name := range odd {
		want[strings.TrimPrefix(name, "d/")] = fmt.Sprint(len(name))
	}
	c := newTestClient(t, s)
	wantWalk(t, c, s.URL("d/"), want)
	wantWalk(t, c, s.URL("bare/"), nil)
	wantWalk(t, c, s.URL("d/sub/deep/"), map[string]string{"er/c": "15"})
	wantWalk(t, c, s.URL("~/"), map[string]string{"mine": fmt.Sprint(len(SFTPHomeFile))})
	if s.Logins() != 1 {
		t.Errorf("%d logins", s.Logins())
	}
	for name, kind := range map[string]remote.Kind{"nowhere/": remote.Final, "outside/": remote.Final, "d/secret/": remote.Final, "d/fifo/": remote.Final} {
		got, err := walkAll(t, c, s.URL(name))
		if err == nil || remote.KindOf(err) != kind || len(got) > 0 {
			t.Errorf("%s: %v, kind %d: %v", name, got, remote.KindOf(err), err)
		}
	}
	if _, err := walkAll(t, c, &url.URL{Scheme: "https", Host: "h", Path: "/"}); remote.KindOf(err) != remote.Final || err == nil {
		t.Error(err)
	}
}

// SFTPHomeFile lies in the home directory.
const SFTPHomeFile = remotetest.SFTPHome + "/mine"

// putTree makes n files in directories of 1000.
func putTree(s *remotetest.SFTPServer, n int) {
	for i := range n {
		s.Put(fmt.Sprintf("tree/%d/%d", i/1000, i), remotetest.File{Content: []byte("x"), ModTime: then})
	}
}

func TestWalkLarge(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	putTree(s, 20_000)
	got, err := walkAll(t, newTestClient(t, s), s.URL("tree/"))
	if err != nil || len(got) != 20_000 {
		t.Errorf("%d files, %v", len(got), err)
	}
}

// TestWalkDisconnect: a walk goes on over a new connection, and nothing is missing or
// comes twice.
func TestWalkDisconnect(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	putTree(s, 20_000)
	c := newTestClient(t, s)
	got := make(map[string]int)
	for f, err := range c.Walk(t.Context(), s.URL("tree/"), nil) {
		if err != nil {
			t.Fatalf("%q: %v", f.Path, err)
		}
		got[f.Path]++
		if n := len(got); n == 100 || n == 9000 {
			s.Disconnect()
		}
	}
	if len(got) != 20_000 || slices.Max(slices.Collect(maps.Values(got))) != 1 {
		t.Errorf("%d files", len(got))
	}
	if n := s.Logins(); n < 2 || n > 10 {
		t.Errorf("%d logins", n)
	}
}

// TestWalkLost: a walk that cannot go on says so, and never that a directory which it
// could not ask for is gone.
func TestWalkLost(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	putTree(s, 20_000)
	s.Symlink("tree/7/link", "1")
	c := newTestClient(t, s, func(o *Options) {
		key, err := os.ReadFile(s.Identity())
		if err != nil {
			t.Fatal(err)
		}
		o.Identities = []string{t.TempDir() + "/id"}
		if err := os.WriteFile(o.Identities[0], key, 0o600); err != nil {
			t.Fatal(err)
		}
	})
	var last error
	n := 0
	for f, err := range c.Walk(t.Context(), s.URL("tree/"), nil) {
		if err != nil {
			t.Logf("%q: %v", f.Path, err)
			last = err
			if f.Path != "" {
				t.Errorf("%q: %v", f.Path, err)
			}
			continue
		}
		if n++; n == 10 {
			if err := os.Remove(c.opts.Identities[0]); err != nil {
				t.Fatal(err)
			}
			s.Disconnect()
		}
	}
	if last == nil || remote.KindOf(last) != remote.Final || !errors.Is(last, fs.ErrNotExist) || n >= 20_000 {
		t.Errorf("%d files, kind %d: %v", n, remote.KindOf(last), last)
	}
}

// TestWalkStopped: who has seen enough is not kept waiting, and no more is yielded.
func TestWalkStopped(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	putTree(s, 5000)
	c := newTestClient(t, s, func(o *Options) { o.Stall = time.Minute })
	within(t, patience, "break", func() {
		for range 20 {
			n := 0
			for range c.Walk(t.Context(), s.URL("tree/"), nil) {
				if n++; n == 7 {
					break
				}
			}
		}
	})
	enough := errors.New("enough")
	within(t, patience, "cancel", func() {
		ctx, cancel := context.WithCancelCause(t.Context())
		defer cancel(nil)
		var last error
		n := 0
		for _, err := range c.Walk(ctx, s.URL("tree/"), nil) {
			if n++; n == 7 {
				s.Freeze()
				cancel(enough)
			}
			last = err
		}
		if !errors.Is(last, enough) {
			t.Errorf("after %d: %v", n, last)
		}
	})
	within(t, patience, "Close", c.Close)
	s.Thaw()
}

// TestWalkFrozen: a server that stands still is noticed.
func TestWalkFrozen(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	putTree(s, 20_000)
	c := newTestClient(t, s, func(o *Options) { o.Stall = 200 * time.Millisecond })
	var last error
	for _, err := range c.Walk(t.Context(), s.URL("tree/"), nil) {
		s.Freeze()
		last = err
	}
	s.Thaw()
	if !errors.Is(last, remote.ErrStall) || remote.KindOf(last) != remote.Temporary {
		t.Errorf("kind %d: %v", remote.KindOf(last), last)
	}
}
