package httptail

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"fsync/sync/remote"
	"fsync/sync/remote/remotetest"
)

// TestStatus goes through every status, asked for the whole file and for a range.
func TestStatus(t *testing.T) {
	s := remotetest.NewServer(t)
	c := newClient(t, Options{Conns: 4})
	temporary := map[int]bool{408: true, 425: true, 429: true}
	for status := 200; status < 600; status++ {
		if status == 206 || status == 200 {
			continue
		}
		want := "final"
		if temporary[status] || status >= 500 && status != 501 && status != 505 {
			want = "temporary"
		}
		for off := range int64(2) {
			u := s.Put("file", remotetest.File{Content: []byte("abc"), Faults: []remotetest.Fault{remotetest.Status(status)}})
			if status == 416 && off > 0 {
				want = "bad range"
			}
			got, _, err := fetch(t, c, remote.Request{URL: u, Offset: off}, []byte("abc"))
			e, ok := errors.AsType[*remote.Error](err)
			if got != want || !ok || e.Status != status || e.Redirected {
				t.Errorf("%d from byte %d: %s, %+v; want %s", status, off, got, e, want)
			}
			if text := http.StatusText(status); status >= 400 && text != "" && !strings.HasSuffix(err.Error(), fmt.Sprintf("%d %s", status, text)) {
				t.Errorf("%d: %q", status, err)
			}
		}
	}
}

// TestReason: a server's own words are not repeated, an odd status is no trouble.
func TestReason(t *testing.T) {
	for line, want := range map[string]string{
		"404 \x1b[31mred":         "404 Not Found",
		"101 Switching Protocols": "unexpected answer 101 Switching Protocols",
		"999 secret":              "status 999",
		"599 secret":              "status 599",
		"299 secret":              "unexpected answer status 299",
	} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			conn, _, _ := http.NewResponseController(w).Hijack()
			fmt.Fprintf(conn, "HTTP/1.1 %s\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n", line)
			conn.Close()
		}))
		u, _ := url.Parse(s.URL + "/x?token=secret")
		_, err := newClient(t, Options{Stall: 5 * time.Second}).Open(t.Context(), remote.Request{URL: u})
		if err == nil || err.Error() != s.URL+"/x: "+want {
			t.Errorf("%q: %q", line, err)
		}
		s.Close()
	}
}

func TestRetryAfterOfAnswers(t *testing.T) {
	s := remotetest.NewServer(t)
	c := newClient(t, Options{})
	for after, want := range map[string][2]time.Duration{
		"7":                      {7 * time.Second, 7 * time.Second},
		"date":                   {1 * time.Second, 2 * time.Second},
		"99999999999999999999":   {maxAfter, maxAfter},
		"-5":                     {0, 0},
		"\x01":                   {0, 0},
		"Mon, 01 Jan 0000 0:0:0": {0, 0},
	} {
		u := s.Put("file", remotetest.File{Faults: []remotetest.Fault{remotetest.RetryAfter(503, after).Times(1)}})
		_, err := c.Open(t.Context(), remote.Request{URL: u})
		if e, ok := errors.AsType[*remote.Error](err); !ok || e.After < want[0] || e.After > want[1] {
			t.Errorf("%q: %+v", after, e)
		}
		if tail, err := c.Open(t.Context(), remote.Request{URL: u}); err != nil {
			t.Errorf("after the fault: %v", err)
		} else {
			tail.Body.Close()
		}
	}
}

