package sftptail

import (
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"fsync/sync/remote"
	"fsync/sync/remote/remotetest"
)

// packed makes the body of a packet: numbers and strings.
func packed(fields ...any) []byte {
	var p []byte
	for _, f := range fields {
		switch f := f.(type) {
		case int:
			p = binary.BigEndian.AppendUint32(p, uint32(f))
		case uint32:
			p = binary.BigEndian.AppendUint32(p, f)
		case uint64:
			p = binary.BigEndian.AppendUint64(p, f)
		case string:
			p = append(binary.BigEndian.AppendUint32(p, uint32(len(f))), f...)
		case []byte:
			p = append(p, f...)
		}
	}
	return p
}

var namePackets = map[string]struct {
	body []byte
	want string // "" for what is malformed
}{
	"none":     {packed(0), "[]"},
	"bare":     {packed(1, "a", "", 0), "[{a 0 0 0 0}]"},
	"all":      {packed(1, "a", "-rw a", attrSize|attrOwner|attrMode|attrTimes, uint64(1<<40), 1, 2, 0o100644, 3, 4), fmt.Sprintf("[{a 15 %d %d 4}]", int64(1<<40), 0o100644)},
	"extended": {packed(2, "a", "", uint32(1<<31), 2, "x", "y", "z", "", "b", "", attrTimes, 7, 8), fmt.Sprintf("[{a %d 0 0 0} {b 8 0 0 8}]", int64(1<<31))},
	"odd name": {packed(1, "../\x00", "", 0), "[{../\x00 0 0 0 0}]"},

	"nothing":        {nil, ""},
	"too few":        {packed(2, "a", "", 0), ""},
	"too many":       {packed(1, "a", "", 0, "b", "", 0), ""},
	"far too few":    {packed(uint32(1<<32-1), "a", "", 0), ""},
	"long name":      {packed(1, uint32(1<<32-1), "", 0), ""},
	"name cut":       {packed(1, 5, []byte("abc")), ""},
	"attrs cut":      {packed(1, "a", "", attrSize, 1), ""},
	"owner cut":      {packed(1, "a", "", attrOwner, 1), ""},
	"no flags":       {packed(1, "a", ""), ""},
	"extended cut":   {packed(1, "a", "", uint32(1<<31), 3, "x", "y"), ""},
	"extended never": {packed(1, "a", "", uint32(1<<31), uint32(1<<32-1)), ""},
}

func TestNames(t *testing.T) {
	for name, test := range namePackets {
		if ok := isNames(test.body); ok != (test.want != "") {
			t.Errorf("%s: well formed: %t", name, ok)
			continue
		}
		if test.want == "" {
			continue
		}
		got := []string{}
		n, _ := cutNames(test.body)
		n.each(func(e entry) bool {
			got = append(got, fmt.Sprintf("{%s %d %d %d %d}", e.name, e.flags, e.size, e.mode, e.mtime))
			return true
		})
		if fmt.Sprint(got) != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}

// FuzzNames: whatever a packet says, no more is found in it than is there, and what was
// found well formed is read to its end.
func FuzzNames(f *testing.F) {
	for _, test := range namePackets {
		f.Add(test.body)
	}
	f.Fuzz(func(t *testing.T, p []byte) {
		if !isNames(p) {
			return
		}
		const least = 12 // bytes of an entry
		n, _ := cutNames(p)
		count, length := 0, 4
		told := n.left
		n.each(func(e entry) bool {
			count++
			length += least + len(e.name)
			return true
		})
		if count != int(told) || length > len(p) || len(n.rest) > 0 {
			t.Errorf("%d entries of %d, of at least %d bytes in %d", count, told, length, len(p))
		}
	})
}

// flat makes a directory of n files, or of files without end.
func flat(s *remotetest.SFTPServer, n int) {
	s.MakeUp("flat", func(i int) (string, remotetest.File, bool) {
		return fmt.Sprintf("a file of that number %09d", i), remotetest.File{Content: []byte("x"), ModTime: then}, n < 0 || i < n
	})
}

// TestWalkFlat: of a directory that is large no more is kept than a few packets. It is not
// parallel to others, whose memory would be counted.
func TestWalkFlat(t *testing.T) {
	n := 1_000_000
	if testing.Short() {
		n = 200_000
	}
	s := newServer(t)
	flat(s, n)
	c := newTestClient(t, s)
	live := func() int64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	before, most := live(), int64(0)
	got := 0
	begin := time.Now()
	for f, err := range c.Walk(t.Context(), s.URL("flat/"), nil) {
		if err != nil {
			t.Fatal(err)
		}
		if f.Size != 1 || !f.ModTime.Equal(then) {
			t.Fatalf("%+v", f)
		}
		if got++; got%(n/10) == 0 {
			most = max(most, live()-before)
		}
	}
	t.Logf("%d files in %v, %d KiB", got, time.Since(begin).Round(time.Millisecond), most>>10)
	if got != n || most > 8<<20 {
		t.Errorf("%d files, %d KiB", got, most>>10)
	}
}

// TestWalkEndless: who has seen enough of what has no end leaves it, and no handle stays
// open behind him.
func TestWalkEndless(t *testing.T) {
	t.Parallel()
	for name, entry := range map[string]string{"files": "%d", "directories": "%d/", "the directory itself": ".", "no names": "", "slashes": "/%d"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t)
			s.Put("flat/file", remotetest.File{Content: []byte("x")})
			s.MakeUp("flat", func(i int) (string, remotetest.File, bool) {
				if i == 0 {
					return "file", remotetest.File{}, true
				}
				if strings.Contains(entry, "%") {
					return fmt.Sprintf(entry, i), remotetest.File{}, true
				}
				return entry, remotetest.File{}, true
			})
			c := newTestClient(t, s, func(o *Options) { o.Stall = time.Minute })
			within(t, patience, "break", func() {
				for f, err := range c.Walk(t.Context(), s.URL("flat/"), nil) {
					if err != nil {
						t.Errorf("%q: %v", f.Path, err)
					}
					break
				}
			})
			until(t, "the walk is over", func() bool {
				h := c.host(s.URL(""))
				h.mu.Lock()
				defer h.mu.Unlock()
				return !slices.ContainsFunc(h.lanes, func(l *lane) bool { return l.files > 0 })
			})
			within(t, patience, "Close", c.Close)
		})
	}
}

