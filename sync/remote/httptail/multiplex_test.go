package httptail

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"fsync/sync/remote"
	"fsync/sync/remote/remotetest"
)

// secureServer is a server over TLS that notes which connections brought what. The path of a
// file is its size and its number.
type secureServer struct {
	*httptest.Server
	ca string

	mu       sync.Mutex
	peers    map[string]map[string]bool // by protocol
	requests map[string]int             // by path
	protocol map[string]string          // of the last request, by path
}

func newSecureServer(t testing.TB, http2 bool, change func(*httptest.Server), serve func(w http.ResponseWriter, r *http.Request) bool) *secureServer {
	t.Helper()
	s := &secureServer{peers: map[string]map[string]bool{}, requests: map[string]int{}, protocol: map[string]string{}}
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.note(r)
		if serve == nil || !serve(w, r) {
			w.Header().Set("ETag", strconv.Quote(r.URL.Path))
			http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(contentOf(r.URL.Path)))
		}
	}))
	s.EnableHTTP2 = http2
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	if change != nil {
		change(s.Server)
	}
	s.StartTLS()
	t.Cleanup(s.Close)
	s.ca = filepath.Join(t.TempDir(), "ca.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	if err := os.WriteFile(s.ca, block, 0o600); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *secureServer) note(r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.peers[r.Proto] == nil {
		s.peers[r.Proto] = map[string]bool{}
	}
	s.peers[r.Proto][r.RemoteAddr] = true
	s.requests[r.URL.Path]++
	s.protocol[r.URL.Path] = r.Proto
}

// connections returns how many there were that had a request.
func (s *secureServer) connections() (http1, http2 int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.peers["HTTP/1.1"]), len(s.peers["HTTP/2.0"])
}

func (s *secureServer) paths(n int, size int64) (paths []string) {
	for i := range n {
		paths = append(paths, fmt.Sprintf("/%d/%d", size, i))
	}
	return paths
}

var contents sync.Map

func contentOf(path string) []byte {
	var size int64
	var seed uint64
	if _, err := fmt.Sscanf(path, "/%d/%d", &size, &seed); err != nil {
		return nil
	}
	if c, ok := contents.Load(path); ok {
		return c.([]byte)
	}
	c, _ := contents.LoadOrStore(path, remotetest.Content(seed, size))
	return c.([]byte)
}

// pull fetches files, some at a time, as the engine does: what breaks is asked for again
// from where it broke. It returns the errors that were met on the way.
func (s *secureServer) pull(t *testing.T, c *Client, jobs int, paths []string, known bool) []error {
	t.Helper()
	work := make(chan string)
	var wg sync.WaitGroup
	var mu sync.Mutex
	var met []error
	for range jobs {
		wg.Go(func() {
			for path := range work {
				got, errs := s.get(t, c, path, known)
				if !bytes.Equal(got, contentOf(path)) {
					t.Errorf("%s: %d bytes, which are wrong: %v", path, len(got), errs)
				}
				mu.Lock()
				met = append(met, errs...)
				mu.Unlock()
			}
		})
	}
	for _, path := range paths {
		work <- path
	}
	close(work)
	wg.Wait()
	return met
}

func (s *secureServer) get(t *testing.T, c *Client, path string, known bool) (got []byte, met []error) {
	u, err := url.Parse(s.URL + path)
	if err != nil {
		return nil, []error{err}
	}
	for range 20 {
		req := remote.Request{URL: u, Offset: int64(len(got))}
		if known {
			req.Expect = int64(len(contentOf(path)) - len(got))
		}
		tail, err := c.Open(t.Context(), req)
		if err == nil {
			got = got[:tail.Start]
			var more []byte
			more, err = io.ReadAll(tail.Body)
			got = append(got, more...)
			tail.Body.Close()
			if err == nil {
				return got, met
			}
		}
		checkText(t, err)
		if met = append(met, err); remote.KindOf(err) != remote.Temporary {
			return got, met
		}
	}
	return got, met
}

