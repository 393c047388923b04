package httptail

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"fsync/sync/remote/httptail/indexpage"
)

// site is a server of index pages, by path: a page, a status, or a handler.
type site struct {
	pages map[string]any

	mu    sync.Mutex
	asked map[string]int
}

func (s *site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := r.URL.EscapedPath()
	s.mu.Lock()
	s.asked[path]++
	s.mu.Unlock()
	if r.Header.Get("Accept-Encoding") != "identity" {
		w.WriteHeader(http.StatusNotAcceptable)
		return
	}
	switch p := s.pages[path].(type) {
	case string:
		w.Header().Set("Content-Type", "text/html")
		w.Write([]byte(p))
	case int:
		w.WriteHeader(p)
	case func(http.ResponseWriter, *http.Request):
		p(w, r)
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

func (s *site) requests(path string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked[path]
}

// start serves the pages and returns the URL of the root.
func start(t *testing.T, pages map[string]any) (*site, *url.URL) {
	t.Helper()
	s := &site{pages: pages, asked: make(map[string]int)}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return s, mustParse(t, server.URL+"/")
}

func mustParse(t *testing.T, s string) *url.URL {
	t.Helper()
	u, err := url.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// list makes a page as nginx writes it. A file's size is the length of its link.
func list(links ...string) string {
	var b strings.Builder
	b.WriteString("<html>\r\n<head><title>Index of /</title></head>\r\n<body>\r\n<h1>Index of /</h1><hr><pre><a href=\"../\">../</a>\r\n")
	for _, link := range links {
		size := fmt.Sprint(len(link))
		if strings.HasSuffix(link, "/") {
			size = "-"
		}
		fmt.Fprintf(&b, "<a href=\"%s\">name</a>    11-Nov-2026 10:00   %s\r\n", link, size)
	}
	return b.String() + "</pre><hr></body>\r\n</html>\r\n"
}

func redirect(to string) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", to)
		w.WriteHeader(http.StatusFound)
	}
}

// walkAll returns what a walk yields: by path its size, or "skipped: why", or "error:
// what". The error is the one without a path.
func walkAll(t *testing.T, c *Client, dir *url.URL) (got map[string]string, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	got = make(map[string]string)
	for f, e := range c.Walk(ctx, dir, nil) {
		if err != nil {
			t.Errorf("%q comes after the end", f.Path)
		}
		if e != nil && f.Path == "" {
			err = e
			continue
		}
		if _, twice := got[f.Path]; twice {
			t.Errorf("%q comes twice", f.Path)
		}
		switch {
		case e != nil:
			got[f.Path] = "error: " + e.Error()
		case f.Skipped != "":
			got[f.Path] = "skipped: " + f.Skipped
		default:
			got[f.Path] = fmt.Sprint(f.Size)
		}
	}
	return got, err
}

// wantWalk compares. Of an error, what is wanted is a part.
func wantWalk(t *testing.T, got, want map[string]string) {
	t.Helper()
	for _, path := range slices.Sorted(maps.Keys(got)) {
		w, ok := want[path]
		if what, isError := strings.CutPrefix(w, "error: "); !ok || !isError && got[path] != w || isError && !(strings.HasPrefix(got[path], "error: ") && strings.Contains(got[path], what)) {
			t.Errorf("%q: %s, want %s", path, got[path], w)
		}
	}
	for _, path := range slices.Sorted(maps.Keys(want)) {
		if _, ok := got[path]; !ok {
			t.Errorf("%q is missing", path)
		}
	}
}

func TestWalk(t *testing.T) {
	t.Parallel()
	page := func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, list("f")) }
	s, root := start(t, map[string]any{
		"/": list("pub/"), "/pub/": list("a", "odd%20%25%3F%23%C3%A9%FF", "./c:d", "sub/", "d%23%25/", "gone/", "secret/", "broken/", "home/", "login/", "away/", "out/", "down/", "same/",
			"gzip/", "part/", "slash%2Fname", "%2e%2e/", "/pub/abs", "/elsewhere", "../up/", "http://evil.example/pub/x", "sub/", "a?b", "a#b", "javascript:x", "empty/"),
		"/pub/sub/": list("f", "deeper/"), "/pub/sub/deeper/": list("g"), "/pub/d%23%25/": page, "/pub/secret/": http.StatusForbidden, "/pub/broken/": http.StatusBadGateway,
		"/pub/home/": "<!DOCTYPE html><html><title>Home</title><body><ul><li><a href=\"x\">x</a></ul></body></html>", "/pub/login/": redirect("/login?next=/pub/login/"), "/login": list("trap"),
		"/pub/away/": redirect("http://127.0.0.1:1/pub/away/"), "/pub/out/": redirect("../sub/"), "/pub/down/": redirect("v%2D1/"), "/pub/down/v-1/": list("f"), "/pub/down/v%2D1/": list("f"),
		"/pub/same/": func(w http.ResponseWriter, r *http.Request) {
			if r.URL.RawQuery == "" {
				redirect("/%70ub/same/?ok")(w, r)
			} else {
				page(w, r)
			}
		},
		"/%70ub/same/": page, "/pub/empty/": list(),
		"/pub/gzip/": func(w http.ResponseWriter, r *http.Request) { w.Header().Set("Content-Encoding", "gzip"); page(w, r) },
		"/pub/part/": func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusPartialContent); page(w, r) },
	})
	c := newClient(t, Options{})
	got, err := walkAll(t, c, root.JoinPath("pub/"))
	if err != nil {
		t.Error(err)
	}
	wantWalk(t, got, map[string]string{
		"a": "1", "odd %?#é\xff": "24", "c:d": "5", "sub/f": "1", "sub/deeper/g": "1", "d#%/f": "1", "abs": "8", "down/v-1/f": "1", "same/f": "1",
		"gone": "error: 404 Not Found", "secret": "error: 403 Forbidden", "broken": "error: 502 Bad Gateway", "home": "error: /pub/home/: not an index page: it cannot be listed",
		"login": "error: redirect out of the directory, to ", "away": "error: redirect to another origin, http://127.0.0.1:1/pub/away/", "out": "error: redirect out of the directory",
		"gzip": "error: encoded", "part": "error: not asked for", "slash%2Fname": "skipped: its name has a slash", "%2e%2e": "skipped: its name is none",
	})
	if n := s.requests("/pub/broken/"); n != walkTries {
		t.Errorf("%d tries", n)
	}
	if n := s.requests("/pub/gone/") + s.requests("/pub/home/"); n != 2 {
		t.Errorf("%d requests for what stays", n)
	}
	if n := s.requests("/login") + s.requests("/elsewhere") + s.requests("/up/") + s.requests("/"); n > 0 {
		t.Errorf("%d requests out of the directory", n)
	}
}

