package httptail

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"fsync/sync/remote"
	"fsync/sync/remote/remotetest"
)

// rangeServer serves one file, and looks at every request for a part of it first.
type rangeServer struct {
	content []byte
	etag    string
	slow    time.Duration // a pause after each 64 KiB
	part    func(w http.ResponseWriter, r *http.Request, n int) bool

	parts   atomic.Int64 // requests for a bounded range
	mu      sync.Mutex
	now, hi int // requests under way, and the most there were
}

func (s *rangeServer) start(t *testing.T) *url.URL {
	t.Helper()
	srv := httptest.NewServer(s)
	t.Cleanup(srv.Close)
	u, err := url.Parse(srv.URL + "/file")
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func (s *rangeServer) count(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now += n
	s.hi = max(s.hi, s.now)
}

func (s *rangeServer) most() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.hi
}

func (s *rangeServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.count(1)
	defer s.count(-1)
	if rng := r.Header.Get("Range"); rng != "" && !strings.HasSuffix(rng, "-") {
		if n := int(s.parts.Add(1)); s.part != nil && s.part(w, r, n) {
			return
		}
	}
	if s.etag != "" {
		w.Header().Set("ETag", s.etag)
	}
	http.ServeContent(slowWriter{w, s.slow}, r, "file", time.Time{}, bytes.NewReader(s.content))
}

// slowWriter pauses now and then. It hides the writer's ReadFrom.
type slowWriter struct {
	http.ResponseWriter
	pause time.Duration
}

func (w slowWriter) Write(p []byte) (n int, err error) {
	for len(p) > 0 && err == nil {
		m, e := w.ResponseWriter.Write(p[:min(len(p), 64<<10)])
		n, p, err = n+m, p[m:], e
		if w.pause > 0 {
			w.ResponseWriter.(http.Flusher).Flush()
			time.Sleep(w.pause)
		}
	}
	return n, err
}

// readBlocks reads a body as the engine does.
func readBlocks(body io.Reader) ([]byte, error) {
	b, ok := body.(remote.Blocks)
	if !ok {
		return io.ReadAll(body)
	}
	var got []byte
	for {
		p, err := b.Next()
		got = append(got, p...)
		if err == io.EOF {
			return got, nil
		}
		if err != nil {
			return got, err
		}
	}
}

const windowFile = 24<<20 + 12345

// TestWindow: the bytes are those of the file, whatever becomes of the requests for parts.
func TestWindow(t *testing.T) {
	content := remotetest.Content(7, windowFile)
	other := remotetest.Content(8, windowFile)
	status := func(code int) func(http.ResponseWriter, *http.Request, int) bool {
		return func(w http.ResponseWriter, _ *http.Request, _ int) bool {
			w.WriteHeader(code)
			return true
		}
	}
	for name, row := range map[string]struct {
		etag    string
		streams int
		offset  int64
		slow    time.Duration
		proven  bool
		part    func(w http.ResponseWriter, r *http.Request, n int) bool
		several bool // are several streams to be seen at once?
		once    bool // no part is asked for a second time
		mayEnd  bool // with a temporary error, where no stream is left
		fails   string
	}{
		"four streams":               {etag: `"a"`, streams: 4, several: true},
		"sixteen":                    {etag: `"a"`, streams: 16, several: true},
		"from an offset":             {etag: `"a"`, streams: 4, offset: 5 << 20, several: true},
		"one stream":                 {etag: `"a"`, streams: 1},
		"no validator":               {streams: 4},
		"weak validator":             {etag: `W/"a"`, streams: 4},
		"no validator, but a digest": {streams: 4, proven: true, several: true},
		"slow, so more by itself":    {etag: `"a"`, slow: 2 * time.Millisecond, several: true},
		"429 to all parts":           {etag: `"a"`, streams: 4, part: status(429), once: true},
		"503 to all parts":           {etag: `"a"`, streams: 4, part: status(503), once: true},
		"403 to all parts":           {etag: `"a"`, streams: 4, part: status(403), once: true},
		"a redirect": {etag: `"a"`, streams: 4, once: true, part: func(w http.ResponseWriter, r *http.Request, _ int) bool {
			http.Redirect(w, r, "/", http.StatusFound)
			return true
		}},
		"200 to a part":      {etag: `"a"`, streams: 4, once: true, part: func(w http.ResponseWriter, r *http.Request, _ int) bool { r.Header.Del("Range"); return false }},
		"503 to every third": {etag: `"a"`, streams: 4, mayEnd: true, slow: time.Millisecond, part: func(w http.ResponseWriter, r *http.Request, n int) bool { return n%3 == 0 && status(503)(w, r, n) }},
		"another version": {etag: `"a"`, streams: 4, once: true, part: func(w http.ResponseWriter, r *http.Request, n int) bool {
			w.Header().Set("ETag", `"b"`)
			http.ServeContent(w, r, "file", time.Time{}, bytes.NewReader(other))
			return true
		}},
		"parts are cut": {etag: `"a"`, streams: 4, part: func(w http.ResponseWriter, r *http.Request, n int) bool {
			if n%2 == 0 {
				return false
			}
			first, last, _ := parseRange(r)
			w.Header().Set("ETag", `"a"`)
			w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", first, last, windowFile))
			w.Header().Set("Content-Length", strconv.FormatInt(last-first+1, 10))
			w.WriteHeader(206)
			w.Write(content[first : first+(last-first)/2])
			panic(http.ErrAbortHandler)
		}},
		"parts are shorter than asked for": {etag: `"a"`, streams: 4, part: func(w http.ResponseWriter, r *http.Request, n int) bool {
			first, last, _ := parseRange(r)
			last = min(last, first+200_000)
			w.Header().Set("ETag", `"a"`)
			w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", first, last, windowFile))
			w.WriteHeader(206)
			w.Write(content[first : last+1])
			return true
		}},
		"shifted bytes": {etag: `"a"`, streams: 4, fails: "do not fit together", part: func(w http.ResponseWriter, r *http.Request, n int) bool {
			first, last, _ := parseRange(r)
			w.Header().Set("ETag", `"a"`)
			w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", first, last, windowFile))
			w.WriteHeader(206)
			w.Write(content[first-1 : last])
			return true
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &rangeServer{content: content, etag: row.etag, part: row.part, slow: row.slow}
			u := s.start(t)
			c := newClient(t, Options{Conns: 16, Stall: 30 * time.Second})
			tail, err := c.Open(t.Context(), remote.Request{URL: u, Offset: row.offset, Streams: row.streams, Proven: row.proven})
			if err != nil {
				t.Fatal(err)
			}
			got, err := readBlocks(tail.Body)
			if cerr := tail.Body.Close(); cerr != nil {
				t.Error(cerr)
			}
			if !bytes.HasPrefix(content[row.offset:], got) {
				t.Fatal("other bytes than the file's")
			}
			switch {
			case row.fails != "" && (err == nil || !strings.Contains(err.Error(), row.fails) || remote.KindOf(err) != remote.Temporary):
				t.Errorf("error %v, want one with %q", err, row.fails)
			case row.mayEnd && remote.KindOf(err) == remote.Temporary:
			case row.fails == "" && (err != nil || int64(len(got)) != windowFile-row.offset):
				t.Errorf("%d of %d bytes, %v", len(got), windowFile-row.offset, err)
			}
			if seen := s.most() > 1; seen != row.several && row.part == nil {
				t.Errorf("%d requests at once", s.most())
			}
			if n := s.parts.Load(); row.once && (n == 0 || n > 3) {
				t.Errorf("%d requests for parts of a server that refuses them", n)
			}
			if !row.once || row.fails != "" {
				return
			}
			before := s.parts.Load() // is it remembered?
			if tail, err = c.Open(t.Context(), remote.Request{URL: u, Streams: row.streams}); err != nil {
				t.Fatal(err)
			}
			defer tail.Body.Close()
			if got, err := readBlocks(tail.Body); err != nil || !bytes.Equal(got, content) {
				t.Errorf("the second time: %d bytes, %v", len(got), err)
			}
			if n := s.parts.Load(); n > before && name != "another version" {
				t.Errorf("a host that refused was asked %d times for parts of the next file", n-before)
			}
		})
	}
}