// TestShare: small files share few connections where the server lets them, and each has
// one where not.
func TestShare(t *testing.T) {
	const jobs = 64
	for _, known := range []bool{false, true} {
		s := newSecureServer(t, true, nil, nil)
		met := s.pull(t, newClient(t, Options{CAFile: s.ca, Conns: jobs, Stall: 30 * time.Second}), jobs, s.paths(500, 16<<10), known)
		http1, http2 := s.connections()
		if len(met) > 0 || http1 > 4 || http2 < 1 || http2 > 8 {
			t.Errorf("known %v: %d connections with HTTP/1.1, %d with HTTP/2: %v", known, http1, http2, met)
		}
	}
	s := newSecureServer(t, false, nil, nil)
	met := s.pull(t, newClient(t, Options{CAFile: s.ca, Conns: jobs}), jobs, s.paths(500, 16<<10), false)
	if http1, http2 := s.connections(); len(met) > 0 || http1 < 2 || http2 > 0 {
		t.Errorf("not offered: %d connections with HTTP/1.1, %d with HTTP/2: %v", http1, http2, met)
	}
}

// TestShareLarge: large files, and one that comes alone, have connections of their own.
func TestShareLarge(t *testing.T) {
	for _, row := range []struct {
		what     string
		jobs, n  int
		size     int64
		known    bool
		protocol string
		again    int // requests beside those needed, at most
	}{
		{"large", 8, 16, 1_200_000, true, "HTTP/1.1", 0},
		{"middling", 8, 16, 300 << 10, true, "HTTP/1.1", 0},
		{"large, unknown", 8, 16, 1_200_000, false, "HTTP/1.1", 8},
		{"alone", 1, 8, 1000, false, "HTTP/1.1", 0},
		{"alone, known", 1, 8, 1000, true, "HTTP/1.1", 0},
	} {
		s := newSecureServer(t, true, nil, nil)
		met := s.pull(t, newClient(t, Options{CAFile: s.ca, Conns: row.jobs}), row.jobs, s.paths(row.n, row.size), row.known)
		sum := 0
		s.mu.Lock()
		for path, n := range s.requests {
			sum += n
			if s.protocol[path] != row.protocol {
				t.Errorf("%s: the answer came over %s", row.what, s.protocol[path])
			}
		}
		s.mu.Unlock()
		if len(met) > 0 || sum > row.n+row.again {
			t.Errorf("%s: %d requests for %d files: %v", row.what, sum, row.n, met)
		}
	}
}

