package httptail

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"fsync/sync/remote"
	"fsync/sync/remote/httptail/indexpage"
)

// serve has one handler answer for every path.
func serve(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL + "/"
}

// TestWalkLoop: symbolic links that lead up.
func TestWalkLoop(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	root := serve(t, func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		if strings.Count(r.URL.Path, "/")%2 == 1 {
			fmt.Fprint(w, list("f", "in/", "self/"))
		} else {
			fmt.Fprint(w, list("g", "out/"))
		}
	})
	got, err := walkAll(t, newClient(t, Options{}), mustParse(t, root))
	if err != nil || asked.Load() > 200 {
		t.Errorf("%d pages, %v", asked.Load(), err)
	}
	loops := 0
	for path, what := range got {
		if strings.Contains(what, "looks like a loop") {
			loops++
		} else if strings.HasPrefix(what, "error: ") {
			t.Errorf("%q: %s", path, what)
		}
	}
	if loops == 0 || got["f"] != "1" || got["in/g"] != "1" {
		t.Errorf("%d loops found, %v", loops, got)
	}
}

// TestWalkNested: directories that look alike are no loop before the fourth.
func TestWalkNested(t *testing.T) {
	t.Parallel()
	_, root := start(t, map[string]any{"/": list("a/"), "/a/": list("a/"), "/a/a/": list("a/"), "/a/a/a/": list("b")})
	got, err := walkAll(t, newClient(t, Options{}), root)
	if err != nil || len(got) != 1 || got["a/a/a/b"] != "1" {
		t.Error(got, err)
	}
}

// TestWalkDeep: a server that makes up directories without end.
func TestWalkDeep(t *testing.T) {
	t.Parallel()
	root := serve(t, func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, list(fmt.Sprintf("%d%s/", len(r.URL.Path), strings.Repeat("x", 200)), fmt.Sprintf("f%d", len(r.URL.Path))))
	})
	got, err := walkAll(t, newClient(t, Options{}), mustParse(t, root))
	long := 0
	for path, what := range got {
		if strings.HasPrefix(what, "error: ") && strings.HasSuffix(what, "its path is too long") {
			long++
		}
		if len(path) > longestPath && !strings.HasSuffix(what, "its path is too long") {
			t.Errorf("a path of %d bytes: %s", len(path), what)
		}
	}
	if err != nil || long != 1 || len(got) > 30 {
		t.Errorf("%d names, %d too long, %v", len(got), long, err)
	}
}

// TestWalkLarge: directories of which few may be kept in mind at a time.
func TestWalkLarge(t *testing.T) {
	t.Parallel()
	const files = 30_000
	name := strings.Repeat("x", 500)
	var page strings.Builder
	page.WriteString("<html><head><title>Index of /</title></head><body><h1>Index of /</h1><pre>\n")
	for i := range files {
		fmt.Fprintf(&page, "<a href=\"%s%d\">x</a> 11-Nov-2026 10:00 %d\n", name, i, i)
	}
	page.WriteString("</pre></body></html>")
	_, root := start(t, map[string]any{"/": list("a/", "b/"), "/a/": page.String(), "/b/": page.String()})
	n, size := 0, int64(0)
	for f, err := range newClient(t, Options{}).Walk(t.Context(), root, nil) {
		if err != nil {
			t.Fatal(f.Path, err)
		}
		n++
		size += f.Size
	}
	if n != 2*files || size != files*(files-1) {
		t.Errorf("%d files of %d bytes", n, size)
	}
}

// TestWalkCut: a page that ends early, with and without a length, with a clean end, in the
// middle of its entries, is asked for again, and then an error. Nothing of it is yielded.
func TestWalkCut(t *testing.T) {
	t.Parallel()
	full := list("a", "b", "c")
	cut := full[:strings.Index(full, `<a href="c"`)]
	hijack := func(head string) func(http.ResponseWriter, *http.Request) {
		return func(w http.ResponseWriter, _ *http.Request) {
			conn, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close()
			fmt.Fprint(conn, "HTTP/1.1 200 OK\r\n"+head+"\r\n"+cut)
		}
	}
	mended := 0
	s, root := start(t, map[string]any{
		"/": list("close/", "length/", "chunked/", "json/", "mended/"), "/close/": hijack("Connection: close\r\n"), "/length/": hijack(fmt.Sprintf("Content-Length: %d\r\n", len(full))),
		"/chunked/": cut, "/json/": `[{"name":"a","type":"file","size":1},`,
		"/mended/": func(w http.ResponseWriter, r *http.Request) {
			if mended++; mended < walkTries {
				hijack("Connection: close\r\n")(w, r)
			} else {
				fmt.Fprint(w, full)
			}
		},
	})
	got, err := walkAll(t, newClient(t, Options{}), root)
	if err != nil {
		t.Error(err)
	}
	wantWalk(t, got, map[string]string{
		"close": "error: the index page is cut", "length": "error: cut after", "chunked": "error: the index page is cut", "json": "error: the index page is cut",
		"mended/a": "1", "mended/b": "1", "mended/c": "1",
	})
	if n := s.requests("/close/"); n != walkTries {
		t.Errorf("%d tries", n)
	}
}

// TestWalkDead: when nothing is answered any more, the walk ends, long before it tried
// each directory.
func TestWalkDead(t *testing.T) {
	t.Parallel()
	var dirs []string
	for i := range 1000 {
		dirs = append(dirs, fmt.Sprintf("d%d/", i))
	}
	var asked atomic.Int32
	root := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/" {
			fmt.Fprint(w, list(dirs...))
			return
		}
		asked.Add(1)
		panic(http.ErrAbortHandler)
	})
	got, err := walkAll(t, newClient(t, Options{}), mustParse(t, root))
	if remote.KindOf(err) != remote.Temporary || err == nil || len(got) > mostFailures || asked.Load() > walkTries*(mostFailures+2*walkers) {
		t.Errorf("%d requests, %d directories, %v", asked.Load(), len(got), err)
	}
}

// TestWalkStopped: who has seen enough is not kept waiting by a server that stands still.
func TestWalkStopped(t *testing.T) {
	t.Parallel()
	_, root := start(t, map[string]any{
		"/": list("a", "b/", "c/"), "/c/": list("d/", "e"),
		"/b/": func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
	})
	c := newClient(t, Options{})
	for range 5 {
		for f, err := range c.Walk(t.Context(), root, nil) {
			if err != nil || f.Path == "" {
				t.Error(f.Path, err)
			}
			break
		}
	}
	enough := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	var last error
	for f, err := range c.Walk(ctx, root, nil) {
		if last = err; f.Path == "a" {
			cancel(enough)
		}
	}
	if !errors.Is(last, enough) {
		t.Error(last)
	}
}

// TestWalkStall: a server that stands still is noticed.
func TestWalkStall(t *testing.T) {
	t.Parallel()
	_, root := start(t, map[string]any{"/": func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }})
	got, err := walkAll(t, newClient(t, Options{Stall: 50 * time.Millisecond}), root)
	if !errors.Is(err, remote.ErrStall) || len(got) > 0 {
		t.Error(got, err)
	}
}

// TestWalkEndless: a page without an end is given up.
func TestWalkEndless(t *testing.T) {
	t.Parallel()
	text := []byte("<!DOCTYPE html>" + strings.Repeat("<p>endless", 10_000))
	root := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		for {
			if _, err := w.Write(text); err != nil {
				return
			}
		}
	})
	got, err := walkAll(t, newClient(t, Options{}), mustParse(t, root))
	if !errors.Is(err, indexpage.ErrNotIndex) || len(got) > 0 {
		t.Error(got, err)
	}
}