// TestRequestHeaders looks at what is asked.
func TestRequestHeaders(t *testing.T) {
	s := remotetest.NewServer(t)
	u := s.Put("file", sample())
	c := newClient(t, Options{})
	strong := &remote.Version{ETag: `"v0"`, ModTime: fileTime.Add(-time.Hour)}
	weak := &remote.Version{ETag: `W/"v0"`, ModTime: fileTime.Add(-time.Hour)}
	for _, row := range []struct {
		req                  remote.Request
		rang, match, modifed string
	}{
		{remote.Request{}, "", "", ""},
		{remote.Request{Offset: 5}, "bytes=5-", "", ""},
		{remote.Request{Offset: 5, Length: 3}, "bytes=5-7", "", ""},
		{remote.Request{Length: 3}, "bytes=0-2", "", ""},
		{remote.Request{Offset: 5, Length: 1<<63 - 1}, "bytes=5-", "", ""},
		{remote.Request{Unless: strong}, "", `"v0"`, ""},
		{remote.Request{Unless: weak}, "", "", "Wed, 02 Feb 2022 01:02:02 GMT"},
		{remote.Request{Unless: &remote.Version{ModTime: fileTime, WeakTime: true}}, "", "", ""},
		{remote.Request{Unless: &remote.Version{ETag: "\"a\r\nX: y\""}}, "", "", ""},
		{remote.Request{Unless: strong, Offset: 5}, "bytes=5-", `"v0"`, ""},
		{remote.Request{Unless: strong, Offset: 5, Length: 3}, "bytes=5-7", "", ""},
	} {
		row.req.URL = u
		tail, err := c.Open(t.Context(), row.req)
		if err != nil {
			t.Fatal(err)
		}
		tail.Body.Close()
		seen := s.Requests("file")
		h := seen[len(seen)-1].Header
		for name, want := range map[string]string{
			"Range": row.rang, "If-None-Match": row.match, "If-Modified-Since": row.modifed, "If-Range": "", "Referer": "",
			"Accept-Encoding": "identity", "Want-Repr-Digest": "sha-256=10, sha-512=5",
		} {
			if got := h.Get(name); got != want {
				t.Errorf("%+v: %s is %q, want %q", row.req, name, got, want)
			}
		}
	}
}

// TestNotModified: what a 304 leaves out is as it was.
func TestNotModified(t *testing.T) {
	s := remotetest.NewServer(t)
	c := newClient(t, Options{})
	was := remote.Version{ETag: `"v1"`, ModTime: fileTime, Size: 100_003}
	u := s.Put("file", sample())
	was.Place = remote.PlaceOf(u)
	for name, faults := range map[string][]remotetest.Fault{"honest": nil, "bare": {remotetest.Status(304)}} {
		f := sample()
		f.Faults = faults
		s.Put("file", f)
		tail, err := c.Open(t.Context(), remote.Request{URL: u, Unless: &was})
		if err != nil {
			t.Fatal(err)
		}
		if !tail.NotModified || tail.Version != was {
			t.Errorf("%s: %+v", name, tail)
		}
		tail.Body.Close()
	}
}

// TestNotModifiedUnasked: where no condition was sent, 304 is no answer.
func TestNotModifiedUnasked(t *testing.T) {
	s := remotetest.NewServer(t)
	u := s.Put("file", remotetest.File{Content: []byte("abc"), Faults: []remotetest.Fault{remotetest.Status(304)}})
	for _, req := range []remote.Request{
		{URL: u},
		{URL: u, Unless: &remote.Version{}},
		{URL: u, Length: 1, Unless: &remote.Version{ETag: `"v1"`}},
	} {
		if got, _, err := fetch(t, newClient(t, Options{}), req, []byte("abc")); got != "final" {
			t.Errorf("%+v: %s, %v", req, got, err)
		}
	}
}

// TestPathless: a URL without a path is one with the path "/", and so is its place.
func TestPathless(t *testing.T) {
	s := remotetest.NewServer(t)
	f := sample()
	s.Put("", f)
	with := s.URL("")
	without := *with
	without.Path = ""
	for _, u := range []*url.URL{with, &without} {
		got, tail, err := fetch(t, newClient(t, Options{}), remote.Request{URL: u}, f.Content)
		if got != "ok" || tail.Place != remote.PlaceOf(with) {
			t.Errorf("%s: %s, %v", u, got, err)
		}
	}
}