// TestShareFaults: whatever HTTP/2 does, all bytes come and are right.
func TestShareFaults(t *testing.T) {
	t.Parallel()
	const n, jobs, size = 100, 16, 40_000
	for _, row := range []struct {
		name   string
		change func(*httptest.Server)
		serve  func(number int, w http.ResponseWriter, r *http.Request) bool
		breaks bool // bodies break, which is told
		may    bool // they may
		plain  bool // nothing came over HTTP/2
	}{
		{name: "GOAWAY", serve: func(i int, w http.ResponseWriter, r *http.Request) bool {
			if i%10 == 9 && r.ProtoMajor == 2 {
				w.Header().Set("Connection", "close") // net/http's way to say it
			}
			return false
		}},
		{name: "RST_STREAM in the body", breaks: true, serve: func(i int, w http.ResponseWriter, r *http.Request) bool {
			if i%10 != 9 || r.ProtoMajor != 2 {
				return false
			}
			content := contentOf(r.URL.Path)
			w.Header().Set("Content-Length", strconv.Itoa(len(content)))
			w.Write(content[:10_000])
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		}},
		{name: "connection closed", may: true, change: func(s *httptest.Server) { s.Config.ConnContext = withConn }, serve: func(i int, w http.ResponseWriter, r *http.Request) bool {
			if i%50 == 49 && r.ProtoMajor == 2 {
				r.Context().Value(connKey{}).(net.Conn).Close()
			}
			return false
		}},
		{name: "connection hangs", may: true, change: func(s *httptest.Server) {
			s.Listener = deafListener{s.Listener}
			s.Config.ConnContext = withConn
		}, serve: func(i int, w http.ResponseWriter, r *http.Request) bool {
			if i == 30 && r.ProtoMajor == 2 {
				r.Context().Value(connKey{}).(*tls.Conn).NetConn().(*deafConn).deaf.Store(true)
			}
			return false
		}},
		{name: "MAX_CONCURRENT_STREAMS 1", change: func(s *httptest.Server) { s.Config.HTTP2 = &http.HTTP2Config{MaxConcurrentStreams: 1} }},
		{name: "silent", may: true, plain: true, change: func(s *httptest.Server) { s.Config.TLSNextProto = instead(func(c net.Conn) { io.Copy(io.Discard, c) }) }},
		{name: "closed at once", plain: true, change: func(s *httptest.Server) { s.Config.TLSNextProto = instead(func(net.Conn) {}) }},
		{name: "HTTP_1_1_REQUIRED", plain: true, change: func(s *httptest.Server) { s.Config.TLSNextProto = instead(refuseStreams) }},
		{name: "nonsense", plain: true, change: func(s *httptest.Server) {
			s.Config.TLSNextProto = instead(func(c net.Conn) { io.WriteString(c, "HTTP/1.1 400 Bad Request\r\n\r\n") })
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			var mu sync.Mutex
			number := 0
			s := newSecureServer(t, true, row.change, func(w http.ResponseWriter, r *http.Request) bool {
				if row.serve == nil {
					return false
				}
				mu.Lock()
				number++
				i := number
				mu.Unlock()
				return row.serve(i, w, r)
			})
			c := newClient(t, Options{CAFile: s.ca, Conns: jobs, Stall: 3 * time.Second})
			met := s.pull(t, c, jobs, s.paths(n, size), false)
			if len(met) > 0 != row.breaks && !row.may {
				t.Errorf("%d errors: %v", len(met), errors.Join(met...))
			}
			if _, http2 := s.connections(); http2 == 0 != row.plain {
				t.Errorf("%d connections with HTTP/2", http2)
			}
		})
	}
}

type connKey struct{}

func withConn(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, connKey{}, c)
}

// deafConn is a connection that can be made to send nothing any more.
type deafConn struct {
	net.Conn
	deaf atomic.Bool
}

func (c *deafConn) Write(p []byte) (int, error) {
	if c.deaf.Load() {
		return len(p), nil
	}
	return c.Conn.Write(p)
}

type deafListener struct{ net.Listener }

func (l deafListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &deafConn{Conn: c}, nil
}

// instead replaces a server's HTTP/2.
func instead(serve func(net.Conn)) map[string]func(*http.Server, *tls.Conn, http.Handler) {
	return map[string]func(*http.Server, *tls.Conn, http.Handler){"h2": func(_ *http.Server, c *tls.Conn, _ http.Handler) {
		defer c.Close()
		c.SetDeadline(time.Now().Add(30 * time.Second))
		serve(c)
	}}
}

// refuseStreams answers each request by a reset with HTTP_1_1_REQUIRED (RFC 9113 §7).
func refuseStreams(c net.Conn) {
	io.CopyN(io.Discard, c, int64(len("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")))
	c.Write([]byte{0, 0, 0, 4, 0, 0, 0, 0, 0}) // SETTINGS
	for {
		var head [9]byte
		if _, err := io.ReadFull(c, head[:]); err != nil {
			return
		}
		io.CopyN(io.Discard, c, int64(head[0])<<16|int64(head[1])<<8|int64(head[2]))
		if head[3] == 1 { // HEADERS
			c.Write(append([]byte{0, 0, 4, 3, 0}, head[5], head[6], head[7], head[8], 0, 0, 0, 0xd))
		}
	}
}