func parseRange(r *http.Request) (first, last int64, err error) {
	_, err = fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-%d", &first, &last)
	return first, last, err
}

// TestWindowClose: a body that is closed in the middle leaves no goroutine and no request.
func TestWindowClose(t *testing.T) {
	s := &rangeServer{content: remotetest.Content(9, windowFile), etag: `"a"`, slow: time.Millisecond}
	u := s.start(t)
	c := newClient(t, Options{Conns: 8, Stall: 30 * time.Second})
	for _, blocks := range []int{0, 1, 3} {
		tail, err := c.Open(t.Context(), remote.Request{URL: u, Streams: 8})
		if err != nil {
			t.Fatal(err)
		}
		for range blocks {
			if _, err := tail.Body.(remote.Blocks).Next(); err != nil {
				t.Fatal(err)
			}
		}
		tail.Body.Close()
		tail.Body.Close()
		if n := c.load.of(u.Host); n != 0 {
			t.Errorf("after %d blocks and Close %d requests are still counted", blocks, n)
		}
	}
}

// TestWindowMixed: Read and Next may take turns.
func TestWindowMixed(t *testing.T) {
	content := remotetest.Content(11, windowFile)
	s := &rangeServer{content: content, etag: `"a"`}
	c := newClient(t, Options{Conns: 8, Stall: 30 * time.Second})
	tail, err := c.Open(t.Context(), remote.Request{URL: s.start(t), Streams: 3})
	if err != nil {
		t.Fatal(err)
	}
	defer tail.Body.Close()
	var got []byte
	small := make([]byte, 100_001)
	for i := 0; ; i++ {
		var p []byte
		var err error
		if i%3 == 1 {
			p, err = tail.Body.(remote.Blocks).Next()
		} else {
			var n int
			n, err = tail.Body.Read(small)
			p = small[:n]
		}
		got = append(got, p...)
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(got, content) {
		t.Errorf("%d bytes, not the file's", len(got))
	}
}

// TestWindowBounded: what is ahead of a reader that does not read stays bounded, and so does
// the number of requests.
func TestWindowBounded(t *testing.T) {
	content := remotetest.Content(12, 64<<20)
	s := &rangeServer{content: content, etag: `"a"`}
	c := newClient(t, Options{Conns: 3, Stall: 30 * time.Second})
	tail, err := c.Open(t.Context(), remote.Request{URL: s.start(t), Streams: 3})
	if err != nil {
		t.Fatal(err)
	}
	defer tail.Body.Close()
	w := tail.Body.(*window)
	if _, err := w.Next(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(300 * time.Millisecond)
	w.mu.Lock()
	ahead := w.chunks[len(w.chunks)-1].end - w.pos
	w.mu.Unlock()
	if ahead > 3*aheadEach {
		t.Errorf("%d bytes ahead of the reader", ahead)
	}
	if s.most() > 3 {
		t.Errorf("%d requests at once, 3 are allowed", s.most())
	}
}