// TestWalkEndlessDirs: directories that wait to be read are bounded, as they are kept.
func TestWalkEndlessDirs(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	long := strings.Repeat("x", 1000)
	s.MakeUp("flat", func(i int) (string, remotetest.File, bool) { return fmt.Sprint(long, i, "/"), remotetest.File{}, true })
	got, err := walkAll(t, newTestClient(t, s), s.URL("flat/"))
	if err == nil || remote.KindOf(err) != remote.Final || len(got) > 0 {
		t.Errorf("%d files, kind %d: %v", len(got), remote.KindOf(err), err)
	}
}

// TestWalkBroken: a directory whose reading broke is gone on with, where the entries come
// again as they came; nothing is missing or comes twice.
func TestWalkBroken(t *testing.T) {
	t.Parallel()
	const n = 30_000
	for name, test := range map[string]struct {
		again func(i int) (string, bool) // what comes after the first disconnection
		want  error
	}{
		"same":      {func(i int) (string, bool) { return fmt.Sprint(i), i < n }, nil},
		"longer":    {func(i int) (string, bool) { return fmt.Sprint(i), i < n+5 }, nil},
		"reordered": {func(i int) (string, bool) { return fmt.Sprint(i ^ 1), i < n }, errReordered},
		"one less":  {func(i int) (string, bool) { return fmt.Sprint(i + 1), i < n-1 }, errReordered},
		"few":       {func(i int) (string, bool) { return fmt.Sprint(i), i < 200 }, errReordered},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t)
			var broken atomic.Bool
			s.MakeUp("flat", func(i int) (string, remotetest.File, bool) {
				name, ok := fmt.Sprint(i), i < n
				if broken.Load() {
					name, ok = test.again(i)
				}
				return name, remotetest.File{ModTime: then}, ok
			})
			c := newTestClient(t, s)
			got := make(map[string]bool)
			var last error
			for f, err := range c.Walk(t.Context(), s.URL("flat/"), nil) {
				if last = err; err != nil {
					continue
				}
				if got[f.Path] {
					t.Fatalf("%q comes twice", f.Path)
				}
				got[f.Path] = true
				if k := len(got); k == 5000 || k == 20_000 {
					broken.Store(true)
					s.Disconnect()
				}
			}
			if test.want == nil && (last != nil || len(got) < n || s.Logins() < 2) {
				t.Errorf("%d files, %d logins: %v", len(got), s.Logins(), last)
			}
			if test.want != nil && (!errors.Is(last, test.want) || remote.KindOf(last) != remote.Temporary) {
				t.Errorf("%d files, kind %d: %v", len(got), remote.KindOf(last), last)
			}
		})
	}
}