// TestShareStall: one answer that stops is given up alone, and the others on its connection
// go on.
func TestShareStall(t *testing.T) {
	t.Parallel()
	const stalled = "/50000/7"
	first, begun, done := true, make(chan struct{}), make(chan struct{})
	var mu sync.Mutex
	s := newSecureServer(t, true, nil, func(w http.ResponseWriter, r *http.Request) bool {
		mu.Lock()
		stall := first && r.URL.Path == stalled
		first = first && !stall
		mu.Unlock()
		if !stall {
			return false
		}
		w.Header().Set("Content-Length", "50000")
		w.Write(contentOf(stalled)[:20_000])
		w.(http.Flusher).Flush()
		close(begun)
		select {
		case <-r.Context().Done():
		case <-done:
		}
		return true
	})
	defer close(done)
	c := newClient(t, Options{CAFile: s.ca, Conns: 8, Stall: 3 * time.Second})
	met := s.pull(t, c, 8, s.paths(100, 50_000), true)
	<-begun
	if text := fmt.Sprint(met); !errors.Is(errors.Join(met...), remote.ErrStall) || !strings.Contains(text, stalled+": cut after 20000 of 50000 bytes") {
		t.Errorf("%v", met)
	}
	if _, http2 := s.connections(); http2 < 1 || http2 > 4 {
		t.Errorf("%d connections with HTTP/2", http2)
	}
}

// crowd lets no request to a server be alone.
func crowd(c *Client, host string) *Client {
	c.multiplex.hosts[host] = &sharing{usual: firstGuess, asking: 1}
	return c
}

// TestSourceHTTP2 runs the suite over HTTP/2, and over HTTP/1.1 what is too long for it.
func TestSourceHTTP2(t *testing.T) {
	remotetest.TestSource(t, func(t *testing.T, name string, content []byte, modTime time.Time) (remotetest.Source, *url.URL) {
		s := remotetest.NewHTTP2Server(t)
		u := s.Put(name, remotetest.File{Content: content, ModTime: modTime, ETag: `"h2"`})
		return crowd(newClient(t, Options{Stall: 10 * time.Second, Conns: 4, CAFile: s.CAFile()}), u.Host), u
	})
}

// TestHTTP2Off: GODEBUG turns it off.
func TestHTTP2Off(t *testing.T) {
	t.Setenv("GODEBUG", "http2client=0")
	s := newSecureServer(t, true, nil, nil)
	met := s.pull(t, newClient(t, Options{CAFile: s.ca, Conns: 8}), 8, s.paths(50, 1000), false)
	if _, http2 := s.connections(); len(met) > 0 || http2 > 0 {
		t.Errorf("%d connections with HTTP/2: %v", http2, met)
	}
}

// TestHTTP2Framing: without a length the end of the stream is the end of the file, and a
// reset is not.
func TestHTTP2Framing(t *testing.T) {
	content := remotetest.Content(5, 30_000)
	cut := false
	s := newSecureServer(t, true, nil, func(w http.ResponseWriter, _ *http.Request) bool {
		w.Write(content[:20_000])
		w.(http.Flusher).Flush()
		if cut {
			panic(http.ErrAbortHandler)
		}
		w.Write(content[20_000:])
		return true
	})
	u := mustParse(t, s.URL+"/file")
	c := crowd(newClient(t, Options{CAFile: s.ca, Conns: 2}), u.Host)
	for _, cut = range []bool{false, true} {
		tail, err := c.Open(t.Context(), remote.Request{URL: u})
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(tail.Body)
		tail.Body.Close()
		if !tail.Framed || tail.End != -1 || !bytes.HasPrefix(content, got) || (err != nil) != cut {
			t.Errorf("cut %v: framed %v, end %d, %d bytes: %v", cut, tail.Framed, tail.End, len(got), err)
		}
		if cut && !strings.Contains(err.Error(), "HTTP/2 stream reset by the server, error code 0x2") {
			t.Errorf("%v", err)
		}
	}
}