func TestWalkPrune(t *testing.T) {
	t.Parallel()
	s, root := start(t, map[string]any{"/": list("a/", "b/", "c"), "/a/": list("b/", "d"), "/b/": list("x"), "/a/b/": list("y")})
	got := make(map[string]bool)
	for f, err := range newClient(t, Options{}).Walk(t.Context(), root, func(dir string) bool { return dir == "a/b" || dir == "b" }) {
		if err != nil {
			t.Error(err)
		}
		got[f.Path] = true
	}
	if len(got) != 2 || !got["c"] || !got["a/d"] || s.requests("/b/")+s.requests("/a/b/") > 0 {
		t.Error(got)
	}
}

// TestWalkRoot: what ends a walk, and whether the answer may be another kind of list.
func TestWalkRoot(t *testing.T) {
	t.Parallel()
	s, root := start(t, map[string]any{
		"/html/": "<html><title>Home</title></html>", "/text/": "http://example.org/a\n", "/json/": `{"a":1}`, "/file": list("a"), "/secret/": http.StatusForbidden,
		"/redirect/": redirect("/text/"), "/slow/": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "3600")
			w.WriteHeader(http.StatusServiceUnavailable)
		},
	})
	c := newClient(t, Options{})
	for path, want := range map[string]string{
		"html/": "/html/: not an index page: it cannot be listed", "text/": "not an index page", "json/": "not an index page", "gone/": "404", "secret/": "403",
		"file": "has to end in a slash", "redirect/": "redirect out", "slow/": "503",
	} {
		got, err := walkAll(t, c, root.JoinPath(path))
		if err == nil || !strings.Contains(err.Error(), want) || len(got) > 0 {
			t.Errorf("%s: %v, %v", path, got, err)
		}
		if is := errors.Is(err, indexpage.ErrNotIndex); is != strings.HasPrefix(want, "not an") && path != "html/" {
			t.Errorf("%s: ErrNotIndex: %v", path, is)
		}
	}
	if n := s.requests("/slow/"); n != 1 {
		t.Errorf("%d requests to a server that wants to be asked in an hour", n)
	}
	for _, dir := range []*url.URL{nil, {}, {Scheme: "ftp", Host: "h", Path: "/"}, {Scheme: "http", Path: "/"}} {
		if _, err := walkAll(t, c, dir); err == nil {
			t.Error(dir)
		}
	}
}

// TestWalkLogin: the login of the URL goes with each page, its query with none but the first.
func TestWalkLogin(t *testing.T) {
	t.Parallel()
	check := func(query, page string) func(http.ResponseWriter, *http.Request) {
		return func(w http.ResponseWriter, r *http.Request) {
			if user, password, _ := r.BasicAuth(); user != "me" || password != "pass" || r.URL.RawQuery != query {
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			fmt.Fprint(w, page)
		}
	}
	_, root := start(t, map[string]any{"/": check("key=secret", list("a/")), "/a/": check("", list("b/")), "/a/b/": check("", list("c", "d/"))})
	root.User, root.RawQuery = url.UserPassword("me", "pass"), "key=secret"
	got, err := walkAll(t, newClient(t, Options{}), root)
	wantWalk(t, got, map[string]string{"a/b/c": "1", "a/b/d": "error: 404"})
	if err != nil || strings.Contains(got["a/b/d"], "pass") {
		t.Error(got, err)
	}
}
