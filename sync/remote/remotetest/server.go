package remotetest

import (
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// longest bounds every wait and every connection of a Server.
const longest = 60 * time.Second

// Server serves files over HTTP on a port of its own, honestly or with faults. It ends,
// with all its connections, when the test does.
type Server struct {
	main, other *httptest.Server
	caFile      string
	done        chan struct{}

	mu    sync.Mutex // guards what follows
	files map[string]*entry
	conns map[net.Conn]bool // hijacked
}

// File is a remote file as it is now. The zero ModTime and ETag are not sent.
type File struct {
	Content []byte
	Large   *io.SectionReader // in place of Content
	ModTime time.Time
	ETag    string // raw, with quotes
	Type    string // "" for application/octet-stream

	// Faults are used in order: the first one that is not used up serves the request.
	// After all of them the server is honest.
	Faults []Fault
}

// Seen is a request that the server got.
type Seen struct {
	Host   string
	URI    string
	Method string
	Peer   string // address and port: requests with the same one share a connection
	Header http.Header
}

type entry struct {
	file     File
	used     []int // how often each of the faults was
	requests []Seen
	bytes    atomic.Int64
	serving  atomic.Int64 // answers under way
}

// NewServer returns a server that speaks plain HTTP.
func NewServer(t testing.TB) *Server {
	s := newServer(t)
	s.main.Start()
	return s
}

// NewTLSServer returns a server that speaks HTTP/1.1 over TLS; CAFile says whom to trust.
func NewTLSServer(t testing.TB) *Server { return newTLSServer(t, false) }

// NewHTTP2Server returns one that offers HTTP/2, too. There it knows no fault that is about
// the framing of HTTP/1.1.
func NewHTTP2Server(t testing.TB) *Server { return newTLSServer(t, true) }

func newTLSServer(t testing.TB, http2 bool) *Server {
	s := newServer(t)
	s.main.EnableHTTP2 = http2
	s.main.StartTLS()
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.main.Certificate().Raw})
	s.caFile = filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(s.caFile, block, 0o600); err != nil {
		t.Fatal(err)
	}
	return s
}

func newServer(t testing.TB) *Server {
	s := &Server{done: make(chan struct{}), files: make(map[string]*entry), conns: make(map[net.Conn]bool)}
	s.main = httptest.NewUnstartedServer(http.HandlerFunc(s.handle))
	s.other = httptest.NewUnstartedServer(http.HandlerFunc(s.handle))
	for _, h := range []*httptest.Server{s.main, s.other} {
		h.Config.ErrorLog = log.New(io.Discard, "", 0)
		h.Config.ReadTimeout, h.Config.WriteTimeout = longest, longest
	}
	s.other.Start()
	t.Cleanup(s.close)
	return s
}

// close ends all that waits, then all that serves.
func (s *Server) close() {
	close(s.done)
	s.mu.Lock()
	for conn := range s.conns {
		conn.Close()
	}
	s.mu.Unlock()
	s.main.Close()
	s.other.Close()
}

// CAFile is the file with the certificate of a server that speaks TLS.
func (s *Server) CAFile() string { return s.caFile }

// URL returns the URL of a file.
func (s *Server) URL(name string) *url.URL { return join(s.main.URL, name) }

// OtherURL returns the URL of the same file at the server's second origin, which always
// speaks plain HTTP. The redirect faults lead there.
func (s *Server) OtherURL(name string) *url.URL { return join(s.other.URL, name) }

func join(base, name string) *url.URL {
	u, err := url.Parse(base)
	if err != nil {
		panic(fmt.Sprintf("remotetest: internal error: %v", err))
	}
	u.Path = "/" + name // a name is not escaped
	return u
}

// Put registers a file, or replaces one with all that was counted for it.
func (s *Server) Put(name string, f File) *url.URL {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.files[name] = &entry{file: f, used: make([]int, len(f.Faults))}
	return s.URL(name)
}

// Change changes a registered file while it may be served. Answers under way keep what
// they began with. New faults start anew; what was counted stays.
func (s *Server) Change(name string, change func(*File)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.files[name]
	before := len(e.file.Faults)
	change(&e.file)
	if len(e.file.Faults) != before {
		e.used = make([]int, len(e.file.Faults))
	}
}

// File returns a file as it is now.
func (s *Server) File(name string) File {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.files[name].file
}

// Requests returns the requests that were made for a file, in order.
func (s *Server) Requests(name string) []Seen {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.files[name].requests)
}

// Settle waits until no answer for a file is under way: a client may have all of one, or
// have left, before its last bytes are counted.
func (s *Server) Settle(name string) {
	s.mu.Lock()
	e := s.files[name]
	s.mu.Unlock()
	for until := time.Now().Add(10 * time.Second); e.serving.Load() > 0 && time.Now().Before(until); {
		time.Sleep(time.Millisecond)
	}
}

// Bytes returns how many bytes of bodies were written for a file. What a client never
// read may be among them.
func (s *Server) Bytes(name string) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.files[name].bytes.Load()
}

// handle notes a request and has it served by the first fault that is left.
func (s *Server) handle(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimPrefix(r.URL.Path, "/")
	s.mu.Lock()
	e, ok := s.files[name]
	if !ok {
		s.mu.Unlock()
		http.NotFound(w, r)
		return
	}
	e.requests = append(e.requests, Seen{Host: r.Host, URI: r.RequestURI, Method: r.Method, Peer: r.RemoteAddr, Header: r.Header.Clone()})
	c := &call{s: s, e: e, r: r, file: e.file, name: name, n: len(e.requests)}
	var fault *Fault
	for i := range e.file.Faults {
		if f := &e.file.Faults[i]; f.times == 0 || e.used[i] < f.times {
			e.used[i]++
			fault = f
			break
		}
	}
	e.serving.Add(1)
	defer e.serving.Add(-1)
	s.mu.Unlock()

	c.w = &countingWriter{w, &e.bytes}
	c.parseRange()
	if fault == nil {
		c.honest()
		return
	}
	fault.serve(c)
}

// countingWriter counts the bytes of a body. It hides ReadFrom, which would go past it.
type countingWriter struct {
	http.ResponseWriter
	n *atomic.Int64
}

func (w *countingWriter) Write(p []byte) (int, error) {
	n, err := w.ResponseWriter.Write(p)
	w.n.Add(int64(n))
	return n, err
}

// Unwrap is for http.ResponseController.
func (w *countingWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