// TestWalkFrozenWithin: a server that stands still in a directory is noticed, and a user
// who does is not taken for one.
func TestWalkFrozenWithin(t *testing.T) {
	t.Parallel()
	const stall = 500 * time.Millisecond
	s := newServer(t)
	flat(s, -1)
	c := newTestClient(t, s, func(o *Options) { o.Stall = stall })
	var last error
	var frozen time.Time
	n := 0
	for _, err := range c.Walk(t.Context(), s.URL("flat/"), nil) {
		last = err
		switch n++; n {
		case 1000:
			time.Sleep(4 * stall)
			if s.Logins() != 1 {
				t.Errorf("%d logins", s.Logins())
			}
		case 5000:
			s.Freeze()
			frozen = time.Now()
		}
	}
	// It is asked for again, and nobody answers that either.
	took := time.Since(frozen)
	s.Thaw()
	t.Logf("%d files, then %v", n, took)
	if !errors.Is(last, remote.ErrStall) || remote.KindOf(last) != remote.Temporary || n < 5000 || took > walkTries*(3*stall+time.Second) {
		t.Errorf("%d files, %v, kind %d: %v", n, took, remote.KindOf(last), last)
	}
}

// TestWalkAndOpen: files can be had while a directory is under way, whatever few sessions
// and handles there are.
func TestWalkAndOpen(t *testing.T) {
	t.Parallel()
	for _, handles := range []int{0, 2, 3} {
		t.Run(fmt.Sprint(handles), func(t *testing.T) {
			t.Parallel()
			s := newServer(t)
			s.Configure(func(c *remotetest.SFTPConfig) {
				c.MaxSessions, c.MaxHandles, c.Limits.Handles = 1, handles, uint64(handles)
			})
			u := s.Put("file", remotetest.File{Content: []byte("content"), ModTime: then})
			s.Symlink("tree/link", "0/0")
			putTree(s, 10_000)
			c := newTestClient(t, s)
			n := 0
			within(t, patience, "the walk", func() {
				for f, err := range c.Walk(t.Context(), s.URL("tree/"), nil) {
					if err != nil {
						t.Errorf("%q: %v", f.Path, err)
					}
					if n++; n%500 == 0 {
						if err := openOnce(t, c, u); err != nil {
							t.Errorf("after %d: %v", n, err)
						}
					}
				}
			})
			if n != 10_001 || s.Logins() > mostConns {
				t.Errorf("%d files, %d logins", n, s.Logins())
			}
			s.Settle("file")
		})
	}
}

// TestWalkAttrs: what a server does not tell is not made up.
func TestWalkAttrs(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	file := remotetest.File{Content: []byte("12345"), ModTime: then}
	s.PutFaulty("d/no size", file, remotetest.SFTPNoSize())
	s.PutFaulty("d/no time", file, remotetest.SFTPNoTime())
	s.PutFaulty("d/nothing", file, remotetest.SFTPNoAttrs())
	want := map[string]remote.File{
		"no size": {Path: "no size", Skipped: "the server does not say how long it is"},
		"no time": {Path: "no time", Size: 5},
		"nothing": {Path: "nothing", Skipped: "the server does not say how long it is"},
	}
	n := 0
	for f, err := range newTestClient(t, s).Walk(t.Context(), s.URL("d/"), nil) {
		if n++; err != nil || f != want[f.Path] {
			t.Errorf("%+v, %v", f, err)
		}
	}
	if n != len(want) {
		t.Errorf("%d entries", n)
	}
}

// TestWalkNames: a name that is none is never joined to a path.
func TestWalkNames(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	names := []string{"", ".", "..", "../a", "/etc/passwd", "a/b", "nul\x00", "good"}
	s.MakeUp("d", func(i int) (string, remotetest.File, bool) {
		if i == len(names) {
			return "", remotetest.File{}, false
		}
		return names[i], remotetest.File{ModTime: then}, true
	})
	wantWalk(t, newTestClient(t, s), s.URL("d/"), map[string]string{
		"../a": "skipped: its name has a slash", "/etc/passwd": "skipped: its name has a slash", "a/b": "skipped: its name has a slash",
		"nul\x00": "skipped: its name has a NUL", "good": "0",
	})
}
